// SPDX-License-Identifier: Apache-2.0
// An AttestationBundle from anybody: what is read is written again as it was, unless it held what
// is skipped, and evidence nobody signed is never a verdict.
#include <algorithm>

#include "attest/verify.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  (void)attest::BundleInAttributes(in);
  (void)attest::BundleInExtensions(in);
  auto bundle = attest::DecodeBundle(in);
  if (!bundle) {
    FUZZ_CHECK(bundle.error().code.starts_with("attest."));
    return 0;
  }
  auto again = attest::DecodeBundle(attest::EncodeBundle(*bundle));
  FUZZ_CHECK(again && again->statements.size() == bundle->statements.size());
  FUZZ_CHECK(again->certs == bundle->certs);
  auto evidence = attest::EvidenceFrom(*bundle);
  if (!evidence) {
    FUZZ_CHECK(evidence.error().code.starts_with("attest."));
    return 0;
  }
  // No root is pinned, so whatever it is, it leads nowhere.
  attest::VerifyOptions options{.at = TimeFromMillis(1'795'000'000'000)};
  options.needed = 0;
  options.need_binding = false;
  auto verdict = attest::Verify(*evidence, {}, options);
  FUZZ_CHECK(!verdict);
  FUZZ_CHECK(verdict.error().code.starts_with("attest."));
  return 0;
}
