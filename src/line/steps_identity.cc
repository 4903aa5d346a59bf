// SPDX-License-Identifier: Apache-2.0
#include "line/steps_identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "method/avocado.h"

namespace birthmark::line {
namespace {

using method::Outcome;
using vocab::Method;
using vocab::Transfer;

Result<Outcome> Avocado(StepContext& c, const plan::IdentitySlot&) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  return method::ProvisionAvocado(*console, c.desk, c.job, c.rng);
}

struct Way {
  Method method;
  Transfer transfer;
  Result<Outcome> (*run)(StepContext&, const plan::IdentitySlot&);
};

constexpr Way kWays[] = {
    {Method::kAvocado, Transfer::kMechanicallyTransferred, Avocado},
};

}  // namespace

Result<Outcome> IdentityProvision(StepContext& c) {
  Outcome out;
  for (const plan::IdentitySlot& slot : c.plan.identities) {
    if (!c.step.slots.empty() && std::ranges::find(c.step.slots, slot.slot) == c.step.slots.end())
      continue;
    const Way* way = std::ranges::find_if(kWays, [&](const Way& w) {
      return w.method == slot.method && w.transfer == slot.transfer;
    });
    if (way == std::end(kWays)) {
      return Refused(
          "step.method",
          fmt::format("{} cannot be brought by {}, {}, in this step", vocab::ToText(slot.slot),
                      vocab::ToText(slot.method), vocab::ToText(slot.transfer)),
          "see docs/line.md for what the line does; bamboo needs a single-image-write");
    }
    c.job.slot = vocab::ToText(slot.slot);
    BM_TRY(Outcome one, way->run(c, slot));
    out.proof = one.proof;
    out.detail += (out.detail.empty() ? "" : "; ") + one.detail;
    out.read_backs.insert(out.read_backs.end(), one.read_backs.begin(), one.read_backs.end());
  }
  return out;
}

}  // namespace birthmark::line
