// SPDX-License-Identifier: Apache-2.0
#include "audit/shared.h"

#include <utility>

namespace birthmark::audit {
namespace {

using Row = std::vector<mpz_class>;

// Of each product N of moduli also its derivative N' = the sum of N / n over the moduli n: the
// product rule gives it on the way up, (AB)' = A B' + B A'. Modulo n every term but one vanishes,
// so N' mod n is (N / n) mod n, which is what the GCD needs. The classic tree takes N mod n^2 and
// works with numbers of twice the size on the way down.
struct Tree {
  std::vector<Row> rows;  // the moduli, products of two, of four, … up to the product of all
  mpz_class derivative;   // of the topmost
};

Tree Grow(const Row& moduli) {
  Tree tree;
  tree.rows.push_back(moduli);
  Row derivatives(moduli.size(), mpz_class(1));
  mpz_class other;
  while (tree.rows.back().size() > 1) {
    const Row& below = tree.rows.back();
    Row row((below.size() + 1) / 2), row_derivatives(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t left = 2 * i, right = left + 1;
      if (right == below.size()) {
        row[i] = below[left];
        row_derivatives[i] = std::move(derivatives[left]);
        continue;
      }
      row[i] = below[left] * below[right];
      row_derivatives[i] = below[left] * derivatives[right];
      other = below[right] * derivatives[left];
      row_derivatives[i] += other;
    }
    derivatives = std::move(row_derivatives);
    tree.rows.push_back(std::move(row));
  }
  tree.derivative = std::move(derivatives[0]);
  return tree;
}

// A fraction x / 2^bits.
struct Fraction {
  mpz_class x;
  size_t bits = 0;
};

// A fraction keeps this many bits below the ones that are asked for. A level at most doubles the
// error and adds one unit, so that even 64 levels leave half of them.
constexpr size_t kGuardBits = 128;

// TimesModOne gives the part below the point of `f` times `sibling`, as precise as `node` needs.
Fraction TimesModOne(const Fraction& f, const mpz_class& sibling, const mpz_class& node) {
  Fraction out{f.x * sibling, std::min(f.bits, BitsOf(node) + kGuardBits)};
  mpz_fdiv_r_2exp(out.x.get_mpz_t(), out.x.get_mpz_t(), f.bits);
  mpz_fdiv_q_2exp(out.x.get_mpz_t(), out.x.get_mpz_t(), f.bits - out.bits);
  return out;
}

}  // namespace

SharedFactors FindSharedFactors(const Row& moduli, const mpz_class& earlier) {
  SharedFactors out;
  if (moduli.empty()) {
    out.product = 1;
    return out;
  }
  Tree tree = Grow(moduli);
  out.product = std::move(tree.rows.back()[0]);
  tree.rows.pop_back();

  // The numerator is (N' times all that came before) mod N. Divided by N it goes down the tree as a
  // fraction: with N = A B, x / N times B is x / A, of which only the part below the point matters.
  // So the way down takes multiplications where remainders would take divisions.
  mpz_class numerator = earlier % out.product;
  numerator *= tree.derivative;
  tree.derivative = 0;
  numerator %= out.product;
  std::vector<Fraction> fractions(1);
  fractions[0].bits = BitsOf(out.product) + kGuardBits;
  fractions[0].x = (numerator << fractions[0].bits) / out.product;
  numerator = 0;
  for (; !tree.rows.empty(); tree.rows.pop_back()) {
    const Row& row = tree.rows.back();
    std::vector<Fraction> next(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t sibling = i ^ 1;
      next[i] = sibling < row.size() ? TimesModOne(fractions[i / 2], row[sibling], row[i])
                                     : fractions[i / 2];
    }
    fractions = std::move(next);
  }

  out.common.resize(moduli.size());
  mpz_class rest;
  for (size_t i = 0; i < moduli.size(); ++i) {
    // The fraction is a hair below r / n: the nearest whole number of n times it is r. For r = 0 it
    // may have come out as a hair below one, and then n stands for 0, which has the same GCD.
    rest = fractions[i].x * moduli[i] + (mpz_class(1) << (fractions[i].bits - 1));
    rest >>= fractions[i].bits;
    out.common[i] = gcd(rest, moduli[i]);
  }
  return out;
}

}  // namespace birthmark::audit
