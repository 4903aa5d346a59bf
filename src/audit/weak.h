// SPDX-License-Identifier: Apache-2.0
// What a single RSA modulus gives away about how its primes were made. Each test is exact for what
// it looks for: a hit is no guess. Pure functions over tables made once; thread-safe.
#pragma once

#include <optional>

#include "audit/number.h"

namespace birthmark::audit {

// HasRocaFingerprint: the modulus is a power of 65537 modulo each small prime up to 167, all with
// one exponent, as the primes of Infineon's RSALib make it (CVE-2017-15361). By chance one modulus
// in 2^155 is.
// Source: Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack" (CCS 2017).
bool HasRocaFingerprint(const mpz_class& modulus);

// kFermatSteps bounds the search for close primes: it finds primes that agree in about half of
// their bits and a few more. Correctly made primes differ in the first 100 bits (FIPS 186-5 section
// A.1.3).
inline constexpr int kFermatSteps = 100;
// HasClosePrimes: Fermat's method factors the modulus within kFermatSteps.
bool HasClosePrimes(const mpz_class& modulus);

// TinyFactor gives the least prime below 65536 that divides the modulus.
std::optional<unsigned> TinyFactor(const mpz_class& modulus);

}  // namespace birthmark::audit
