// SPDX-License-Identifier: Apache-2.0
// A sealed share is looked at without its passphrase, and the octets inside are read: what is taken
// is written the same again.
#include "custody/share_file.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView input(data, size);
  (void)custody::CheckShareFile(AsText(input));
  const Result<custody::Share> share = custody::FromOctets(input);
  if (!share) return 0;
  const Result<SecretBytes> again = custody::ToOctets(*share);
  FUZZ_CHECK(again && EqualSecret(again->Read(SecretAccess()), input));
  return 0;
}
