// SPDX-License-Identifier: Apache-2.0
// The pieces of a TBSCertificate that the generic builder, the template and requests share. Inside
// the pki room only. Pure functions; thread-safe.
#pragma once

#include "crypto/der.h"
#include "pki/issue.h"

namespace birthmark::pki::internal {

// kNever is the notAfter of a certificate without a well-defined end (RFC 5280 section 4.1.2.5).
inline constexpr std::string_view kNever = "99991231235959Z";

// SignatureAlgorithm is the AlgorithmIdentifier of what a key of this kind signs with.
ByteView SignatureAlgorithm(crypto::Algorithm a);

// Extensions is the content of the Extensions SEQUENCE, cut around subjectAltName, which is the
// only extension that differs between the devices of a product.
struct Extensions {
  Bytes before_san, san, after_san;
};
Extensions EncodeExtensions(const Profile& profile, const Marks& marks,
                            const IssuerIdentity& issuer, const Contents& contents);

// EncodeKeyUsage and EncodeBasicConstraints give whole Extension elements.
Bytes EncodeKeyUsage(uint16_t bits);
Bytes EncodeBasicConstraints(std::optional<int> path_len);
Bytes EncodeSubjectKeyId(ByteView id);

// WriteNotAfter writes the end of a validity.
void WriteNotAfter(crypto::DerWriter& w, const NotAfter& t);

// CheckValidity refuses an end that is not after the start, or beyond the year 9999.
Status CheckValidity(Time not_before, const NotAfter& not_after);
Status CheckHardwareSerial(ByteView serial);

// Assemble is Certificate and CertificationRequest alike: SEQUENCE { signed part, algorithm, BIT
// STRING }.
Bytes Assemble(ByteView signed_part, crypto::Algorithm algorithm, ByteView signature);

}  // namespace birthmark::pki::internal
