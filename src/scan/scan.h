// SPDX-License-Identifier: Apache-2.0
// Scanning a folder, an image or an archive for the anchors that are really in it. Everything read
// is hostile: bounded in size, depth and number, and what is not looked into is named. Reads only,
// runs nothing, follows no link out of what it was given. Not thread-safe.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "scan/report.h"
#include "scan/source.h"

namespace birthmark::scan {

// Limits bound a scan. Units: bytes, numbers.
struct Limits {
  uint64_t unpacked = uint64_t{32} << 30;  // of all archives together
  uint64_t ratio = 250;                    // of one archive, once it gave more than ratio_from
  uint64_t ratio_from = uint64_t{256} << 20;
  uint64_t entries = 4'000'000;  // of one container
  size_t items = 200'000;
  size_t unread = 2000;  // named one by one; more are counted
  int folders = 200;     // below each other
};

struct Options {
  Time at;  // what dates are compared with
  // Units: containers inside each other. 0 opens none inside the scanned thing.
  int depth = 4;
  bool other_file_systems = false;
  // Search every file for certificates and keys, not only those that a rule or form tells.
  bool search = true;
  bool hash_image = false;  // fill Report::image
  Limits limits;
  std::function<void(uint64_t bytes)> progress;  // called with what was looked at since
};

// Scan looks at a folder or a file. Errors: scan.missing, scan.permission, scan.kind (a device or
// the like); what goes wrong further inside stands in the report.
Result<Report> Scan(const fs::path& path, const Options& options);

// ScanOctets looks at one file that is already open, under this name.
Report ScanOctets(const std::string& name, SourcePtr file, const Options& options);

}  // namespace birthmark::scan
