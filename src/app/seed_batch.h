// SPDX-License-Identifier: Apache-2.0
// What importing and issuing share about a batch: the plan's slot, the desk that certifies, the end
// of a batch. Private to src/app. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "app/factory.h"
#include "app/seed_issue.h"

namespace birthmark::app {

// SeedSlot is the identity of a plan that comes from seeds.
struct SeedSlot {
  std::string product, slot, origin;
  crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256;
};
// SeedSlotOf. Errors: seeds.plan, seeds.not-recomputable.
Result<SeedSlot> SeedSlotOf(const plan::Plan& plan);

// SeedSecretName is the name of a batch's key in the key store.
std::string SeedSecretName(const std::string& batch);

// SeedBench is a desk and an issuer for one batch.
class SeedBench {
 public:
  SeedBench(Factory& f, const SeedSlot& slot, const std::string& batch, const std::string& place,
            const Clock& clock);
  SeedIssuer& issuer() { return issuer_; }

 private:
  line::IssuingDesk desk_;
  SeedIssuer issuer_;
};

// EndBatch records that a batch was used and its seeds are gone; call it when they are.
Status EndBatch(Factory& f, const std::string& batch, const std::string& place,
                const std::string& how, const Clock& clock);

// DropOrphans erases what an import left that was cut short, and wraps whose end is recorded.
Status DropOrphans(Factory& f);

}  // namespace birthmark::app
