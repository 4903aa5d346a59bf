// SPDX-License-Identifier: Apache-2.0
// `attest verify`, the same for birthmark and birthmark-reader: files in, words or JSON out. Needs
// no workspace, no TPM and no network.
#pragma once

#include <string>
#include <vector>

#include "attest/verify.h"
#include "base/error.h"

namespace birthmark::attest {

struct VerifyArgs {
  std::string file;         // bundle, request, TCG_CSR_IDEVID, or a folder of tpm2-tools' outputs
  std::string anchors;      // files of pinned roots, separated by commas
  std::string nonce;        // hexadecimal
  std::string key;          // file of the key the evidence must be about
  std::string at;           // RFC 3339; empty: now
  bool facts_only = false;  // look at what holds, though the key may leave or its AK is not bound
  bool json = false;
};

// RunVerify gives what is to be printed. Errors: those of Verify; attest.input (nothing that is
// understood), attest.usage, files'.
Result<std::string> RunVerify(const VerifyArgs& args);

// FormatFacts is "name true, name false, …"; facts have no order of their own and keep the
// module's.
std::string FormatFacts(const std::vector<Fact>& facts);

}  // namespace birthmark::attest
