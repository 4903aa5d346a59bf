// SPDX-License-Identifier: Apache-2.0
// PSKC as it comes, with two shared keys at hand so that encrypted values are gone through too.
#include "fuzz/seed_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  static const std::vector<seed::SharedKey> keys = [] {
    std::vector<seed::SharedKey> k;
    k.push_back({"k16", SecretBytes::Take(Bytes(16, 0x44))});
    k.push_back({"k32", SecretBytes::Take(Bytes(32, 0x44))});
    return k;
  }();
  seed::CheckedRead({data, size}, {.shared = &keys, .allow_unprotected = true});
  seed::CheckedRead({data, size}, {});
  return 0;
}
