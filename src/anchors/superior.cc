// SPDX-License-Identifier: Apache-2.0
#include "anchors/superior.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "vocab/rules.h"

namespace birthmark::anchors {
namespace {

using plan::Change;
using vocab::StageKind;
using vocab::StoreKind;

std::string StoreNode(std::string_view id) { return fmt::format("store:{}", id); }
std::string StageNode(std::string_view id) { return fmt::format("stage:{}", id); }
std::string ProcessorNode(std::string_view id) { return fmt::format("processor:{}", id); }
std::string AnchorNode(std::string_view id) { return fmt::format("anchor:{}", id); }

template <class T>
const T* Find(const std::vector<T>& all, std::string_view id) {
  const auto it = std::ranges::find_if(all, [&](const T& x) { return x.id == id; });
  return it == all.end() ? nullptr : &*it;
}

Derived Nobody(std::vector<std::string> path) {
  Derived d;
  d.path = std::move(path);
  return d;
}

Derived Unprotected(const plan::Store& store, std::vector<std::string> path) {
  Derived d;
  d.by = Change::By::kUnprotected;
  d.channel = fmt::format("access to {}", store.id);
  d.path = std::move(path);
  return d;
}

Derived ByKeyOf(std::string_view anchor, std::string channel, std::vector<std::string> path) {
  path.push_back(AnchorNode(anchor));
  Derived d;
  d.by = Change::By::kArtifact;
  d.who = anchor;
  d.channel = std::move(channel);
  d.path = std::move(path);
  return d;
}

// ByNature is what a store is by itself. ROM never changes; what is on the die, or in a part that
// guards itself, is closed once it is no longer writable; a chip beside the processor is open to
// whoever has a soldering iron, whatever the software does.
Derived ByNature(const plan::Store& store, std::vector<std::string> path) {
  const bool guarded = vocab::IsInternal(store.kind) || store.kind == StoreKind::kSecureElement ||
                       store.kind == StoreKind::kDiscreteTpm;
  if (store.kind == StoreKind::kMaskRom || (guarded && !store.writable_after_lock))
    return Nobody(std::move(path));
  return Unprotected(store, std::move(path));
}

}  // namespace

const plan::Store* SuperiorGraph::FindStore(std::string_view id) const { return Find(stores_, id); }
const plan::Stage* SuperiorGraph::FindStage(std::string_view id) const { return Find(stages_, id); }
const plan::Anchor* SuperiorGraph::FindAnchor(std::string_view id) const {
  return Find(anchors_, id);
}

SuperiorGraph SuperiorGraph::Build(const plan::Plan& plan) {
  SuperiorGraph g;
  g.processors_ = plan.processors;
  g.stores_ = plan.stores;
  g.stages_ = plan.stages;
  g.anchors_ = plan.anchors;
  for (const auto& s : g.stores_) g.nodes_.push_back({StoreNode(s.id), NodeType::kStore, s.line});
  for (const auto& s : g.stages_) g.nodes_.push_back({StageNode(s.id), NodeType::kStage, s.line});
  for (const auto& a : g.anchors_)
    g.nodes_.push_back({AnchorNode(a.id), NodeType::kAnchor, a.line});
  for (const auto& s : g.stores_) {
    if (!s.protected_by) continue;
    // The plan's ids share one reference here; a stage is meant before an anchor, an anchor before
    // a store.
    if (g.FindStage(*s.protected_by) != nullptr) {
      g.edges_.push_back({StageNode(*s.protected_by), StoreNode(s.id), EdgeType::kProtects});
    } else if (g.FindAnchor(*s.protected_by) != nullptr) {
      g.edges_.push_back({AnchorNode(*s.protected_by), StoreNode(s.id), EdgeType::kProtects});
    } else if (g.FindStore(*s.protected_by) != nullptr) {
      g.edges_.push_back({StoreNode(*s.protected_by), StoreNode(s.id), EdgeType::kProtects});
    }
  }
  for (const auto& s : g.stages_) {
    if (g.FindStore(s.store) != nullptr)
      g.edges_.push_back({StoreNode(s.store), StageNode(s.id), EdgeType::kHolds});
    if (s.verified_by && g.FindAnchor(*s.verified_by) != nullptr) {
      g.edges_.push_back({AnchorNode(*s.verified_by), StageNode(s.id), EdgeType::kVerifies});
    }
  }
  for (const auto& a : g.anchors_) {
    if (g.FindStore(a.store) != nullptr)
      g.edges_.push_back({StoreNode(a.store), AnchorNode(a.id), EdgeType::kHolds});
  }
  if (g.processors_.size() > 1) {
    for (const auto& p : g.processors_) {
      g.nodes_.push_back({ProcessorNode(p.id), NodeType::kProcessor, p.line});
      for (const std::string& other : p.reaches)
        g.edges_.push_back({ProcessorNode(p.id), ProcessorNode(other), EdgeType::kReaches});
      if (p.boots_after)
        g.edges_.push_back({ProcessorNode(*p.boots_after), ProcessorNode(p.id), EdgeType::kBoots});
    }
  }
  g.FindDangling();
  g.FindCycles();
  g.FindLoose();
  g.findings_.SortByLine();
  return g;
}

const plan::Stage* SuperiorGraph::Holder(const plan::Store& store) const {
  if (store.protected_by || store.kind == StoreKind::kMaskRom || store.kind == StoreKind::kOtpFuse)
    return nullptr;
  const plan::Stage* only = nullptr;
  for (const auto& s : stages_) {
    if (s.store != store.id || s.kind == vocab::StageKind::kTestImage)
      continue;  // erased before shipping
    if (only != nullptr) return nullptr;
    only = &s;
  }
  return only;
}

Derived SuperiorGraph::OfStage(const plan::Stage& stage, std::vector<std::string> path) const {
  path.push_back(StageNode(stage.id));
  const plan::Store* store = FindStore(stage.store);
  if (stage.kind == vocab::StageKind::kRom ||
      (store != nullptr && store->kind == StoreKind::kMaskRom)) {
    return Nobody(std::move(path));
  }
  if (stage.lock != plan::Lock::kNone) {
    Derived d = Nobody(std::move(path));
    d.software_lock = stage.lock == plan::Lock::kSoftware;
    return d;
  }
  if (stage.verified_by && FindAnchor(*stage.verified_by) != nullptr) {
    return ByKeyOf(*stage.verified_by, fmt::format("signed {}", stage.id), std::move(path));
  }
  if (store == nullptr) return Nobody(std::move(path));
  if (store->protected_by) return OfStore(*store, std::move(path));
  path.push_back(StoreNode(store->id));
  return ByNature(*store, std::move(path));
}

Derived SuperiorGraph::OfStore(const plan::Store& store, std::vector<std::string> path) const {
  // A store met twice on the way up protects itself, that is, nothing does.
  if (std::ranges::find(path, StoreNode(store.id)) != path.end())
    return Unprotected(store, std::move(path));
  path.push_back(StoreNode(store.id));
  if (store.protected_by) {
    if (const plan::Stage* stage = FindStage(*store.protected_by)) {
      // A stage met again on the way up is vouched for by what is inside itself.
      if (std::ranges::find(path, StageNode(stage->id)) != path.end())
        return Unprotected(store, std::move(path));
      return OfStage(*stage, std::move(path));
    }
    if (FindAnchor(*store.protected_by) != nullptr) {
      return ByKeyOf(*store.protected_by, fmt::format("signed content of {}", store.id),
                     std::move(path));
    }
    if (const plan::Store* above = FindStore(*store.protected_by))
      return OfStore(*above, std::move(path));
  }
  if (const plan::Stage* holder = Holder(store)) return OfStage(*holder, std::move(path));
  return ByNature(store, std::move(path));
}

Derived SuperiorGraph::OfProcessor(const plan::Processor& processor) const {
  for (const StageKind kind : {StageKind::kFirstStage, StageKind::kSecondStage,
                               StageKind::kTamStage, StageKind::kApplication}) {
    for (const auto& stage : stages_) {
      if (stage.processor != processor.id || stage.kind != kind) continue;
      Derived d = OfStage(stage, {});
      if (d.by != Change::By::kNobody) return d;
    }
  }
  return Nobody({});
}

void SuperiorGraph::Reached(const plan::Store& store, Derived& d) const {
  // Flash and memory are reached over a bus; masks, fuses and parts that guard themselves are not.
  if (store.kind == StoreKind::kMaskRom || store.kind == StoreKind::kOtpFuse ||
      store.kind == StoreKind::kSecureElement || store.kind == StoreKind::kDiscreteTpm ||
      d.by == Change::By::kUnprotected) {
    return;
  }
  for (const auto& p : processors_) {
    if (std::ranges::find(p.reaches, store.processor) == p.reaches.end()) continue;
    const Derived over = OfProcessor(p);
    if (over.by == Change::By::kNobody) continue;
    Change also = over.ToChange();
    also.channel = fmt::format("{}, which reaches {}", p.id, store.processor);
    if (d.by == Change::By::kNobody) {
      d.by = also.by;
      d.who = also.who;
      d.channel = also.channel;
      d.path.push_back(ProcessorNode(p.id));
      d.path.insert(d.path.end(), over.path.begin(), over.path.end());
      d.software_lock = false;
    } else if (also.by != d.by || also.who != d.who) {
      d.also.push_back(std::move(also));
    }
  }
}

DerivedAspects SuperiorGraph::AspectsOf(std::string_view id) const {
  const plan::Anchor* anchor = FindAnchor(id);
  const plan::Store* store = anchor == nullptr ? nullptr : FindStore(anchor->store);
  if (store == nullptr) return {};
  Derived base = OfStore(*store, {AnchorNode(id)});
  Reached(*store, base);
  DerivedAspects out{base, base, base};
  if (!store->writable_after_lock) return out;
  // In a store that stays writable, software may let a role in. Which role is the plan's word; that
  // it is possible at all is the graph's.
  auto role = [&](Derived& d, const std::optional<Change>& declared) {
    if (!declared || declared->by != Change::By::kRole) return;
    if (d.by == Change::By::kUnprotected && !store->protected_by)
      return;  // anybody is more than a role
    d.by = Change::By::kRole;
    d.who = declared->who;
    d.channel = declared->channel;
    d.leans_on_declared = true;
  };
  role(out.replace, anchor->aspects.replace);
  role(out.add, anchor->aspects.add);
  role(out.remove, anchor->aspects.remove);
  return out;
}

std::optional<std::string> SuperiorGraph::NearestProtector(std::string_view anchor) const {
  const plan::Anchor* a = FindAnchor(anchor);
  const plan::Store* store = a == nullptr ? nullptr : FindStore(a->store);
  if (store == nullptr) return std::nullopt;
  const Derived d = OfStore(*store, {AnchorNode(anchor)});
  return d.by == Change::By::kArtifact ? std::optional(d.who) : std::nullopt;
}

std::optional<std::string> SuperiorGraph::Above(const std::string& node) const {
  // A stage answers to the anchor that verifies it, a store to its protector, then to the stage
  // that fills it; what is left answers to the store that holds it.
  for (const EdgeType type : {EdgeType::kVerifies, EdgeType::kProtects, EdgeType::kHolds}) {
    for (const Edge& e : edges_) {
      if (e.to == node && e.type == type) return e.from;
    }
  }
  for (const auto& store : stores_) {
    if (StoreNode(store.id) != node) continue;
    const plan::Stage* holder = Holder(store);
    // A stage that nothing verifies stands on its store, which would lead back here.
    if (holder != nullptr && holder->verified_by) return StageNode(holder->id);
  }
  return std::nullopt;
}

std::vector<std::string> SuperiorGraph::PathToRoot(std::string_view anchor) const {
  std::vector<std::string> path;
  if (FindAnchor(anchor) == nullptr) return path;
  std::optional<std::string> at = AnchorNode(anchor);
  while (at) {
    const bool closed = std::ranges::find(path, *at) != path.end();
    path.push_back(*at);
    if (closed) break;
    at = Above(*at);
  }
  return path;
}

std::vector<std::string> SuperiorGraph::LooseAnchors() const {
  std::vector<std::string> out;
  for (const auto& a : anchors_) {
    if (AspectsOf(a.id).replace.by == Change::By::kUnprotected) out.push_back(a.id);
  }
  return out;
}

void SuperiorGraph::FindDangling() {
  auto dangling = [&](std::string_view what, std::string_view id, std::string_view to, int line) {
    findings_.Error("anchors.graph-dangling",
                    fmt::format("{} \"{}\" refers to \"{}\", which is not there", what, id, to),
                    "name a store, stage or anchor of this plan", line);
  };
  for (const auto& s : stores_) {
    if (s.protected_by && !FindStage(*s.protected_by) && !FindAnchor(*s.protected_by) &&
        !FindStore(*s.protected_by)) {
      dangling("store", s.id, *s.protected_by, s.line);
    }
    size_t inside = 0;
    bool anchors_inside = false;
    for (const auto& stage : stages_)
      inside += stage.store == s.id && stage.kind != vocab::StageKind::kTestImage;
    for (const auto& a : anchors_) anchors_inside |= a.store == s.id;
    if (inside > 1 && anchors_inside && !s.protected_by) {
      findings_.Warn(
          "anchors.container-ambiguous",
          fmt::format(
              "store \"{}\" holds {} stages and anchors beside them: it is not said which stage "
              "the anchors are in",
              s.id, inside),
          "give each stage a store of its own, or say protected-by", s.line);
    }
  }
  for (const auto& s : stages_) {
    if (!FindStore(s.store)) dangling("stage", s.id, s.store, s.line);
    if (s.verified_by && !FindAnchor(*s.verified_by))
      dangling("stage", s.id, *s.verified_by, s.line);
  }
  for (const auto& a : anchors_) {
    if (!FindStore(a.store)) dangling("anchor", a.id, a.store, a.line);
  }
}

void SuperiorGraph::FindCycles() {
  std::set<std::set<std::string>> seen;
  for (const auto& a : anchors_) {
    const std::vector<std::string> path = PathToRoot(a.id);
    const auto first = std::ranges::find(path, path.back());
    if (first + 1 == path.end()) continue;
    const std::set<std::string> loop(first, path.end());
    if (!seen.insert(loop).second) continue;
    // An application that checks its own updates is such a loop on purpose (draft section 3.2):
    // what came first is believed because it was there first.
    findings_.Warn("anchors.graph-cycle",
                   fmt::format("these protect one another and nothing else protects them: {}",
                               fmt::join(first, path.end(), " <- ")),
                   "if something outside vouches for one of them, say verified-by or protected-by",
                   a.line);
  }
}

void SuperiorGraph::FindLoose() {
  for (const std::string& id : LooseAnchors()) {
    const plan::Anchor* a = FindAnchor(id);
    findings_.Warn(
        "anchors.loose",
        fmt::format("anchor \"{}\" can be replaced by whoever reaches store \"{}\"", id, a->store),
        "if something vouches for that store, say protected-by", a->line);
  }
}

}  // namespace birthmark::anchors
