// SPDX-License-Identifier: Apache-2.0
// Factors that RSA moduli share, for a whole batch at once and against everything that came before.
// Leaves out what a hit is called (audit). Pure functions; thread-safe.
#pragma once

#include <vector>

#include "audit/number.h"

namespace birthmark::audit {

struct SharedFactors {
  std::vector<mpz_class> common;  // per modulus: 1, or what it has in common with the others
  mpz_class product;              // of the batch
};

// FindSharedFactors gives gcd(n, the product of all other moduli and `earlier`) for each modulus.
// Moduli are positive; one that stands twice has all of itself in common. About 13 KiB a key of
// 2048 bits are in use at the height.
// Source: D. J. Bernstein, "How to find smooth parts of integers" (2004) and "Scaled remainder
// trees" (2004); the derivative in place of the squares is folklore of batch GCD.
SharedFactors FindSharedFactors(const std::vector<mpz_class>& moduli, const mpz_class& earlier);

}  // namespace birthmark::audit
