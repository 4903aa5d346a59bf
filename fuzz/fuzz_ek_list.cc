// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a list of endorsement keys, each row is a part or refused by name; and a
// chip's certificate that the strict walk reads is within its octets.
#include <algorithm>

#include "fuzz/fuzz.h"
#include "manifest/ek_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  ByteView in(data, size);
  if (auto chip = manifest::ReadChip(in)) {
    FUZZ_CHECK(!chip->tbs.empty() && chip->tbs.data() > in.data());
    FUZZ_CHECK(chip->spki.data() + chip->spki.size() <= in.data() + in.size());
    FUZZ_CHECK(chip->not_after.size() == 14);
  } else {
    FUZZ_CHECK(chip.error().code == "manifest.chain");
  }
  size_t at = 0;
  manifest::Source source = [&](std::span<char> out) -> Result<size_t> {
    size_t n = std::min({out.size(), size - at, size_t{61}});
    std::copy_n(reinterpret_cast<const char*>(data) + at, n, out.begin());
    at += n;
    return n;
  };
  auto reader = manifest::EkCsv(source, manifest::ChainChecker({}, Time{}), "");
  for (;;) {
    auto item = reader->Next();
    if (!item) {
      FUZZ_CHECK(item.error().code == "manifest.ek-list");
      break;
    }
    if (!*item) break;
    // No root is pinned here, so no row can be more than well formed.
    FUZZ_CHECK(!(*item)->part && !(*item)->name.empty());
    FUZZ_CHECK((*item)->part.error().code.starts_with("manifest."));
  }
  return 0;
}
