// SPDX-License-Identifier: Apache-2.0
// Words that are read as a share give the same share when they are written again; what is refused
// is not quoted.
#include "custody/words.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView input(data, size);
  const Result<custody::Share> share = custody::FromWords(input);
  if (!share) {
    FUZZ_CHECK(share.error().code == "share.mistyped");
    return 0;
  }
  const SecretBytes words = *custody::ToWords(*share);
  const custody::Share again = *custody::FromWords(words.Read(SecretAccess()));
  FUZZ_CHECK(again.value == share->value && again.set == share->set &&
             again.index == share->index && again.generation == share->generation);
  return 0;
}
