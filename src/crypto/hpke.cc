// SPDX-License-Identifier: Apache-2.0
#include "crypto/hpke.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/p256.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kKey = 16, kNonce = 12, kTag = 16, kPoint = 65;
// RFC 9180 sections 4.1 and 5.1: KEM 0x0010, KDF 0x0001, AEAD 0x0001.
constexpr uint8_t kKem[] = {'K', 'E', 'M', 0x00, 0x10};
constexpr uint8_t kSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};

Bytes Join(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (ByteView p : parts) out.insert(out.end(), p.begin(), p.end());
  return out;
}

// Labeled inputs hold secrets, so they are kept in what wipes itself.
Digest LabeledExtract(ByteView suite, ByteView salt, std::string_view label, ByteView ikm) {
  SecretBytes input = SecretBytes::Take(Join({AsBytes("HPKE-v1"), suite, AsBytes(label), ikm}));
  return HmacSha256(salt, input.Read(SecretAccess()));
}

// LabeledExpand is one block of HKDF-Expand: no output here is longer (RFC 5869 section 2.3).
SecretBytes LabeledExpand(ByteView suite, ByteView prk, std::string_view label, ByteView info,
                          size_t length) {
  const uint8_t size[] = {0, static_cast<uint8_t>(length)}, one[] = {1};
  Digest block =
      HmacSha256(prk, Join({size, AsBytes("HPKE-v1"), suite, AsBytes(label), info, one}));
  SecretBytes out = SecretBytes::Take(Bytes(block.begin(), block.begin() + length));
  Wipe(block.data(), block.size());
  return out;
}

std::unexpected<Error> NoKey() {
  return Refused("hpke.key", "the key is not one of P-256",
                 "give a key of the device's slot decrypt");
}

// Dh gives the x coordinate of own * other.
Result<SecretBytes> Dh(const EC_KEY* own, const EC_KEY* other) {
  EvpKeyPtr a = P256ToEvp(own), b = P256ToEvp(other);
  EvpKeyCtxPtr ctx(a ? EVP_PKEY_CTX_new(a.get(), nullptr) : nullptr);
  SecretBytes out(32);
  size_t n = out.size();
  if (b == nullptr || ctx == nullptr || EVP_PKEY_derive_init(ctx.get()) != 1 ||
      EVP_PKEY_derive_set_peer(ctx.get(), b.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), out.Write(SecretAccess()).data(), &n) != 1 || n != out.size()) {
    return std::unexpected(OpenSslError("hpke.failed", "agreeing on a key"));
  }
  return out;
}

struct Schedule {
  SecretBytes key, nonce;
};

// MakeSchedule is the second half of Encap and Decap, and KeySchedule in mode 0
// (sections 4.1, 5.1).
Schedule MakeSchedule(const SecretBytes& dh, ByteView enc, ByteView recipient, ByteView info) {
  SecretAccess access;
  Digest prk = LabeledExtract(kKem, {}, "eae_prk", dh.Read(access));
  SecretBytes shared = LabeledExpand(kKem, prk, "shared_secret", Join({enc, recipient}), 32);
  const Digest psk_id = LabeledExtract(kSuite, {}, "psk_id_hash", {});
  const Digest info_hash = LabeledExtract(kSuite, {}, "info_hash", info);
  const uint8_t base[] = {0};
  const Bytes context = Join({base, psk_id, info_hash});
  prk = LabeledExtract(kSuite, shared.Read(access), "secret", {});
  Schedule out{LabeledExpand(kSuite, prk, "key", context, kKey),
               LabeledExpand(kSuite, prk, "base_nonce", context, kNonce)};
  Wipe(prk.data(), prk.size());
  return out;
}

Bytes PointBytes(const EC_KEY* key) {
  P256Point p = P256PointOf(key);
  return Bytes(p.begin(), p.end());
}

Result<HpkeObject> SealTo(const EC_KEY* ephemeral, const PublicKey& to, ByteView info, ByteView aad,
                          ByteView plaintext) {
  if (to.evp() == nullptr || to.algorithm() != Algorithm::kEcdsaP256) return NoKey();
  EcKeyPtr recipient = P256PublicKey(to.spki().subspan(kP256SpkiPrefix.size()));
  if (recipient == nullptr) return NoKey();
  BM_TRY(SecretBytes dh, Dh(ephemeral, recipient.get()));
  HpkeObject out{PointBytes(ephemeral), Bytes(plaintext.size() + kTag)};
  Schedule s = MakeSchedule(dh, out.enc, PointBytes(recipient.get()), info);
  SecretAccess access;
  EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int n = 0, last = 0;
  if (ctx == nullptr ||
      EVP_EncryptInit_ex(ctx.get(), EVP_aes_128_gcm(), nullptr, s.key.Read(access).data(),
                         s.nonce.Read(access).data()) != 1 ||
      EVP_EncryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1 ||
      EVP_EncryptUpdate(ctx.get(), out.ciphertext.data(), &n, plaintext.data(),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(ctx.get(), out.ciphertext.data() + n, &last) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                          out.ciphertext.data() + plaintext.size()) != 1) {
    return std::unexpected(OpenSslError("hpke.failed", "encrypting"));
  }
  return out;
}

}  // namespace

Result<HpkeObject> HpkeSeal(const PublicKey& to, ByteView info, ByteView aad, ByteView plaintext) {
  EcKeyPtr ephemeral = P256Generate();
  if (ephemeral == nullptr) return std::unexpected(OpenSslError("hpke.failed", "making a key"));
  return SealTo(ephemeral.get(), to, info, aad, plaintext);
}

Result<HpkeObject> HpkeSealWith(const SecretBytes& ephemeral, const PublicKey& to, ByteView info,
                                ByteView aad, ByteView plaintext) {
  EcKeyPtr key = P256PrivateKey(ephemeral);
  if (key == nullptr) return NoKey();
  return SealTo(key.get(), to, info, aad, plaintext);
}

Result<SecretBytes> HpkeOpen(const SecretBytes& scalar, const HpkeObject& object, ByteView info,
                             ByteView aad) {
  auto broken = [] {
    ERR_clear_error();
    return Refused("hpke.broken", "the object does not open",
                   "it is for another key or purpose, or was changed on its way");
  };
  EcKeyPtr own = P256PrivateKey(scalar);
  if (own == nullptr) return NoKey();
  EcKeyPtr sender = object.enc.size() == kPoint ? P256PublicKey(object.enc) : nullptr;
  if (sender == nullptr || object.ciphertext.size() < kTag) return broken();
  BM_TRY(SecretBytes dh, Dh(own.get(), sender.get()));
  Schedule s = MakeSchedule(dh, object.enc, PointBytes(own.get()), info);
  SecretAccess access;
  const size_t size = object.ciphertext.size() - kTag;
  SecretBytes out(size);
  EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  Bytes tag(object.ciphertext.end() - kTag, object.ciphertext.end());
  uint8_t none[1];
  int n = 0;
  if (ctx == nullptr ||
      EVP_DecryptInit_ex(ctx.get(), EVP_aes_128_gcm(), nullptr, s.key.Read(access).data(),
                         s.nonce.Read(access).data()) != 1 ||
      EVP_DecryptUpdate(ctx.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) != 1 ||
      EVP_DecryptUpdate(ctx.get(), out.Write(access).data(), &n, object.ciphertext.data(),
                        static_cast<int>(size)) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(ctx.get(), none, &n) != 1) {
    return broken();
  }
  return out;
}

}  // namespace birthmark::crypto
