// SPDX-License-Identifier: Apache-2.0
// What the strict parsers of notes, checkpoints and keys take is written back octet for octet.
#include "fuzz/fuzz.h"
#include "ledger/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark::ledger;
  std::string_view in(reinterpret_cast<const char*>(data), size);
  if (auto note = ParseNote(in)) {
    FUZZ_CHECK(FormatNote(*note) == in);
    if (auto c = ParseCheckpoint(note->text)) FUZZ_CHECK(FormatCheckpoint(*c) == note->text);
  }
  if (auto key = NoteKey::FromText(in)) FUZZ_CHECK(key->ToText() == in);
  return 0;
}
