// SPDX-License-Identifier: Apache-2.0
#include "audit/facts.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/key.h"

namespace birthmark::audit {
namespace {

using crypto::DerReader;
namespace der = crypto::der;

constexpr std::string_view kRsa = "1.2.840.113549.1.1.1", kRsaPss = "1.2.840.113549.1.1.10",
                           kEc = "1.2.840.10045.2.1";
// NIST SP 800-131A revision 2: below 112 bits of strength a key makes no signatures.
constexpr int kLeastStrength = 112;
constexpr size_t kLeastModulusBits = 2048;

std::unexpected<Error> NotSpki(const Error& e) {
  return Refused("audit.unreadable", "no SubjectPublicKeyInfo in DER: " + e.message);
}

// FillRsa reads RSAPublicKey (RFC 8017 appendix A.1.1).
Status FillRsa(ByteView bits, KeyFacts& f) {
  DerReader outer(bits);
  BM_TRY(DerReader key, outer.Enter());
  BM_CHECK(outer.End());
  BM_TRY(ByteView modulus, key.Unsigned());
  BM_TRY(ByteView exponent, key.Unsigned());
  BM_CHECK(key.End());
  f.key = crypto::Sha256(AsBytes("rsa"), modulus);
  const bool huge = modulus.size() * 8 > kMaxModulusBits || exponent.size() > modulus.size();
  if (huge) {
    f.kind = fmt::format("rsa of about {} bits", modulus.size() * 8);
    f.invalid = fmt::format("an RSA key with a modulus of {} and an exponent of {} octets",
                            modulus.size(), exponent.size());
    return {};
  }
  f.rsa = RsaNumbers{ToNumber(modulus), ToNumber(exponent)};
  const size_t size = BitsOf(f.rsa->modulus);
  f.kind = fmt::format("rsa-{}", size);
  if (f.rsa->modulus < 2) {
    f.rsa.reset();
    f.invalid = "an RSA key without a modulus";
    return {};
  }
  if (size < kLeastModulusBits) f.weak = fmt::format("an RSA modulus of {} bits", size);
  return {};
}

// FillByLibrary asks OpenSSL, which knows many algorithms and whether a point is on its curve.
void FillByLibrary(ByteView spki, const std::string& why, KeyFacts& f) {
  const uint8_t* p = spki.data();
  crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  ERR_clear_error();
  if (key == nullptr) {
    const int nid = OBJ_txt2nid(f.kind.c_str());
    f.unexamined = nid == NID_undef || EVP_PKEY_type(nid) == NID_undef;
    if (!f.unexamined) f.invalid = why;
    return;
  }
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC) {
    char group[64] = {};
    size_t n = 0;
    EVP_PKEY_get_group_name(key.get(), group, sizeof group, &n);
    f.kind = fmt::format("ec-{}", std::string_view(group, n));
  } else if (const char* name = EVP_PKEY_get0_type_name(key.get()); name != nullptr) {
    f.kind = fmt::format("{}-{}", name, EVP_PKEY_get_bits(key.get()));
  }
  if (EVP_PKEY_get_security_bits(key.get()) < kLeastStrength) {
    f.weak = fmt::format("a key of {} bits ({})", EVP_PKEY_get_bits(key.get()), f.kind);
  }
}

void FillOther(ByteView spki, const std::string& oid, ByteView algorithm, ByteView bits,
               KeyFacts& f) {
  f.kind = oid;
  // SEC 1 section 2.3.3: 04 x y, or 02/03 and x alone. A point and its negative share x, and their
  // private keys differ in sign.
  if (oid == kEc && bits.size() >= 2) {
    const size_t x = bits[0] == 0x04 ? (bits.size() - 1) / 2 : bits.size() - 1;
    f.key = crypto::Sha256(algorithm, bits.subspan(1, x));
  } else {
    f.key = crypto::Sha256(algorithm, bits);
  }
  auto ours = crypto::PublicKey::FromSpki(spki);
  if (ours) {
    f.kind = crypto::ToText(ours->algorithm());
  } else if (ours.error().code == "key.weak") {
    f.invalid = ours.error().message;
  } else {
    FillByLibrary(spki, ours.error().message, f);
  }
}

}  // namespace

Result<KeyFacts> Examine(ByteView spki) {
  KeyFacts f;
  f.spki = crypto::Sha256(spki);
  DerReader file(spki);
  auto outer = file.Enter();
  if (!outer) return NotSpki(outer.error());
  if (auto end = file.End(); !end) return NotSpki(end.error());
  auto algorithm = outer->Next();
  if (!algorithm) return NotSpki(algorithm.error());
  auto bits = outer->BitStringOctets();
  if (!bits) return NotSpki(bits.error());
  if (auto end = outer->End(); !end) return NotSpki(end.error());
  DerReader identifier(algorithm->content);
  auto oid = identifier.Oid();
  if (algorithm->tag != der::kSequence || !oid) {
    return Refused("audit.unreadable", "a SubjectPublicKeyInfo without an algorithm");
  }
  if (*oid == kRsa || *oid == kRsaPss) {
    if (Status s = FillRsa(*bits, f); !s) {
      f.kind = "rsa";
      f.key = f.spki;
      f.invalid = "an RSA key that is no RSAPublicKey in DER: " + s.error().message;
    }
    return f;
  }
  FillOther(spki, *oid, algorithm->whole, *bits, f);
  return f;
}

}  // namespace birthmark::audit
