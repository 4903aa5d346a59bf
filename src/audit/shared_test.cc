// SPDX-License-Identifier: Apache-2.0
#include "audit/shared.h"

#include <gtest/gtest.h>

#include "audit/test_keys.h"

namespace birthmark::audit {
namespace {

std::vector<mpz_class> Naive(const std::vector<mpz_class>& n, const mpz_class& earlier) {
  std::vector<mpz_class> out;
  for (size_t i = 0; i < n.size(); ++i) {
    mpz_class others = earlier;
    for (size_t j = 0; j < n.size(); ++j) {
      if (j != i) others *= n[j];
    }
    out.push_back(gcd(others, n[i]));
  }
  return out;
}

void Agree(const std::vector<mpz_class>& n, const mpz_class& earlier) {
  SharedFactors found = FindSharedFactors(n, earlier);
  mpz_class product = 1;
  for (const mpz_class& x : n) product *= x;
  EXPECT_EQ(found.product, product);
  EXPECT_EQ(found.common, Naive(n, earlier));
}

// Small random numbers share factors all the time, so every road through the tree is taken.
TEST(SharedFactors, AgreeWithTheDefinition) {
  gmp_randclass random(gmp_randinit_mt);
  random.seed(5);
  for (size_t count = 1; count <= 40; ++count) {
    for (unsigned bits : {4u, 40u, 300u}) {
      std::vector<mpz_class> n(count);
      for (mpz_class& x : n) x = random.get_z_bits(bits) + 1;
      Agree(n, 1);
      Agree(n, random.get_z_bits(900) + 1);
    }
  }
}

TEST(SharedFactors, OfModuliOfManySizes) {
  gmp_randclass random(gmp_randinit_mt);
  random.seed(6);
  std::vector<mpz_class> n;
  for (unsigned i = 0; i < 100; ++i) n.push_back(random.get_z_bits(1 + i * i % 4099) + 1);
  Agree(n, 1);
  Agree(n, n[3] * n[50] * 7);
}

TEST(SharedFactors, FindOnePairAmongManyKeys) {
  using test::Prime;
  std::vector<mpz_class> n;
  for (unsigned i = 0; i < 60; ++i) n.push_back(Prime(2 * i, 256) * Prime(2 * i + 1, 256));
  n[17] = Prime(1000, 256) * Prime(1001, 256);
  n[44] = Prime(1000, 256) * Prime(1002, 256);
  SharedFactors found = FindSharedFactors(n, 1);
  for (size_t i = 0; i < n.size(); ++i)
    EXPECT_EQ(found.common[i], i == 17 || i == 44 ? Prime(1000, 256) : mpz_class(1)) << i;
  // Both primes in use elsewhere: the modulus itself is what is common.
  n[5] = Prime(1001, 256) * Prime(1002, 256);
  found = FindSharedFactors(n, 1);
  EXPECT_EQ(found.common[5], n[5]);
  EXPECT_EQ(found.common[17], n[17]);
}

TEST(SharedFactors, WithEarlierBatches) {
  using test::Prime;
  const SharedFactors first = FindSharedFactors({Prime(1, 256) * Prime(2, 256)}, 1);
  EXPECT_EQ(first.common[0], 1);
  const SharedFactors second = FindSharedFactors(
      {Prime(3, 256) * Prime(4, 256), Prime(2, 256) * Prime(5, 256)}, first.product);
  EXPECT_EQ(second.common[0], 1);
  EXPECT_EQ(second.common[1], Prime(2, 256));
}

TEST(SharedFactors, OfNothing) {
  EXPECT_EQ(FindSharedFactors({}, 15).product, 1);
  EXPECT_TRUE(FindSharedFactors({}, 15).common.empty());
}

}  // namespace
}  // namespace birthmark::audit
