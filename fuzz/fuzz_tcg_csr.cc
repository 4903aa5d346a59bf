// SPDX-License-Identifier: Apache-2.0
// A TCG_CSR_IDEVID from anybody: its fields fit into it, and what is read and padded as we pad is
// written again octet for octet.
#include <algorithm>

#include "attest/verify.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  auto csr = attest::DecodeTcgCsr(in);
  if (!csr) {
    FUZZ_CHECK(csr.error().code.starts_with("attest."));
    return 0;
  }
  FUZZ_CHECK(csr->signed_part.size() + csr->signature.size() + 12 == size);
  auto again = attest::EncodeTcgCsr(*csr);
  FUZZ_CHECK(again);
  auto back = attest::DecodeTcgCsr(*again);
  FUZZ_CHECK(back && back->signing_public == csr->signing_public);
  FUZZ_CHECK(back->ek_certificate == csr->ek_certificate);
  auto evidence = attest::EvidenceFrom(*csr);
  if (evidence) {
    attest::VerifyOptions options{.at = TimeFromMillis(1'795'000'000'000)};
    FUZZ_CHECK(!attest::Verify(*evidence, {}, options));
  }
  return 0;
}
