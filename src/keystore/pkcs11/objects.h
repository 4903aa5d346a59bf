// SPDX-License-Identifier: Apache-2.0
// What PKCS #11 calls each algorithm, and how its objects' attributes become keys and signatures of
// X.509. Private to this folder. Pure functions.
#pragma once

#include <p11-kit/pkcs11.h>

#include "crypto/key.h"

namespace birthmark::keystore::pkcs11 {

// Mechanisms of one algorithm.
struct Mechanisms {
  CK_MECHANISM_TYPE generate;
  CK_MECHANISM_TYPE sign;
  CK_KEY_TYPE key_type;
};
Mechanisms MechanismsOf(crypto::Algorithm a);

// CurveParams is CKA_EC_PARAMS: the curve's OID in DER; empty for RSA.
Bytes CurveParams(crypto::Algorithm a);
// ModulusBits of an RSA algorithm; 0 for others.
CK_ULONG ModulusBits(crypto::Algorithm a);

// EcKey makes a public key from CKA_EC_PARAMS and CKA_EC_POINT, RsaKey from CKA_MODULUS and
// CKA_PUBLIC_EXPONENT. Errors: keystore.corrupt; those of PublicKey::FromSpki.
Result<crypto::PublicKey> EcKey(ByteView params, ByteView point);
Result<crypto::PublicKey> RsaKey(ByteView modulus, ByteView exponent);

// ToSign is what goes into C_Sign: the digest (ECDSA), DigestInfo (RSA), or the message (Ed25519).
Bytes ToSign(crypto::Algorithm a, ByteView message);
// FromToken turns what C_Sign gives into the form that certificates carry. Errors: ecdsa.form.
Result<Bytes> FromToken(crypto::Algorithm a, ByteView signature);

}  // namespace birthmark::keystore::pkcs11
