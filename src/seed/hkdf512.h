// SPDX-License-Identifier: Apache-2.0
// HMAC and HKDF with SHA-512, without provider look-ups: a derivation is a few compressions, done
// by the million. Private to this room. Values; thread-compatible.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <string_view>

#include "base/bytes.h"

namespace birthmark::seed {

using Block512 = std::array<uint8_t, 64>;

// HmacSha512 holds a key as the two states after its pads (RFC 2104 section 4), so that one key
// serves many messages. Wiped at its end.
class HmacSha512 {
 public:
  // A key of more than 128 octets is hashed first (RFC 2104 section 2).
  explicit HmacSha512(ByteView key);
  HmacSha512(const HmacSha512&) = default;
  HmacSha512& operator=(const HmacSha512&) = default;
  ~HmacSha512();
  // Of gives the code of the parts as if they were one message.
  void Of(std::initializer_list<ByteView> parts, Block512& out) const;

 private:
  SHA512_CTX inner_, outer_;
};

// HkdfSha512 is RFC 5869 for outputs of at most 64 octets, one block of the expansion. `salt` is
// the salt as a key, because the salts of a profile are constants.
void HkdfSha512(ByteView secret, const HmacSha512& salt, std::string_view info,
                std::span<uint8_t> out);

}  // namespace birthmark::seed
