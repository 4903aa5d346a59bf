// SPDX-License-Identifier: Apache-2.0
// The frame of a certificate: where its parts stand, whatever their algorithms are. Internal to
// trust. A frame is a view; the data must outlive it.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::trust {

// CertFrame is the parts of a certificate (RFC 5280 section 4.1), each whole with tag and length.
struct CertFrame {
  ByteView tbs;
  ByteView subject;
  ByteView spki;
  ByteView extensions;  // content of the SEQUENCE of extensions; empty when there are none
};
// FrameOfCertificate takes one certificate and nothing after it.
// Errors: trust.certificate-malformed.
Result<CertFrame> FrameOfCertificate(ByteView der);
// FrameOfTbs takes the content of a TBSCertificate. Errors: trust.certificate-malformed.
Result<CertFrame> FrameOfTbs(ByteView content);
// ExtensionValue finds an extension by its OID in CertFrame::extensions: the octets in its OCTET
// STRING. Errors: those of DerReader.
Result<std::optional<ByteView>> ExtensionValue(ByteView extensions, std::string_view oid);

// CertificateAtFront is the first certificate of `data`, which may go on behind it.
// Errors: trust.certificate-malformed.
Result<ByteView> CertificateAtFront(ByteView data);

}  // namespace birthmark::trust
