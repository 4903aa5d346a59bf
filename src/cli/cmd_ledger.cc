// SPDX-License-Identifier: Apache-2.0
// ledger verify|prove|bundle|rebuild|checkpoint.
#include <fmt/format.h>

#include "app/factory.h"
#include "app/publish.h"
#include "base/progress.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "ledger/bundle.h"
#include "ledger/merkle.h"
#include "ledger/sqlite/verify.h"

namespace birthmark::cli {
namespace {

constexpr size_t kMaxNote = 64 * 1024;

Result<int> VerifyBundleFile(const Invocation& in, const std::string& file) {
  BM_TRY(ledger::BundleSummary s, ledger::VerifyBundle(ledger::FromFile(file), std::nullopt));
  if (in.Has("--since")) {
    return Usage("ledger.since-bundle", "--since compares a workspace's log with a checkpoint",
                 "name the workspace, or leave --since out");
  }
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"events": {}, "redacted": {}, "origin": {}, "root": "{}", "findings": []}})", s.events,
        s.redacted, JsonString(s.checkpoint.origin), ToHex(s.checkpoint.root)));
  } else {
    PrintLine(fmt::format("{} events, {} redacted: intact under the checkpoint it carries",
                          s.events, s.redacted));
    PrintLine(
        fmt::format("log {}  (whose it is, the bundle alone cannot say)", s.checkpoint.origin));
  }
  return 0;
}

}  // namespace

Result<int> LedgerVerify(const Invocation& in) {
  std::string where = in.Arg("WS|B");
  if (fs::is_regular_file(where)) return VerifyBundleFile(in, where);
  BM_TRY(auto reader, app::OpenReader(where));
  ledger::VerifyOptions options;
  if (in.Has("--since")) {
    BM_TRY(options.since, ReadTextFile(in.Get("--since"), kMaxNote));
  }
  Progress progress("events", reader->size(), StderrIsTerminal() && !in.json());
  uint64_t shown = 0;
  options.progress = [&](uint64_t n) {
    if (n > shown) progress.Advance(n - shown);
    shown = n;
  };
  BM_TRY(ledger::VerifyReport r, ledger::VerifyLog(*reader, options));
  progress.Clear();
  if (in.json() || !r.findings.empty()) PrintFindings(r.findings, "", in.json());
  bool bad = r.findings.HasErrors();
  if (!in.json()) {
    PrintLine(fmt::format("{} events, {} checkpoints: {}", r.events, r.checkpoints,
                          bad ? "NOT intact" : "intact"));
    if (!in.Has("--since") && !bad)
      Note("a rollback shows only against a checkpoint kept elsewhere: --since CHECKPOINT");
  }
  return bad ? 1 : 0;
}

Result<int> LedgerProve(const Invocation& in) {
  BM_TRY(uint64_t seq, in.Number("--seq", 0, 0, UINT64_MAX));
  std::string where = in.Arg("WS|B");
  if (fs::is_regular_file(where)) {
    return Usage("ledger.prove-bundle", "a bundle proves all its events at once",
                 "use `birthmark ledger verify` on it");
  }
  BM_TRY(auto reader, app::OpenReader(where));
  if (seq >= reader->size()) {
    return Usage("ledger.no-event", fmt::format("the log has events 0 to {}", reader->size() - 1),
                 "name one of those");
  }
  BM_TRY(Bytes raw, reader->RawAt(seq));
  BM_TRY(std::vector<Digest> proof, reader->Inclusion(seq, reader->size()));
  BM_TRY(Digest root, reader->Root(reader->size()));
  Digest leaf = ledger::LeafHash(raw);
  if (!ledger::VerifyInclusion(leaf, seq, reader->size(), proof, root)) {
    return Refused("ledger.proof", "the stored hashes do not prove this event",
                   "run `birthmark ledger verify`");
  }
  std::string hashes;
  for (const Digest& d : proof) {
    hashes += in.json() ? fmt::format("{}\"{}\"", hashes.empty() ? "" : ", ", ToHex(d))
                        : fmt::format("  {}\n", ToHex(d));
  }
  if (in.json()) {
    PrintLine(fmt::format(R"({{"seq": {}, "size": {}, "leaf": "{}", "proof": [{}], "root": "{}"}})",
                          seq, reader->size(), ToHex(leaf), hashes, ToHex(root)));
  } else {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    PrintLine(fmt::format("event {} of {}: {} at {}", seq, reader->size(), event.type,
                          FormatTime(TimeFromMillis(event.at))));
    PrintLine("leaf  " + ToHex(leaf));
    Print("path\n" + hashes);
    PrintLine("root  " + ToHex(root));
  }
  return 0;
}

Result<int> LedgerBundle(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::BundleResult r,
         app::WriteBundle(in.Arg("WS"), keys, SystemClock(), in.Get("--output")));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "events": {}, "checkpoint": {}}})",
                          JsonString(in.Get("--output")), r.events, JsonString(r.checkpoint)));
  } else {
    PrintLine(fmt::format("wrote {}  {} events", in.Get("--output"), r.events));
  }
  return 0;
}

Result<int> LedgerRebuild(const Invocation& in) {
  app::Layout layout(in.Arg("WS"));
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  uint64_t total = reader->size();
  reader.reset();
  if (!in.dry_run()) {
    SystemClock clock;
    BM_TRY(auto log, ledger::LogWriter::Open(layout.ledger(), clock));
    Progress progress("events", total, StderrIsTerminal() && !in.json());
    uint64_t shown = 0;
    BM_CHECK(log->Rebuild([&](uint64_t n) {
      if (n > shown) progress.Advance(n - shown);
      shown = n;
    }));
  }
  PrintLine(in.json() ? fmt::format(R"({{"events": {}}})", total)
                      : fmt::format("{} {} events",
                                    in.dry_run() ? "would derive the registry from"
                                                 : "derived the registry from",
                                    total));
  return 0;
}

Result<int> LedgerCheckpoint(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  std::string file = in.Get("--output");
  BM_TRY(std::string note, app::SignCheckpoint(in.Arg("WS"), keys, SystemClock(), file));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"checkpoint": {}}})", JsonString(note)));
  } else if (file.empty()) {
    Print(note);
  } else {
    PrintLine(
        fmt::format("wrote {}; keep it where whoever could change this log cannot reach it", file));
  }
  return 0;
}

}  // namespace birthmark::cli
