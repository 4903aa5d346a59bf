// SPDX-License-Identifier: Apache-2.0
// Keys for the tests of this room, the weak ones among them made to measure. Tests only.
#pragma once

#include <string>
#include <string_view>

#include "audit/document.h"
#include "audit/number.h"
#include "crypto/der.h"
#include "crypto/software_signer.h"

namespace birthmark::audit::test {

// Prime gives the first prime at or after a fixed pseudo-random number of so many bits, the two
// topmost set: the same for the same seed.
inline mpz_class Prime(unsigned seed, unsigned bits = 1024) {
  gmp_randclass random(gmp_randinit_mt);
  random.seed(seed);
  mpz_class n = random.get_z_bits(bits);
  mpz_setbit(n.get_mpz_t(), bits - 1);
  mpz_setbit(n.get_mpz_t(), bits - 2);
  mpz_nextprime(n.get_mpz_t(), n.get_mpz_t());
  return n;
}

inline Bytes Spki(const mpz_class& modulus, unsigned exponent = 65537) {
  return RsaSpki(ToOctets(modulus), ToOctets(exponent));
}

inline Bytes NewEcSpki() {
  auto key = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  const ByteView spki = (*key)->public_key().spki();
  return Bytes(spki.begin(), spki.end());
}

// Request is a request with any key and any ECDSA signature: an audit does not check it.
inline Bytes Request(std::string_view serial, ByteView spki, unsigned r = 7, unsigned s = 9) {
  using crypto::DerWriter;
  namespace der = crypto::der;
  Bytes signature, out;
  DerWriter(signature).Sequence([&](DerWriter& w) {
    w.Unsigned(uint64_t{r});
    w.Unsigned(uint64_t{s});
  });
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& info) {
      info.Unsigned(uint64_t{0});
      info.Sequence([&](DerWriter& name) {
        name.Nest(der::kSet, [&](DerWriter& set) {
          set.Sequence([&](DerWriter& pair) {
            pair.Oid("2.5.4.5");
            pair.Text(der::kPrintableString, serial);
          });
        });
      });
      info.Raw(spki);
      info.Nest(der::Context(0, true), [](DerWriter&) {});
    });
    w.Sequence([](DerWriter& a) { a.Oid("1.2.840.10045.4.3.2"); });
    w.BitString(signature);
  });
  return out;
}

}  // namespace birthmark::audit::test
