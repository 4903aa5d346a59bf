// SPDX-License-Identifier: Apache-2.0
// `chain verify`, the same for birthmark and birthmark-reader: files in, words or JSON out. Needs
// no workspace and reaches no network: what revocation says comes in files. Pure but for reading.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace birthmark::pki {

// ChainArgs are file names as typed; a list has commas between them: "a.pem,b.pem".
struct ChainArgs {
  std::string certificate;  // PEM or DER; of several in a PEM file the first is judged
  std::string anchors, untrusted, crls, ocsp;
  std::string at;        // RFC 3339; empty: now
  std::string purpose;   // a word of Wanted; empty: any
  std::string policies;  // OIDs
  std::string host;
  std::string depth;     // certificates between the end and the anchor
  bool partial = false;  // anchors need not be self-signed
  bool json = false;
};

// ChainVerdict is what is printed, and whether the certificate verifies.
struct ChainVerdict {
  bool holds = false;
  std::string text;
};

// RunChainVerify. Errors: chain.usage, chain.input, those of Validate, of certificates and files.
Result<ChainVerdict> RunChainVerify(const ChainArgs& args);

}  // namespace birthmark::pki
