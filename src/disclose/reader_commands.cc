// SPDX-License-Identifier: Apache-2.0
#include "disclose/reader_commands.h"

#include <fmt/format.h>

#include "answer/recompute.h"
#include "base/files.h"
#include "disclose/compare.h"
#include "disclose/json.h"
#include "disclose/page.h"
#include "disclose/show.h"
#include "disclose/verify.h"
#include "disclose/words.h"
#include "ledger/bundle.h"

namespace birthmark::disclose {
namespace {

constexpr size_t kMaxAnchorFile = 1 << 20;

// Intact reads a file that must be a whole disclosure, whoever signed it.
Result<VerifyReport> Intact(const std::string& path) {
  BM_TRY(Bytes file, ReadFile(path, kMaxFileBytes));
  VerifyReport report = Verify(file, {});
  if (!report.intact) return std::unexpected(std::move(report.broken).Context(path));
  return report;
}

// Warnings is what a reader should know before believing a rendering.
std::string Warnings(const VerifyReport& report, const std::string& path) {
  Findings shown;
  for (const Finding& f : report.findings.all()) {
    if (f.severity != Severity::kNote || f.code == "disclosure.newer") shown.Add(f);
  }
  return shown.ToString(path);
}

Result<std::vector<crypto::Certificate>> ReadAnchors(const std::string& path) {
  BM_TRY(Bytes data, ReadFile(path, kMaxAnchorFile));
  if (!data.empty() && data[0] == 0x30) {  // DER: a SEQUENCE
    auto c = crypto::Certificate::FromDer(data);
    if (!c) return std::unexpected(std::move(c).error().Context(path));
    return std::vector{std::move(*c)};
  }
  auto all = crypto::Certificate::ManyFromPem(AsText(data));
  if (!all) return std::unexpected(std::move(all).error().Context(path));
  return all;
}

}  // namespace

Result<CommandResult> RunShow(const ShowArgs& args) {
  BM_TRY(VerifyReport report, Intact(args.file));
  CommandResult out;
  out.out = args.json ? ShowJson(report, args.file) : ShowText(ToOpened(report, args.file));
  out.err = Warnings(report, args.file);
  return out;
}

Result<CommandResult> RunVerify(const VerifyArgs& args) {
  if (args.anchor && args.fingerprint) {
    return Usage("verify.twice", "both an anchor and a fingerprint are named", "name one of them");
  }
  Trust trust;
  if (args.fingerprint) {
    BM_TRY(trust.fingerprint, ParseFingerprint(*args.fingerprint));
  }
  if (args.anchor) {
    BM_TRY(trust.anchors, ReadAnchors(*args.anchor));
  }
  // A file past the limit is refused before it is read: what is in it does not matter.
  BM_TRY(Bytes file, ReadFile(args.file, kMaxFileBytes));
  const VerifyReport report = Verify(file, trust);
  CommandResult out;
  out.exit = report.exit;
  if (args.json) {
    out.out = VerifyJson(report, args.file);
    return out;
  }
  out.out = report.words + "\n";
  if (!report.intact) {
    out.err = report.broken.ToString() + "\n";
    return out;
  }
  out.err = Warnings(report, args.file);
  if (report.signer == SignerState::kNotAsNamed) {
    out.err += fmt::format("signed by {}: {}\n", report.signer_name, report.signer_why);
  } else if (report.signer == SignerState::kNotChecked) {
    out.err += fmt::format(
        "signed by {}\n  fix: name the signer's anchor: --anchor FILE or --fingerprint HEX, "
        "from a source other than this file\n",
        report.signer_name);
  } else {
    out.err += fmt::format("signed by {}; revocation not checked\n", report.signer_name);
  }
  return out;
}

Result<CommandResult> RunCompare(const CompareArgs& args) {
  if (args.files.empty() || args.files.size() > kMaxCompared) {
    return Usage(
        "compare.count",
        fmt::format("{} files; 1 to {} stand side by side", args.files.size(), kMaxCompared),
        "name one to five disclosures");
  }
  CommandResult out;
  std::vector<OpenedDisclosure> opened;
  for (const std::string& path : args.files) {
    BM_TRY(VerifyReport report, Intact(path));
    out.err += Warnings(report, path);
    opened.push_back(ToOpened(report, path));
  }
  if (args.json) {
    out.out = CompareJson(opened);
  } else {
    BM_TRY(out.out, CompareText(opened));
  }
  if (args.html) {
    BM_CHECK(WriteFileAtomic(*args.html, RenderPage(opened)));
    out.err += fmt::format("wrote {}\n", *args.html);
  }
  return out;
}

Result<CommandResult> RunRecompute(const RecomputeArgs& args) {
  BM_TRY(VerifyReport report, Intact(args.file));
  const Disclosure& d = report.opened->disclosure;
  // The log's key is not asked for: what binds the bundle is the checkpoint inside the disclosure.
  BM_TRY(std::unique_ptr<ledger::Bundle> bundle,
         ledger::Bundle::Open(ledger::FromFile(args.bundle), std::nullopt));
  if (!d.checkpoint.empty()) {
    BM_TRY(ledger::Note note, ledger::ParseNote(d.checkpoint));
    BM_TRY(ledger::Checkpoint end, ledger::ParseCheckpoint(note.text));
    const ledger::Checkpoint& have = bundle->summary().checkpoint;
    if (have.origin != end.origin || (have.size == end.size && have.root != end.root)) {
      return Refused("recompute.other-log",
                     fmt::format("{} is not of the log that {} ends at", args.bundle, args.file),
                     "ask the manufacturer for the bundle of this disclosure");
    }
  }
  answer::Options options;
  options.product = d.product.id;
  options.period = answer::Period{d.period_from, d.period_to};
  BM_TRY(std::vector<answer::Recomputed> all, answer::Recompute(*bundle, d.answers, options));
  CommandResult out;
  for (const answer::Recomputed& r : all) {
    const bool good =
        r.outcome == answer::Outcome::kSame || r.outcome == answer::Outcome::kAttested;
    if (!good) out.exit = 1;
  }
  if (args.json) {
    out.out = RecomputeJson(report, args.file, all);
  } else {
    if (std::string marks = MarkLine(d); !marks.empty()) out.out = marks + "\n";
    for (const answer::Recomputed& r : all) {
      out.out += fmt::format("{:<14} {} of {}{}{}\n", answer::ToText(r.outcome), Plain(r.question),
                             Plain(r.subject), r.what.empty() ? "" : ": ", Plain(r.what));
    }
    out.out += all.empty()     ? "nothing in it is measured\n"
               : out.exit == 0 ? "every measured answer comes out the same\n"
                               : "not every measured answer comes out the same\n";
  }
  out.err = Warnings(report, args.file);
  return out;
}

}  // namespace birthmark::disclose
