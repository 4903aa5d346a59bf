// SPDX-License-Identifier: Apache-2.0
// A message that parses re-encodes to itself; verifying it under some key must end in an answer.
#include <algorithm>

#include "cbor/cose.h"
#include "crypto/software_signer.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  static const auto signer =
      crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  ByteView in(data, size);
  auto m = cbor::ParseCose(in);
  if (!m) return 0;
  Bytes again = cbor::EncodeCose(*m);
  FUZZ_CHECK(std::equal(in.begin(), in.end(), again.begin(), again.end()));
  FUZZ_CHECK(!cbor::VerifyCose(*m, signer->public_key()));  // the key is new: nobody signed with it
  return 0;
}
