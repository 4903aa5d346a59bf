// SPDX-License-Identifier: Apache-2.0
// The superior artifacts of a device: what protects each anchor, and so who can replace it, put
// others beside it, or take it away. Source: draft -02 sections 1, 2.1 and 3. Derived from the plan
// alone; what a trial shows stands beside it. Pure; a graph is immutable and thread-safe, and keeps
// its own copy of what it needs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/findings.h"
#include "plan/plan.h"

namespace birthmark::anchors {

enum class NodeType { kStore, kStage, kAnchor, kProcessor };

// Node is a store, a stage, an anchor, or a processor of a device with several. Its id carries the
// type, since each has ids of its own: "store:spi", "stage:first-stage", "anchor:boot".
struct Node {
  std::string id;
  NodeType type = NodeType::kStore;
  int line = 0;  // of the plan
};

// Edge runs from the superior artifact to what it protects or holds.
enum class EdgeType {
  kHolds,     // store -> the stages and anchors in it
  kVerifies,  // anchor -> the stage that it verifies
  kProtects,  // stage, anchor or store -> the store whose content it vouches for
  kReaches,   // processor -> the processor whose memory and flash it can write
  kBoots,     // processor -> the processor that starts after it
};
struct Edge {
  std::string from, to;
  EdgeType type = EdgeType::kHolds;
  bool operator==(const Edge&) const = default;
};

// Derived is one aspect of an anchor as the graph tells it: who, through what, and why. `by` reads
// as in the plan's declared aspects; `who` of kArtifact is an anchor's id without prefix: whoever
// holds that anchor's private key.
struct Derived {
  plan::Change::By by = plan::Change::By::kNobody;
  std::string who;
  std::string channel;
  std::vector<std::string> path;   // node ids from the anchor to what decided
  bool leans_on_declared = false;  // the role is the plan's own word, the graph only allows it
  bool software_lock = false;      // nobody, but only as long as a lock in software holds
  // Who else can, over a processor that reaches this one's memory whatever it checks of itself: as
  // `by` and `who`, with the processors in `channel`. When `by` is nobody the first stands there.
  std::vector<plan::Change> also;
  plan::Change ToChange() const { return {by, who, channel}; }
};

// Aspects is the three aspects that are the device's (the fourth is the keeper's).
struct DerivedAspects {
  Derived replace, add, remove;
};

class SuperiorGraph {
 public:
  // Build takes any plan; what is wrong with it is in findings(), and the rest still answers.
  static SuperiorGraph Build(const plan::Plan& plan);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Edge>& edges() const { return edges_; }
  // findings: anchors.graph-dangling, anchors.graph-cycle, anchors.container-ambiguous (errors and
  // warnings), anchors.loose (warning: nothing protects this anchor).
  const Findings& findings() const { return findings_; }

  // NearestProtector is the anchor whose key's holder decides over what holds `anchor`; absent when
  // that is nobody, a role, or anybody.
  std::optional<std::string> NearestProtector(std::string_view anchor) const;
  // Aspects answers for one anchor id; nobody, with an empty path, for an unknown one.
  DerivedAspects AspectsOf(std::string_view anchor) const;
  // PathToRoot names the node ids from an anchor up to what has nothing above it. A cycle ends
  // where it closes.
  std::vector<std::string> PathToRoot(std::string_view anchor) const;
  // LooseAnchors names the anchors that anybody with access to their store can replace.
  std::vector<std::string> LooseAnchors() const;

 private:
  // Verdict is who can change the content of a store or stage.
  Derived OfStore(const plan::Store& store, std::vector<std::string> path) const;
  Derived OfStage(const plan::Stage& stage, std::vector<std::string> path) const;
  // Reached adds what other processors can do to a store's content.
  void Reached(const plan::Store& store, Derived& d) const;
  // OfProcessor is who can change the earliest code of a processor that anybody can change.
  Derived OfProcessor(const plan::Processor& processor) const;
  // Holder is the one stage that is the content of a store with nothing named as its protector.
  const plan::Stage* Holder(const plan::Store& store) const;
  std::optional<std::string> Above(const std::string& node) const;
  const plan::Store* FindStore(std::string_view id) const;
  const plan::Stage* FindStage(std::string_view id) const;
  const plan::Anchor* FindAnchor(std::string_view id) const;
  void FindDangling();
  void FindCycles();
  void FindLoose();

  std::vector<plan::Processor> processors_;
  std::vector<plan::Store> stores_;
  std::vector<plan::Stage> stages_;
  std::vector<plan::Anchor> anchors_;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  Findings findings_;
};

}  // namespace birthmark::anchors
