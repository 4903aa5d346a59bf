// SPDX-License-Identifier: Apache-2.0
#include "element/tpm/templates.h"

#include <cstring>

namespace birthmark::element::tpm {
namespace {

// PolicySecret(TPM_RH_ENDORSEMENT), which every EK of the TCG's low templates carries.
// Source: TCG EK Credential Profile, B.6.2 (PolicyA, SHA-256).
constexpr uint8_t kPolicyA[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                  0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                  0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

// Parent is what storage root and endorsement keys have in common.
TPM2B_PUBLIC Parent(TPMI_ALG_PUBLIC type) {
  TPM2B_PUBLIC t{};
  TPMT_PUBLIC& a = t.publicArea;
  a.type = type;
  a.nameAlg = TPM2_ALG_SHA256;
  a.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_RESTRICTED |
                       TPMA_OBJECT_DECRYPT;
  TPMT_SYM_DEF_OBJECT& sym =
      type == TPM2_ALG_RSA ? a.parameters.rsaDetail.symmetric : a.parameters.eccDetail.symmetric;
  sym.algorithm = TPM2_ALG_AES;
  sym.keyBits.aes = 128;
  sym.mode.aes = TPM2_ALG_CFB;
  if (type == TPM2_ALG_RSA) {
    a.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    a.parameters.rsaDetail.keyBits = 2048;
    a.unique.rsa.size = 256;
  } else {
    a.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
    a.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
    a.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
    a.unique.ecc.x.size = a.unique.ecc.y.size = 32;
  }
  return t;
}

}  // namespace

TPM2B_PUBLIC SigningKey(bool restricted) {
  TPM2B_PUBLIC t{};
  TPMT_PUBLIC& a = t.publicArea;
  a.type = TPM2_ALG_ECC;
  a.nameAlg = TPM2_ALG_SHA256;
  // No secret authorises its use, so there is nothing that a dictionary could guess; and a device
  // whose power is cut in the middle must not lock itself out.
  a.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                       TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT |
                       (restricted ? TPMA_OBJECT_RESTRICTED : 0);
  a.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
  a.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
  a.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  a.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  a.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  return t;
}

TPM2B_PUBLIC StorageRootTemplate() {
  TPM2B_PUBLIC t = Parent(TPM2_ALG_ECC);
  t.publicArea.objectAttributes |= TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  return t;
}

TPM2B_PUBLIC EkTemplate(bool rsa) {
  TPM2B_PUBLIC t = Parent(rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC);
  t.publicArea.objectAttributes |= TPMA_OBJECT_ADMINWITHPOLICY;
  t.publicArea.authPolicy.size = sizeof kPolicyA;
  std::memcpy(t.publicArea.authPolicy.buffer, kPolicyA, sizeof kPolicyA);
  return t;
}

}  // namespace birthmark::element::tpm
