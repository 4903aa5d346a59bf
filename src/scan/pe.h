// SPDX-License-Identifier: Apache-2.0
// Programs for UEFI and Linux kernels: where their sections, signatures and compressed contents
// lie. Leaves out checking signatures and running anything. Pure; thread-safe.
// Source: PE format (Microsoft), shim's cert.S, Linux Documentation/arch/x86/boot.rst.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scan/source.h"

namespace birthmark::scan {

// Extent is a run of octets in a file. Units: bytes.
struct Extent {
  uint64_t offset = 0;
  uint64_t size = 0;
  bool Holds(uint64_t at) const { return at >= offset && at - offset < size; }
};

struct PeSection {
  std::string name;
  Extent data;
};

struct PeImage {
  std::vector<PeSection> sections;
  Extent signatures;  // the certificate table; empty when the program is not signed
  // Where the checksum stands and the certificate table's own entry, which no signature covers.
  uint64_t checksum_at = 0, directory_at = 0;
  bool in_order = false;  // headers and sections lie behind each other without gaps
};

// ReadPe reads the headers; absent when there are none of PE, as in a DOS program.
// Errors: scan.pe-malformed, scan.truncated, scan.read.
Result<std::optional<PeImage>> ReadPe(const Source& file);

// ShimLists is what is built into a shim: whom it believes and whom it refuses.
struct ShimLists {
  Extent believed;  // one DER certificate, or signature lists
  Extent refused;   // signature lists
};
// ReadShimLists reads the section .vendor_cert; absent when there is none.
// Errors: scan.pe-malformed.
Result<std::optional<ShimLists>> ReadShimLists(const Source& file, const PeImage& image);

// KernelPayload is the compressed kernel inside a bzImage or an EFI zboot image; absent when the
// file is neither.
std::optional<Extent> KernelPayload(const Source& file);

}  // namespace birthmark::scan
