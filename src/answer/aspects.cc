// SPDX-License-Identifier: Apache-2.0
// The four aspects of an anchor, as they follow from the plan: declared, with the superior
// artifacts that decided. Nothing is measured: the trials there are show whose signature a
// container takes, not whether it can still be written after the lock.
#include <fmt/format.h>

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
  return out;
}

Found AspectOf(const Case& c, std::optional<plan::Change> plan::Aspects::* declared,
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
  return found;
}

}  // namespace

Found Replace(const Case& c) {
  return AspectOf(c, &plan::Aspects::replace, &anchors::DerivedAspects::replace);
}
Found Add(const Case& c) { return AspectOf(c, &plan::Aspects::add, &anchors::DerivedAspects::add); }
Found Remove(const Case& c) {
  return AspectOf(c, &plan::Aspects::remove, &anchors::DerivedAspects::remove);
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
