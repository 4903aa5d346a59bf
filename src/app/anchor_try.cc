// SPDX-License-Identifier: Apache-2.0
#include "app/anchor_try.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "anchors/change_conclude.h"
#include "anchors/superior.h"
#include "app/release.h"
#include "app/roles.h"

namespace birthmark::app {
namespace {

Status CheckAnchorIds(const plan::Plan& plan, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (plan.FindAnchor(id) != nullptr) continue;
    std::string all;
    for (const plan::Anchor& a : plan.anchors) all += (all.empty() ? "" : ", ") + a.id;
    return Usage("anchor.unknown", fmt::format("the plan has no anchor \"{}\"", id),
                 "its anchors are " + all);
  }
  return {};
}

std::string ShortOf(const plan::Change& change) {
  plan::Change who = change;
  who.channel.clear();
  return plan::ToText(who);
}

void AddChanges(const plan::Plan& plan, const ledger::ChangesTried& tried,
                std::vector<TriedRow>& rows) {
  std::vector<anchors::ChangeResult> results;
  for (const ledger::ChangeTry& t : tried.results)
    results.push_back({t.aspect, t.by, t.way, t.signer, t.verdict, t.held});
  const anchors::DerivedAspects graph = anchors::SuperiorGraph::Build(plan).AspectsOf(tried.anchor);
  const std::pair<std::string_view, const anchors::Derived*> aspects[] = {
      {"replace", &graph.replace}, {"add", &graph.add}, {"remove", &graph.remove}};
  for (const auto& [aspect, derived] : aspects) {
    const anchors::ChangeConclusion shown = anchors::ConcludeChange(aspect, results);
    if (!shown.change) continue;
    rows.push_back({.anchor = tried.anchor,
                    .what = std::string(aspect),
                    .graph = plan::ToText(derived->ToChange()),
                    .trial = plan::ToText(*shown.change),
                    .differs = ShortOf(derived->ToChange()) != ShortOf(*shown.change),
                    .tries = fmt::format("{}", fmt::join(shown.notes, "; "))});
  }
  const anchors::ChangeConclusion back = anchors::ConcludeChange("roll-back", results);
  if (!back.change) return;
  rows.push_back({.anchor = tried.anchor,
                  .what = "roll back",
                  .graph = "",
                  .trial = plan::ToText(*back.change),
                  .differs = false,
                  .tries = fmt::format("{}", fmt::join(back.notes, "; "))});
}

// OnDisk is the firmware as it was released, as far as it was.
line::Firmware OnDisk(const Layout& layout, const plan::Plan& plan) {
  std::vector<line::Image> images;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(ImageFolder(layout, plan), ec)) {
    line::Image image;
    image.partition = entry.path().filename().string();
    if (auto bytes = ReadFile(entry.path(), kMaxImage)) image.bytes = std::move(*bytes);
    images.push_back(std::move(image));
  }
  return line::Firmware::FromImages(std::move(images), {});
}

}  // namespace

Result<std::vector<OfferRow>> PlannedTrials(const AnchorTryOptions& o) {
  BM_TRY(auto reader, OpenReader(o.workspace));
  BM_TRY(AdoptedPlan adopted, PlanOf(*reader, o.product));
  const plan::Plan& plan = adopted.plan;
  BM_CHECK(CheckAnchorIds(plan, o.anchors));
  const Layout layout(o.workspace);
  std::vector<OfferRow> rows;
  for (const ChangePlan& p : PlanChanges(plan, OnDisk(layout, plan))) {
    if (!o.anchors.empty() && std::ranges::find(o.anchors, p.anchor) == o.anchors.end()) continue;
    OfferRow row{.anchor = p.anchor,
                 .objects = 0,
                 .place = p.partition.empty() ? "fuses" : p.partition,
                 .ways = fmt::format("{}", fmt::join(p.ways, ", ")),
                 .signer = p.verifier,
                 .why_not = p.why_not};
    BM_TRY(row.objects, KitObjects(layout, p.anchor));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<TriedAnchors> TryAnchorsNow(const AnchorTryOptions& o, const KeySource& keys,
                                   const Clock& clock) {
  BM_TRY(auto f, Factory::Open(o.workspace, keys, false, o.product, o.as, clock));
  BM_CHECK(RequireRole(*f, {"maintainer", "administrator"}, "trying anchors"));
  const plan::Plan& plan = f->adopted.plan;
  BM_CHECK(CheckAnchorIds(plan, o.anchors));
  if (!plan.board) {
    return Refused("anchor.no-board", "the plan does not say which board is emulated",
                   "add [device] board = \"bmc\" to the plan");
  }
  BM_TRY(line::Firmware firmware, ReleaseImages(*f, clock));
  BM_TRY(Tried tried, TryAnchors(*f, firmware, o.anchors, clock));
  TriedAnchors out;
  for (const plan::Anchor& a : plan.anchors) {
    for (const ledger::TrialsRun& run : tried.runs) {
      if (run.anchor != a.id) continue;
      size_t accepted = 0;
      for (const cbor::Value& v : run.results) {
        const cbor::Value* yes = v.Find("accepted");
        accepted += yes != nullptr && yes->AsBool() != nullptr && *yes->AsBool();
      }
      out.rows.push_back(
          {.anchor = a.id,
           .what = "verifier",
           .graph = "",
           .trial = fmt::format("{} of {} objects accepted", accepted, run.results.size()),
           .differs = false,
           .tries = run.verifier});
    }
    for (const ledger::ChangesTried& one : tried.changes) {
      if (one.anchor == a.id) AddChanges(plan, one, out.rows);
    }
  }
  if (!f->genesis.rehearsal) {
    out.note =
        "a workspace for production: only the kits that are there were offered, and no change was "
        "tried, since its objects would be signed by keys that devices in the field believe";
  }
  return out;
}

}  // namespace birthmark::app
