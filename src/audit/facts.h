// SPDX-License-Identifier: Apache-2.0
// What a public key is, read without the rules that crypto::PublicKey has for keys we would use:
// the keys an audit looks for are those that it refuses. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "audit/number.h"
#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::audit {

// kMaxModulusBits bounds the arithmetic on one key.
inline constexpr size_t kMaxModulusBits = 16384;

struct RsaNumbers {
  mpz_class modulus;
  mpz_class exponent;
};

// KeyFacts of one SubjectPublicKeyInfo.
struct KeyFacts {
  Digest spki{};  // SHA-256 of the SPKI as it stands
  // The key itself whatever it is wrapped in: of RSA the modulus, on a curve its name and x. Two
  // SPKIs with one of these have one private key, or one that follows from the other.
  Digest key{};
  std::string kind;               // "rsa-1024", "ec-secp256r1", "ed25519", else the algorithm's OID
  std::optional<RsaNumbers> rsa;  // of at most kMaxModulusBits
  std::string invalid;            // what makes it no key at all; empty when it is one
  std::string weak;               // what makes it too small, in bits; empty when it is not
  bool unexamined = false;        // of an algorithm that is not known here
};

// Examine reads an SPKI. Errors: audit.unreadable (no SubjectPublicKeyInfo in DER).
Result<KeyFacts> Examine(ByteView spki);

}  // namespace birthmark::audit
