// SPDX-License-Identifier: Apache-2.0
// Blocks that were read are read again from what is written of them.
#include "crypto/pem.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto blocks = crypto::ReadPem(AsText({data, size}), 64);
  if (!blocks) return 0;
  std::string text;
  for (const crypto::PemBlock& b : *blocks) text += crypto::WritePem(b.label, b.der);
  auto again = crypto::ReadPem(text, 64);
  FUZZ_CHECK(again && again->size() == blocks->size());
  for (size_t i = 0; i < blocks->size(); ++i) {
    FUZZ_CHECK((*again)[i].label == (*blocks)[i].label && (*again)[i].der == (*blocks)[i].der);
  }
  return 0;
}
