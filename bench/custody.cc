// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-custody: what threshold keys cost in computing, all parties in one process: a
// signature, a distributed key generation, a re-sharing, a health proof, and a share file's
// passphrase function.
//   birthmark-bench-custody [K N]
#include "bench/measure.h"
#include "custody/frost.h"
#include "custody/health.h"
#include "custody/share_file.h"
#include "custody/sharing.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;
using namespace birthmark::custody;

constexpr int kRuns = 15;

// Measure prints the median and the extremes of some runs. Units: milliseconds of CPU time.
template <class F>
void Measure(const char* what, F run, int runs = kRuns) {
  std::vector<double> ms;
  for (int i = 0; i < runs; ++i) {
    Stopwatch watch;
    watch.Start();
    run();
    watch.Stop();
    ms.push_back(watch.cpu * 1000);
  }
  const Spread s(ms);
  fmt::print("{:<52} {:8.2f} ms  ({:.2f} to {:.2f})\n", what, s.median, s.low, s.high);
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, uint16_t otherwise) {
    return argc > i ? static_cast<uint16_t>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  const uint16_t k = number(1, 5), n = number(2, 9);
  SystemRng rng;
  const Dealt dealt = Must(DistributedKey(k, n, rng));
  const Dealt next = Must(Reshare(dealt.shares, dealt.set, k, n, rng));
  const Bytes message(1000, 0x61);
  fmt::print("{} of {}, CPU time, median of {}\n", k, n, kRuns);
  {
    Dealt own = Must(Reshare(dealt.shares, dealt.set, k, n, rng));
    auto signer = Must(ThresholdSigner::Make(std::move(own.shares), own.set, rng));
    Measure("threshold signature, each part checked", [&] { Must(signer->Sign(message)); });
  }
  Measure("distributed key generation, all parties", [&] { Must(DistributedKey(k, n, rng)); });
  Measure("re-sharing, all parties", [&] { Must(Reshare(next.shares, next.set, k, n, rng)); });
  Measure("recovery, each share checked", [&] { Must(Recover(next.shares, next.set)); });
  const Bytes statement(64, 1);
  const ShareProof proof = Must(ProveShare(next.shares[0], statement, rng));
  Measure("health proof made", [&] { Must(ProveShare(next.shares[0], statement, rng)); });
  Measure("health proof checked", [&] {
    if (!CheckProof(next.set, 1, statement, proof)) std::exit(1);
  });
  const SecretBytes passphrase = SecretBytes::Take(ToBytes("bench passphrase"));
  Measure(
      "share file sealed (Argon2id, 256 MiB, 3 passes)",
      [&] { Must(SealShare(next.shares[0], passphrase)); }, 3);
  return 0;
}
