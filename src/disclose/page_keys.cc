// SPDX-License-Identifier: Apache-2.0
// The parts that draw structure: birth of keys, PKI levels, boot chain with its anchors, aspects.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "disclose/page_parts.h"
#include "disclose/words.h"

namespace birthmark::disclose::page {
namespace {

constexpr std::array<std::string_view, 5> kMethods = {"avocado", "bamboo", "carrot", "salak",
                                                      "sapodilla"};
constexpr std::array<std::string_view, 4> kAspects = {"replace", "add", "remove", "keep"};
constexpr size_t kMaxLevels = 10, kMaxStages = 8, kMaxStores = 12;

size_t LaneOf(const Identity& i) {
  return static_cast<size_t>(std::find(kMethods.begin(), kMethods.end(), i.method) -
                             kMethods.begin());
}

// Way draws the places of one key in order: above the line outside the device, below it inside.
void Way(Svg& s, double y, const Identity& id) {
  const size_t n = std::min<size_t>(id.places.size(), 8);
  const double step = (s.width() - 110) / static_cast<double>(std::max<size_t>(n, 2));
  auto place = [&](size_t i) {
    return std::pair{90 + step * static_cast<double>(i), y + (id.places[i].outside ? 20.0 : 44.0)};
  };
  s.Text(
      s.width() - 4, y + 10,
      fmt::format("{}, {}{}", id.slot, id.transfer, id.shared ? ", shared by " + *id.shared : ""),
      s.width() - 90, "end", "s");
  s.Say(fmt::format("{}: {}, {}, {}, lock {}{}", id.slot, id.method, id.birth, id.transfer, id.lock,
                    id.shared ? fmt::format(", shared by {} devices", *id.shared) : ""));
  for (size_t i = 0; i < n; ++i) {
    auto [x, py] = place(i);
    if (i > 0) {
      auto [px, ppy] = place(i - 1);
      const double dx = x - px, dy = py - ppy, length = std::max(std::hypot(dx, dy), 1.0);
      s.Line(px + 9 * dx / length, ppy + 9 * dy / length, x - 9 * dx / length, py - 9 * dy / length,
             "ar");
    }
    const Place& p = id.places[i];
    s.Circle(x, py, 7, p.outside ? "o" : "g",
             fmt::format("{} {}: {} ({} the device)", i + 1, p.how, p.where,
                         p.outside ? "outside" : "inside"));
    if (p.how == "born") s.Circle(x, py, 9.5, "f l");
    if (p.how == "destroyed") s.Line(x - 7, py + 7, x + 7, py - 7, "b");
    s.Text(x, py + 3.5, fmt::format("{}", i + 1), 20, "middle");
  }
  if (id.places.size() > n) s.Say(fmt::format("and {} further places", id.places.size() - n));
}

std::string BirthOf(All all, size_t i, const std::array<size_t, 6>& rows) {
  Svg s(Width(all));
  double y = 2;
  for (size_t lane = 0; lane < rows.size(); ++lane) {
    if (lane == kMethods.size() && rows[lane] == 0) continue;
    const double height = rows[lane] == 0 ? 18 : 58 * static_cast<double>(rows[lane]);
    s.Rect(0, y, s.width(), height - 2, "z");
    s.Text(4, y + 12, lane < kMethods.size() ? kMethods[lane] : "other", 70);
    double at = y;
    size_t drawn = 0;
    for (const Identity& id : all[i].disclosure.identities) {
      if (LaneOf(id) != lane || drawn++ >= rows[lane]) continue;
      s.Line(74, at + 32, s.width() - 4, at + 32, "l2");
      s.Text(4, at + 28, "outside", 66, "start", "s");
      s.Text(4, at + 47, "inside", 66, "start", "s");
      Way(s, at, id);
      at += 58;
    }
    y += height;
  }
  if (all[i].disclosure.identities.empty()) s.Say("no identity key in this disclosure");
  return s.Figure(y, "where the private key came into being and every place it was in");
}

void Ee(Svg& s, double y, const PkiLevel& l, const answer::Answer* volume) {
  const auto bases = Bases(volume);
  const auto n = bases.empty() ? std::nullopt : CountOf(*bases.front().value);
  const double full = s.width() - 40;
  const double share = n ? std::clamp(std::log10(static_cast<double>(*n) + 1) / 9, 0.05, 1.0) : 0.4;
  const std::string told = n ? ValueWords("", *bases.front().value) : "number not told";
  s.Rect(34 + full * (1 - share) / 2, y + 4, full * share, 10, n ? bases.front().style : "n",
         fmt::format("level {}: end entities \"{}\", {}, {}", l.level, l.name, l.algorithm, told));
  s.Text(34 + full / 2, y + 26, fmt::format("{}: {}", l.name, told), full, "middle");
}

void Level(Svg& s, double y, const PkiLevel& l) {
  const double w = std::min(190.0, s.width() - 90), x = 34 + (s.width() - 40 - w) / 2;
  const std::string siblings =
      l.siblings == 0 ? "number not told" : fmt::format("{} of them", l.siblings);
  const std::string words = fmt::format("level {}: {}, {}, {}, kept in {}, {}", l.level, l.name,
                                        l.offline ? "offline" : "online", l.algorithm,
                                        l.storage.empty() ? "(not told)" : l.storage, siblings);
  for (uint64_t i = std::min<uint64_t>(l.siblings, 4); i > 1; --i) {
    const double by = 3 * static_cast<double>(i - 1);
    s.Rect(x + by, y + 4 - by / 2, w, 30, "o", "", 2);
  }
  if (l.offline) {
    s.Rect(x - 4, y, w + 8, 38, "f", "", 4);
    s.Circle(x + w + 11, y + 19, 5, "o");
    s.Line(x + w + 7, y + 19, x + w + 15, y + 19, "b");
    s.Line(x + w + 11, y + 15, x + w + 11, y + 23, "b");
  }
  s.Rect(x, y + 4, w, 30, l.offline ? "o" : "g", words, 2);
  s.Text(x + w / 2, y + 16, l.name, w - 8, "middle");
  s.Text(x + w / 2, y + 28, fmt::format("{}, {}", l.offline ? "offline" : "online", l.algorithm),
         w - 8, "middle", "s");
}

std::string TreeOf(All all, const Disclosure& d, const Pki* p, size_t rows) {
  Svg s(Width(all));
  if (p == nullptr) {
    s.Rect(4, 4, s.width() - 8, 24, "n");
    s.Text(s.width() / 2, 20, "no such PKI in this disclosure", s.width() - 20, "middle");
    return s.Figure(32, "no such PKI in this disclosure");
  }
  const bool anchor = p->id.starts_with("anchor:");
  const std::string subject = anchor ? p->id : "identity-pki:" + p->id;
  s.Text(4, 11, p->id, s.width() - 8);
  for (size_t i = 0; i < std::min(p->levels.size(), kMaxLevels); ++i) {
    const PkiLevel& l = p->levels[i];
    const double y = 18 + 50 * static_cast<double>(i);
    if (i > 0) s.Line(34 + (s.width() - 40) / 2, y - 12, 34 + (s.width() - 40) / 2, y + 3, "l");
    s.Text(6, y + 22, fmt::format("{}", l.level), 26);
    if (l.ee) {
      Ee(s, y, l,
         FindAnswer(d, anchor ? "pki-breadth" : "identity-number-per-subordinate", subject));
    } else {
      Level(s, y, l);
    }
  }
  const std::string_view question = anchor ? "pki-level" : "identity-pki-level";
  return s.Figure(20 + 50 * static_cast<double>(std::max<size_t>(rows, 1)),
                  "levels of the PKI " + p->id) +
         Labelled(d, question, FindAnswer(d, question, subject));
}

std::vector<const Pki*> PkisOf(const Disclosure& d, bool anchors) {
  std::vector<const Pki*> out;
  for (const Pki& p : d.pkis) {
    if (p.id.starts_with("anchor:") == anchors && out.size() < kMaxDrawn) out.push_back(&p);
  }
  return out;
}

// Pin is an anchor at its container: its head, and a stem that leans where nothing is named above
// it.
void Pin(Svg& s, double x, double y, const Disclosure& d, const Anchor& a, bool loose) {
  s.Line(x, y, x + (loose ? 5 : 0), y + 13, "b");
  s.Circle(x, y - 3, 5, loose ? "o" : "k",
           fmt::format("anchor {} ({}) in {}, {} {}, digest {}; {}", a.id, a.kind, a.store,
                       a.entries, a.entries == 1 ? "entry" : "entries", ShortDigest(a.digest),
                       a.protected_by ? "protected by " + *a.protected_by
                       : loose        ? "nothing named protects it"
                                      : "its store cannot be rewritten"));
  // Three notches: open where the device lets an anchor be replaced, added, removed.
  for (size_t i = 0; i < 3; ++i) {
    const answer::Answer* answer = FindAnswer(d, kAspects[i], "anchor:" + a.id);
    const auto bases = Bases(answer);
    const std::string value = bases.empty() ? "" : ValueWords(kAspects[i], *bases.front().value);
    s.Rect(x + 8, y - 9 + 6 * static_cast<double>(i), 4.5, 4.5,
           bases.empty()   ? "n"
           : value == "no" ? "k"
                           : "o");
    s.Say(fmt::format("anchor {}, {}: {}", a.id, kAspects[i],
                      bases.empty() ? StateWord(answer) : value));
  }
}

std::string ChainOf(All all, size_t i) {
  const Disclosure& d = all[i].disclosure;
  Svg s(Width(all));
  const size_t stages = std::min(d.stages.size(), kMaxStages),
               stores = std::min(d.stores.size(), kMaxStores);
  const double step = s.width() / static_cast<double>(std::max<size_t>(stages, 1)),
               box = std::min(step - 10, 120.0);
  auto stage_x = [&](size_t n) { return step * (static_cast<double>(n) + 0.5); };
  for (size_t n = 0; n < stages; ++n) {
    const Stage& g = d.stages[n];
    const double x = stage_x(n) - box / 2;
    s.Rect(x, 6, box, 36, "o",
           fmt::format("stage {} ({}) in {}, verified by {}, lock {}, encrypted {}", g.id, g.kind,
                       g.store, g.verified_by.value_or("nothing named"), g.lock, g.encrypted),
           3);
    s.Text(stage_x(n), 20, g.id, box - 6, "middle");
    s.Text(stage_x(n), 33, g.store, box - 6, "middle", "s");
    if (n > 0) s.Line(stage_x(n - 1) + box / 2, 24, x - 1, 24, "l");
  }
  double y = 84;
  std::vector<std::pair<double, double>> pins(std::min(d.anchors.size(), kMaxDrawn));
  std::vector<double> rows;
  auto heads = [&](const Store* store, double at) {
    double x = 60;
    for (size_t n = 0; n < pins.size(); ++n) {
      const Anchor& a = d.anchors[n];
      const bool here =
          store != nullptr
              ? a.store == store->id
              : std::none_of(d.stores.begin(), d.stores.begin() + static_cast<long>(stores),
                             [&](const Store& t) { return t.id == a.store; });
      if (!here) continue;
      const bool fixed = store != nullptr && (store->kind == "rom" || store->kind == "otp-fuse");
      pins[n] = {x, at - 16};
      Pin(s, x, at - 16, d, a, !a.protected_by && !fixed);
      s.Text(x - 8, at - 8, a.id, 50, "end", "s");
      x = std::min(x + 78, s.width() - 16);
    }
  };
  for (size_t n = 0; n < stores; ++n) {
    const Store& t = d.stores[n];
    s.Rect(2, y, s.width() - 4, 20, t.internal ? "g" : "o",
           fmt::format("store {}: {}, {} the processor's package, protected by {}", t.id, t.kind,
                       t.internal ? "inside" : "outside", t.protected_by.value_or("nothing named")),
           2);
    s.Text(8, y + 14, fmt::format("{}: {}, {}", t.id, t.kind, t.internal ? "inside" : "outside"),
           s.width() - 20);
    heads(&t, y);
    rows.push_back(y);
    y += 62;
  }
  heads(nullptr, y);
  for (size_t n = 0; n < pins.size(); ++n) {
    const Anchor& a = d.anchors[n];
    auto [x, py] = pins[n];
    for (size_t g = 0; g < stages; ++g) {
      const bool verifies =
          d.stages[g].verified_by == a.id ||
          std::find(a.verifies.begin(), a.verifies.end(), d.stages[g].id) != a.verifies.end();
      if (verifies) s.Line(x, py - 8, stage_x(g), 44, "ar");
    }
    for (size_t t = 0; t < stores; ++t) {
      if (d.stores[t].protected_by == a.id) {
        const double end = x + 26;
        s.Path(fmt::format("M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}", end, rows[t] + 1, end + 22,
                           (rows[t] + py) / 2, x + 14, py + 4),
               "ap");
        s.Say(fmt::format("store {} is protected by anchor {}", d.stores[t].id, a.id));
      }
    }
  }
  if (d.stages.empty() && d.stores.empty() && d.anchors.empty()) {
    s.Text(8, 24, "no boot chain in this disclosure", s.width() - 16);
    s.Say("no boot chain in this disclosure");
  }
  return s.Figure(y + 4, "boot chain, stores and trust anchors");
}

// Icon is an aspect's value as a sign: a bar, an arrow from above, a person, an open frame, a key.
std::string Icon(std::string_view aspect, const Basis& b) {
  const std::string words = ValueWords(aspect, *b.value);
  std::string_view sign = "M5 10h10";  // no
  if (aspect == "keep")
    sign = "M8 7a3 3 0 1 0 0.1 6a3 3 0 0 0 -0.1 -6M11 10h6M15 10v3";
  else if (words.starts_with("by:"))
    sign = "M10 4v9M6 10l4 4l4 -4";
  else if (words.starts_with("role:"))
    sign = "M10 4a2 2 0 1 0 0.1 0M5 16a5 5 0 0 1 10 0";
  else if (words.starts_with("unprotected"))
    sign = "M6 5v10h8v-10";
  else if (words != "no")
    sign = "M10 5v6M10 14v0.5";
  std::string out = fmt::format(
      "<svg class=\"i\" viewBox=\"0 0 20 20\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>"
      "<rect x=\"1\" y=\"1\" width=\"18\" height=\"18\" class=\"{1}\"/><path d=\"{2}\" "
      "class=\"halo\"/>"
      "<path d=\"{2}\" class=\"ink\"/></svg>",
      Esc(fmt::format("{}, {}: {}", aspect, b.word, words)), b.style, sign);
  return out;
}

std::string AspectsOf(const Disclosure& d, const Anchor* a) {
  if (a == nullptr)
    return "<p class=\"gap\"><i class=\"w n\"></i>— <small>no such anchor</small></p>";
  std::string out = fmt::format("<p>{} <small>in {}</small></p><div class=\"cells\">",
                                Esc(a->id, 60), Esc(a->store, 60));
  std::string words;
  for (std::string_view aspect : kAspects) {
    const answer::Answer* answer = FindAnswer(d, aspect, "anchor:" + a->id);
    std::string icons;
    for (const Basis& b : Bases(answer)) {
      if (!icons.empty() && answer->differs) icons += "≠ ";
      icons += Icon(aspect, b);
    }
    if (icons.empty())
      icons = fmt::format("<i class=\"w n\"></i><small>{}</small>", Esc(StateWord(answer), 30));
    out += fmt::format("<div><div class=\"q\">{}</div>{}</div>", aspect, icons);
    words += Labelled(d, aspect, answer);
  }
  return out + "</div><details><summary>in words</summary>" + words + "</details>";
}

}  // namespace

std::string BirthOfKeys(All all) {
  std::array<size_t, 6> rows{};
  for (const OpenedDisclosure& o : all) {
    std::array<size_t, 6> mine{};
    for (const Identity& id : o.disclosure.identities) ++mine[LaneOf(id)];
    for (size_t n = 0; n < rows.size(); ++n)
      rows[n] = std::max(rows[n], std::min<size_t>(mine[n], 6));
  }
  return Section(all, "Birth of the key",
                 "A lane for each method. Numbers are the private key's places in order: above the "
                 "line outside the device, "
                 "below it inside; a ring is where it was born, a stroke where it was destroyed.",
                 Row(all, [&](size_t i) { return BirthOf(all, i, rows); }));
}

std::string PkiTrees(All all) {
  std::string body;
  for (bool anchors : {false, true}) {
    size_t most = 0;
    for (const OpenedDisclosure& o : all)
      most = std::max(most, PkisOf(o.disclosure, anchors).size());
    for (size_t n = 0; n < most; ++n) {
      size_t rows = 0;
      auto at = [&](size_t i) -> const Pki* {
        const auto pkis = PkisOf(all[i].disclosure, anchors);
        return n < pkis.size() ? pkis[n] : nullptr;
      };
      for (size_t i = 0; i < all.size(); ++i) {
        if (at(i) != nullptr) rows = std::max(rows, std::min(at(i)->levels.size(), kMaxLevels));
      }
      body += Row(all, [&](size_t i) { return TreeOf(all, all[i].disclosure, at(i), rows); });
    }
  }
  return Section(
      all, "PKI levels",
      "The level's number stands at the left. Grey: online; in a vault: offline; stacked edges: "
      "further authorities "
      "of the level. The bottom row is the end entities, as wide as the logarithm of their number.",
      body);
}

std::string BootChain(All all) {
  return Section(all, "Boot chain and superior artifacts",
                 "Stages from left to right, stores below them, anchors as pins on their store. "
                 "Arrow: what an anchor verifies. "
                 "Dashed arrow: from a store to what protects it. A leaning pin has nothing named "
                 "above it. Notches: replace, "
                 "add, remove; filled is no.",
                 Row(all, [&](size_t i) { return ChainOf(all, i); }));
}

std::string Matrix(All all) {
  std::string body;
  const Comparison c = Compare(all);
  for (size_t n = 0; n < std::min<size_t>(c.anchors.size(), 64); ++n) {
    const ComparedAnchor& row = c.anchors[n];
    body += fmt::format("<h4>{}{}</h4>", Esc(row.kind, 60),
                        row.number == 1 ? "" : fmt::format(" {}", row.number));
    body += Row(all, [&](size_t i) { return AspectsOf(all[i].disclosure, row.anchors[i]); });
  }
  return Section(all, "Anchors and aspects",
                 "Bar: no. Arrow: by a superior artifact. Person: by a role. Open frame: by anyone "
                 "who reaches the store. Key: "
                 "how its private key is kept. Point: another answer, in words below.",
                 body);
}

}  // namespace birthmark::disclose::page
