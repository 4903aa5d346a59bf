// SPDX-License-Identifier: Apache-2.0
// cpio archives of the "newc" form, as an initramfs is made of, one after another. Pure over a
// source. Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
#pragma once

#include <optional>
#include <string>

#include "scan/source.h"

namespace birthmark::scan {

struct CpioEntry {
  std::string name;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint64_t offset = 0;  // of the content
  uint64_t size = 0;
};

// LooksLikeCpio is true for the magic numbers of newc.
bool LooksLikeCpio(ByteView head);

// CpioReader walks one archive from `start` to its trailer.
class CpioReader {
 public:
  CpioReader(const Source& source, uint64_t start) : source_(source), at_(start) {}
  // Next is absent behind the trailer. Errors: scan.cpio-malformed, scan.truncated, scan.read.
  Result<std::optional<CpioEntry>> Next();
  // at is where the next archive of the same buffer may begin.
  uint64_t at() const { return at_; }

 private:
  const Source& source_;
  uint64_t at_;
};

}  // namespace birthmark::scan
