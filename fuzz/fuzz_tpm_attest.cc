// SPDX-License-Identifier: Apache-2.0
// The TPM's structures: whatever is read says of itself what it was read from, and nothing but the
// documented errors comes out.
#include <algorithm>

#include "attest/tpm.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  auto known = [](const Error& e) { return e.code.starts_with("tpm."); };
  if (auto p = attest::ReadPublic(in)) {
    FUZZ_CHECK(std::ranges::equal(p->octets, in));
    FUZZ_CHECK(p->Name().size() > 2);
    auto spki = p->Spki();
    if (!spki) FUZZ_CHECK(known(spki.error()));
  } else {
    FUZZ_CHECK(known(p.error()));
  }
  (void)attest::ReadSizedPublic(in);
  auto attest = attest::ReadAttest(in);
  if (attest) FUZZ_CHECK(attest->octets.size() == size || attest->octets.size() + 2 == size);
  if (!attest) FUZZ_CHECK(known(attest.error()));
  auto creation = attest::ReadCreationData(in);
  if (!creation) FUZZ_CHECK(known(creation.error()));
  if (auto s = attest::ReadSignature(in))
    FUZZ_CHECK(std::ranges::equal(attest::WriteSignature(*s), in));
  return 0;
}
