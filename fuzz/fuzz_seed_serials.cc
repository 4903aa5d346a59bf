// SPDX-License-Identifier: Apache-2.0
// A list of chips and serial numbers from anybody: what is taken could be a unit's number, and no
// number is given twice.
#include <set>
#include <sstream>

#include "app/seed_serials.h"
#include "app/seed_store.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  auto list = app::ReadSerialList(in, "list");
  if (!list) {
    FUZZ_CHECK(list.error().code == "seeds.serials");
    return 0;
  }
  std::set<std::string> serials;
  for (const auto& [chip, serial] : *list) {
    FUZZ_CHECK(!chip.empty() && chip.size() <= app::kMaxChipName);
    FUZZ_CHECK(app::IsSerialText(serial) && serials.insert(serial).second);
  }
  FUZZ_CHECK(!serials.empty());
  return 0;
}
