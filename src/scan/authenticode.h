// SPDX-License-Identifier: Apache-2.0
// Whether a signed UEFI program is what was signed: the digest in its signature is the file's own,
// and the signature verifies under the certificate that came along. Leaves out whether anything
// believes that certificate. Thread-compatible.
// Source: Microsoft's "Windows Authenticode Portable Executable Signature Format".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scan/pe.h"

namespace birthmark::scan {

struct ProgramSignature {
  Bytes signer;     // the certificate, DER
  std::string why;  // it does not fit the program; empty when it does
};

// ReadSignatures gives the program's signatures; absent when the file is laid out in a way, or
// signed in a form, that is not judged here. Errors: scan.read, scan.truncated, scan.pe-malformed.
Result<std::optional<std::vector<ProgramSignature>>> ReadSignatures(const Source& file,
                                                                    const PeImage& image);

}  // namespace birthmark::scan
