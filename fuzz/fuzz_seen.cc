// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a file from the field, what is found in it is handed on or named; nothing is
// larger than an item may be.
#include <sstream>

#include "app/field_files.h"
#include "fuzz/fuzz.h"
#include "pki/crl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  auto take = [](const std::string& place, ByteView der) -> Status {
    FUZZ_CHECK(place.starts_with("f") && der.size() <= pki::kMaxCrlInMemory);
    return {};
  };
  Status s = app::SeenInFile(
      in, "f",
      {.certificate = take,
       .list = take,
       .unreadable = [](const std::string&, const std::string& why) { FUZZ_CHECK(!why.empty()); }});
  FUZZ_CHECK(s);
  return 0;
}
