// SPDX-License-Identifier: Apache-2.0
// A private key made for a unit, on its way over the wire: AsymmetricKeyPackage in SignedData in
// EnvelopedData (RFC 9483 section 4.1.6), for who knows a token's secret or for who holds the key
// of the certificate that protected the request. Plain octets of the key stay in SecretBytes.
// Free functions; thread-safe.
#pragma once

#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/software_signer.h"

namespace birthmark::enroll::cmp {

// Signing is who signs: the registration authority in its role as key generation authority, with
// what stands above it.
struct Signing {
  const crypto::Certificate& certificate;
  const std::vector<Bytes>& above;
  crypto::Signer& signer;
};

// CanReceive tells whether a certificate's key may be encrypted to: an elliptic curve with
// keyAgreement, RSA with keyEncipherment, where the certificate names uses at all (RFC 9483
// sections 4.1.6.1 and 4.1.6.2). Errors: cmp.bad-request.
Status CanReceive(const crypto::Certificate& c);

// SignKey wraps a PKCS #8 key into SignedData: in AsymmetricKeyPackage, or bare as plain data.
// Errors: those of the signer.
Result<SecretBytes> SignKey(const SecretBytes& pkcs8, const Signing& by, bool bare = false);
// EnvelopForSecret and EnvelopForCertificate encrypt SignedData; the results are EnvelopedData.
// Errors: cmp.envelope, cmp.bad-request.
Result<Bytes> EnvelopForSecret(const SecretBytes& signed_data, const SecretBytes& secret);
Result<Bytes> EnvelopForCertificate(const SecretBytes& signed_data,
                                    const crypto::Certificate& recipient);

}  // namespace birthmark::enroll::cmp
