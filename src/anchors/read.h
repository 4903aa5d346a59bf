// SPDX-License-Identifier: Apache-2.0
// Reading a file of trust anchors: what it is follows from its content. Files of one kind only;
// private keys are refused by name. Leaves out image formats and stores (RFC 5914, UEFI lists,
// p11-kit). Pure; thread-compatible.
#pragma once

#include "anchors/facts.h"
#include "base/error.h"
#include "base/files.h"

namespace birthmark::anchors {

// kMaxAnchorFile bounds what is read. Units: bytes.
inline constexpr size_t kMaxAnchorFile = 8 << 20;

// ReadAnchors understands one file's bytes: X.509 certificates (PEM or DER, one or a bundle), a
// bare public key (SPKI, PEM or DER), curl's sha256// pins, DNSKEY and DS records or
// root-anchors.xml, OpenPGP keyrings (binary or armoured). Errors: anchors.empty,
// anchors.too-large, anchors.unknown-format, anchors.mixed, anchors.private-key,
// anchors.pem-malformed, anchors.certificate-malformed, anchors.key-malformed,
// anchors.pin-malformed, anchors.dnssec-malformed, anchors.openpgp-malformed.
Result<AnchorFacts> ReadAnchors(ByteView data);

// ReadAnchorFile reads a file of at most kMaxAnchorFile. Errors: also those of ReadFile.
Result<AnchorFacts> ReadAnchorFile(const fs::path& path);

}  // namespace birthmark::anchors
