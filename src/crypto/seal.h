// SPDX-License-Identifier: Apache-2.0
// Authenticated encryption (AES-256-GCM) and the passphrase function (scrypt) that secrets at rest
// are wrapped with. Leaves out the file format around them (keystore/software/box.h). Thread-safe
// functions.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::crypto {

inline constexpr size_t kSealKeySize = 32;
inline constexpr size_t kSealOverhead = 12 + 16;  // nonce before, tag after the ciphertext

// Seal encrypts under a 32-octet key with a fresh random nonce: nonce, ciphertext, tag. `aad` is
// bound but not stored. One key seals at most 2^32 messages (NIST SP 800-38D section 8.3). Errors:
// seal.key, seal.failed.
Result<Bytes> Seal(const SecretBytes& key, ByteView plaintext, ByteView aad);
// Open reverses Seal. Errors: seal.key, seal.broken (wrong key, wrong aad, changed or cut).
Result<SecretBytes> Open(const SecretBytes& key, ByteView sealed, ByteView aad);

// ScryptCost is what guessing a passphrase costs (RFC 7914): memory is 128 * n * r octets.
struct ScryptCost {
  uint64_t n = 1 << 15;
  uint64_t r = 8;
  uint64_t p = 1;
  bool operator==(const ScryptCost&) const = default;
};
// Scrypt derives a 32-octet key. A cost below the default would let a changed file weaken the
// guess, one above 256 MiB or p = 4 would let it exhaust the reader: both are refused before any
// work. Errors: seal.cost, seal.failed.
Result<SecretBytes> Scrypt(const SecretBytes& passphrase, ByteView salt, const ScryptCost& cost);

}  // namespace birthmark::crypto
