// SPDX-License-Identifier: Apache-2.0
// A ceremony's script, its binding and its record: a script that reads well writes and reads the
// same, and a record that is taken says what it said.
#include "ceremony/binding.h"
#include "ceremony/record.h"
#include "ceremony/script.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView bytes(data, size);
  ceremony::ParsedScript parsed = ceremony::ParseScript(AsText(bytes));
  if (parsed.script && !parsed.findings.HasErrors()) {
    const std::string written = ceremony::FormatScript(*parsed.script);
    ceremony::ParsedScript again = ceremony::ParseScript(written);
    FUZZ_CHECK(again.script && !again.findings.HasErrors());
    FUZZ_CHECK(ceremony::FormatScript(*again.script) == written);
  }
  ceremony::ParseBinding(AsText(bytes), parsed.script ? *parsed.script : ceremony::Script());
  auto record = ceremony::CheckRecord(bytes);
  if (record) {
    FUZZ_CHECK(!record->record.keys.empty());
    FUZZ_CHECK(record->certificates.size() == record->record.keys.size());
    FUZZ_CHECK(record->statements.size() == record->attested.size());
  }
  return 0;
}
