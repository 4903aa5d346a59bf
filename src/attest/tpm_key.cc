// SPDX-License-Identifier: Apache-2.0
// The part of tpm.h that takes OpenSSL: keys, hashes and signatures.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "attest/octets.h"
#include "attest/tpm.h"
#include "crypto/der.h"
#include "crypto/ecdsa_form.h"
#include "crypto/openssl.h"

namespace birthmark::attest {
namespace {

namespace der = crypto::der;

const EVP_MD* DigestOf(uint16_t hash_alg) {
  switch (hash_alg) {
    case alg::kSha256:
      return EVP_sha256();
    case alg::kSha384:
      return EVP_sha384();
    case alg::kSha512:
      return EVP_sha512();
    default:  // SHA-1 as well: nothing is believed because of it
      return nullptr;
  }
}

std::unexpected<Error> BadKey(std::string why) {
  ERR_clear_error();
  return Refused("tpm.key", "the public area holds no usable key: " + std::move(why));
}

Result<crypto::EvpKeyPtr> KeyOf(ByteView spki) {
  const uint8_t* p = spki.data();
  crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  if (key == nullptr || p != spki.data() + spki.size())
    return BadKey("it is no SubjectPublicKeyInfo");
  return key;
}

void Pad(Bytes& out, const Bytes& b, size_t size) {
  out.insert(out.end(), size - b.size(), 0);
  out.insert(out.end(), b.begin(), b.end());
}

bool IsEc(EVP_PKEY* key) { return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC; }

std::unexpected<Error> BadSignature(std::string why) {
  ERR_clear_error();
  return Refused("attest.signature", "the signature over the attestation " + std::move(why));
}

Result<TpmSignature> BareSignature(ByteView b, EVP_PKEY* key) {
  TpmSignature s{.hash = alg::kSha256};
  if (!IsEc(key)) {
    s.scheme = alg::kRsassa;
    s.rsa.assign(b.begin(), b.end());
    return s;
  }
  const size_t half = static_cast<size_t>(EVP_PKEY_get_bits(key) + 7) / 8;
  if (half == 48) s.hash = alg::kSha384;
  BM_TRY(Bytes raw, crypto::EcdsaDerToRaw(b, half));
  s.scheme = alg::kEcdsa;
  s.r.assign(raw.begin(), raw.begin() + static_cast<ptrdiff_t>(half));
  s.s.assign(raw.begin() + static_cast<ptrdiff_t>(half), raw.end());
  return s;
}

}  // namespace

Result<Bytes> HashOf(uint16_t hash_alg, ByteView data) {
  const EVP_MD* md = DigestOf(hash_alg);
  if (md == nullptr) {
    return Refused("tpm.value", "the hash " + AlgorithmText(hash_alg) + " is not one to rely on",
                   "SHA-256, SHA-384 and SHA-512 are");
  }
  Bytes out(static_cast<size_t>(EVP_MD_get_size(md)));
  if (EVP_Digest(data.data(), data.size(), out.data(), nullptr, md, nullptr) != 1)
    return std::unexpected(crypto::OpenSslError("attest.crypto", "hashing"));
  return out;
}

Result<Bytes> TpmPublic::Spki() const {
  Bytes out;
  crypto::DerWriter w(out);
  if (type == alg::kRsa) {
    Bytes key;
    crypto::DerWriter(key).Sequence([&](crypto::DerWriter& k) {
      k.Unsigned(ByteView(rsa_modulus));
      // Part 2 section 12.2.3.5: 0 stands for the default, 2^16 + 1.
      k.Unsigned(uint64_t{rsa_exponent == 0 ? 65537 : rsa_exponent});
    });
    w.Sequence([&](crypto::DerWriter& s) {
      s.Sequence([](crypto::DerWriter& a) {
        a.Oid("1.2.840.113549.1.1.1");
        a.Null();
      });
      s.BitString(key);
    });
  } else {
    if (curve != kCurveP256 && curve != kCurveP384)
      return BadKey(fmt::format("curve {:04x} is neither P-256 nor P-384", curve));
    const size_t half = curve == kCurveP256 ? 32 : 48;
    if (x.size() > half || y.size() > half) return BadKey("a coordinate is too long");
    Bytes point = {4};
    Pad(point, x, half);
    Pad(point, y, half);
    w.Sequence([&](crypto::DerWriter& s) {
      s.Sequence([&](crypto::DerWriter& a) {
        a.Oid("1.2.840.10045.2.1");
        a.Oid(curve == kCurveP256 ? "1.2.840.10045.3.1.7" : "1.3.132.0.34");
      });
      s.BitString(point);
    });
  }
  BM_TRY(crypto::EvpKeyPtr key, KeyOf(out));  // decoding an EC point checks that it is on its curve
  if (type == alg::kRsa && EVP_PKEY_get_security_bits(key.get()) < 112)
    return BadKey("an RSA key of fewer than 2048 bits");
  return out;
}

Result<TpmSignature> ReadSignature(ByteView b, ByteView spki) {
  if (!spki.empty()) {
    BM_TRY(crypto::EvpKeyPtr key, KeyOf(spki));
    // A TPMT_SIGNATURE begins with 00 and is longer than what is in it.
    const bool bare = IsEc(key.get())
                          ? !b.empty() && b[0] == der::kSequence
                          : b.size() == static_cast<size_t>(EVP_PKEY_get_size(key.get()));
    if (bare) return BareSignature(b, key.get());
  }
  OctetReader r(b, "TPMT_SIGNATURE");
  TpmSignature s;
  s.scheme = r.U16("sigAlg");
  s.hash = r.U16("hash");
  if (s.scheme == alg::kEcdsa) {
    s.r = r.Sized(66, "signatureR");
    s.s = r.Sized(66, "signatureS");
  } else if (s.scheme == alg::kRsassa || s.scheme == alg::kRsapss) {
    s.rsa = r.Sized(512, "sig");
  } else {
    r.Refuse("sigAlg", AlgorithmText(s.scheme) + " is not supported");
  }
  BM_CHECK(r.Done());
  return s;
}

Bytes WriteSignature(const TpmSignature& s) {
  Bytes out;
  PutU16(out, s.scheme);
  PutU16(out, s.hash);
  if (s.scheme == alg::kEcdsa) {
    PutSized(out, s.r);
    PutSized(out, s.s);
  } else {
    PutSized(out, s.rsa);
  }
  return out;
}

Status VerifySignature(ByteView spki, const TpmSignature& s, ByteView message) {
  BM_TRY(crypto::EvpKeyPtr key, KeyOf(spki));
  const EVP_MD* md = DigestOf(s.hash);
  if (md == nullptr) return BadSignature("uses " + AlgorithmText(s.hash));
  if (IsEc(key.get()) != (s.scheme == alg::kEcdsa))
    return BadSignature("is " + AlgorithmText(s.scheme) + ", which is not of the key's kind");
  Bytes signature = s.rsa;
  if (s.scheme == alg::kEcdsa) {
    const size_t half = static_cast<size_t>(EVP_PKEY_get_bits(key.get()) + 7) / 8;
    if (s.r.size() > half || s.s.size() > half) return BadSignature("is too long for its key");
    Bytes raw;
    Pad(raw, s.r, half);
    Pad(raw, s.s, half);
    auto encoded = crypto::EcdsaRawToDer(raw);
    if (!encoded) return BadSignature("is no ECDSA signature");
    signature = std::move(*encoded);
  }
  crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* params = nullptr;
  bool ok = EVP_DigestVerifyInit(ctx.get(), &params, md, nullptr, key.get()) == 1;
  if (ok && s.scheme == alg::kRsapss) {
    // The TPM salts with as much as fits, or with the hash's size: Part 1 annex B.7.
    ok = EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_AUTO) == 1;
  }
  ok = ok && EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(),
                              message.size()) == 1;
  if (!ok) {
    ERR_clear_error();
    return Refused("attest.tampered",
                   "the signature does not verify: what was signed was altered, or another key "
                   "signed it");
  }
  return {};
}

}  // namespace birthmark::attest
