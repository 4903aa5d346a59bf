// SPDX-License-Identifier: Apache-2.0
// A signed voucher or request judged as a pledge, a registrar or a reader would, under anchors they
// name. Everything that is wrong is found. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/findings.h"
#include "voucher/message.h"

namespace birthmark::voucher {

// ChainTo finds the way from a certificate to an anchor and checks signatures, names and times at
// `at`. It is not the strict RFC 5280 path of pki/path.h: MASAs of others leave out key
// identifiers. Errors: voucher.unknown-masa (no way), voucher.certificate-date,
// voucher.certificate.
Result<std::vector<crypto::Certificate>> ChainTo(const crypto::Certificate& leaf,
                                                 std::span<const crypto::Certificate> carried,
                                                 std::span<const crypto::Certificate> anchors,
                                                 Time at);

// Wish is what a pledge knows of itself; empty: not asked.
struct Wish {
  Time at{};
  std::string serial;
  std::string nonce;  // as typed
};

struct Judged {
  std::optional<crypto::Certificate> signer;  // whose key made the signature
  std::vector<crypto::Certificate> path;      // signer first, anchor last; empty: none
  Findings findings;                          // an error each reason not to believe it
  bool holds() const { return !findings.HasErrors(); }
};

// Judge checks all of it. Source: RFC 8995 section 5.6.1, RFC 8366 section 5.3.
Judged Judge(const Message& m, std::span<const crypto::Certificate> anchors, const Wish& wish);

// VerifyArgs are `voucher verify` as typed; `anchors` has commas between its files.
struct VerifyArgs {
  std::string file, anchors;
  std::string at;  // RFC 3339; empty: now
  std::string serial, nonce;
  bool json = false;
};
struct Verdict {
  bool holds = false;
  std::string text;
};
// RunVerify reads the files and prints all of the voucher and what was found. It needs no
// workspace. Errors: voucher.usage, file.missing, those of Open and of certificates.
Result<Verdict> RunVerify(const VerifyArgs& args);

}  // namespace birthmark::voucher
