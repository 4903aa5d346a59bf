// SPDX-License-Identifier: Apache-2.0
// Certificates and keys inside files that are something else: PEM blocks in texts and programs, DER
// certificates in programs and firmware. Reads a file once, in pieces. Leaves out judging what is
// found. Thread-compatible.
#pragma once

#include <functional>
#include <string>

#include "scan/source.h"

namespace birthmark::scan {

// Hit is one block. Of a PEM block `der` is what its base64 holds, of an OpenPGP one the block as
// it stands, of an encrypted one nothing.
struct Hit {
  std::string label;  // of the PEM block; "" for DER
  uint64_t offset = 0;
  uint64_t size = 0;
  Bytes der;
  bool encrypted = false;
  bool broken = false;  // a PEM block without an end or without base64
};

// SearchOptions: bare keys are searched for in firmware alone; programs are full of examples.
struct SearchOptions {
  bool keys = false;
  size_t max_hits = 5000;
};

// FindEmbedded calls `found` for each candidate in the file's order; it answers whether the
// candidate is what it looks like, and then nothing inside it is looked at again.
// Errors: scan.read; scan.too-many when more than max_hits were taken.
Status FindEmbedded(const Source& file, const SearchOptions& options,
                    const std::function<bool(Hit)>& found);

}  // namespace birthmark::scan
