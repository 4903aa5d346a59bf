// SPDX-License-Identifier: Apache-2.0
#include "crypto/seal.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <bit>

#include "crypto/openssl.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kNonce = 12, kTag = 16;

Status CheckKey(const SecretBytes& key) {
  if (key.size() != kSealKeySize) return Internal("seal.key", "a sealing key has 32 octets");
  return {};
}

}  // namespace

Result<Bytes> Seal(const SecretBytes& key, ByteView plaintext, ByteView aad) {
  BM_CHECK(CheckKey(key));
  Bytes out(kNonce + plaintext.size() + kTag);
  uint8_t* text = out.data() + kNonce;
  EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int n = 0, end = 0;
  if (ctx == nullptr || RAND_bytes(out.data(), kNonce) != 1 ||
      EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.Read(SecretAccess{}).data(),
                         out.data()) != 1 ||
      EVP_EncryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(ctx.get(), text, &n, plaintext.data(),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(ctx.get(), text + n, &end) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kTag, text + plaintext.size()) != 1) {
    return std::unexpected(OpenSslError("seal.failed", "sealing"));
  }
  return out;
}

Result<SecretBytes> Open(const SecretBytes& key, ByteView sealed, ByteView aad) {
  BM_CHECK(CheckKey(key));
  auto broken = [] {
    ERR_clear_error();
    return Refused("seal.broken", "a sealed box does not open: another key, or changed octets");
  };
  if (sealed.size() < kSealOverhead) return broken();
  SecretBytes out(sealed.size() - kSealOverhead);
  uint8_t* text = out.Write(SecretAccess{}).data();
  ByteView tag = sealed.last(kTag);
  EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int n = 0, end = 0;
  uint8_t nothing[1];
  if (text == nullptr) text = nothing;
  if (ctx == nullptr ||
      EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.Read(SecretAccess{}).data(),
                         sealed.data()) != 1 ||
      EVP_DecryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1 ||
      EVP_DecryptUpdate(ctx.get(), text, &n, sealed.data() + kNonce,
                        static_cast<int>(out.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kTag,
                          const_cast<uint8_t*>(tag.data())) != 1 ||
      EVP_DecryptFinal_ex(ctx.get(), text + n, &end) != 1) {
    return broken();
  }
  return out;
}

Result<SecretBytes> Scrypt(const SecretBytes& passphrase, ByteView salt, const ScryptCost& cost) {
  constexpr uint64_t kMaxMemory = uint64_t{256} << 20;
  const ScryptCost least{};
  if (!std::has_single_bit(cost.n) || cost.n < least.n || cost.n > kMaxMemory / 128 / least.r ||
      cost.r != least.r || cost.p < least.p || cost.p > 4 || salt.size() < 16) {
    return Refused("seal.cost",
                   "a passphrase cost outside what this version uses (n from 2^15 to 2^18, "
                   "r 8, p 1 to 4, a salt of 16 octets or more)");
  }
  SecretBytes out(kSealKeySize);
  ByteView pass = passphrase.Read(SecretAccess{});
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(pass.data()), pass.size(), salt.data(),
                     salt.size(), cost.n, cost.r, cost.p, kMaxMemory + (uint64_t{1} << 20),
                     out.Write(SecretAccess{}).data(), out.size()) != 1) {
    return std::unexpected(OpenSslError("seal.failed", "deriving a key from the passphrase"));
  }
  return out;
}

}  // namespace birthmark::crypto
