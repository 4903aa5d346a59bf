// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-carrot: what a certificate from a silicon maker's seed costs, as a ratio of R of
// the same run: seed, key, certificate, evidence, durable. Then a batch of many seeds from its file
// to its end, with the memory it took.
//   birthmark-bench-carrot [--seeds N] [--pairs N] [--dir FOLDER]
#include <unistd.h>

#include <charconv>

#include "app/init.h"
#include "app/seed_batch.h"
#include "app/seeds.h"
#include "base/files.h"
#include "bench/measure.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "seed/write.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;

constexpr size_t kRound = app::SeedIssuer::kRun;
constexpr size_t kRounds = 8;  // a pair

template <class T>
void Try(const Result<T>& r) {
  if (r) return;
  fmt::print(stderr, "birthmark-bench-carrot: {}\n", r.error().ToString());
  std::exit(1);
}

std::string ChipName(uint64_t n) { return fmt::format("{:024x}", n); }

struct Bench {
  fs::path dir;
  SystemClock clock;
  SystemRng rng;
  app::KeySource keys;
  std::unique_ptr<app::Factory> factory;
  uint64_t next_chip = 0;

  void Init() {
    plan::Parsed plan = plan::ParsePlan(plan::FindExample("ecu")->text);
    for (const char* which : {"online", "offline"})
      Try(WriteFileAtomic(dir / which, std::string(which) + " passphrase\n", 0600));
    keys.online.file = dir / "online";
    keys.offline.file = dir / "offline";
    Try(app::Init({.workspace = dir / "ws", .plan_file = dir / "plan.toml"}, *plan.plan, keys,
                  clock));
    factory = Must(app::Factory::Open(dir / "ws", keys, false, "", "", clock));
  }

  SecretBytes Seed() {
    SecretBytes seed(32);
    rng.Fill(seed.Write(SecretAccess()));
    return seed;
  }

  // Pairs prints the ratio: rounds of bare signing and of seeds in turn.
  void Pairs(size_t pairs) {
    Yardstick bare;
    std::vector<double> ratio, bare_us, full_us, wall;
    const app::SeedSlot slot = Must(app::SeedSlotOf(factory->adopted.plan));
    Try(factory->log->Append(
        ledger::MakeEvent(factory->context, clock.Now(), "batch:bench",
                          ledger::SeedBatch{.id = "bench", .product = slot.product})));
    app::SeedBench bench(*factory, slot, "bench", "bench process", clock);
    for (size_t p = 0; p < pairs; ++p) {
      Stopwatch signing, issuing;
      const double process = ProcessCpu(), thread = ThreadCpu();
      for (size_t r = 0; r < kRounds; ++r) {
        std::vector<SecretBytes> seeds;
        for (size_t i = 0; i < kRound; ++i) seeds.push_back(Seed());
        signing.Start();
        bare.Sign(kRound);
        signing.Stop();
        issuing.Start();
        for (SecretBytes& seed : seeds) {
          std::string chip = ChipName(next_chip++);
          if (Must(bench.issuer().IsUsed(chip))) std::exit(1);
          Try(bench.issuer().Take(std::move(chip), "", std::move(seed)));
        }
        Try(bench.issuer().Commit());
        issuing.Stop();
      }
      // What the log's own threads did belongs to issuing, whenever they did it.
      const double others = (ProcessCpu() - process) - (ThreadCpu() - thread);
      const double n = kRound * kRounds, cpu = issuing.cpu + others;
      ratio.push_back(signing.cpu / cpu);
      bare_us.push_back(signing.cpu / n * 1e6);
      full_us.push_back(cpu / n * 1e6);
      wall.push_back(n / issuing.wall);
    }
    const Spread s(ratio);
    fmt::print("carrot, seed to durable certificate: {:.2f} R\n", s.median);
    fmt::print(
        "  {} a commit; pairs {:.2f} to {:.2f}; R {:.1f} us, seed {:.1f} us CPU; {:.0f}/s wall\n",
        kRound, s.low, s.high, Median(bare_us), Median(full_us), Median(wall));
    std::fflush(stdout);
  }

  // Batch takes a file of many seeds in and uses all of them.
  void Batch(uint64_t seeds) {
    seed::SharedKey shared{.name = "bench", .key = Seed()};
    Try(WriteFileAtomic(dir / "shared", shared.key.Read(SecretAccess()), 0600));
    fs::path file = dir / "seeds.pskc";
    uint64_t made = 0;
    Try(seed::WritePskc(file, {.oem = "Bench Silicon", .shared = &shared},
                        [&]() -> std::optional<seed::Made> {
                          if (made++ == seeds) return std::nullopt;
                          return seed::Made{.chip = ChipName(next_chip++), .seed = Seed()};
                        }));
    fmt::print("a file of {} seeds: {:.0f} MiB of PSKC\n", seeds,
               static_cast<double>(fs::file_size(file)) / (1 << 20));
    const Memory before = MemoryNow();
    double from = Wall(), cpu = ProcessCpu();
    app::SeedImportOptions in{.file = file, .shared = "bench=" + (dir / "shared").string()};
    app::SeedImported batch = Must(app::ImportSeeds(*factory, in, clock));
    double imported = Wall() - from, import_cpu = ProcessCpu() - cpu;
    const Memory after_import = MemoryNow();
    from = Wall(), cpu = ProcessCpu();
    double most = 0;
    app::SeedIssueOptions out{.batch = batch.batch};
    out.progress = [&](uint64_t done) {
      most = std::max(most, MemoryNow().own);
      if (done % (kRound * 16) == 0) {
        fmt::print("  {:>8} certificates, {:.0f} MiB\n", done, MemoryNow().own);
        std::fflush(stdout);
      }
    };
    app::SeedIssued issued = Must(app::IssueSeeds(*factory, out, clock));
    double took = Wall() - from, issue_cpu = ProcessCpu() - cpu;
    const auto n = static_cast<double>(seeds);
    fmt::print(
        "import: {:.0f} s wall, {:.1f} us CPU a seed; memory {:.0f} MiB before, {:.0f} after\n",
        imported, import_cpu / n * 1e6, before.own, after_import.own);
    fmt::print(
        "issue: {} certificates in {:.0f} s wall ({:.0f}/s), {:.1f} us CPU each; own memory at "
        "most {:.0f} MiB; wrap erased: {}\n",
        issued.issued, took, n / took, issue_cpu / n * 1e6, most, issued.ended);
  }
};

}  // namespace

int main(int argc, char** argv) {
  fs::path under = "/var/tmp";  // a disk, where /tmp may be memory
  uint64_t seeds = 1'000'000, pairs = 5;
  bool good = argc % 2 == 1;
  for (int i = 1; good && i + 1 < argc; i += 2) {
    std::string_view word = argv[i], value = argv[i + 1];
    auto number = [&](uint64_t& n) {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
      return error == std::errc() && end == value.data() + value.size();
    };
    if (word == "--dir") {
      under = value;
    } else if (word == "--seeds") {
      good = number(seeds);
    } else if (word == "--pairs") {
      good = number(pairs) && pairs > 0;
    } else {
      good = false;
    }
  }
  if (!good) {
    fmt::print(stderr, "usage: birthmark-bench-carrot [--seeds N] [--pairs N] [--dir FOLDER]\n");
    return 2;
  }
  std::string name = (under / "birthmark-carrot-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return 1;
  {
    Bench bench{.dir = name};
    bench.Init();
    bench.Pairs(pairs);
    if (seeds > 0) bench.Batch(seeds);
  }
  std::error_code ec;
  fs::remove_all(name, ec);
  return 0;
}
