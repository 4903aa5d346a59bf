// SPDX-License-Identifier: Apache-2.0
// The kept state of the audit, under a digest that fits, so that what lies behind it is reached:
// what is taken comes back as it was.
#include <algorithm>

#include "audit/state.h"
#include "crypto/digest.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  Bytes file(data, data + size);
  const Digest digest = crypto::Sha256(file);
  file.insert(file.end(), digest.begin(), digest.end());
  auto state = audit::DecodeState(file);
  if (!state) {
    FUZZ_CHECK(state.error().code == "audit.state");
    return 0;
  }
  auto again = audit::DecodeState(audit::EncodeState(*state));
  FUZZ_CHECK(again && again->keys.size() == state->keys.size());
  FUZZ_CHECK(again->product == state->product);
  return 0;
}
