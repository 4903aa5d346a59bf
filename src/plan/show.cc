// SPDX-License-Identifier: Apache-2.0
#include "plan/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plan/words.h"
#include "vocab/rules.h"

namespace birthmark::plan {
namespace {

constexpr size_t kWidth = 80;

// Wrapped breaks `text` at white space so that no line is longer than 80 columns; continuation
// lines are indented. Widths count octets, so a line with accents may come out shorter.
std::string Wrapped(const std::string& text, size_t indent) {
  std::string out, line;
  size_t pos = 0;
  while (pos < text.size() && text[pos] == ' ') line += text[pos++];
  bool first = true;
  while (pos < text.size()) {
    size_t end = std::min(text.find(' ', pos), text.size());
    std::string word = text.substr(pos, end - pos);
    if (!first && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = std::string(indent, ' ') + word;
    } else {
      line += (first ? "" : " ") + word;
    }
    first = false;
    pos = end + 1;
  }
  return out + line + "\n";
}

template <class T>
std::string Names(const std::vector<T>& all) {
  std::string out;
  for (const T& t : all) out += (out.empty() ? "" : ", ") + std::string(ToText(t));
  return out;
}

std::string StepLine(const Plan& plan, size_t i) {
  const Step& s = plan.steps[i];
  const Station* station = plan.FindStation(s.station);
  std::string detail;
  if (s.to) detail += " to " + *s.to;
  if (s.via) detail += " " + std::string(ToText(*s.via));
  if (!s.slots.empty()) detail += ": " + Names(s.slots);
  if (!s.anchors.empty()) detail += ": " + Join(s.anchors);
  return fmt::format("{:3}  {:<22} {:<14} {}{}", i + 1, ToText(s.kind), s.station,
                     station != nullptr ? station->site : "", detail);
}

// Tree prints a store, what is in it, and below it the stores that what is in it protects.
class Tree {
 public:
  explicit Tree(const Plan& plan) : plan_(plan) {}

  std::string All() {
    for (const Store& s : plan_.stores) {
      if (Parent(s) == nullptr) Print(s, 0);
    }
    // A circle has no top; the check reports it, and here its stores must not be lost.
    for (const Store& s : plan_.stores) {
      if (!done_.contains(s.id)) Print(s, 0);
    }
    return out_;
  }

 private:
  const Store* Parent(const Store& s) const {
    if (!s.protected_by) return nullptr;
    if (const Anchor* a = plan_.FindAnchor(*s.protected_by)) return plan_.FindStore(a->store);
    if (const Stage* g = plan_.FindStage(*s.protected_by)) return plan_.FindStore(g->store);
    return plan_.FindStore(*s.protected_by);
  }
  void Print(const Store& s, size_t depth) {
    if (!done_.insert(s.id).second) return;
    std::string pad(2 + 2 * depth, ' ');
    out_ += Wrapped(
        fmt::format("{}{}  {} ({}), {}", pad, s.id, ToText(s.kind),
                    vocab::IsInternal(s.kind) ? "internal" : "external", ProtectionText(plan_, s)),
        pad.size() + 4);
    for (const Stage& g : plan_.stages) {
      if (g.store == s.id)
        Item(pad, "stage " + g.id,
             g.verified_by ? "verified by " + *g.verified_by : "verified by nothing");
    }
    for (const Anchor& a : plan_.anchors) {
      if (a.store == s.id) Item(pad, "anchor " + a.id, "verifies " + a.verifies);
    }
    for (const IdentitySlot& i : plan_.identities) {
      if (i.store == s.id)
        Item(pad, fmt::format("key of {}", ToText(i.slot)), std::string(ToText(i.method)));
    }
    for (const Store& below : plan_.stores) {
      if (Parent(below) == &s && &below != &s) Print(below, depth + 1);
    }
  }
  void Item(const std::string& pad, const std::string& what, const std::string& how) {
    out_ += Wrapped(fmt::format("{}- {}: {}", pad, what, how), pad.size() + 4);
  }

  const Plan& plan_;
  std::set<std::string> done_;
  std::string out_;
};

std::string Life(const Lifetime& l) { return l.never ? "without end" : "lives " + ToText(l); }

std::string ShowPkis(const Plan& plan) {
  std::string out;
  for (const Pki& p : plan.pkis) {
    out +=
        fmt::format("  {} ({}): end entities at level {}\n", p.id, ToText(p.purpose), p.EeLevel());
    for (const Level& l : p.levels) {
      std::string limits;
      if (l.issuing_window) limits += ", issues for " + DurationText(*l.issuing_window);
      if (l.max_count) limits += fmt::format(", at most {}", *l.max_count);
      out += Wrapped(
          fmt::format("    level {}  {}  {}, {}, {}{}", l.level, l.name, ToText(l.algorithm),
                      l.offline ? "offline" : "online", Life(l.lifetime), limits),
          13);
    }
    std::string more;
    if (!p.end_entity.time_zones.empty())
      more += fmt::format(", a signer each in {}", fmt::join(p.end_entity.time_zones, ", "));
    if (p.end_entity.proof == Attestation::kRequired) more += ", keys proven to be in hardware";
    out += Wrapped(fmt::format("    level {}  end entities, {}{}", p.EeLevel(),
                               Life(p.end_entity.lifetime), more),
                   13);
  }
  return out;
}

}  // namespace

std::string ProtectionText(const Plan& plan, const Store& store) {
  using vocab::StoreKind;
  std::string own;
  switch (store.kind) {
    case StoreKind::kMaskRom:
      own = "cannot change";
      break;
    case StoreKind::kOtpFuse:
      own = "blows one way";
      break;
    case StoreKind::kPrivateMemory:
    case StoreKind::kFirmwareTpm:
      own = "privileged code alone";
      break;
    case StoreKind::kPufWrapped:
      own = "encrypted under the die's own key";
      break;
    case StoreKind::kSecureElement:
    case StoreKind::kDiscreteTpm:
      own = "its own boundary";
      break;
    default:
      break;
  }
  if (!store.protected_by) return own.empty() ? "protected by nothing" : own;
  const char* what = plan.FindAnchor(*store.protected_by) != nullptr  ? "anchor"
                     : plan.FindStage(*store.protected_by) != nullptr ? "stage"
                                                                      : "store";
  return fmt::format("{}{}protected by {} {}", own, own.empty() ? "" : "; ", what,
                     *store.protected_by);
}

std::string ShowPlan(const Plan& p) {
  std::string out;
  out +=
      Wrapped(fmt::format("{}  {} of {}, variant {}, firmware {}", p.product.id, p.product.name,
                          p.product.manufacturer, p.product.hardware_variant, p.product.firmware),
              4);
  out += Wrapped(
      fmt::format("  serials {}, PEN {}, hwType {}",
                  p.product.serial_list ? "from " + *p.product.serial_list
                                        : FormatSerial(p.product.serial_pattern, 1) + " and on",
                  p.product.enterprise_number, HardwareTypeOid(p.product)),
      4);
  out += "\nsites\n";
  for (const Site& s : p.sites) {
    out += Wrapped(fmt::format("  {}  {}, {} ({}) {:.4f} {:.4f}", s.id, s.name, s.country,
                               ToText(s.continent), s.latitude, s.longitude),
                   4);
  }
  out += "\nprocessors\n";
  for (const Processor& x : p.processors) {
    out += Wrapped(
        fmt::format(
            "  {}  {}, {}{}{}", x.id, x.name, x.role,
            x.boots_after ? ", boots after " + *x.boots_after : "",
            x.reaches.empty() ? "" : fmt::format(", reaches {}", fmt::join(x.reaches, ", "))),
        4);
  }
  out += "\nsteps, in order\n";
  for (size_t i = 0; i < p.steps.size(); ++i) out += Wrapped(StepLine(p, i), 5);
  out += "\nstores, and what protects them\n" + Tree(p).All();
  out += "\nanchors\n";
  for (const Anchor& a : p.anchors) {
    std::string where = a.generated      ? "made by init under pki " + a.pki.value_or("?")
                        : a.file.empty() ? "arrives later"
                                         : a.file;
    out += Wrapped(fmt::format("  {}  {}; {}; {}", a.id, Names(a.kinds), ToText(a.form), where), 4);
  }
  out += "\nidentities\n";
  for (const IdentitySlot& s : p.identities) {
    out +=
        Wrapped(fmt::format("  {}  {} {} / {}, {}, key in {}, identity lock {}", ToText(s.slot),
                            ToText(s.method), ToText(vocab::BirthOf(s.method)), ToText(s.transfer),
                            ToText(s.algorithm), s.store, ToText(s.identity_lock)),
                4);
  }
  out += "\nPKIs\n" + ShowPkis(p);
  out += "\ndeclared\n";
  for (const Declared& d : p.declared) {
    std::string value = d.state == vocab::AnswerState::kAnswered
                            ? ToText(d.value)
                            : fmt::format("{}: {}", ToText(d.state), d.reason);
    if (!d.withheld_part.empty())
      value += fmt::format("; {} withheld: {}", d.withheld_part, d.reason);
    std::string about = d.subject == "device" ? "" : " (" + d.subject + ")";
    out += Wrapped(fmt::format("  {}{}  {}", ToText(d.question), about, value), 4);
  }
  return out;
}

}  // namespace birthmark::plan
