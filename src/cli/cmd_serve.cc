// SPDX-License-Identifier: Apache-2.0
// birthmark serve, and the floor at a glance: line watch.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "app/serve.h"
#include "app/watch.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/stop.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

// WaitFor sleeps in short steps, so that a signal is seen soon.
void WaitFor(std::chrono::milliseconds time) {
  for (auto left = time; left.count() > 0 && !Stopped(); left -= std::chrono::milliseconds(100))
    std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(100)));
}

Result<uint16_t> Port(const Invocation& in, const char* option, uint16_t fallback) {
  BM_TRY(uint64_t n, in.Number(option, fallback, 0, 65535));
  return static_cast<uint16_t>(n);
}

}  // namespace

Result<int> Serve(const Invocation& in) {
  app::ServeOptions options{
      .workspace = in.Arg("WS"), .as = in.Get("--as"), .address = in.Get("--address", "127.0.0.1")};
  if (in.Has("--name")) options.names.insert(options.names.begin(), in.Get("--name"));
  BM_TRY(options.port, Port(in, "--port", options.port));
  BM_TRY(options.plain_port, Port(in, "--plain-port", options.plain_port));
  BM_TRY(options.metrics_port, Port(in, "--metrics-port", options.metrics_port));
  BM_TRY(options.coaps_port, Port(in, "--coaps-port", options.coaps_port));
  BM_TRY(uint64_t threads, in.Number("--threads", 1, 1, 64));
  options.threads = static_cast<int>(threads);
  options.allow_plain_keygen = in.Has("--allow-plain-keygen");
  options.masa = in.Has("--masa");
  std::FILE* log = stderr;
  if (in.Has("--log")) {
    log = std::fopen(in.Get("--log").c_str(), "ae");
    if (log == nullptr)
      return Environment("serve.log", in.Get("--log") + ": cannot be written",
                         "check the folder and its permissions");
  }
  options.log = [log](const std::string& line) {
    std::string whole = line + "\n";
    std::fwrite(whole.data(), 1, whole.size(), log);
    std::fflush(log);
  };
  BM_TRY(app::KeySource keys, KeysFor(in));
  CatchStop(false);
  SystemClock clock;
  BM_TRY(auto server, app::Server::Start(options, keys, clock));
  if (in.json()) {
    std::string list;
    for (const app::Endpoint& e : server->endpoints())
      list += fmt::format(R"({}{{"what": {}, "url": {}}})", list.empty() ? "" : ", ",
                          JsonString(e.what), JsonString(e.url));
    PrintLine(fmt::format(R"({{"state": "ready", "endpoints": [{}]}})", list));
  } else {
    PrintLine("ready");
    for (const app::Endpoint& e : server->endpoints())
      PrintLine(fmt::format("{:<12}{}", e.what, e.url));
  }
  std::fflush(stdout);
  while (!Stopped() && server->failed()) WaitFor(std::chrono::seconds(1));
  Status failed = server->failed();
  server.reset();
  if (log != stderr) std::fclose(log);
  if (!failed) return std::unexpected(failed.error());
  return 0;
}

Result<int> LineWatch(const Invocation& in) {
  BM_TRY(uint64_t seconds, in.Number("--every", 2, 1, 3600));
  bool live = isatty(STDOUT_FILENO) == 1 && !in.json() && !in.Has("--once");
  if (live) CatchStop(false);
  SystemClock clock;
  do {
    BM_TRY(app::FloorView view, app::LookAtFloor(in.Arg("WS"), clock));
    if (in.json()) {
      PrintLine(app::ToJson(view));
    } else {
      // Home and clear to the end, so that nothing flickers.
      Print((live ? "\033[H\033[J" : "") + app::ToText(view));
    }
    std::fflush(stdout);
    if (live) WaitFor(std::chrono::seconds(seconds));
  } while (live && !Stopped());
  return 0;
}

}  // namespace birthmark::cli
