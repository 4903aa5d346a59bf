// SPDX-License-Identifier: Apache-2.0
#include "audit/weak.h"

#include <algorithm>
#include <vector>

namespace birthmark::audit {
namespace {

constexpr unsigned kPrimesBelow = 65536;

std::vector<unsigned> PrimesBelow(unsigned limit) {
  std::vector<bool> composite(limit);
  std::vector<unsigned> primes;
  for (unsigned p = 2; p < limit; ++p) {
    if (composite[p]) continue;
    primes.push_back(p);
    for (uint64_t m = uint64_t{p} * p; m < limit; m += p) composite[m] = true;
  }
  return primes;
}

struct SmallPrimes {
  std::vector<unsigned> all = PrimesBelow(kPrimesBelow);
  mpz_class product = 1;
  SmallPrimes() {
    // Pairs of neighbours, level by level: one by one would be quadratic.
    std::vector<mpz_class> row(all.begin(), all.end());
    while (row.size() > 1) {
      for (size_t i = 0; i < row.size() / 2; ++i) row[i] = row[2 * i] * row[2 * i + 1];
      if (row.size() % 2 != 0) row[row.size() / 2] = row.back();
      row.resize((row.size() + 1) / 2);
    }
    product = row[0];
  }
};

const SmallPrimes& Primes() {
  static const SmallPrimes primes;
  return primes;
}

mpz_class Power(const mpz_class& base, const mpz_class& exponent, const mpz_class& modulus) {
  mpz_class out;
  mpz_powm(out.get_mpz_t(), base.get_mpz_t(), exponent.get_mpz_t(), modulus.get_mpz_t());
  return out;
}

// RSALib makes a prime as k M + (65537^a mod M), M being the product of the first primes. The
// smallest keys have the primes up to 167, and larger keys have all of these too, so one M serves
// for every size.
struct Roca {
  mpz_class modulus = 1;
  mpz_class order = 1;  // of 65537 modulo M
  struct Part {
    mpz_class cofactor;               // order / q, for a prime power q
    std::vector<mpz_class> subgroup;  // the q powers of 65537^cofactor, sorted
  };
  std::vector<Part> parts;

  Roca() {
    for (unsigned p : Primes().all) {
      if (p > 167) break;
      modulus *= p;
      uint64_t steps = 1;
      for (uint64_t x = 65537 % p; p > 2 && x != 1; x = x * 65537 % p) ++steps;
      order = lcm(order, mpz_class(static_cast<unsigned long>(steps)));
    }
    for (unsigned p : Primes().all) {
      if (p > 167) break;
      unsigned long q = 1;
      while (order % (q * p) == 0) q *= p;
      if (q == 1) continue;
      Part part{order / q, {}};
      const mpz_class generator = Power(65537, part.cofactor, modulus);
      mpz_class x = 1;
      for (unsigned long i = 0; i < q; ++i) {
        part.subgroup.push_back(x);
        x = x * generator % modulus;
      }
      std::sort(part.subgroup.begin(), part.subgroup.end());
      parts.push_back(std::move(part));
    }
  }
};

const Roca& RocaTables() {
  static const Roca tables;
  return tables;
}

}  // namespace

bool HasRocaFingerprint(const mpz_class& modulus) {
  const Roca& t = RocaTables();
  const mpz_class n = modulus % t.modulus;
  // This alone turns almost everything away.
  if (Power(n, t.order, t.modulus) != 1) return false;
  return std::ranges::all_of(t.parts, [&](const Roca::Part& part) {
    return std::binary_search(part.subgroup.begin(), part.subgroup.end(),
                              Power(n, part.cofactor, t.modulus));
  });
}

bool HasClosePrimes(const mpz_class& modulus) {
  if (modulus < 4 || mpz_even_p(modulus.get_mpz_t()) != 0) return false;
  // n = a^2 - b^2 with a at least the root of n: p and q are a - b and a + b.
  mpz_class a = sqrt(modulus);
  if (a * a < modulus) ++a;
  mpz_class b2 = a * a - modulus;
  for (int i = 0; i < kFermatSteps; ++i) {
    if (mpz_perfect_square_p(b2.get_mpz_t()) != 0) {
      return a - sqrt(b2) > 1;  // n = 1 * n is no factor
    }
    b2 += 2 * a + 1;
    ++a;
  }
  return false;
}

std::optional<unsigned> TinyFactor(const mpz_class& modulus) {
  if (modulus < 2) return std::nullopt;
  const mpz_class rest = Primes().product % modulus;
  if (gcd(rest, modulus) == 1) return std::nullopt;
  for (unsigned p : Primes().all) {
    if (mpz_divisible_ui_p(modulus.get_mpz_t(), p) != 0) return p;
  }
  return std::nullopt;
}

}  // namespace birthmark::audit
