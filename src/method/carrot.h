// SPDX-License-Identifier: Apache-2.0
// Carrot (draft 4.1.1.3): the chip's maker put a seed in, and the device and its manufacturer
// derive the same key pair from it. The certificate is issued before the device is met
// (app/seed_issue.h); here the device derives its own key, proves that it holds it, and the two
// public keys are compared. A device that mixes in entropy of its own goes the other way: its key
// comes out and is certified. Leaves out seeds: none is ever at a station.
#pragma once

#include <functional>

#include "base/ids.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// Seeds is what is known of the chips whose seeds were used.
class Seeds {
 public:
  virtual ~Seeds() = default;
  // ChipOf is the chip that a unit's certificate is for, UnitOf the unit of a chip's certificate.
  virtual Result<std::optional<std::string>> ChipOf(const std::string& unit) = 0;
  virtual Result<std::optional<std::string>> UnitOf(const std::string& chip) = 0;
};

// Delivery is how the certificate comes to the device.
struct Delivery {
  enum class Way { kConsole, kImage, kFetched } way = Way::kConsole;
  // Of kImage: writes the chain where the device looks for it, from outside.
  std::function<Status(const std::vector<Bytes>& chain)> write;
};

// ProvisionCarrot has the device derive its key, proves and compares it, and delivers the
// certificate; fetched ones are left to the onboarding. It may be called again after any
// interruption. Errors: carrot.not-issued, carrot.no-seed, carrot.mixes (the device's key is not
// its seed's alone), carrot.other-chip, carrot.other-key (the device derived another key than the
// factory), carrot.other-unit, carrot.proof, carrot.read-back; those of the link and of the desk.
Result<Outcome> ProvisionCarrot(link::DeviceConsole& device, Desk& desk, Seeds& seeds,
                                const Job& job, const Delivery& delivery, Rng& rng);

// ProvisionMixedCarrot is for a device that mixes entropy into its key that nobody else has: its
// request is certified as an avocado's, and the identity says so by its proof, "csr-signature".
// Errors: as ProvisionAvocado under the name carrot; carrot.not-mixed (the factory could compute
// this key, and the plan says that it cannot).
Result<Outcome> ProvisionMixedCarrot(link::DeviceConsole& device, Desk& desk, const Job& job,
                                     Rng& rng);

// SameChip compares a device's own identifier with the maker's name of a chip: hexadecimal, in
// either case, with or without separators. A name of another form says nothing and is the same.
bool SameChip(ByteView uid, std::string_view chip);

}  // namespace birthmark::method
