// SPDX-License-Identifier: Apache-2.0
#include "app/trials.h"

#include "anchors/trial_build.h"
#include "anchors/trial_plan.h"
#include "app/trials_tls.h"
#include "crypto/digest.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxKit = 4 * 1024 * 1024;

// DeviceName is what the device calls an anchor: the one in its fuses has no id of the plan's.
std::string DeviceName(const plan::Plan& plan, const plan::Anchor& a) {
  return line::PartitionHolding(plan, a).empty() ? "fuse" : a.id;
}

// RunKit offers each object and writes down the device's own words.
Result<ledger::TrialsRun> RunKit(link::DeviceConsole& console, const plan::Plan& plan,
                                 const TrialKit& kit, const std::string& unit,
                                 const std::string& core) {
  ledger::TrialsRun run{.unit = unit, .anchor = kit.anchor, .results = {}, .verifier = core};
  const plan::Anchor* anchor = plan.FindAnchor(kit.anchor);
  for (const TrialKit::Object& o : kit.objects) {
    BM_TRY(link::Trial said, console.Try(o.cose, DeviceName(plan, *anchor)));
    anchors::TrialResult result{.spec = o.spec,
                                .object = crypto::Sha256(o.cose),
                                .verdict = said.text,
                                .accepted = said.accepted};
    run.results.push_back(cbor::ToValue(result));
  }
  return run;
}

// ReadKit gives an anchor's kit; nothing where there is none.
Result<std::optional<TrialKit>> ReadKit(const Layout& layout, const std::string& anchor) {
  const fs::path file = layout.trials() / (anchor + ".kit");
  if (!fs::exists(file)) return std::nullopt;
  BM_TRY(Bytes bytes, ReadFile(file, kMaxKit));
  Result<TrialKit> kit = cbor::FromCbor<TrialKit>(bytes);
  if (!kit) return Refused("trial.kit", file.string() + ": " + kit.error().message);
  return std::optional(std::move(*kit));
}

}  // namespace

Status MakeTrialKits(const Layout& layout, const plan::Plan& plan, Stores stores,
                     const std::map<std::string, std::vector<Authority>>& authorities,
                     const std::map<std::string, line::SignerChain>& signers, const Clock& clock,
                     Rng& rng) {
  BM_CHECK(MakeDirs(layout.trials(), 0700));
  anchors::TrialKeys trial_keys;
  for (const plan::Anchor& anchor : plan.anchors) {
    std::optional<anchors::TrialBasis> basis = anchors::BasisOf(plan, anchor);
    if (basis && basis->tls && line::PartitionHolding(plan, anchor).empty()) continue;
    if (!basis || !anchor.pki || !signers.contains(*anchor.pki)) continue;
    const line::SignerChain& chain = signers.at(*anchor.pki);
    anchors::TrialSetup setup;
    setup.now = clock.Now();
    setup.certificate = chain.root;
    setup.anchor_travels = anchor.form == plan::Form::kKeyDigest;
    if (!anchor.eku.empty()) setup.eku = anchor.eku.front();
    if (!anchor.policy_oid.empty()) setup.policy_oid = anchor.policy_oid.front();
    if (anchor.subject) setup.subject = *anchor.subject;
    setup.organization = anchors::OrganizationOf(anchor).value_or("");
    setup.subordinate = anchor.subordinate.value_or("");
    std::vector<std::unique_ptr<crypto::Signer>> open;
    if (auto it = authorities.find(*anchor.pki); it != authorities.end() && !it->second.empty()) {
      for (const Authority& a : it->second) {
        BM_TRY(auto signer, (a.offline ? stores.offline : stores.online)->Open(a.id));
        open.push_back(std::move(signer));
        if (a.level > 1) setup.subordinates.push_back({a.certificate, open.back().get()});
      }
    } else {
      BM_TRY(auto signer, stores.online->Open(chain.key_id));
      open.push_back(std::move(signer));
    }
    setup.anchor = open.front().get();
    if (basis->tls) {
      BM_CHECK(MakeServerKit(layout, anchor, *basis, std::move(setup), trial_keys, rng));
      continue;
    }
    anchors::TrialBuilder builder(std::move(setup), trial_keys, rng);
    TrialKit kit{.anchor = anchor.id, .objects = {}};
    for (const anchors::TrialSpec& spec : anchors::PlanTrials(*basis)) {
      Bytes payload = ToBytes("birthmark trial " + spec.id);
      BM_TRY(anchors::TrialObject object, builder.Build(spec, payload));
      kit.objects.push_back({.cose = std::move(object.object), .spec = spec});
    }
    BM_CHECK(WriteFileAtomic(layout.trials() / (anchor.id + ".kit"), cbor::ToCbor(kit), 0600));
  }
  return {};
}

Result<size_t> KitObjects(const Layout& layout, const std::string& anchor) {
  BM_TRY(std::optional<TrialKit> kit, ReadKit(layout, anchor));
  if (kit) return kit->objects.size();
  return ServersInKit(layout, anchor);
}

Result<Tried> RunTrials(const Layout& layout, const TrialRun& run) {
  Tried out;
  if (!run.plan.board || !fs::exists(layout.trials())) return out;
  auto wanted = [&](const std::string& id) {
    return run.anchors.empty() || std::ranges::find(run.anchors, id) != run.anchors.end();
  };
  BM_TRY(std::unique_ptr<Sacrifice> device, Sacrifice::Place(layout, run.plan, run.firmware));
  BM_TRY(link::DeviceConsole * console, device->Console());
  for (const plan::Anchor& anchor : run.plan.anchors) {
    if (!wanted(anchor.id)) continue;
    BM_TRY(std::optional<ledger::TrialsRun> servers,
           TryServers(layout, run, anchor, *console, device->unit()));
    if (servers) out.runs.push_back(std::move(*servers));
    BM_TRY(std::optional<TrialKit> kit, ReadKit(layout, anchor.id));
    if (!kit) continue;
    BM_TRY(ledger::TrialsRun one, RunKit(*console, run.plan, *kit, device->unit(), device->core()));
    out.runs.push_back(std::move(one));
  }
  if (!run.changing) return out;
  ChangeTrials trials(*device, run.plan, run.firmware, run.keys, run.signers);
  for (const ChangePlan& what : PlanChanges(run.plan, run.firmware)) {
    if (!what.why_not.empty() || !wanted(what.anchor)) continue;
    BM_TRY(ledger::ChangesTried one, trials.Try(what));
    out.changes.push_back(std::move(one));
  }
  return out;
}

}  // namespace birthmark::app
