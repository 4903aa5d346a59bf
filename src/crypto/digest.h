// SPDX-License-Identifier: Apache-2.0
// Hashes, HMAC and HKDF, cheap for small inputs: a Merkle node costs its compression, no look-ups.
// SHA-1 is here for key identifiers alone. Values; thread-compatible.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <concepts>

#include "base/bytes.h"

namespace birthmark::crypto {

// Sha256Hasher hashes in pieces. Finish may be called once; Reset makes it new.
class Sha256Hasher {
 public:
  Sha256Hasher() { Reset(); }
  void Reset();
  Sha256Hasher& Update(ByteView b);
  Digest Finish();

 private:
  SHA256_CTX ctx_;
};

// Sha256 hashes the parts as if they were one.
template <std::convertible_to<ByteView>... Parts>
Digest Sha256(const Parts&... parts) {
  Sha256Hasher h;
  (h.Update(ByteView(parts)), ...);
  return h.Finish();
}

std::array<uint8_t, 48> Sha384(ByteView b);
// Sha1 exists for key identifiers (RFC 5280 section 4.2.1.2); nothing is trusted because of it.
std::array<uint8_t, 20> Sha1ForKeyId(ByteView b);

// HmacSha256 is RFC 2104 with SHA-256 over one message.
Digest HmacSha256(ByteView key, ByteView message);
// HkdfSha256 extracts and expands (RFC 5869). `length` is at most 255 * 32 octets; more aborts,
// because lengths are constants of ours.
SecretBytes HkdfSha256(ByteView secret, ByteView salt, ByteView info, size_t length);

}  // namespace birthmark::crypto
