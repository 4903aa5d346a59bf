// SPDX-License-Identifier: Apache-2.0
// Any octets are a Java key store or one refusal, and never silence about the digest.
#include "fuzz/fuzz.h"
#include "trust/jks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto store = trust::ReadJavaKeystore({data, size});
  if (!store) return 0;
  FUZZ_CHECK(store->findings.Has("trust.not-checked"));
  for (const trust::TrustAnchor& a : store->anchors)
    FUZZ_CHECK(!a.certificate.empty() && !a.spki.empty() && IsUtf8(a.place));
  return 0;
}
