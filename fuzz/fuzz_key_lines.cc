// SPDX-License-Identifier: Apache-2.0
// Any text is lines of keys or none: SSH's files, signify, BIND's statement.
#include "anchors/read.h"
#include "fuzz/fuzz.h"
#include "scan/keylines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const std::string_view text = AsText({data, size});
  for (const auto& line : scan::ReadKnownHosts(text).keys) FUZZ_CHECK(!line.blob.empty());
  FUZZ_CHECK(scan::ReadAuthorizedKeys(text, false).keys.size() <=
             scan::ReadAuthorizedKeys(text, true).keys.size());
  if (const auto spki = scan::ReadSignify(text)) FUZZ_CHECK(spki->size() == 44);
  (void)anchors::ReadAnchors(ToBytes(scan::BindRecords(text)));
  return 0;
}
