// SPDX-License-Identifier: Apache-2.0
// show, verify, compare, recompute: thin over the functions that birthmark-reader uses too.
#include "cli/handlers.h"
#include "cli/terminal.h"
#include "disclose/reader_commands.h"
#include "scan/command.h"

namespace birthmark::cli {
namespace {

Result<int> Said(Result<disclose::CommandResult> r) {
  if (!r) return std::unexpected(std::move(r).error());
  std::fwrite(r->err.data(), 1, r->err.size(), stderr);
  Print(r->out);
  return r->exit;
}

std::optional<std::string> Given(const Invocation& in, const std::string& option) {
  if (!in.Has(option)) return std::nullopt;
  return in.Get(option);
}

}  // namespace

Result<int> Show(const Invocation& in) {
  return Said(disclose::RunShow({.file = in.Arg("F"), .json = in.json()}));
}

Result<int> Verify(const Invocation& in) {
  const disclose::VerifyArgs args{.file = in.Arg("F"),
                                  .anchor = Given(in, "--anchor"),
                                  .fingerprint = Given(in, "--fingerprint"),
                                  .json = in.json()};
  if (!in.Has("--image")) return Said(disclose::RunVerify(args));
  return Said(scan::RunVerifyImage(
      args, {.path = in.Get("--image"), .progress = StderrIsTerminal() && !in.json()}));
}

Result<int> Compare(const Invocation& in) {
  return Said(
      disclose::RunCompare({.files = in.All("F"), .html = Given(in, "--html"), .json = in.json()}));
}

Result<int> Recompute(const Invocation& in) {
  return Said(
      disclose::RunRecompute({.bundle = in.Arg("B"), .file = in.Arg("F"), .json = in.json()}));
}

}  // namespace birthmark::cli
