// SPDX-License-Identifier: Apache-2.0
#include "attest/credential.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "attest/octets.h"
#include "crypto/der.h"
#include "crypto/openssl.h"

namespace birthmark::attest {
namespace {

namespace der = crypto::der;

// "IDENTITY" with the zero that ends it: Part 1 section 24.5 counts it in.
constexpr std::string_view kIdentity("IDENTITY", 9);

const EVP_MD* MdOf(uint16_t hash_alg) {
  switch (hash_alg) {
    case alg::kSha256:
      return EVP_sha256();
    case alg::kSha384:
      return EVP_sha384();
    case alg::kSha512:
      return EVP_sha512();
    default:
      return nullptr;
  }
}

std::unexpected<Error> CryptoError(std::string_view doing) {
  return std::unexpected(crypto::OpenSslError("attest.crypto", doing));
}

std::unexpected<Error> NoEndorsementKey(std::string why) {
  ERR_clear_error();
  return Refused("tpm.key", "not a usable endorsement key: " + std::move(why));
}

Result<const EVP_MD*> NeedMd(uint16_t hash_alg) {
  const EVP_MD* md = MdOf(hash_alg);
  if (md == nullptr)
    return Refused("tpm.value", "the hash " + AlgorithmText(hash_alg) + " is not supported");
  return md;
}

Result<crypto::EvpKeyPtr> EkFrom(ByteView spki) {
  const uint8_t* p = spki.data();
  crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  if (key == nullptr || p != spki.data() + spki.size())
    return NoEndorsementKey("it is no SubjectPublicKeyInfo");
  return key;
}

// Some makers write id-RSAES-OAEP (RFC 4055 section 4) for the algorithm, which OpenSSL does not
// take for a key; the key inside is an RSA key like others.
Result<Bytes> PlainSpki(ByteView spki) {
  crypto::DerReader outer(spki);
  BM_TRY(crypto::DerReader info, outer.Enter());
  BM_CHECK(outer.End());
  BM_TRY(crypto::DerReader algorithm, info.Enter());
  BM_TRY(std::string id, algorithm.Oid());
  BM_TRY(ByteView key, info.BitStringOctets());
  BM_CHECK(info.End());
  if (id != "1.2.840.113549.1.1.7") return Bytes(spki.begin(), spki.end());
  Bytes out;
  crypto::DerWriter(out).Sequence([&](crypto::DerWriter& w) {
    w.Sequence([](crypto::DerWriter& a) {
      a.Oid("1.2.840.113549.1.1.1");
      a.Null();
    });
    w.BitString(key);
  });
  return out;
}

struct Shared {
  SecretBytes seed;
  Bytes secret;  // TPM2B_ENCRYPTED_SECRET's octets
};

// Part 1 annex B.10.4: a random seed, RSA-OAEP with the EK's nameAlg and the label.
Result<Shared> ShareRsa(EVP_PKEY* key, const EVP_MD* md) {
  Shared out{.seed = SecretBytes(static_cast<size_t>(EVP_MD_get_size(md)))};
  auto seed = out.seed.Write(SecretAccess());
  if (RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) != 1)
    return CryptoError("drawing a seed");
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new(key, nullptr));
  void* label = OPENSSL_memdup(kIdentity.data(), kIdentity.size());
  if (EVP_PKEY_encrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), md) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), md) != 1 ||
      EVP_PKEY_CTX_set0_rsa_oaep_label(ctx.get(), label, static_cast<int>(kIdentity.size())) != 1) {
    OPENSSL_free(label);
    return CryptoError("preparing RSA-OAEP");
  }
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(key));
  out.secret.resize(size);
  if (EVP_PKEY_encrypt(ctx.get(), out.secret.data(), &size, seed.data(), seed.size()) != 1)
    return CryptoError("encrypting to the endorsement key");
  out.secret.resize(size);
  return out;
}

// The coordinates of a key's point, 04 || x || y.
Result<Bytes> PointOf(EVP_PKEY* key) {
  unsigned char* p = nullptr;
  size_t n = EVP_PKEY_get1_encoded_public_key(key, &p);
  Bytes out(p, p + n);
  OPENSSL_free(p);
  if (out.size() % 2 != 1 || out[0] != 4) return NoEndorsementKey("its point is compressed");
  return out;
}

// Part 1 annex C.6.4: one-pass Diffie-Hellman with a key for this once.
Result<Shared> ShareEcc(EVP_PKEY* key, uint16_t hash_alg, const EVP_MD* md) {
  const char* curve = EVP_PKEY_get_bits(key) == 256 ? "P-256" : "P-384";
  crypto::EvpKeyPtr ephemeral(EVP_EC_gen(curve));
  if (ephemeral == nullptr) return CryptoError("making a key for one exchange");
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new(ephemeral.get(), nullptr));
  size_t size = 0;
  if (EVP_PKEY_derive_init(ctx.get()) != 1 || EVP_PKEY_derive_set_peer(ctx.get(), key) != 1 ||
      EVP_PKEY_derive(ctx.get(), nullptr, &size) != 1)
    return CryptoError("preparing Diffie-Hellman");
  SecretBytes z(size);
  if (EVP_PKEY_derive(ctx.get(), z.Write(SecretAccess()).data(), &size) != 1)
    return CryptoError("Diffie-Hellman");
  BM_TRY(Bytes mine, PointOf(ephemeral.get()));
  BM_TRY(Bytes theirs, PointOf(key));
  const size_t half = mine.size() / 2;
  ByteView x = ByteView(mine).subspan(1, half), y = ByteView(mine).subspan(1 + half, half);
  Shared out;
  BM_TRY(out.seed, Kdfe(hash_alg, z, "IDENTITY", x, ByteView(theirs).subspan(1, half),
                        static_cast<uint32_t>(EVP_MD_get_size(md)) * 8));
  PutSized(out.secret, x);
  PutSized(out.secret, y);
  return out;
}

Result<Bytes> EncryptCfb(const SecretBytes& key, ByteView plain) {
  const EVP_CIPHER* cipher = key.size() == 16   ? EVP_aes_128_cfb128()
                             : key.size() == 24 ? EVP_aes_192_cfb128()
                                                : EVP_aes_256_cfb128();
  crypto::EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  const uint8_t iv[16] = {};  // Part 1 section 24.4: the key is for this once
  Bytes out(plain.size());
  int n = 0;
  if (EVP_EncryptInit_ex(ctx.get(), cipher, nullptr, key.Read(SecretAccess()).data(), iv) != 1 ||
      EVP_EncryptUpdate(ctx.get(), out.data(), &n, plain.data(), static_cast<int>(plain.size())) !=
          1)
    return CryptoError("encrypting a credential");
  return out;
}

// A KDF in counter mode: blocks until there are enough octets; the first bits count.
template <class Block>
Result<SecretBytes> InBlocks(uint32_t bits, size_t size, Block block) {
  if (bits == 0 || bits % 8 != 0 || bits > 4096)
    return Refused("tpm.value", "a derived key is a whole number of octets");
  SecretBytes out(bits / 8);
  auto all = out.Write(SecretAccess());
  size_t done = 0;
  for (uint32_t counter = 1; done < all.size(); ++counter) {
    SecretBytes one(size);
    if (!block(counter, one.Write(SecretAccess()))) return CryptoError("deriving a key");
    const size_t n = std::min(size, all.size() - done);
    std::ranges::copy(one.Read(SecretAccess()).first(n),
                      all.begin() + static_cast<ptrdiff_t>(done));
    done += n;
  }
  return out;
}

}  // namespace

Result<SecretBytes> Kdfa(uint16_t hash_alg, const SecretBytes& key, std::string_view label,
                         ByteView context_u, ByteView context_v, uint32_t bits) {
  BM_TRY(const EVP_MD* md, NeedMd(hash_alg));
  return InBlocks(bits, static_cast<size_t>(EVP_MD_get_size(md)),
                  [&](uint32_t counter, std::span<uint8_t> out) {
                    Bytes m;
                    PutU32(m, counter);
                    m.insert(m.end(), label.begin(), label.end());
                    m.push_back(0);
                    m.insert(m.end(), context_u.begin(), context_u.end());
                    m.insert(m.end(), context_v.begin(), context_v.end());
                    PutU32(m, bits);
                    ByteView k = key.Read(SecretAccess());
                    return HMAC(md, k.data(), static_cast<int>(k.size()), m.data(), m.size(),
                                out.data(), nullptr) != nullptr;
                  });
}

Result<SecretBytes> Kdfe(uint16_t hash_alg, const SecretBytes& z, std::string_view label,
                         ByteView party_u, ByteView party_v, uint32_t bits) {
  BM_TRY(const EVP_MD* md, NeedMd(hash_alg));
  return InBlocks(bits, static_cast<size_t>(EVP_MD_get_size(md)),
                  [&](uint32_t counter, std::span<uint8_t> out) {
                    Bytes head, tail(label.begin(), label.end());
                    PutU32(head, counter);
                    tail.push_back(0);
                    tail.insert(tail.end(), party_u.begin(), party_u.end());
                    tail.insert(tail.end(), party_v.begin(), party_v.end());
                    ByteView k = z.Read(SecretAccess());
                    crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
                    return EVP_DigestInit_ex(ctx.get(), md, nullptr) == 1 &&
                           EVP_DigestUpdate(ctx.get(), head.data(), head.size()) == 1 &&
                           EVP_DigestUpdate(ctx.get(), k.data(), k.size()) == 1 &&
                           EVP_DigestUpdate(ctx.get(), tail.data(), tail.size()) == 1 &&
                           EVP_DigestFinal_ex(ctx.get(), out.data(), nullptr) == 1;
                  });
}

Result<EndorsementKey> EndorsementKeyOf(ByteView spki) {
  EndorsementKey ek;
  auto plain = PlainSpki(spki);
  if (!plain) return NoEndorsementKey(plain.error().message);
  ek.spki = std::move(*plain);
  BM_TRY(crypto::EvpKeyPtr key, EkFrom(ek.spki));
  const int bits = EVP_PKEY_get_bits(key.get());
  const int kind = EVP_PKEY_get_base_id(key.get());
  const bool ecc = kind == EVP_PKEY_EC && (bits == 256 || bits == 384);
  const bool rsa = kind == EVP_PKEY_RSA && (bits == 2048 || bits == 3072 || bits == 4096);
  if (!ecc && !rsa)
    return NoEndorsementKey("it is neither RSA of 2048, 3072, 4096 bits nor P-256, P-384");
  // TCG EK Credential Profile 2.6, annex B: templates L-1, L-2, H-1, H-2 against H-3, H-6.
  if (ecc ? bits == 384 : bits != 2048) {
    ek.name_alg = alg::kSha384;
    ek.aes_bits = 256;
  }
  return ek;
}

Result<EndorsementKey> EndorsementKeyOf(const TpmPublic& ek) {
  if (!ek.Has(object::kRestricted | object::kDecrypt) || ek.symmetric != alg::kAes)
    return NoEndorsementKey("it is no restricted decryption key with AES");
  EndorsementKey out{.name_alg = ek.name_alg, .aes_bits = ek.symmetric_bits};
  BM_TRY(out.spki, ek.Spki());
  return out;
}

Result<Credential> MakeCredential(const EndorsementKey& ek, ByteView name,
                                  const SecretBytes& secret) {
  BM_TRY(const EVP_MD* md, NeedMd(ek.name_alg));
  const size_t digest = static_cast<size_t>(EVP_MD_get_size(md));
  if (secret.empty() || secret.size() > digest) {
    return Refused("tpm.value",
                   fmt::format("a credential of {} octets; 1 to {} fit", secret.size(), digest));
  }
  BM_TRY(crypto::EvpKeyPtr key, EkFrom(ek.spki));
  const bool rsa = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA;
  BM_TRY(Shared shared, rsa ? ShareRsa(key.get(), md) : ShareEcc(key.get(), ek.name_alg, md));

  // Part 1 sections 24.4 and 24.5.
  BM_TRY(SecretBytes storage, Kdfa(ek.name_alg, shared.seed, "STORAGE", name, {}, ek.aes_bits));
  BM_TRY(SecretBytes integrity,
         Kdfa(ek.name_alg, shared.seed, "INTEGRITY", {}, {}, static_cast<uint32_t>(digest) * 8));
  Bytes plain;
  PutSized(plain, secret.Read(SecretAccess()));
  auto sealed = EncryptCfb(storage, plain);
  Wipe(plain.data(), plain.size());
  if (!sealed) return std::unexpected(sealed.error());
  Bytes covered = *sealed;
  covered.insert(covered.end(), name.begin(), name.end());
  Bytes mac(digest);
  ByteView k = integrity.Read(SecretAccess());
  if (HMAC(md, k.data(), static_cast<int>(k.size()), covered.data(), covered.size(), mac.data(),
           nullptr) == nullptr)
    return CryptoError("authenticating a credential");
  Credential out{.secret = std::move(shared.secret)};
  PutSized(out.id_object, mac);
  out.id_object.insert(out.id_object.end(), sealed->begin(), sealed->end());
  return out;
}

Bytes Credential::ToFile() const {
  Bytes out;
  PutU32(out, 0xbadcc0de);  // of tpm2-tools, and the version of their form
  PutU32(out, 1);
  PutSized(out, id_object);
  PutSized(out, secret);
  return out;
}

}  // namespace birthmark::attest
