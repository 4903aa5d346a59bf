// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/envelope.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "base/ids.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "enroll/cmp/message.h"
#include "enroll/cmp/protect.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerWriter;
namespace der = crypto::der;

constexpr std::string_view kData = "1.2.840.113549.1.7.1";
constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2";
constexpr std::string_view kKeyPackage = "2.16.840.1.101.2.1.2.78.5";  // RFC 5958 section 2
constexpr std::string_view kContentType = "1.2.840.113549.1.9.3";
constexpr std::string_view kMessageDigest = "1.2.840.113549.1.9.4";
constexpr std::string_view kAes256Cbc = "2.16.840.1.101.3.4.1.42";
constexpr std::string_view kAes256Wrap = "2.16.840.1.101.3.4.1.45";
constexpr std::string_view kPbkdf2 = "1.2.840.113549.1.5.12";
constexpr std::string_view kPwriKek = "1.2.840.113549.1.9.16.3.9";  // RFC 3211
constexpr std::string_view kDhSha256Kdf = "1.3.132.1.11.1";         // RFC 5753 section 7.1.4
constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";
constexpr std::string_view kRsaOaep = "1.2.840.113549.1.1.7";
constexpr std::string_view kMgf1 = "1.2.840.113549.1.1.8";
constexpr int kPbkdf2Iterations = 10'000;
constexpr size_t kKey = 32, kBlock = 16;

std::unexpected<Error> Failed(std::string_view doing) {
  return std::unexpected(crypto::OpenSslError("cmp.envelope", doing));
}

void Random(std::span<uint8_t> out) {
  thread_local SystemRng rng;
  rng.Fill(out);
}

SecretBytes RandomKey() {
  SecretBytes k(kKey);
  Random(k.Write(SecretAccess{}));
  return k;
}

// Head appends a tag and a length, so that a secret's octets are written once and in one place.
void Head(Bytes& out, uint8_t tag, size_t length) {
  out.push_back(tag);
  if (length >= 0x80) {
    const int octets = length > 0xffff ? 3 : length > 0xff ? 2 : 1;
    out.push_back(static_cast<uint8_t>(0x80 | octets));
    for (int i = octets - 1; i > 0; --i) out.push_back(static_cast<uint8_t>(length >> (8 * i)));
  }
  out.push_back(static_cast<uint8_t>(length));
}

Bytes Around(uint8_t tag, size_t length) {
  Bytes head;
  Head(head, tag, length);
  return head;
}

void AlgorithmWith(DerWriter& w, std::string_view name,
                   const std::function<void(DerWriter&)>& parameters) {
  w.Sequence([&](DerWriter& a) {
    a.Oid(name);
    parameters(a);
  });
}

void Nothing(DerWriter&) {}

void IssuerAndSerial(DerWriter& w, const crypto::Certificate& c) {
  w.Sequence([&](DerWriter& s) {
    s.Raw(c.issuer_der());
    s.Unsigned(c.serial());
  });
}

Hash HashFor(crypto::Algorithm a) {
  if (a == crypto::Algorithm::kEd25519) return Hash::kSha512;
  return a == crypto::Algorithm::kEcdsaP384 ? Hash::kSha384 : Hash::kSha256;
}

ByteView HashOid(Hash h) {
  if (h == Hash::kSha512) return oid::kSha512;
  return h == Hash::kSha384 ? ByteView(oid::kSha384) : ByteView(oid::kSha256);
}

// CBC with a key that is used once. `pad` is PKCS #7's.
Result<Bytes> Cbc(ByteView key, ByteView iv, ByteView text, bool pad, int times = 1) {
  crypto::EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  if (ctx == nullptr ||
      EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_cbc(), nullptr, key.data(), iv.data()) != 1)
    return Failed("encrypting a key");
  EVP_CIPHER_CTX_set_padding(ctx.get(), pad ? 1 : 0);
  Bytes out(text.size() + kBlock);
  int n = 0, last = 0;
  for (int i = 0; i < times; ++i) {
    ByteView in = i == 0 ? text : ByteView(out).first(text.size());
    if (EVP_EncryptUpdate(ctx.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) != 1)
      return Failed("encrypting a key");
  }
  if (EVP_EncryptFinal_ex(ctx.get(), out.data() + n, &last) != 1) return Failed("encrypting a key");
  out.resize(static_cast<size_t>(n + last));
  return out;
}

// EnvelopedData around a recipient (RFC 5652 section 6.1).
Result<Bytes> Envelop(const SecretBytes& text, const SecretBytes& key, int version,
                      ByteView recipient) {
  std::array<uint8_t, kBlock> iv;
  Random(iv);
  BM_TRY(Bytes encrypted, Cbc(key.Read(SecretAccess{}), iv, text.Read(SecretAccess{}), true));
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Unsigned(static_cast<uint64_t>(version));
    w.Element(der::kSet, recipient);
    w.Sequence([&](DerWriter& content) {
      content.Oid(kSignedData);
      AlgorithmWith(content, kAes256Cbc, [&](DerWriter& p) { p.OctetString(iv); });
      content.Element(der::Context(0, false), encrypted);
    });
  });
  return out;
}

Result<SecretBytes> WrapKey(ByteView kek, const SecretBytes& key) {
  crypto::EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  SecretBytes out(kKey + 8);
  int n = 0;
  if (ctx == nullptr) return Failed("wrapping a key");
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_wrap(), nullptr, kek.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(ctx.get(), out.Write(SecretAccess{}).data(), &n,
                        key.Read(SecretAccess{}).data(), kKey) != 1 ||
      n != static_cast<int>(kKey + 8))
    return Failed("wrapping a key");
  return out;
}

Bytes WrapAlgorithm() {
  Bytes out;
  DerWriter w(out);
  AlgorithmWith(w, kAes256Wrap, Nothing);
  return out;
}

// Ephemeral-static Diffie-Hellman (RFC 5753 section 3.1) with SHA-256 (section 7.2).
Result<Bytes> AgreeRecipient(const crypto::Certificate& c, const SecretBytes& key) {
  EVP_PKEY* peer = c.public_key()->evp();
  crypto::EvpKeyCtxPtr make(EVP_PKEY_CTX_new_from_pkey(nullptr, peer, nullptr));
  EVP_PKEY* made = nullptr;
  if (make == nullptr || EVP_PKEY_keygen_init(make.get()) != 1 ||
      EVP_PKEY_keygen(make.get(), &made) != 1)
    return Failed("making an ephemeral key");
  crypto::EvpKeyPtr own(made);
  crypto::EvpKeyCtxPtr agree(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  size_t n = 0;
  if (agree == nullptr || EVP_PKEY_derive_init(agree.get()) != 1 ||
      EVP_PKEY_derive_set_peer(agree.get(), peer) != 1 ||
      EVP_PKEY_derive(agree.get(), nullptr, &n) != 1)
    return Failed("agreeing on a key");
  const Bytes wrap = WrapAlgorithm();
  Bytes info;
  DerWriter(info).Sequence([&](DerWriter& w) {
    w.Raw(wrap);
    w.Nest(der::Context(2, true),
           [](DerWriter& bits) { bits.OctetString(std::array<uint8_t, 4>{0, 0, 1, 0}); });
  });
  // X9.63 with one round: Z, counter 1, what both know.
  SecretBytes z(n);
  if (EVP_PKEY_derive(agree.get(), z.Write(SecretAccess{}).data(), &n) != 1)
    return Failed("agreeing on a key");
  constexpr std::array<uint8_t, 4> kCounter = {0, 0, 0, 1};
  Digest kek = crypto::Sha256(z.Read(SecretAccess{}), kCounter, info);
  auto wrapped = WrapKey(kek, key);
  Wipe(kek.data(), kek.size());
  if (!wrapped) return std::unexpected(std::move(wrapped).error());

  uint8_t* octets = nullptr;
  const size_t size = EVP_PKEY_get1_encoded_public_key(own.get(), &octets);
  const Bytes point(octets, octets + size);
  OPENSSL_free(octets);
  Bytes out;
  DerWriter(out).Nest(der::Context(1, true), [&](DerWriter& w) {
    w.Unsigned(3);
    w.Nest(der::Context(0, true), [&](DerWriter& originator) {
      originator.Nest(der::Context(1, true), [&](DerWriter& k) {
        AlgorithmWith(k, kEcPublicKey, Nothing);
        k.BitString(point);
      });
    });
    AlgorithmWith(w, kDhSha256Kdf, [&](DerWriter& p) { p.Raw(wrap); });
    w.Sequence([&](DerWriter& keys) {
      keys.Sequence([&](DerWriter& one) {
        IssuerAndSerial(one, c);
        one.OctetString(wrapped->Read(SecretAccess{}));
      });
    });
  });
  return out;
}

// RSAES-OAEP with SHA-256 (RFC 9481 section 4.2.2).
Result<Bytes> TransportRecipient(const crypto::Certificate& c, const SecretBytes& key) {
  EVP_PKEY* peer = c.public_key()->evp();
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, peer, nullptr));
  Bytes wrapped(static_cast<size_t>(EVP_PKEY_get_size(peer)));
  size_t n = wrapped.size();
  if (ctx == nullptr || EVP_PKEY_encrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), wrapped.data(), &n, key.Read(SecretAccess{}).data(), kKey) != 1)
    return Failed("encrypting a key");
  wrapped.resize(n);
  const auto sha256 = [](DerWriter& w) {
    w.Sequence([](DerWriter& a) {
      a.Element(der::kOid, oid::kSha256);
      a.Null();
    });
  };
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Unsigned(0);
    IssuerAndSerial(w, c);
    AlgorithmWith(w, kRsaOaep, [&](DerWriter& p) {
      p.Sequence([&](DerWriter& oaep) {
        oaep.Nest(der::Context(0, true), sha256);
        oaep.Nest(der::Context(1, true),
                  [&](DerWriter& mgf) { AlgorithmWith(mgf, kMgf1, sha256); });
      });
    });
    w.OctetString(wrapped);
  });
  return out;
}

bool Allows(const crypto::Certificate& c, std::string_view usage) {
  return !c.key_usage() || std::ranges::find(*c.key_usage(), usage) != c.key_usage()->end();
}

bool IsRsa(crypto::Algorithm a) {
  return a == crypto::Algorithm::kRsa2048 || a == crypto::Algorithm::kRsa3072 ||
         a == crypto::Algorithm::kRsa4096;
}

}  // namespace

Status CanReceive(const crypto::Certificate& c) {
  const auto refuse = [](std::string why) {
    return Refused("cmp.bad-request", "no key can be sent to this certificate: " + std::move(why),
                   "protect the request with a token's secret, or with a certificate whose key "
                   "usage allows it");
  };
  if (!c.public_key()) return refuse("its key is of a kind that is not used here");
  const crypto::Algorithm a = c.public_key()->algorithm();
  if (a == crypto::Algorithm::kEd25519) return refuse("its key can only sign");
  if (IsRsa(a)) {
    if (!Allows(c, "keyEncipherment")) return refuse("it is not for keyEncipherment");
  } else if (!Allows(c, "keyAgreement")) {
    return refuse("it is not for keyAgreement");
  }
  return {};
}

Result<SecretBytes> SignKey(const SecretBytes& pkcs8, const Signing& by, bool bare) {
  const ByteView key = pkcs8.Read(SecretAccess{});
  const crypto::Algorithm algorithm = by.signer.algorithm();
  const Hash hash = HashFor(algorithm);
  // AsymmetricKeyPackage is a SEQUENCE of one OneAsymmetricKey.
  const std::string_view content_type = bare ? kData : kKeyPackage;
  const Bytes package_head = bare ? Bytes() : Around(der::kSequence, key.size());
  const size_t package = package_head.size() + key.size();
  SecretBytes whole(package);
  std::ranges::copy(package_head, whole.Write(SecretAccess{}).begin());
  std::ranges::copy(
      key, whole.Write(SecretAccess{}).begin() + static_cast<ptrdiff_t>(package_head.size()));

  Bytes attributes;  // DER orders a SET by its octets: contentType is the shorter one
  DerWriter list(attributes);
  list.Sequence([&](DerWriter& a) {
    a.Oid(kContentType);
    a.Nest(der::kSet, [&](DerWriter& v) { v.Oid(content_type); });
  });
  list.Sequence([&](DerWriter& a) {
    a.Oid(kMessageDigest);
    a.Nest(der::kSet,
           [&](DerWriter& v) { v.OctetString(HashOf(hash, whole.Read(SecretAccess{}))); });
  });
  Bytes to_sign;
  DerWriter(to_sign).Element(der::kSet, attributes);
  BM_TRY(Bytes signature, by.signer.Sign(to_sign));

  // What stands before and after the key is public.
  const auto digest_algorithm = [&](DerWriter& w) {
    w.Sequence([&](DerWriter& a) { a.Element(der::kOid, HashOid(hash)); });
  };
  Bytes after;
  DerWriter tail(after);
  tail.Nest(der::Context(0, true), [&](DerWriter& certs) {
    certs.Raw(by.certificate.der());
    for (const Bytes& c : by.above) certs.Raw(c);
  });
  tail.Nest(der::kSet, [&](DerWriter& infos) {
    infos.Sequence([&](DerWriter& info) {
      const auto& ski = by.certificate.ski();
      info.Unsigned(ski ? 3 : 1);
      if (ski) {
        info.Element(der::Context(0, false), *ski);
      } else {
        IssuerAndSerial(info, by.certificate);
      }
      digest_algorithm(info);
      info.Element(der::Context(0, true), attributes);
      info.Raw(SignatureAlgorithm(algorithm));
      info.OctetString(signature);
    });
  });
  Bytes before;
  DerWriter front(before);
  // RFC 5652 section 5.1.
  front.Unsigned(bare && !by.certificate.ski() ? 1 : 3);
  front.Nest(der::kSet, digest_algorithm);

  Bytes type;
  DerWriter(type).Oid(content_type);
  const Bytes octets = Around(der::kOctetString, package);
  const Bytes tagged = Around(der::Context(0, true), octets.size() + package);
  const size_t content = type.size() + tagged.size() + octets.size() + package;
  const Bytes encap = Around(der::kSequence, content);
  const Bytes outer = Around(der::kSequence, before.size() + encap.size() + content + after.size());
  SecretBytes out(outer.size() + before.size() + encap.size() + content + after.size());
  auto to = out.Write(SecretAccess{}).begin();
  for (ByteView part :
       {ByteView(outer), ByteView(before), ByteView(encap), ByteView(type), ByteView(tagged),
        ByteView(octets), whole.Read(SecretAccess{}), ByteView(after)}) {
    to = std::ranges::copy(part, to).out;
  }
  return out;
}

Result<Bytes> EnvelopForSecret(const SecretBytes& signed_data, const SecretBytes& secret) {
  const SecretBytes key = RandomKey();
  std::array<uint8_t, kBlock> salt, iv;
  Random(salt);
  Random(iv);
  SecretBytes kek(kKey);
  const ByteView password = secret.Read(SecretAccess{});
  if (PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()),
                        static_cast<int>(password.size()), salt.data(), salt.size(),
                        kPbkdf2Iterations, EVP_sha256(), kKey,
                        kek.Write(SecretAccess{}).data()) != 1)
    return Failed("deriving a key");
  // RFC 3211 section 2.3.1: length, three octets to check, the key, padding; encrypted twice.
  SecretBytes block(3 * kBlock);
  std::span<uint8_t> b = block.Write(SecretAccess{});
  Random(b);
  b[0] = kKey;
  const ByteView k = key.Read(SecretAccess{});
  for (size_t i = 0; i < 3; ++i) b[1 + i] = static_cast<uint8_t>(~k[i]);
  std::ranges::copy(k, b.begin() + 4);
  BM_TRY(Bytes wrapped, Cbc(kek.Read(SecretAccess{}), iv, b, false, 2));
  Bytes recipient;
  DerWriter(recipient).Nest(der::Context(3, true), [&](DerWriter& w) {
    w.Unsigned(0);
    w.Nest(der::Context(0, true), [&](DerWriter& derivation) {
      derivation.Oid(kPbkdf2);
      derivation.Sequence([&](DerWriter& p) {
        p.OctetString(salt);
        p.Unsigned(kPbkdf2Iterations);
        p.Unsigned(kKey);
        p.Sequence([](DerWriter& prf) {
          prf.Element(der::kOid, oid::kHmacWithSha256);
          prf.Null();
        });
      });
    });
    AlgorithmWith(w, kPwriKek, [&](DerWriter& p) {
      AlgorithmWith(p, kAes256Cbc, [&](DerWriter& v) { v.OctetString(iv); });
    });
    w.OctetString(wrapped);
  });
  return Envelop(signed_data, key, 3, recipient);
}

Result<Bytes> EnvelopForCertificate(const SecretBytes& signed_data,
                                    const crypto::Certificate& recipient) {
  BM_CHECK(CanReceive(recipient));
  const SecretBytes key = RandomKey();
  const bool rsa = IsRsa(recipient.public_key()->algorithm());
  BM_TRY(Bytes info, rsa ? TransportRecipient(recipient, key) : AgreeRecipient(recipient, key));
  return Envelop(signed_data, key, rsa ? 0 : 2, info);
}

}  // namespace birthmark::enroll::cmp
