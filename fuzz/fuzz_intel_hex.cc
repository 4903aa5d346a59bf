// SPDX-License-Identifier: Apache-2.0
// Intel HEX of others: what is read is written, and read again as the same.
#include "fuzz/fuzz.h"
#include "link/intel_hex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto segments = link::ReadIntelHex({data, size});
  if (!segments) return 0;
  std::vector<link::HexPart> parts;
  for (const auto& s : *segments) parts.push_back({s.address, s.bytes.Read(SecretAccess())});
  auto written = link::WriteIntelHex(parts);
  FUZZ_CHECK(written.has_value());
  auto again = link::ReadIntelHex(written->Read(SecretAccess()));
  FUZZ_CHECK(again && again->size() == segments->size());
  for (size_t i = 0; i < segments->size(); i++) {
    FUZZ_CHECK((*again)[i].address == (*segments)[i].address);
    FUZZ_CHECK((*again)[i].bytes == (*segments)[i].bytes);
  }
  return 0;
}
