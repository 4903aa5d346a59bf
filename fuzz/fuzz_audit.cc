// SPDX-License-Identifier: Apache-2.0
// A file of the intake audit: whatever is read as a key can be examined, and every key that is read
// says where it stood.
#include "audit/facts.h"
#include "audit/intake.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  audit::Intake intake;
  FUZZ_CHECK(audit::AddFile(intake, {data, size}, "lot"));
  for (const audit::Subject& s : intake.subjects) {
    FUZZ_CHECK(s.place.starts_with("lot"));
    FUZZ_CHECK(IsUtf8(s.name));
    auto facts = audit::Examine(s.spki);
    FUZZ_CHECK(facts);
    FUZZ_CHECK(!facts->rsa || facts->rsa->modulus > 1);
  }
  for (const audit::Unreadable& u : intake.unreadable) FUZZ_CHECK(!u.why.empty());
  return 0;
}
