// SPDX-License-Identifier: Apache-2.0
#include "audit/weak.h"

#include <gtest/gtest.h>

#include <fstream>

#include "audit/test_keys.h"
#include "tests/support/vectors.h"

namespace birthmark::audit {
namespace {

using test::Prime;

mpz_class Vector(const char* name) {
  std::ifstream file(birthmark::test::VectorsDir() / "roca" / name);
  std::string text;
  file >> text;
  return mpz_class(text.substr(2), 16);
}

// Samples of the authors' own detector: three of the library's moduli, two of others.
TEST(Roca, AgreesWithThePublishedSamples) {
  if (!birthmark::test::VectorsPresent("roca")) return;
  for (const char* name : {"mod01.txt", "mod02.txt", "mod03.txt"})
    EXPECT_TRUE(HasRocaFingerprint(Vector(name))) << name;
  for (const char* name : {"mod04.txt", "mod05.txt"})
    EXPECT_FALSE(HasRocaFingerprint(Vector(name))) << name;
}

// Primes of the library's form, k M + (65537^a mod M) with M the primes up to 701 for 2048 bits.
TEST(Roca, FindsAKeyOfTheLibrarysForm) {
  mpz_class m = 1;
  for (mpz_class p = 2; p <= 701; mpz_nextprime(p.get_mpz_t(), p.get_mpz_t())) m *= p;
  ASSERT_EQ(BitsOf(m), 971u);
  const auto prime = [&](unsigned a) {
    mpz_class x;
    mpz_powm_ui(x.get_mpz_t(), mpz_class(65537).get_mpz_t(), a, m.get_mpz_t());
    for (mpz_class k = mpz_class(1) << 52;; ++k) {
      mpz_class p = k * m + x;
      if (mpz_probab_prime_p(p.get_mpz_t(), 25) != 0) return p;
    }
  };
  const mpz_class p = prime(1234567), q = prime(7654321);
  EXPECT_TRUE(HasRocaFingerprint(p * q));
  // Off by little more than the form allows.
  EXPECT_FALSE(HasRocaFingerprint(p * Prime(1)));
  EXPECT_FALSE(HasRocaFingerprint(p * q + 2));
}

TEST(Fermat, FindsClosePrimesAndNoOthers) {
  const mpz_class p = Prime(1);
  mpz_class near = p + 1000000, far = p + (mpz_class(1) << 560);
  mpz_nextprime(near.get_mpz_t(), near.get_mpz_t());
  mpz_nextprime(far.get_mpz_t(), far.get_mpz_t());
  EXPECT_TRUE(HasClosePrimes(p * near));
  EXPECT_TRUE(HasClosePrimes(p * p));
  EXPECT_FALSE(HasClosePrimes(p * far));
  EXPECT_FALSE(HasClosePrimes(p * Prime(2)));
}

// How far apart the primes may be follows from the number of steps: p - q up to about
// sqrt(8 steps) n^(1/4), here near 2^(512 + 4.8).
TEST(Fermat, ReachesAsFarAsItsStepsGo) {
  const mpz_class p = Prime(1);
  const auto at = [&](unsigned bits) {
    mpz_class q = p + (mpz_class(1) << bits);
    mpz_nextprime(q.get_mpz_t(), q.get_mpz_t());
    return HasClosePrimes(p * q);
  };
  EXPECT_TRUE(at(515));
  EXPECT_FALSE(at(520));
}

TEST(Fermat, TakesSmallAndOddNumbersAsTheyAre) {
  EXPECT_FALSE(HasClosePrimes(0));
  EXPECT_FALSE(HasClosePrimes(1));
  EXPECT_FALSE(HasClosePrimes(7));
  EXPECT_TRUE(HasClosePrimes(9));
  EXPECT_TRUE(HasClosePrimes(35));
}

TEST(TinyFactors, FindsTheLeast) {
  const mpz_class n = Prime(1) * Prime(2);
  EXPECT_EQ(TinyFactor(n), std::nullopt);
  EXPECT_EQ(TinyFactor(Prime(1) * 3), 3u);
  EXPECT_EQ(TinyFactor(n * 2), 2u);
  EXPECT_EQ(TinyFactor(Prime(1) * 65521), 65521u);  // the largest below 2^16
  EXPECT_EQ(TinyFactor(Prime(1) * 65537), std::nullopt);
  EXPECT_EQ(TinyFactor(0), std::nullopt);
  EXPECT_EQ(TinyFactor(1), std::nullopt);
}

}  // namespace
}  // namespace birthmark::audit
