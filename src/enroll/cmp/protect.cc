// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/protect.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "enroll/cmp/message.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::Algorithm;
using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr size_t kMaxSalt = 128;

std::unexpected<Error> BadAlg(std::string why) { return Refused("cmp.bad-alg", std::move(why)); }

// Looked up once: a look-up by name costs more than the hash of a message.
const EVP_MD* Md(Hash h) {
  static const std::array<EVP_MD*, 4> kAll = {
      EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_fetch(nullptr, "SHA256", nullptr),
      EVP_MD_fetch(nullptr, "SHA384", nullptr), EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return kAll[static_cast<size_t>(h)];
}

// Hash functions of a thread share one context.
void HashParts(Hash h, std::initializer_list<ByteView> parts, uint8_t* out) {
  thread_local crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  bool ok = ctx != nullptr && EVP_DigestInit_ex2(ctx.get(), Md(h), nullptr) == 1;
  for (ByteView p : parts) ok = ok && EVP_DigestUpdate(ctx.get(), p.data(), p.size()) == 1;
  // A hash over octets in memory fails only without memory.
  if (!ok || EVP_DigestFinal_ex(ctx.get(), out, nullptr) != 1) std::abort();
}

size_t SizeOf(Hash h) { return static_cast<size_t>(EVP_MD_get_size(Md(h))); }

struct HashName {
  ByteView oid;
  Hash hash;
};

std::optional<Hash> Find(std::initializer_list<HashName> names, ByteView oid) {
  for (const HashName& n : names) {
    if (std::ranges::equal(n.oid, oid)) return n.hash;
  }
  return std::nullopt;
}

std::optional<Hash> PlainHash(ByteView oid) {
  return Find(
      {{oid::kSha256, Hash::kSha256}, {oid::kSha384, Hash::kSha384}, {oid::kSha512, Hash::kSha512}},
      oid);
}

std::optional<Hash> HmacHash(ByteView oid) {
  return Find({{oid::kHmacSha1, Hash::kSha1},
               {oid::kHmacWithSha1, Hash::kSha1},
               {oid::kHmacWithSha256, Hash::kSha256},
               {oid::kHmacWithSha384, Hash::kSha384},
               {oid::kHmacWithSha512, Hash::kSha512}},
              oid);
}

// The hash inside a signature algorithm, and the kind of key that makes such signatures.
struct SignatureKind {
  enum Key { kEcdsa, kRsa, kEdwards } key;
  Hash hash;
};

std::optional<SignatureKind> KindOf(ByteView oid) {
  using enum SignatureKind::Key;
  const auto ecdsa = Find({{oid::kEcdsaSha256, Hash::kSha256},
                           {oid::kEcdsaSha384, Hash::kSha384},
                           {oid::kEcdsaSha512, Hash::kSha512}},
                          oid);
  if (ecdsa) return SignatureKind{kEcdsa, *ecdsa};
  const auto rsa = Find({{oid::kRsaSha256, Hash::kSha256},
                         {oid::kRsaSha384, Hash::kSha384},
                         {oid::kRsaSha512, Hash::kSha512}},
                        oid);
  if (rsa) return SignatureKind{kRsa, *rsa};
  // RFC 8419 section 3: SHA-512 goes with Ed25519.
  if (Is(oid, oid::kEd25519)) return SignatureKind{kEdwards, Hash::kSha512};
  return std::nullopt;
}

bool IsOfKind(Algorithm a, SignatureKind::Key kind) {
  switch (a) {
    case Algorithm::kEcdsaP256:
    case Algorithm::kEcdsaP384:
      return kind == SignatureKind::kEcdsa;
    case Algorithm::kEd25519:
      return kind == SignatureKind::kEdwards;
    default:
      return kind == SignatureKind::kRsa;
  }
}

// The hash with which PublicKey::Verify checks; the others go through EVP.
Hash OwnHash(Algorithm a) {
  if (a == Algorithm::kEd25519) return Hash::kSha512;
  return a == Algorithm::kEcdsaP384 ? Hash::kSha384 : Hash::kSha256;
}

bool VerifyWithEvp(const crypto::PublicKey& key, Hash h, ByteView text, ByteView signature) {
  crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  const bool ok =
      ctx != nullptr && EVP_DigestVerifyInit(ctx.get(), nullptr, Md(h), nullptr, key.evp()) == 1 &&
      EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), text.data(), text.size()) ==
          1;
  ERR_clear_error();
  return ok;
}

}  // namespace

Bytes HashOf(Hash h, ByteView text) {
  Bytes out(SizeOf(h));
  HashParts(h, {text}, out.data());
  return out;
}

Bytes HmacOf(Hash h, ByteView key, ByteView text) {
  const size_t block = static_cast<size_t>(EVP_MD_get_block_size(Md(h)));
  std::array<uint8_t, 128> pad{};
  if (key.size() > block) {
    HashParts(h, {key}, pad.data());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  Bytes out(SizeOf(h));
  for (uint8_t& b : pad) b ^= 0x36;
  HashParts(h, {ByteView(pad).first(block), text}, out.data());
  for (uint8_t& b : pad) b ^= 0x36 ^ 0x5c;
  HashParts(h, {ByteView(pad).first(block), out}, out.data());
  Wipe(pad.data(), pad.size());
  return out;
}

Result<Pbm> ReadPbm(ByteView algorithm) {
  BM_TRY(AlgorithmId id, ReadAlgorithm(algorithm));
  if (Is(id.oid, oid::kPbmac1)) return BadAlg("PBMAC1 is not taken here; use PasswordBasedMac");
  if (!Is(id.oid, oid::kPbm)) return BadAlg("not PasswordBasedMac");
  auto read = [&]() -> Result<Pbm> {
    DerReader file(id.parameters);
    BM_TRY(DerReader r, file.Enter());
    Pbm p;
    BM_TRY(p.salt, r.Expect(der::kOctetString));
    BM_TRY(crypto::DerElement owf, r.Next());
    BM_TRY(p.iterations, r.SmallUnsigned());
    BM_TRY(crypto::DerElement mac, r.Next());
    BM_CHECK(r.End());
    BM_TRY(AlgorithmId owf_id, ReadAlgorithm(owf.whole));
    BM_TRY(AlgorithmId mac_id, ReadAlgorithm(mac.whole));
    const auto owf_hash = PlainHash(owf_id.oid), mac_hash = HmacHash(mac_id.oid);
    if (!owf_hash) return BadAlg("the one-way function is not SHA-256, SHA-384 or SHA-512");
    if (!mac_hash) return BadAlg("the MAC is not HMAC with SHA-1, SHA-256, SHA-384 or SHA-512");
    p.owf = *owf_hash;
    p.mac = *mac_hash;
    return p;
  };
  auto p = read();
  if (!p) {
    if (p.error().code == "cmp.bad-alg") return p;
    return Refused("cmp.bad-data-format", "not PBMParameter: " + p.error().message);
  }
  if (p->iterations < kLeastIterations || p->iterations > kMostIterations) {
    return BadAlg(fmt::format("{} iterations; {} to {} are taken", p->iterations, kLeastIterations,
                              kMostIterations));
  }
  if (p->salt.size() > kMaxSalt) return BadAlg("a salt of more than 128 octets");
  return p;
}

SecretBytes PbmKey(const Pbm& p, const SecretBytes& secret) {
  if (p.owf == Hash::kSha256) {
    Digest d = crypto::Sha256(secret.Read(SecretAccess{}), p.salt);
    for (uint64_t i = 1; i < p.iterations; ++i) d = crypto::Sha256(d);
    SecretBytes key(d.size());
    std::ranges::copy(d, key.Write(SecretAccess{}).begin());
    Wipe(d.data(), d.size());
    return key;
  }
  SecretBytes key(SizeOf(p.owf));
  std::span<uint8_t> k = key.Write(SecretAccess{});
  HashParts(p.owf, {secret.Read(SecretAccess{}), p.salt}, k.data());
  for (uint64_t i = 1; i < p.iterations; ++i) HashParts(p.owf, {k}, k.data());
  return key;
}

Bytes ProtectedPart(ByteView header_and_body) {
  Bytes out;
  out.reserve(header_and_body.size() + 6);
  DerWriter(out).Element(der::kSequence, header_and_body);
  return out;
}

Status VerifySignature(ByteView algorithm, const crypto::PublicKey& key, ByteView text,
                       ByteView signature) {
  BM_TRY(AlgorithmId id, ReadAlgorithm(algorithm));
  const auto kind = KindOf(id.oid);
  if (!kind) return BadAlg("not a signature over SHA-256, SHA-384 or SHA-512, and not Ed25519");
  if (!IsOfKind(key.algorithm(), kind->key)) {
    return BadAlg(fmt::format("a signature of another kind than the key, which is {}",
                              crypto::ToText(key.algorithm())));
  }
  const bool null = std::ranges::equal(id.parameters, std::array<uint8_t, 2>{0x05, 0x00});
  // RFC 5758 section 3.2, RFC 8410 section 3: no parameters; RFC 4055 section 5: NULL. OpenSSL with
  // tpm2-openssl's provider writes NULL for ECDSA too, and neither hash nor curve depends on it.
  if (!id.parameters.empty() && !(null && kind->key != SignatureKind::kEdwards))
    return BadAlg("a signature algorithm with parameters");
  const bool ok = kind->hash == OwnHash(key.algorithm())
                      ? key.Verify(text, signature)
                      : VerifyWithEvp(key, kind->hash, text, signature);
  if (!ok) return Refused("cmp.bad-message-check", "the signature does not verify");
  return {};
}

Bytes SignatureAlgorithm(Algorithm a) {
  ByteView name = oid::kRsaSha256;
  if (a == Algorithm::kEcdsaP256) name = oid::kEcdsaSha256;
  if (a == Algorithm::kEcdsaP384) name = oid::kEcdsaSha384;
  if (a == Algorithm::kEd25519) name = oid::kEd25519;
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Element(der::kOid, name);
    if (IsOfKind(a, SignatureKind::kRsa)) w.Null();
  });
  return out;
}

Result<Bytes> CertHash(ByteView certificate, ByteView signature_algorithm,
                       ByteView hash_algorithm) {
  std::optional<Hash> hash;
  if (!hash_algorithm.empty()) {
    BM_TRY(AlgorithmId id, ReadAlgorithm(hash_algorithm));
    hash = PlainHash(id.oid);
  } else {
    BM_TRY(AlgorithmId id, ReadAlgorithm(signature_algorithm));
    if (auto kind = KindOf(id.oid)) hash = kind->hash;
  }
  if (!hash) return BadAlg("certHash is not over SHA-256, SHA-384 or SHA-512");
  return HashOf(*hash, certificate);
}

}  // namespace birthmark::enroll::cmp
