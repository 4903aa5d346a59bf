// SPDX-License-Identifier: Apache-2.0
// What is carried to an offline side, and what it keeps: whatever is shown has no character that
// moves a terminal, and a journal that reads is whole lines.
#include "fuzz/fuzz.h"
#include "offline/journal.h"
#include "offline/side.h"
#include "pki/crl_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const std::string_view text = AsText(ByteView(data, size));
  if (auto shown = offline::Show(text)) {
    for (char c : shown->text)
      FUZZ_CHECK(c == '\n' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f));
    FUZZ_CHECK(shown->json.find('\n') == std::string::npos);
  }
  if (auto request = pki::ReadCrlRequest(text)) {
    auto again = pki::WriteCrlRequest(*request);
    FUZZ_CHECK(again);
    FUZZ_CHECK(pki::CrlRequestDigest(*pki::ReadCrlRequest(*again)) ==
               pki::CrlRequestDigest(*request));
  }
  if (auto authority = offline::ReadAuthority(text)) {
    auto again = offline::ReadAuthority(offline::WriteAuthority(*authority));
    FUZZ_CHECK(again && again->id == authority->id);
  }
  size_t whole = 0;
  if (auto entries = offline::Journal::Parse(text, &whole)) {
    FUZZ_CHECK(whole <= size && (whole == 0 || text[whole - 1] == '\n'));
    FUZZ_CHECK(entries->empty() == (whole == 0));
  }
  return 0;
}
