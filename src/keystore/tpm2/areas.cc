// SPDX-License-Identifier: Apache-2.0
#include "keystore/tpm2/areas.h"

#include <cstring>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::keystore::tpm2 {
namespace {

using crypto::Algorithm;

Result<crypto::PublicKey> SpkiFrom(const std::function<void(crypto::DerWriter&)>& algorithm,
                                   ByteView bits) {
  Bytes spki;
  crypto::DerWriter(spki).Sequence([&](crypto::DerWriter& w) {
    w.Sequence(algorithm);
    w.BitString(bits);
  });
  return crypto::PublicKey::FromSpki(spki);
}

// Padded puts a big-endian number to the end of `size` octets.
bool Padded(Bytes& out, const uint8_t* number, size_t n, size_t size) {
  if (n > size) return false;
  out.insert(out.end(), size - n, 0);
  out.insert(out.end(), number, number + n);
  return true;
}

}  // namespace

std::optional<TPM2B_PUBLIC> SigningTemplate(Algorithm algorithm) {
  TPM2B_PUBLIC t{};
  TPMT_PUBLIC& a = t.publicArea;
  a.nameAlg = TPM2_ALG_SHA256;
  a.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                       TPMA_OBJECT_SIGN_ENCRYPT;
  if (algorithm == Algorithm::kEd25519) return std::nullopt;
  if (algorithm == Algorithm::kEcdsaP256 || algorithm == Algorithm::kEcdsaP384) {
    const bool p256 = algorithm == Algorithm::kEcdsaP256;
    a.type = TPM2_ALG_ECC;
    TPMS_ECC_PARMS& p = a.parameters.eccDetail;
    p.symmetric.algorithm = TPM2_ALG_NULL;
    p.scheme.scheme = TPM2_ALG_ECDSA;
    p.scheme.details.ecdsa.hashAlg = p256 ? TPM2_ALG_SHA256 : TPM2_ALG_SHA384;
    p.curveID = p256 ? TPM2_ECC_NIST_P256 : TPM2_ECC_NIST_P384;
    p.kdf.scheme = TPM2_ALG_NULL;
    return t;
  }
  a.type = TPM2_ALG_RSA;
  TPMS_RSA_PARMS& p = a.parameters.rsaDetail;
  p.symmetric.algorithm = TPM2_ALG_NULL;
  p.scheme.scheme = TPM2_ALG_RSASSA;
  p.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
  p.keyBits = algorithm == Algorithm::kRsa2048   ? 2048
              : algorithm == Algorithm::kRsa3072 ? 3072
                                                 : 4096;
  return t;
}

TPM2B_PUBLIC RootTemplate() {
  TPM2B_PUBLIC t{};
  TPMT_PUBLIC& a = t.publicArea;
  a.type = TPM2_ALG_ECC;
  a.nameAlg = TPM2_ALG_SHA256;
  a.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_RESTRICTED |
                       TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  TPMS_ECC_PARMS& p = a.parameters.eccDetail;
  p.symmetric.algorithm = TPM2_ALG_AES;
  p.symmetric.keyBits.aes = 128;
  p.symmetric.mode.aes = TPM2_ALG_CFB;
  p.scheme.scheme = TPM2_ALG_NULL;
  p.curveID = TPM2_ECC_NIST_P256;
  p.kdf.scheme = TPM2_ALG_NULL;
  a.unique.ecc.x.size = a.unique.ecc.y.size = 32;
  return t;
}

Result<crypto::PublicKey> KeyOf(const TPMT_PUBLIC& a) {
  auto bad = [] {
    return Refused("keystore.corrupt", "the TPM key's public area is of no kind used here");
  };
  if (a.type == TPM2_ALG_ECC) {
    const bool p256 = a.parameters.eccDetail.curveID == TPM2_ECC_NIST_P256;
    if (!p256 && a.parameters.eccDetail.curveID != TPM2_ECC_NIST_P384) return bad();
    const size_t size = p256 ? 32 : 48;
    Bytes point = {4};
    if (!Padded(point, a.unique.ecc.x.buffer, a.unique.ecc.x.size, size) ||
        !Padded(point, a.unique.ecc.y.buffer, a.unique.ecc.y.size, size))
      return bad();
    return SpkiFrom(
        [&](crypto::DerWriter& w) {
          w.Oid("1.2.840.10045.2.1");
          w.Oid(p256 ? "1.2.840.10045.3.1.7" : "1.3.132.0.34");
        },
        point);
  }
  if (a.type != TPM2_ALG_RSA || a.unique.rsa.size > sizeof a.unique.rsa.buffer) return bad();
  // TPM 2.0 Part 2 section 12.2.3.5: an exponent of 0 is 65537.
  const uint32_t e = a.parameters.rsaDetail.exponent;
  Bytes key;
  crypto::DerWriter(key).Sequence([&](crypto::DerWriter& w) {
    w.Unsigned(ByteView(a.unique.rsa.buffer, a.unique.rsa.size));
    w.Unsigned(uint64_t{e == 0 ? 65537 : e});
  });
  return SpkiFrom(
      [](crypto::DerWriter& w) {
        w.Oid("1.2.840.113549.1.1.1");
        w.Null();
      },
      key);
}

TPM2B_DIGEST DigestOf(Algorithm a, ByteView message) {
  TPM2B_DIGEST d{};
  auto put = [&](const auto& digest) {
    d.size = static_cast<UINT16>(digest.size());
    std::memcpy(d.buffer, digest.data(), digest.size());
  };
  if (a == Algorithm::kEcdsaP384) {
    put(crypto::Sha384(message));
  } else {
    put(crypto::Sha256(message));
  }
  return d;
}

Result<Bytes> FromTpm(Algorithm a, const TPMT_SIGNATURE& s) {
  auto bad = [] {
    return Environment("element.failed", "the TPM's signature is of another kind than its key");
  };
  if (a == Algorithm::kEcdsaP256 || a == Algorithm::kEcdsaP384) {
    const size_t size = a == Algorithm::kEcdsaP256 ? 32 : 48;
    const TPMS_SIGNATURE_ECC& ecc = s.signature.ecdsa;
    Bytes raw;
    if (s.sigAlg != TPM2_ALG_ECDSA ||
        !Padded(raw, ecc.signatureR.buffer, ecc.signatureR.size, size) ||
        !Padded(raw, ecc.signatureS.buffer, ecc.signatureS.size, size))
      return bad();
    return crypto::EcdsaRawToDer(raw);
  }
  const TPM2B_PUBLIC_KEY_RSA& rsa = s.signature.rsassa.sig;
  if (s.sigAlg != TPM2_ALG_RSASSA || rsa.size > sizeof rsa.buffer) return bad();
  return Bytes(rsa.buffer, rsa.buffer + rsa.size);
}

}  // namespace birthmark::keystore::tpm2
