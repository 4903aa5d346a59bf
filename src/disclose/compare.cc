// SPDX-License-Identifier: Apache-2.0
#include "disclose/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/clock.h"
#include "disclose/words.h"
#include "vocab/vocab.h"

namespace birthmark::disclose {
namespace {

using All = std::span<const OpenedDisclosure>;

constexpr std::string_view kAnchorPrefix = "anchor:";
constexpr std::string_view kGap = "—";

bool IsAnchorSubject(std::string_view subject) { return subject.starts_with(kAnchorPrefix); }

// StoredName turns what any revision calls a question into its permanent name.
std::string StoredName(std::string_view question) {
  if (auto q = vocab::FromAnyName<vocab::Question>(question)) return std::string(vocab::ToText(*q));
  return std::string(question);
}

size_t KindRank(std::string_view kind) {
  vocab::AnchorKind k{};
  return vocab::FromText(kind, k) ? static_cast<size_t>(k) : SIZE_MAX;
}

std::vector<ComparedAnchor> AlignAnchors(All all) {
  std::map<std::pair<size_t, std::string>, std::vector<std::vector<const Anchor*>>> by_kind;
  for (size_t i = 0; i < all.size(); ++i) {
    for (const Anchor& a : all[i].disclosure.anchors) {
      auto& columns = by_kind[{KindRank(a.kind), a.kind}];
      columns.resize(all.size());
      columns[i].push_back(&a);
    }
  }
  std::vector<ComparedAnchor> out;
  for (const auto& [kind, columns] : by_kind) {
    size_t most = 0;
    for (const auto& c : columns) most = std::max(most, c.size());
    for (size_t n = 0; n < most; ++n) {
      ComparedAnchor row{kind.second, n + 1, {}};
      for (const auto& c : columns) row.anchors.push_back(n < c.size() ? c[n] : nullptr);
      out.push_back(std::move(row));
    }
  }
  return out;
}

std::string GroupOf(const ComparedAnchor& a) {
  return fmt::format("anchor {}{}", a.kind, a.number == 1 ? "" : fmt::format(" {}", a.number));
}

// Questions lists the stored names that any product answers under `wanted` subjects, in draft
// order.
std::vector<std::string> Questions(
    All all, const std::function<bool(size_t, const answer::Answer&)>& wanted) {
  std::vector<std::string> out;
  for (size_t i = 0; i < all.size(); ++i) {
    for (const answer::Answer& a : all[i].disclosure.answers) {
      std::string name = StoredName(a.question);
      if (wanted(i, a) && std::find(out.begin(), out.end(), name) == out.end())
        out.push_back(std::move(name));
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return QuestionRank(a) < QuestionRank(b);
  });
  return out;
}

void DeviceRows(All all, std::vector<ComparedRow>& rows) {
  auto wanted = [](size_t, const answer::Answer& a) { return !IsAnchorSubject(a.subject); };
  for (const std::string& q : Questions(all, wanted)) {
    // A product with two identity PKIs or two sets of shares answers twice: aligned in its own
    // order.
    std::vector<std::vector<const answer::Answer*>> columns(all.size());
    size_t most = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      for (const answer::Answer& a : all[i].disclosure.answers) {
        if (wanted(i, a) && StoredName(a.question) == q) columns[i].push_back(&a);
      }
      most = std::max(most, columns[i].size());
    }
    for (size_t n = 0; n < most; ++n) {
      ComparedRow row{"device", q, {}};
      for (const auto& c : columns) row.cells.push_back(n < c.size() ? c[n] : nullptr);
      const answer::Answer* any =
          *std::find_if(row.cells.begin(), row.cells.end(), [](auto* c) { return c != nullptr; });
      if (any->subject != "device") row.group = "identity";
      rows.push_back(std::move(row));
    }
  }
}

void AnchorRows(All all, const ComparedAnchor& anchor, std::vector<ComparedRow>& rows) {
  auto wanted = [&](size_t i, const answer::Answer& a) {
    return anchor.anchors[i] != nullptr && IsAnchorSubject(a.subject) &&
           std::string_view(a.subject).substr(kAnchorPrefix.size()) == anchor.anchors[i]->id;
  };
  for (const std::string& q : Questions(all, wanted)) {
    ComparedRow row{GroupOf(anchor), q, {}};
    for (size_t i = 0; i < all.size(); ++i) {
      const auto& answers = all[i].disclosure.answers;
      auto it = std::find_if(answers.begin(), answers.end(), [&](const answer::Answer& a) {
        return wanted(i, a) && StoredName(a.question) == q;
      });
      row.cells.push_back(it == answers.end() ? nullptr : &*it);
    }
    rows.push_back(std::move(row));
  }
}

// Table writes headings with their cells below.
class Table {
 public:
  explicit Table(All all) : all_(all) {}

  void Row(std::string_view heading,
           const std::function<std::string(const OpenedDisclosure&)>& cell) {
    std::vector<std::string> cells;
    for (const OpenedDisclosure& o : all_) cells.push_back(cell(o));
    Cells(heading, cells);
  }
  void Cells(std::string_view heading, const std::vector<std::string>& cells) {
    for (const std::string& line : Wrap(heading, 80)) text += line + "\n";
    text += SideBySide(cells);
  }
  void Title(std::string_view title) { text += fmt::format("\n== {}\n", title); }

  std::string text;

 private:
  All all_;
};

template <class T, class F>
std::string Joined(const std::vector<T>& items, F f) {
  std::string out;
  for (const T& item : items) out += (out.empty() ? "" : "; ") + f(item);
  return out.empty() ? std::string(kGap) : out;
}

std::string KeyWords(const Identity& i) {
  std::string out = fmt::format("{}: {}, {}", Plain(i.slot), Plain(i.method), Plain(i.transfer));
  if (i.shared) out += fmt::format(", shared by {} devices", Plain(*i.shared));
  for (const Place& p : i.places)
    out += fmt::format(", {} {}{}", Plain(p.how), Plain(p.where), p.outside ? " (outside)" : "");
  return out;
}

std::string PkiWords(const Pki& p) {
  std::string out = Plain(p.id) + ":";
  for (const PkiLevel& l : p.levels) {
    out += fmt::format("{} {} {}", out.ends_with(':') ? "" : ",", l.level,
                       l.ee        ? "end entities"
                       : l.offline ? "offline"
                                   : "online");
  }
  return out;
}

std::string StageWords(const Stage& s) {
  return fmt::format("{} in {}, {}", Plain(s.id), Plain(s.store),
                     s.verified_by ? "by " + Plain(*s.verified_by) : "by nothing");
}

std::string AnchorWords(const Anchor* a) {
  if (a == nullptr) return std::string(kGap);
  return fmt::format("{}: {} in {}, {} {}, {}", Plain(a->id), Plain(a->form), Plain(a->store),
                     a->entries, a->entries == 1 ? "entry" : "entries", ShortDigest(a->digest));
}

// Heading names a question in the words of the disclosures' own revision, or in both when they
// vary.
std::string Heading(All all, std::string_view question) {
  std::vector<std::string> names;
  for (const OpenedDisclosure& o : all) {
    std::string name = QuestionName(question, o.disclosure.revision);
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : " / ") + n;
  return out;
}

void AnswerRow(All all, Table& t, const ComparedRow& row) {
  std::vector<std::string> cells;
  for (const answer::Answer* a : row.cells)
    cells.push_back(a == nullptr ? std::string(kGap) : AnswerShort(*a));
  t.Cells(Heading(all, row.question), cells);
}

}  // namespace

Comparison Compare(std::span<const OpenedDisclosure> all) {
  Comparison out;
  out.anchors = AlignAnchors(all);
  DeviceRows(all, out.rows);
  for (const ComparedAnchor& a : out.anchors) AnchorRows(all, a, out.rows);
  return out;
}

Result<std::string> CompareText(std::span<const OpenedDisclosure> all) {
  if (all.empty() || all.size() > kMaxCompared) {
    return Usage(
        "compare.count",
        fmt::format("{} disclosures; 1 to {} stand side by side", all.size(), kMaxCompared),
        "name one to five files");
  }
  const Comparison c = Compare(all);
  Table t(all);
  for (const OpenedDisclosure& o : all) {
    const std::string marks = MarkLine(o.disclosure);
    if (marks.empty()) continue;
    for (const std::string& line :
         Wrap(marks + " (" + Plain(o.disclosure.product.name) + ")", 80)) {
      t.text += line + "\n";
    }
  }
  t.Row("product", [](const auto& o) { return Plain(o.disclosure.product.name); });
  t.text += "m measured · a attested · d declared · ≠ they differ · — not there\n";
  t.Row("manufacturer", [](const auto& o) { return Plain(o.disclosure.product.manufacturer); });
  t.Row("hardware, firmware", [](const auto& o) {
    return Plain(o.disclosure.product.hardware) + ", " + Plain(o.disclosure.product.firmware);
  });
  t.Row("version, period", [](const auto& o) {
    const Disclosure& d = o.disclosure;
    return fmt::format("{}, {}", d.version, Dates(d.period_from, d.period_to));
  });
  t.Row("sites", [](const auto& o) {
    return Joined(o.disclosure.sites,
                  [](const Site& s) { return Plain(s.id) + " " + Plain(s.country); });
  });
  t.Row("signer", [](const auto& o) {
    return Plain(o.signer_name) + (o.signer_named ? ", as named" : ", not checked");
  });
  t.Row("taxonomy revision", [](const auto& o) { return Plain(o.disclosure.revision); });
  t.Title("Birth of the keys");
  t.Row("identities", [](const auto& o) { return Joined(o.disclosure.identities, KeyWords); });
  t.Row("PKI levels", [](const auto& o) { return Joined(o.disclosure.pkis, PkiWords); });
  t.Row("boot chain", [](const auto& o) { return Joined(o.disclosure.stages, StageWords); });

  auto row = c.rows.begin();
  t.Title("Device and identity");
  for (; row != c.rows.end() && (row->group == "device" || row->group == "identity"); ++row) {
    AnswerRow(all, t, *row);
  }
  for (const ComparedAnchor& a : c.anchors) {
    const std::string group = GroupOf(a);
    t.Title(Plain(group));
    std::vector<std::string> cells;
    for (const Anchor* x : a.anchors) cells.push_back(AnchorWords(x));
    t.Cells("what and where", cells);
    for (; row != c.rows.end() && row->group == group; ++row) AnswerRow(all, t, *row);
  }
  return t.text;
}

}  // namespace birthmark::disclose
