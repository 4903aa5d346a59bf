// SPDX-License-Identifier: Apache-2.0
// A bundle that reads to its end can be written again leaf by leaf, and the writer agrees about its
// tree.
#include <sstream>

#include "fuzz/fuzz.h"
#include "ledger/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  using namespace birthmark::ledger;
  auto open = FromMemory(Bytes(data, data + size));
  (void)VerifyBundle(open, std::nullopt);
  auto reader = BundleReader::Start(std::move(*open()));
  if (!reader) return 0;
  std::ostringstream out;
  auto writer = BundleWriter::Start(out, reader->header());
  FUZZ_CHECK(writer.has_value());
  for (;;) {
    auto leaf = reader->Next();
    if (!leaf) return 0;
    if (!*leaf) break;
    FUZZ_CHECK((*leaf)->redacted ? writer->AddRedacted(*(*leaf)->redacted).has_value()
                                 : writer->Add((*leaf)->raw).has_value());
  }
  FUZZ_CHECK(writer->Finish().has_value());
  // Only unknown keys of a header may be lost on the way.
  FUZZ_CHECK(out.str().size() <= size);
  return 0;
}
