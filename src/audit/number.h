// SPDX-License-Identifier: Apache-2.0
// Big-endian octets to and from GMP numbers, for this room alone. Callers bound the sizes: GMP ends
// the process when memory runs out. Pure functions; thread-safe.
#pragma once

#include <gmpxx.h>

#include "base/bytes.h"

namespace birthmark::audit {

inline mpz_class ToNumber(ByteView big_endian) {
  mpz_class n;
  mpz_import(n.get_mpz_t(), big_endian.size(), 1, 1, 0, 0, big_endian.data());
  return n;
}

inline size_t BitsOf(const mpz_class& n) { return n == 0 ? 0 : mpz_sizeinbase(n.get_mpz_t(), 2); }

// ToOctets is the shortest form; zero is empty.
inline Bytes ToOctets(const mpz_class& n) {
  Bytes out((BitsOf(n) + 7) / 8);
  size_t written = 0;
  if (!out.empty()) mpz_export(out.data(), &written, 1, 1, 0, 0, n.get_mpz_t());
  return out;
}

}  // namespace birthmark::audit
