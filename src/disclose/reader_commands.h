// SPDX-License-Identifier: Apache-2.0
// The reader's commands as functions, so that `birthmark` and `birthmark-reader` are both thin over
// the same code: arguments in, text and exit code out. They need files alone: no workspace, no
// network. Leaves out parsing a command line and printing. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace birthmark::disclose {

// CommandResult is what a command says: `out` to standard output, `err` to standard error. A
// failure that has no result of its own comes as an Error, which carries its exit code.
struct CommandResult {
  int exit = 0;
  std::string out;
  std::string err;
};

struct ShowArgs {
  std::string file;
  bool json = false;
};
// RunShow prints one disclosure. What contradicts itself in it goes to `err`; the exit code stays
// 0, because showing is not vouching. Errors: those of ReadFile and OpenDisclosure.
Result<CommandResult> RunShow(const ShowArgs& args);

struct VerifyArgs {
  std::string file;
  std::optional<std::string> anchor;       // a PEM file of one or more certificates, or one in DER
  std::optional<std::string> fingerprint;  // 64 hexadecimal digits
  bool json = false;
};
// RunVerify exits 0 only when the file is intact, free of contradictions and signed under what the
// reader named. Errors: verify.twice (anchor and fingerprint at once), verify.fingerprint, those of
// ReadFile and of reading certificates.
Result<CommandResult> RunVerify(const VerifyArgs& args);

struct CompareArgs {
  std::vector<std::string> files;
  std::optional<std::string> html;  // where to write the page as well
  bool json = false;
};
// RunCompare sets one to five disclosures side by side. Errors: compare.count, file.write, those of
// RunShow.
Result<CommandResult> RunCompare(const CompareArgs& args);

struct RecomputeArgs {
  std::string bundle;
  std::string file;
  bool json = false;
};
// RunRecompute works every measured answer out again from a bundle of the log and exits 0 when each
// gives the same octets; attested answers are named and left alone. Errors: recompute.other-log
// (the bundle is of another log), those of RunShow, ledger::Bundle::Open and answer::Recompute.
Result<CommandResult> RunRecompute(const RecomputeArgs& args);

}  // namespace birthmark::disclose
