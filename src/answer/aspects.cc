// SPDX-License-Identifier: Apache-2.0
// The four aspects of an anchor. What follows from the superior artifacts in the plan is declared, with
// the path that decided; measured is only what a device was seen to accept and refuse.
#include <fmt/format.h>

#include "anchors/superior.h"
#include "answer/evaluators.h"
#include "answer/trials.h"

namespace birthmark::answer {
namespace {

std::string PathText(const anchors::Derived& d) {
  std::string out;
  for (const std::string& node : d.path) {
    if (!out.empty()) out += " < ";
    out += node;
  }
  if (d.software_lock) out += "; as long as a lock in software holds";
  return out;
}

Found AspectOf(const Case& c, std::string method, std::optional<plan::Change> plan::Aspects::*declared,
               anchors::Derived anchors::DerivedAspects::*derived) {
  const plan::Anchor& anchor = *c.fold.plan.FindAnchor(c.id);
  const anchors::Derived from_graph = anchors::SuperiorGraph::Build(c.fold.plan).AspectsOf(c.id).*derived;
  const std::optional<plan::Change>& said = anchor.aspects.*declared;
  Found found;
  found.implied = plan::ToText(said ? *said : from_graph.ToChange());
  const std::string path = PathText(from_graph);
  if (!said) {
    found.implied_by = path.empty() ? "anchor " + c.id : "stores, " + path;
  } else {
    found.implied_by = fmt::format("anchor {}; its stores allow {}{}{}", c.id, plan::ToText(from_graph.ToChange()),
                                   path.empty() ? "" : ", ", path);
  }
  if (from_graph.by != plan::Change::By::kArtifact) {
    found.why_not = "no trial shows who cannot change it";
    return found;
  }
  // The anchor lies in a container that `who` verifies: that an object under `who` was accepted there and a
  // forger's was not is what shows who can put another content in.
  const Shown shown = ShownBy(c.fold, from_graph.who);
  if (!shown.conclusion.sound) {
    found.why_not = "no trial on a device decided it";
    return found;
  }
  Measured m = Begin(c, std::move(method), shown.refs);
  plan::Change change;
  change.by = plan::Change::By::kArtifact;
  change.who = from_graph.who;
  m.value = plan::ToText(change);
  m.verifier = shown.verifier;
  m.leans_on = {"plan: what the anchor's container is (" + path + ")"};
  m.notes = {"what is signed under " + from_graph.who + " was accepted, a forger's or a changed one was refused"};
  found.measured = std::move(m);
  return found;
}

}  // namespace

Found Replace(const Case& c) {
  return AspectOf(c, "replace/1", &plan::Aspects::replace, &anchors::DerivedAspects::replace);
}
Found Add(const Case& c) {
  return AspectOf(c, "add/1", &plan::Aspects::add, &anchors::DerivedAspects::add);
}
Found Remove(const Case& c) {
  return AspectOf(c, "remove/1", &plan::Aspects::remove, &anchors::DerivedAspects::remove);
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
