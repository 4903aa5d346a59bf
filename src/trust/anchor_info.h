// SPDX-License-Identifier: Apache-2.0
// RFC 5914: TrustAnchorList, the form that keeps a name and constraints with a key and so loses
// nothing of what the other stores say; and the same inside CMS. Pure; thread-safe.
#pragma once

#include "crypto/cert.h"
#include "trust/store.h"

namespace birthmark::trust {

// ReadTrustAnchorList is strict DER. A choice that is a bare TBSCertificate is read as a
// TrustAnchorInfo with the same key, name and constraints.
// Errors: trust.rfc5914-malformed, trust.too-large. Findings: trust.rfc5914-malformed.
Result<Store> ReadTrustAnchorList(ByteView der);

// WriteTrustAnchorList writes a certificate as it is, unless the anchor carries constraints of its
// own, and everything else as a TrustAnchorInfo. Errors: trust.cannot-carry.
Result<Bytes> WriteTrustAnchorList(const std::vector<TrustAnchor>& anchors);

// CmsSigner signs a list: the signer's certificate first, all of them go along.
struct CmsSigner {
  std::vector<crypto::Certificate> chain;
  crypto::Signer& key;
  Time at;
};
// WriteTrustAnchorListCms wraps a list in CMS: SignedData, or a bare ContentInfo of type
// id-ct-trustAnchorList where nobody signs (RFC 5914 section 4). Errors: those of the signer and of
// voucher::SignCms.
Result<Bytes> WriteTrustAnchorListCms(ByteView list, const CmsSigner* signer = nullptr);

// ReadTrustAnchorListCms gives the anchors of a CMS form. A signature is checked against the
// certificates that come along; whether those are believed is the caller's question.
// Errors: trust.cms, those of ReadTrustAnchorList.
// Findings: trust.not-signed, trust.cms-signature.
Result<Store> ReadTrustAnchorListCms(ByteView der);

}  // namespace birthmark::trust
