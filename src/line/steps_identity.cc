// SPDX-License-Identifier: Apache-2.0
#include "line/steps_identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "line/device_word.h"
#include "line/element_part.h"
#include "method/avocado.h"
#include "method/carrot.h"
#include "method/enrolled.h"
#include "method/sapodilla.h"

namespace birthmark::line {
namespace {

using method::Outcome;
using vocab::Method;
using vocab::Transfer;

// InElement is salak, and avocado whose key is in a TPM that the processor's firmware is.
Result<Outcome> InElement(StepContext& c, const plan::IdentitySlot& slot) {
  std::vector<crypto::Certificate> roots;
  if (c.vendor_roots) {
    BM_TRY(roots, c.vendor_roots(std::string(vocab::ToText(slot.slot))));
  }
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  return method::ProvisionSalak(*console, c.desk, c.job,
                                SalakTermsOf(c.plan, slot, std::move(roots)), c.rng);
}

Result<Outcome> Avocado(StepContext& c, const plan::IdentitySlot& slot) {
  if (NeedsElement(c.plan, slot)) return InElement(c, slot);
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(Outcome out, method::ProvisionAvocado(*console, c.desk, c.job, c.rng));
  if (slot.slot == vocab::Identity::kAttestation) {
    BM_TRY(std::string said, SignedByAttestationKey(c, *console));
    out.detail += "; " + said;
  }
  if (slot.slot == vocab::Identity::kDecrypt) {
    BM_TRY(auto live, c.desk.Live(c.job.unit, c.job.slot));
    BM_TRY(crypto::PublicKey key, live->certificate.public_key());
    BM_TRY(Outcome tried, method::TryDecrypt(*console, c.job, key, c.rng));
    out.detail += "; " + tried.detail;
    out.read_backs.insert(out.read_backs.end(), tried.read_backs.begin(), tried.read_backs.end());
  }
  return out;
}

// Brought is what the factory makes and hands over whole (docs/identities.md). A private key of one
// device alone is not brought this way: it comes in the image.
Result<Outcome> Brought(StepContext& c, const plan::IdentitySlot& slot) {
  using vocab::Identity;
  if (c.secrets == nullptr) {
    return Refused("step.method", "no secrets are kept here",
                   "run this step at the factory's line, not on an island");
  }
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  switch (slot.slot) {
    case Identity::kSymmetric: {
      const size_t size = slot.algorithm == vocab::Algorithm::kSymmetric128 ? 16 : 32;
      return method::ProvisionSymmetric(*console, *c.secrets, c.job, size, slot.derived);
    }
    case Identity::kPassword: {
      LabelPrinter printer(c);
      return method::ProvisionPassword(*console, *c.secrets, c.job, c.station_place,
                                       slot.on_label ? &printer : nullptr);
    }
    case Identity::kGroup:
      return method::ProvisionGroup(*console, *c.secrets, c.job);
    case Identity::kIdevidSlot:
    case Identity::kAttestation:
    case Identity::kDecrypt:
      break;
  }
  return Refused("step.method",
                 fmt::format("{} is not made outside and handed over a console", c.job.slot),
                 "bamboo for a device's own key needs a single-image-write");
}

Result<Outcome> Sapodilla(StepContext& c, const plan::IdentitySlot& slot) {
  if (c.elements == nullptr)
    return Refused("step.method", "no parts are known here", "run this step at the factory's line");
  method::SapodillaTerms terms{.ca = method::WhoseCa::kMaker, .activation = slot.activation};
  if (slot.ca_option == plan::CaOption::kOnBehalf) terms.ca = method::WhoseCa::kOnBehalf;
  if (slot.ca_option == plan::CaOption::kConnected) terms.ca = method::WhoseCa::kOurs;
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  return method::ProvisionSapodilla(*console, c.desk, *c.elements, c.job, terms, c.rng);
}

// WriteChain writes a slot's chain from outside, with the processor held, and asks the device for
// it.
Status WriteChain(StepContext& c, const std::vector<Bytes>& chain) {
  BM_TRY(link::ChainCell cell, link::EncodeChainCell(c.job.slot, chain));
  BM_TRY(link::Programmer * port, c.device.Port());
  const link::Partition* p = c.device.board().Find("factory-data");
  BM_CHECK(port->Install(p->offset + cell.offset, cell.content));
  c.device.ReleasePort();
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(std::vector<Bytes> held, console->GetCertificate(c.job.slot));
  if (held == chain) return {};
  return Refused("carrot.read-back",
                 c.job.unit + ": the device does not find the certificate that was written",
                 "retry the unit; scrap it if this comes back");
}

Result<Outcome> Carrot(StepContext& c, const plan::IdentitySlot& slot) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  if (slot.mixes_entropy) return method::ProvisionMixedCarrot(*console, c.desk, c.job, c.rng);
  if (c.seeds == nullptr)
    return Refused("step.method", "no seeds are known here", "run this step at the factory's line");
  using Way = method::Delivery::Way;
  method::Delivery delivery{
      .way = slot.transfer == Transfer::kMechanicallyInstalled ? Way::kImage
             : slot.transfer == Transfer::kNetworkTransferred  ? Way::kFetched
                                                               : Way::kConsole,
      .write = [&c](const std::vector<Bytes>& chain) { return WriteChain(c, chain); }};
  return method::ProvisionCarrot(*console, c.desk, *c.seeds, c.job, delivery, c.rng);
}

// Enrolled is what came over a network by the device's own hand: it is looked at, nothing is put
// in.
Result<Outcome> Enrolled(StepContext& c, const plan::IdentitySlot& slot) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  return method::ConfirmEnrolled(*console, c.desk, c.job, NeedsElement(c.plan, slot), c.rng);
}

struct Way {
  Method method;
  Transfer transfer;
  Result<Outcome> (*run)(StepContext&, const plan::IdentitySlot&);
};

constexpr Way kWays[] = {
    {Method::kAvocado, Transfer::kMechanicallyTransferred, Avocado},
    {Method::kAvocado, Transfer::kNetworkTransferred, Enrolled},
    {Method::kBamboo, Transfer::kMechanicallyTransferred, Brought},
    {Method::kCarrot, Transfer::kMechanicallyInstalled, Carrot},
    {Method::kCarrot, Transfer::kMechanicallyTransferred, Carrot},
    {Method::kCarrot, Transfer::kNetworkTransferred, Carrot},
    {Method::kSalak, Transfer::kMechanicallyTransferred, InElement},
    {Method::kSalak, Transfer::kNetworkTransferred, Enrolled},
    {Method::kSapodilla, Transfer::kMechanicallyTransferred, Sapodilla},
};

}  // namespace

Result<Outcome> IdentityProvision(StepContext& c) {
  Outcome out;
  const bool several = c.plan.identities.size() > 1;
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
    if (!out.detail.empty()) out.detail += "; ";
    out.detail += several ? fmt::format("{}: {}", c.job.slot, one.detail) : one.detail;
    out.read_backs.insert(out.read_backs.end(), one.read_backs.begin(), one.read_backs.end());
  }
  return out;
}

}  // namespace birthmark::line
