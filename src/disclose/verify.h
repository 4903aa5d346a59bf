// SPDX-License-Identifier: Apache-2.0
// What a reader may conclude from a file: intact, signed under what the reader named, free of
// contradictions. Never about what the answers say. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/findings.h"
#include "disclose/opened.h"
#include "disclose/signed.h"

namespace birthmark::disclose {

// Trust is what the reader named; both empty when nothing was.
struct Trust {
  std::vector<crypto::Certificate> anchors;  // certificates, self-signed or not
  std::optional<Digest> fingerprint;         // SHA-256 of a certificate of the signer's chain
};

// ParseFingerprint reads all 64 hexadecimal digits; a shortened one proves nothing and is refused.
// Errors: verify.fingerprint (usage).
Result<Digest> ParseFingerprint(std::string_view text);

enum class SignerState { kNotChecked, kAsNamed, kNotAsNamed };

// VerifyReport says what was found. `exit` is 0 only for an intact file, signed under what the
// reader named, without contradictions.
struct VerifyReport {
  bool intact = false;
  Error broken;                            // when not intact
  std::optional<SignedDisclosure> opened;  // when intact
  SignerState signer = SignerState::kNotChecked;
  std::string signer_why;   // when not as named
  std::string signer_name;  // subject of the signing certificate
  Findings findings;        // Check, and what the chain shows
  bool rehearsal = false;
  std::string words;  // the one line of `birthmark verify`
  int exit = 1;
};

// Verify never fails: what is wrong stands in the report. The chain is judged at the time of
// signing; revocation is not looked at, and the report says so in a note (verify.revocation).
VerifyReport Verify(ByteView file, const Trust& trust);

// ToOpened is the report's disclosure as tables and pages take it. The report must be intact.
OpenedDisclosure ToOpened(const VerifyReport& report, std::string file_name);

}  // namespace birthmark::disclose
