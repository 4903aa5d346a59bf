// SPDX-License-Identifier: Apache-2.0
// The low-level SHA calls are deprecated in OpenSSL 3 but do no fetching; EVP is the oracle in the
// test.
#include "seed/hkdf512.h"

#include <algorithm>
#include <cstdlib>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace birthmark::seed {

HmacSha512::HmacSha512(ByteView key) {
  std::array<uint8_t, SHA512_CBLOCK> pad{};
  if (key.size() > pad.size()) {
    SHA512_Init(&inner_);
    SHA512_Update(&inner_, key.data(), key.size());
    SHA512_Final(pad.data(), &inner_);
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }
  for (uint8_t& b : pad) b ^= 0x36;
  SHA512_Init(&inner_);
  SHA512_Update(&inner_, pad.data(), pad.size());
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  SHA512_Init(&outer_);
  SHA512_Update(&outer_, pad.data(), pad.size());
  Wipe(pad.data(), pad.size());
}

HmacSha512::~HmacSha512() {
  Wipe(&inner_, sizeof inner_);
  Wipe(&outer_, sizeof outer_);
}

void HmacSha512::Of(std::initializer_list<ByteView> parts, Block512& out) const {
  SHA512_CTX ctx = inner_;
  for (ByteView part : parts) SHA512_Update(&ctx, part.data(), part.size());
  Block512 inner;
  SHA512_Final(inner.data(), &ctx);
  ctx = outer_;
  SHA512_Update(&ctx, inner.data(), inner.size());
  SHA512_Final(out.data(), &ctx);
  Wipe(&ctx, sizeof ctx);
  Wipe(inner.data(), inner.size());
}

void HkdfSha512(ByteView secret, const HmacSha512& salt, std::string_view info,
                std::span<uint8_t> out) {
  if (out.size() > std::tuple_size_v<Block512>) std::abort();  // lengths are constants of ours
  static constexpr uint8_t kFirst[] = {1};
  Block512 block;
  salt.Of({secret}, block);
  HmacSha512(block).Of({AsBytes(info), kFirst}, block);
  std::copy_n(block.begin(), out.size(), out.begin());
  Wipe(block.data(), block.size());
}

}  // namespace birthmark::seed
