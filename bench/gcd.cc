// SPDX-License-Identifier: Apache-2.0
#include "bench/gcd.h"

#include <sys/resource.h>

#include "audit/shared.h"
#include "bench/measure.h"

namespace birthmark::bench {
namespace {

using Row = std::vector<mpz_class>;

constexpr unsigned kBits = 2048;

// The classic tree (Bernstein 2004; Heninger, Durumeric, Wustrow, Halderman 2012): the product of
// all moduli modulo the square of each node, down to n^2; then gcd(n, (N mod n^2) / n).
Row Classic(const Row& moduli) {
  std::vector<Row> rows{moduli};
  while (rows.back().size() > 1) {
    const Row& below = rows.back();
    Row row((below.size() + 1) / 2);
    for (size_t i = 0; i < row.size(); ++i) {
      if (2 * i + 1 < below.size()) {
        row[i] = below[2 * i] * below[2 * i + 1];
      } else {
        row[i] = below[2 * i];
      }
    }
    rows.push_back(std::move(row));
  }
  Row rest = std::move(rows.back());
  rows.pop_back();
  mpz_class square;
  for (; !rows.empty(); rows.pop_back()) {
    Row next(rows.back().size());
    for (size_t i = 0; i < next.size(); ++i) {
      square = rows.back()[i] * rows.back()[i];
      next[i] = rest[i / 2] % square;
    }
    rest = std::move(next);
  }
  for (size_t i = 0; i < rest.size(); ++i) {
    mpz_divexact(rest[i].get_mpz_t(), rest[i].get_mpz_t(), moduli[i].get_mpz_t());
    rest[i] = gcd(rest[i], moduli[i]);
  }
  return rest;
}

// PeakMiB is the most memory the process ever had.
double PeakMiB() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

}  // namespace

void BatchGcd(size_t keys, size_t pairs) {
  // Random odd numbers cost what moduli cost, and making 200 000 primes would take an hour.
  gmp_randclass random(gmp_randinit_mt);
  random.seed(1);
  Row moduli(keys);
  for (mpz_class& n : moduli) {
    n = random.get_z_bits(kBits);
    mpz_setbit(n.get_mpz_t(), kBits - 1);
    mpz_setbit(n.get_mpz_t(), 0);
  }
  std::vector<double> ratio, ours, classic;
  double peak = 0;
  bool same = true;
  for (size_t i = 0; i < pairs; ++i) {
    Stopwatch a, b;
    a.Start();
    const audit::SharedFactors found = audit::FindSharedFactors(moduli, 1);
    a.Stop();
    if (i == 0) peak = PeakMiB();
    b.Start();
    const Row expected = Classic(moduli);
    b.Stop();
    same = same && found.common == expected;
    ratio.push_back(b.cpu / a.cpu);
    ours.push_back(a.cpu);
    classic.push_back(b.cpu);
  }
  const Spread r(ratio);
  fmt::print("batch GCD of {} keys of {} bits: {:.2f} x the classic tree\n", keys, kBits, r.median);
  fmt::print(
      "  pairs {:.2f} to {:.2f}; {:.2f} s and {:.2f} s CPU; results {}; peak memory {:.0f} MiB, "
      "with the classic tree {:.0f}\n",
      r.low, r.high, Median(ours), Median(classic), same ? "agree" : "DIFFER", peak, PeakMiB());
}

}  // namespace birthmark::bench
