// SPDX-License-Identifier: Apache-2.0
// The low-level SHA calls are deprecated in OpenSSL 3 but do no fetching; EVP is the oracle in the
// test.
#include "crypto/digest.h"

#include <algorithm>
#include <cstdlib>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace birthmark::crypto {

void Sha256Hasher::Reset() { SHA256_Init(&ctx_); }

Sha256Hasher& Sha256Hasher::Update(ByteView b) {
  SHA256_Update(&ctx_, b.data(), b.size());
  return *this;
}

Digest Sha256Hasher::Finish() {
  Digest d;
  SHA256_Final(d.data(), &ctx_);
  return d;
}

std::array<uint8_t, 48> Sha384(ByteView b) {
  std::array<uint8_t, 48> d;
  SHA512_CTX ctx;
  SHA384_Init(&ctx);
  SHA384_Update(&ctx, b.data(), b.size());
  SHA384_Final(d.data(), &ctx);
  return d;
}

std::array<uint8_t, 20> Sha1ForKeyId(ByteView b) {
  std::array<uint8_t, 20> d;
  SHA_CTX ctx;
  SHA1_Init(&ctx);
  SHA1_Update(&ctx, b.data(), b.size());
  SHA1_Final(d.data(), &ctx);
  return d;
}

Digest HmacSha256(ByteView key, ByteView message) {
  std::array<uint8_t, 64> pad{};
  if (key.size() > pad.size()) {
    Digest short_key = Sha256(key);
    std::copy(short_key.begin(), short_key.end(), pad.begin());
    Wipe(short_key.data(), short_key.size());
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }
  for (uint8_t& b : pad) b ^= 0x36;
  Digest inner = Sha256(pad, message);
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  Digest out = Sha256(pad, inner);
  Wipe(pad.data(), pad.size());
  Wipe(inner.data(), inner.size());
  return out;
}

SecretBytes HkdfSha256(ByteView secret, ByteView salt, ByteView info, size_t length) {
  constexpr size_t kHash = std::tuple_size_v<Digest>;
  if (length > 255 * kHash) std::abort();
  Digest prk = HmacSha256(salt, secret);  // an empty salt equals the RFC's string of zeros
  SecretBytes out(length);
  std::span<uint8_t> to = out.Write(SecretAccess{});
  Bytes block;
  block.reserve(kHash + info.size() + 1);
  Digest t{};
  for (size_t done = 0, i = 1; done < length; done += kHash, ++i) {
    Wipe(block.data(), block.size());
    block.clear();
    if (i > 1) block.insert(block.end(), t.begin(), t.end());
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(static_cast<uint8_t>(i));
    t = HmacSha256(prk, block);
    std::copy_n(t.begin(), std::min(kHash, length - done),
                to.begin() + static_cast<ptrdiff_t>(done));
  }
  Wipe(block.data(), block.size());
  Wipe(t.data(), t.size());
  Wipe(prk.data(), prk.size());
  return out;
}

}  // namespace birthmark::crypto
