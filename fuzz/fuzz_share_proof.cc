// SPDX-License-Identifier: Apache-2.0
// A proof's file is read and checked against a set. Without a share nobody makes a proof, so only
// those of the corpus may hold, over the statements that they were made for.
#include "custody/health.h"
#include "custody/message.h"
#include "custody/seeded_rng.h"
#include "custody/sharing.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  using namespace birthmark::custody;
  static const ShareSet set = [] {
    SeededRng rng;
    return Deal(2, 3, rng)->set;
  }();
  const Result<ShareProof> proof = FromArmor<ShareProof>(AsText({data, size}));
  if (!proof) return 0;
  const Result<ShareProof> again = FromArmor<ShareProof>(ToArmor(*proof));
  FUZZ_CHECK(again && again->proof == proof->proof && again->statement == proof->statement);
  if (CheckProof(set, proof->index, proof->statement, *proof))
    FUZZ_CHECK(AsText(proof->statement) == (proof->index == 1 ? "birthmark fuzz\n" : "another\n"));
  return 0;
}
