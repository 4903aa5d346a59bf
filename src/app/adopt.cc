// SPDX-License-Identifier: Apache-2.0
#include "app/adopt.h"

#include "anchors/read.h"
#include "app/on_behalf.h"
#include "app/vendor_roots.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "ledger/events_anchors.h"
#include "plan/check.h"
#include "plan/diff.h"

namespace birthmark::app {
namespace {

// Unfinished is true while a unit of the product is on the line: its steps belong to the old plan.
Result<bool> Unfinished(ledger::LogWriter& log, const std::string& product) {
  BM_TRY(uint64_t all, log.registry().CountUnits(
                           {.product = product, .state = std::nullopt, .site = std::nullopt}));
  uint64_t ended = 0;
  for (const char* state : {"packed", "shipped", "scrapped"}) {
    BM_TRY(uint64_t n,
           log.registry().CountUnits({.product = product, .state = state, .site = std::nullopt}));
    ended += n;
  }
  return all != ended;
}

}  // namespace

Result<Adopted> AdoptPlan(const fs::path& workspace, const plan::Plan& next,
                          const fs::path& plan_folder, const KeySource& keys, const std::string& as,
                          bool dry_run, const Clock& clock) {
  BM_TRY(auto f, Factory::Open(workspace, keys, false, next.product.id, as, clock));
  const plan::Plan& current = f->adopted.plan;
  if (current.digest == next.digest) {
    return Refused("plan.adopt-same", "this plan is in force already", "change the plan first");
  }
  Findings fixed = plan::CheckAdopt(current, next);
  if (fixed.HasErrors())
    return Refused("plan.findings", "what never changes has changed:\n" + fixed.ToString());
  BM_TRY(bool busy, Unfinished(*f->log, next.product.id));
  if (busy) {
    return Refused("plan.adopt-unfinished", "units are on the line under the version in force",
                   "let them finish first: birthmark line run WS --units N");
  }
  Adopted out{.version = f->adopted.version + 1,
              .difference = plan::DiffText(plan::DiffPlans(current, next))};
  if (dry_run) return out;
  std::vector<ledger::Event> events{
      ledger::MakeEvent(f->context, clock.Now(), "product:" + next.product.id,
                        ledger::PlanAdopted{.text = ToBytes(next.raw),
                                            .digest = next.digest,
                                            .product = next.product.id,
                                            .version = out.version})};
  ledger::EventContext under_next = f->context;
  under_next.plan = next.digest;
  for (const plan::Anchor& a : next.anchors) {
    if (a.file.empty() || a.generated) continue;
    fs::path file = fs::path(a.file).is_absolute() ? fs::path(a.file) : plan_folder / a.file;
    BM_TRY(Bytes bytes, ReadFile(file, plan::kMaxAnchorFileBytes));
    BM_TRY(anchors::AnchorFacts facts, anchors::ReadAnchors(bytes));
    // Devices that are made from now on have another anchor of this name.
    if (Result<Bytes> before = ReadFile(f->layout.anchors() / a.id, plan::kMaxAnchorFileBytes);
        before && *before != bytes) {
      events.push_back(ledger::MakeEvent(under_next, clock.Now(), "anchor:" + a.id,
                                         ledger::AnchorReplaced{.means = "new-plan",
                                                                .anchor = a.id,
                                                                .before = crypto::Sha256(*before),
                                                                .after = crypto::Sha256(bytes)}));
    }
    BM_CHECK(WriteFileAtomic(f->layout.anchors() / a.id, bytes));
    events.push_back(
        ledger::MakeEvent(under_next, clock.Now(), "anchor:" + a.id,
                          ledger::AnchorRead{.kind = std::string(vocab::ToText(a.kinds.front())),
                                             .facts = cbor::ToValue(facts),
                                             .anchor = a.id,
                                             .file_digest = crypto::Sha256(bytes)}));
  }
  BM_CHECK(KeepVendorRoots(f->layout, next, plan_folder));
  BM_CHECK(KeepOtherDisclosures(f->layout, next, plan_folder));
  ledger::Submission all;
  for (const ledger::Event& e : events) {
    BM_TRY(ledger::NewEvent n, ledger::Prepare(e));
    all.push_back(std::move(n));
  }
  BM_CHECK(f->log->Append(std::move(all)));
  return out;
}

}  // namespace birthmark::app
