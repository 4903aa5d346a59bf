// SPDX-License-Identifier: Apache-2.0
// birthmark-bench: what issuing, evidence and look-ups cost, as ratios of one run
// (docs/performance.md).
//   birthmark-bench [--rows N | --quick] [--dir FOLDER]
//   birthmark-bench look-up LEDGER     the reader's figures for a ledger that exists
//   birthmark-bench batch-gcd [KEYS]   the audit's tree beside the classic one (10 000 keys)
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "bench/gcd.h"
#include "bench/issue.h"
#include "bench/lookup.h"

namespace {

namespace fs = std::filesystem;
using namespace birthmark;
using namespace birthmark::bench;

constexpr const char* kUsage =
    "usage: birthmark-bench [--rows N | --quick] [--dir FOLDER]\n"
    "       birthmark-bench look-up LEDGER\n"
    "       birthmark-bench batch-gcd [KEYS]\n";

struct Options {
  uint64_t rows = 1'000'000;
  bool quick = false;
  fs::path dir = "/var/tmp";  // a disk, where /tmp may be memory
};

constexpr size_t kGcdKeys = 10'000;

// RunBatchGcd takes a number of keys that may be absent.
bool RunBatchGcd(std::string_view number) {
  size_t keys = kGcdKeys;
  if (!number.empty()) {
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), keys);
    if (error != std::errc() || end != number.data() + number.size()) return false;
  }
  if (keys < 1 || keys > 1'000'000) return false;
  BatchGcd(keys, keys > kGcdKeys ? 1 : 3);
  return true;
}

std::optional<Options> Read(std::span<char*> args) {
  Options o;
  if (const char* tmp = std::getenv("TMPDIR")) o.dir = tmp;
  for (size_t i = 1; i < args.size(); ++i) {
    const std::string_view word = args[i];
    const bool more = i + 1 < args.size();
    if (word == "--quick") {
      o.quick = true;
      o.rows = 50'000;
    } else if (word == "--rows" && more) {
      const std::string_view n = args[++i];
      auto [end, error] = std::from_chars(n.data(), n.data() + n.size(), o.rows);
      if (error != std::errc() || end != n.data() + n.size()) return std::nullopt;
    } else if (word == "--dir" && more) {
      o.dir = args[++i];
    } else {
      return std::nullopt;
    }
  }
  return o;
}

// Scratch is a folder that goes with the run.
struct Scratch {
  explicit Scratch(const fs::path& under) {
    std::string name = (under / "birthmark-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      fmt::print(stderr, "birthmark-bench: {}: {}\n", under.string(), strerror(errno));
      std::exit(1);
    }
    path = name;
  }
  ~Scratch() {
    std::error_code ec;
    fs::remove_all(path, ec);
  }
  fs::path path;
};

std::unique_ptr<ledger::LogWriter> NewLog(const fs::path& dir, const Clock& clock) {
  auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519));
  ledger::Genesis g;
  g.origin = "acme.example/bench";
  g.program = "birthmark-bench";
  const ByteView spki = key->public_key().spki();
  g.log_key.assign(spki.begin(), spki.end());
  return Must(ledger::LogWriter::Create(dir, ledger::MakeEvent({}, clock.Now(), "", g), clock));
}

// RunLookUps starts this program again.
int RunLookUps(const fs::path& ledger) {
  std::fflush(stdout);
  std::string name = "birthmark-bench", word = "look-up", path = ledger.string();
  char* args[] = {name.data(), word.data(), path.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, args, environ) != 0) return 1;
  if (waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int Run(const Options& o) {
  const Scratch scratch(o.dir);
  const fs::path dir = scratch.path / "ledger";
  double load[1] = {};
  getloadavg(load, 1);
  fmt::print("in {}; load of this machine at the start: {:.1f} on {} cores\n",
             scratch.path.string(), load[0], sysconf(_SC_NPROCESSORS_ONLN));
  SystemClock clock;
  Factory factory;
  {
    auto log = NewLog(dir, clock);
    IssueBench bench(factory, *log);
    fmt::print("certificate: {} octets, its event: {} octets\n", factory.certificate_bytes(),
               factory.event_bytes());
    bench.WithoutLedger({.pairs = 5, .events = kRound});
    bench.Fill(o.rows);
    // A pair is long enough for the write-ahead log to be copied back in it.
    const size_t events = (o.quick ? 2 : 8) * kRound;
    bench.Keys(kRound, {.pairs = 5, .events = events});
    bench.Keys(256, {.pairs = 3, .events = events});
    bench.Keys(16, {.pairs = 3, .events = events});
    bench.Requests({.pairs = 3, .events = 2 * kRound});
    const Memory m = MemoryNow();
    fmt::print("memory of the writer at {} events: {:.0f} MiB own, {:.0f} MiB mapped\n",
               log->size(), m.own, m.mapped);
  }
  const double from = Wall();
  uint64_t size = Must(ledger::LogWriter::Open(dir, clock))->size();
  fmt::print("start-up of the writer: {:.1f} ms\n", (Wall() - from) * 1e3);
  uint64_t bytes = 0;
  for (const auto& e : fs::recursive_directory_iterator(dir))
    bytes += e.is_regular_file() ? e.file_size() : 0;
  fmt::print("ledger on disk: {} octets an event\n", bytes / size);
  BatchGcd(o.quick ? 1000 : kGcdKeys, 3);
  return RunLookUps(dir);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "look-up") {
    LookUps(argv[2]);
    return 0;
  }
  if ((argc == 2 || argc == 3) && std::string_view(argv[1]) == "batch-gcd") {
    if (RunBatchGcd(argc == 3 ? argv[2] : "")) return 0;
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  auto options = Read({argv, static_cast<size_t>(argc)});
  if (!options) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  return Run(*options);
}
