// SPDX-License-Identifier: Apache-2.0
// `scan` and `verify --image` as functions, so that `birthmark` and `birthmark-reader` are both
// thin over the same code. They need files alone: no workspace, no network.
#pragma once

#include <optional>
#include <string>

#include "disclose/reader_commands.h"
#include "scan/report.h"
#include "scan/scan.h"

namespace birthmark::scan {

struct ScanArgs {
  std::string path;
  bool json = false;
  bool all = false;
  bool summary = false;
  bool search = true;  // off: only what a rule or a form tells
  bool other_file_systems = false;
  bool hash_image = false;
  bool progress = false;  // draw on standard error
  int depth = 4;
  std::string at = "";  // the time dates are compared with; empty: now
  std::optional<std::string> cyclonedx = std::nullopt, rfc5914 = std::nullopt,
                             against = std::nullopt;
};

struct Scanned {
  Report report;
  disclose::CommandResult said;
};
// RunScan exits 1 only when --against finds a difference. Errors: scan.missing, scan.permission,
// scan.kind, scan.time, scan.against, scan.no-anchors, file.write.
Result<Scanned> RunScan(const ScanArgs& args);

// RunVerifyImage is disclose::RunVerify, then looks for the disclosure's anchors in an image. It
// exits 1 also when one that an image can hold is not there. Errors: those of both.
Result<disclose::CommandResult> RunVerifyImage(const disclose::VerifyArgs& args,
                                               const ScanArgs& image);

}  // namespace birthmark::scan
