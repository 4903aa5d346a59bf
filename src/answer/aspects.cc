// SPDX-License-Identifier: Apache-2.0
// The four aspects of an anchor. What the plan says, or what its superior artifacts come to, is
// declared; what a locked device let be done to the anchor is measured. Where the two differ both
// are told.
#include <fmt/format.h>

#include "anchors/change_conclude.h"
#include "anchors/superior.h"
#include "answer/evaluators.h"

namespace birthmark::answer {
namespace {

std::string PathText(const anchors::Derived& d) {
  std::string out;
  for (const std::string& node : d.path) {
    if (!out.empty()) out += " < ";
    out += node;
  }
  if (d.software_lock) out += "; as long as a lock in software holds";
  for (const plan::Change& also : d.also) out += "; also " + plan::ToText(also);
  return out;
}

// WhoOnly is a change without its channel: how it comes in is told, not compared.
std::string WhoOnly(const plan::Change& change) {
  plan::Change who = change;
  who.channel.clear();
  return plan::ToText(who);
}

// Shown is an aspect as the tries on devices show it. The newest tries count: a device core that
// was mended is believed to be.
void Show(const Case& c, std::string_view aspect, const plan::Change& from_graph, Found& found) {
  const Row<ledger::ChangesTried>* newest = nullptr;
  for (const auto& row : c.fold.changes) {
    if (row.body.anchor == c.id) newest = &row;
  }
  if (newest == nullptr) {
    found.why_not = "no change of this anchor was tried on a device";
    return;
  }
  std::vector<anchors::ChangeResult> results;
  for (const ledger::ChangeTry& t : newest->body.results)
    results.push_back({t.aspect, t.by, t.way, t.signer, t.verdict, t.held});
  const anchors::ChangeConclusion shown = anchors::ConcludeChange(aspect, results);
  if (!shown.change) {
    found.why_not = fmt::format("no object to {} it was offered", aspect);
    return;
  }
  Measured m = Begin(c, "anchor-changes/1", {newest->ref});
  m.verifier = newest->body.verifier;
  m.value = plan::ToText(*shown.change);
  m.notes = shown.notes;
  if (WhoOnly(*shown.change) != WhoOnly(from_graph)) {
    m.notes.push_back(fmt::format("the graph says {}, the trial shows {}", plan::ToText(from_graph),
                                  plan::ToText(*shown.change)));
  }
  found.measured = std::move(m);
}

Found AspectOf(const Case& c, std::string_view aspect,
               std::optional<plan::Change> plan::Aspects::* declared,
               anchors::Derived anchors::DerivedAspects::* derived) {
  const plan::Anchor& anchor = *c.fold.plan.FindAnchor(c.id);
  const anchors::Derived from_graph =
      anchors::SuperiorGraph::Build(c.fold.plan).AspectsOf(c.id).*derived;
  const std::optional<plan::Change>& said = anchor.aspects.*declared;
  const std::string path = PathText(from_graph);
  Found found;
  found.implied = plan::ToText(said ? *said : from_graph.ToChange());
  if (!said) {
    found.implied_by = path.empty() ? "anchor " + c.id : "stores, " + path;
  } else {
    found.implied_by =
        fmt::format("anchor {}; its stores allow {}{}{}", c.id, plan::ToText(from_graph.ToChange()),
                    path.empty() ? "" : ", ", path);
  }
  Show(c, aspect, from_graph.ToChange(), found);
  return found;
}

}  // namespace

Found Replace(const Case& c) {
  return AspectOf(c, "replace", &plan::Aspects::replace, &anchors::DerivedAspects::replace);
}
Found Add(const Case& c) {
  return AspectOf(c, "add", &plan::Aspects::add, &anchors::DerivedAspects::add);
}
Found Remove(const Case& c) {
  return AspectOf(c, "remove", &plan::Aspects::remove, &anchors::DerivedAspects::remove);
}

// Keep is the fourth: not the device's matter but its keeper's, in the keeper's words.
Found Keep(const Case& c) {
  const plan::Anchor& anchor = *c.fold.plan.FindAnchor(c.id);
  Found found;
  std::string text = anchor.aspects.keep.value_or(anchor.keeper);
  if (anchor.third_party) {
    if (text.empty()) text = "third party";
    if (!anchor.practice_statement.empty()) text += "; see " + anchor.practice_statement;
  }
  if (!text.empty()) {
    found.implied = text;
    found.implied_by = "anchor " + c.id;
  } else {
    found.why_not = "the plan does not say who keeps the key; pki-anchor-storage tells how";
  }
  return found;
}

}  // namespace birthmark::answer
