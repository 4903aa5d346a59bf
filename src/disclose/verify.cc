// SPDX-License-Identifier: Apache-2.0
#include "disclose/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "disclose/check.h"
#include "disclose/words.h"
#include "pki/path.h"
#include "pki/profile.h"

namespace birthmark::disclose {
namespace {

// CheckSigner fills report.signer. Whatever the reader named is the anchor of the path, nothing
// else.
void CheckSigner(const Trust& trust, VerifyReport& report) {
  const SignedDisclosure& opened = *report.opened;
  std::vector<crypto::Certificate> anchors = trust.anchors;
  if (trust.fingerprint) {
    for (const crypto::Certificate& c : opened.chain) {
      if (c.digest() == *trust.fingerprint) anchors.push_back(c);
    }
  }
  if (trust.anchors.empty() && !trust.fingerprint) return;
  report.signer = SignerState::kNotAsNamed;
  if (anchors.empty()) {
    report.signer_why = "no certificate in the file has the fingerprint you named";
    return;
  }
  auto path = pki::BuildPath(opened.chain.front(), std::span(opened.chain).subspan(1), anchors,
                             opened.signed_at, pki::Purpose::kDisclosure);
  if (!path) {
    report.signer_why = path.error().message;
    return;
  }
  report.signer = SignerState::kAsNamed;
}

// CheckChain notes what the signer's certificate says that the disclosure must agree with.
void CheckChain(VerifyReport& report) {
  const SignedDisclosure& opened = *report.opened;
  const auto& policies = opened.chain.front().policies();
  const bool rehearsal =
      std::find(policies.begin(), policies.end(), pki::oid::kRehearsalPolicy) != policies.end();
  if (rehearsal && !opened.disclosure.rehearsal) {
    report.findings.Error("disclosure.rehearsal-unmarked",
                          "signed by a rehearsal's signer and does not say that it is a rehearsal",
                          "ask the manufacturer for a corrected disclosure");
  }
  if (opened.newer) {
    report.findings.Note(
        "disclosure.newer",
        fmt::format("written in format {}; newer fields are not shown", opened.disclosure.format),
        "use a newer birthmark-reader to see all of it");
  }
  if (report.signer == SignerState::kAsNamed) {
    report.findings.Note("verify.revocation",
                         "whether the signer was revoked is not known to this file",
                         "ask the manufacturer for a revocation list");
  }
}

std::string SignerWords(const Trust& trust, SignerState s) {
  switch (s) {
    case SignerState::kNotChecked:
      return "signer not checked";
    case SignerState::kNotAsNamed:
      return "NOT signed under what you named";
    case SignerState::kAsNamed:
      break;
  }
  return trust.fingerprint ? "signer as pinned" : "signer under the anchor you named";
}

std::string ContradictionWords(const Findings& findings) {
  size_t errors = 0, warnings = 0;
  for (const Finding& f : findings.all()) {
    errors += f.severity == Severity::kError;
    warnings += f.severity == Severity::kWarning;
  }
  std::string out = errors == 0   ? "no contradictions"
                    : errors == 1 ? "1 contradiction"
                                  : fmt::format("{} contradictions", errors);
  if (warnings > 0)
    out += fmt::format(" · {} {}", warnings, warnings == 1 ? "finding" : "findings");
  return out;
}

// MarkWords shortens our own marks; any other stays as it is.
std::string MarkWords(const Disclosure& d) {
  std::string out;
  for (const std::string& m : d.marks) {
    out += out.empty() ? "" : ", ";
    out += m == kMarkDevices ? "emulated devices" : m == kMarkKeys ? "rehearsal keys" : Plain(m);
  }
  return out;
}

}  // namespace

Result<Digest> ParseFingerprint(std::string_view text) {
  auto bytes = FromHex(text);
  Digest out{};
  if (!bytes || bytes->size() != out.size()) {
    return Usage(
        "verify.fingerprint",
        fmt::format("\"{}\" is not the 64 hexadecimal digits of a SHA-256 fingerprint", text),
        "give all 64 digits, without \"…\", spaces or colons; whoever shortens one can be "
        "deceived by another key");
  }
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

VerifyReport Verify(ByteView file, const Trust& trust) {
  VerifyReport report;
  auto opened = OpenDisclosure(file);
  if (!opened) {
    report.broken = opened.error();
    report.words = "not intact";
    return report;
  }
  report.intact = true;
  report.opened = std::move(*opened);
  const Disclosure& d = report.opened->disclosure;
  report.signer_name = Plain(report.opened->chain.front().subject());
  CheckSigner(trust, report);
  report.findings = Check(d);
  CheckChain(report);
  report.rehearsal = d.rehearsal;
  report.words = fmt::format("intact · {} · {}", SignerWords(trust, report.signer),
                             ContradictionWords(report.findings));
  if (d.rehearsal) report.words += fmt::format(" · REHEARSAL: {}", MarkWords(d));
  report.exit = report.signer == SignerState::kAsNamed && !report.findings.HasErrors() ? 0 : 1;
  return report;
}

OpenedDisclosure ToOpened(const VerifyReport& report, std::string file_name) {
  return {report.opened->disclosure, std::move(file_name), report.signer_name,
          report.signer == SignerState::kAsNamed};
}

}  // namespace birthmark::disclose
