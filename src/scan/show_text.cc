// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "disclose/words.h"
#include "scan/show.h"

namespace birthmark::scan {
namespace {

using disclose::Plain;

constexpr size_t kWidth = 80;
constexpr size_t kFactsShown = 30;

// Wrapped breaks words at 80 columns behind an indentation.
std::string Wrapped(std::string_view text, size_t indent) {
  std::string out, line;
  const std::string left(indent, ' ');
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && indent + line.size() + 1 + word.size() > kWidth) {
      out += left + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  return out + left + line + "\n";
}

std::string Size(uint64_t n) {
  if (n >= uint64_t{10} << 30) return fmt::format("{} GiB", n >> 30);
  if (n >= 10 << 20) return fmt::format("{} MiB", n >> 20);
  return fmt::format("{} KiB", (n + 1023) >> 10);
}

// Algorithms counts the algorithms of a store: "rsa-4096 x 98, ecdsa-p384 x 30".
std::string Algorithms(const Report& r, const Store& s) {
  std::map<std::string, size_t> count;
  for (const Member& m : s.members) ++count[r.items[m.item].entry.algorithm];
  std::vector<std::pair<size_t, std::string>> sorted;
  for (const auto& [name, n] : count) {
    if (name != "unknown") sorted.emplace_back(n, name);
  }
  std::ranges::sort(sorted, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 4) return fmt::format("{}, {} more", out, sorted.size() - i);
    out += (out.empty() ? "" : ", ") + sorted[i].second;
    if (sorted[i].first > 1) out += fmt::format(" x {}", sorted[i].first);
  }
  return out;
}

std::string Validity(const Report& r, const Store& s) {
  std::optional<int64_t> first, last;
  for (const Member& m : s.members) {
    const auto& end = r.items[m.item].entry.not_after;
    if (!end) continue;
    first = std::min(first.value_or(*end), *end);
    last = std::max(last.value_or(*end), *end);
  }
  if (!first) return "no dates";
  auto date = [](int64_t t) { return FormatDate(TimeFromMillis(t * 1000)); };
  if (*first == *last) return "until " + date(*first);
  return fmt::format("first ends {}, last {}", date(*first), date(*last));
}

bool IsAnchorStore(const Store& s) {
  return s.members.empty() || std::ranges::any_of(s.members, [](const Member& m) {
           return m.role == Role::kAnchor || m.role == Role::kRejected || m.role == Role::kSigner;
         });
}

std::string RoleWord(const Store& s) {
  std::set<Role> roles;
  for (const Member& m : s.members) roles.insert(m.role);
  if (roles.size() != 1 || *roles.begin() == Role::kAnchor) return "";
  return *roles.begin() == Role::kRejected ? " refused"
         : *roles.begin() == Role::kSigner ? " signers"
                                           : "";
}

std::string ItemLine(const Report& r, const Member& m) {
  const Item& i = r.items[m.item];
  std::string out = fmt::format("    {:<11} {:<12} {}  {}\n", ToText(m.role), i.entry.algorithm,
                                ToHex(i.entry.fingerprint).substr(0, 16), Plain(i.entry.label));
  return out;
}

std::string StoreText(const Report& r, const Store& s, bool all) {
  const std::string kind = s.kind ? std::string(vocab::ToText(*s.kind)) : "unknown";
  std::string out = fmt::format("{:<16} {:<16} {:>5}{} {}\n", kind, s.form, s.members.size(),
                                RoleWord(s), Plain(s.Where()));
  std::string facts = s.verifies.empty() ? "" : "for " + s.verifies;
  for (const std::string& more : {Algorithms(r, s), Validity(r, s)}) {
    if (!more.empty() && !s.members.empty()) facts += (facts.empty() ? "" : "; ") + more;
  }
  if (!facts.empty()) out += Wrapped(facts, 2);
  out += Wrapped("kept as: " + Plain(s.protection), 2);
  out += Wrapped(fmt::format("{}: {} [{}]", ToText(s.certainty), Plain(s.reason), s.rule), 2);
  for (const Fact& f : s.facts)
    out += Wrapped(fmt::format("fact: {} [{}]", Plain(f.text), f.code), 2);
  if (all) {
    for (const Member& m : s.members) out += ItemLine(r, m);
  }
  return out;
}

// FactsText tells each fact once, with the stores that hold the item.
std::string FactsText(const Report& r, bool all) {
  std::map<size_t, std::vector<std::pair<std::string, Role>>> in;
  for (const Store& s : r.stores) {
    for (const Member& m : s.members) in[m.item].emplace_back(s.Where(), m.role);
  }
  std::string out;
  size_t left_out = 0, shown = 0;
  for (size_t i = 0; i < r.items.size(); ++i) {
    const Item& item = r.items[i];
    if (item.facts.empty()) continue;
    // Of what is merely present only what is remarkable beside anchors.
    const bool anchor = std::ranges::any_of(in[i], [](const auto& p) {
      return p.second == Role::kAnchor || p.second == Role::kSigner;
    });
    if (!all && (!anchor || ++shown > kFactsShown)) {
      ++left_out;
      continue;
    }
    out += fmt::format("  {}\n", Plain(item.entry.label));
    for (const Fact& f : item.facts)
      out += Wrapped(fmt::format("{} [{}]", Plain(f.text), f.code), 4);
    for (size_t w = 0; w < in[i].size() && w < 3; ++w)
      out += fmt::format("    in {}\n", Plain(in[i][w].first));
    if (in[i].size() > 3) out += fmt::format("    and {} more places\n", in[i].size() - 3);
  }
  if (left_out > 0) {
    out += fmt::format("  and facts about {} certificates and keys that are no anchors (--all)\n",
                       left_out);
  }
  return out;
}

}  // namespace

std::string SummaryText(const Report& r) {
  size_t stores = 0;
  std::map<std::string, std::set<size_t>> kinds;
  for (const Store& s : r.stores) {
    if (!IsAnchorStore(s)) continue;
    ++stores;
    for (const Member& m : s.members) {
      if (m.role == Role::kAnchor)
        kinds[s.kind ? std::string(vocab::ToText(*s.kind)) : "unknown"].insert(m.item);
    }
  }
  std::string out = fmt::format("{} {}: {} files, {}, {} containers opened\n", r.what,
                                Plain(r.target), r.files, Size(r.bytes), r.containers);
  std::string by_kind;
  for (const auto& [kind, items] : kinds)
    by_kind += fmt::format("{}{} {}", by_kind.empty() ? "" : ", ", items.size(), kind);
  out += Wrapped(fmt::format("{} anchors in {} stores{}{}; {} other certificates, {} private keys; "
                             "{} parts not looked into",
                             CountOf(r, Role::kAnchor), stores, by_kind.empty() ? "" : ": ",
                             by_kind, CountOf(r, Role::kCertificate), CountOf(r, Role::kPrivateKey),
                             r.unread.size() + r.unread_more),
                 0);
  return out;
}

std::string ReportText(const Report& r, bool all) {
  std::string out = SummaryText(r);
  out += fmt::format("dates are compared with {}\n\n", FormatDate(r.at));
  out += fmt::format("{:<16} {:<16} {:>5} {}\n", "KIND", "FORM", "ITEMS", "STORE");
  std::vector<const Store*> sorted;
  for (const Store& s : r.stores) sorted.push_back(&s);
  std::ranges::stable_sort(sorted, [](const Store* a, const Store* b) {
    const auto rank = [](const Store* s) { return s->kind ? static_cast<int>(*s->kind) : 99; };
    return std::pair(rank(a), a->Where()) < std::pair(rank(b), b->Where());
  });
  size_t present = 0;
  for (const Store* s : sorted) {
    const bool keys =
        std::ranges::all_of(s->members,
                            [](const Member& m) { return m.role == Role::kPrivateKey; }) &&
        !s->members.empty();
    if (IsAnchorStore(*s) || (all && !keys)) {
      out += StoreText(r, *s, all);
    } else {
      if (!keys) ++present;
    }
  }
  if (present > 0) {
    out += fmt::format("{} more files hold certificates that nothing here is known to believe{}\n",
                       present, all ? "" : " (--all)");
  }
  if (CountOf(r, Role::kPrivateKey) > 0) {
    out += "\nPRIVATE KEYS\n";
    size_t shown = 0;
    for (const Store* s : sorted) {
      const auto keys = std::ranges::count(s->members, Role::kPrivateKey, &Member::role);
      if (keys == 0 || (!all && ++shown > 20)) continue;
      out += fmt::format("  {:>4} {}\n", keys, Plain(s->Where()));
    }
    if (shown > 20) out += fmt::format("  and {} more (--all)\n", shown - 20);
  }
  if (const std::string facts = FactsText(r, all); !facts.empty()) out += "\nFACTS\n" + facts;
  if (!r.unread.empty()) {
    out += "\nNOT LOOKED INTO\n";
    size_t shown = 0;
    for (const Unread& u : r.unread) {
      if (!all && ++shown > 20) continue;
      out += "  " + Plain(u.where) + "\n" +
             Wrapped(fmt::format("{} [{}]", Plain(u.reason), u.code), 4);
    }
    if (shown > 20) out += fmt::format("  and {} more (--all, --json)\n", shown - 20);
  }
  if (r.unread_more > 0) out += fmt::format("  and {} parts that are not named\n", r.unread_more);
  return out;
}

std::string ChangesText(const std::vector<Change>& changes) {
  if (changes.empty()) return "nothing differs\n";
  std::string out;
  for (const Change& c : changes)
    out += fmt::format("{:<8} {}\n", c.what, Plain(c.where)) + Wrapped(Plain(c.text), 9);
  return out;
}

}  // namespace birthmark::scan
