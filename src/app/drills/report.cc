// SPDX-License-Identifier: Apache-2.0
#include "app/drills/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "answer/value.h"
#include "disclose/words.h"

namespace birthmark::app {
namespace {

constexpr size_t kColumns80 = 80;

// Minutes are enough for people.
std::string Moment(Time t) {
  std::string s = FormatTime(t);
  return s.substr(0, 10) + " " + s.substr(11, 5);
}

void Paragraph(std::string& out, std::string_view text, size_t indent) {
  for (const std::string& line : disclose::Wrap(text, kColumns80 - indent))
    out += std::string(indent, ' ') + line + "\n";
}

// Item begins with a mark and hangs behind it.
void Item(std::string& out, const std::string& mark, std::string_view text) {
  bool first = true;
  for (const std::string& line : disclose::Wrap(text, kColumns80 - mark.size())) {
    out += (first ? mark : std::string(mark.size(), ' ')) + line + "\n";
    first = false;
  }
}

std::string Padded(std::string_view s, size_t width) {
  std::string out = disclose::Wrap(s, width).empty() ? "" : disclose::Wrap(s, width).front();
  size_t has = disclose::Columns(out);
  return out + std::string(width > has ? width - has : 0, ' ');
}

void AffectedText(std::string& out, const DrillReport& r) {
  out += "\nwho is affected\n";
  if (r.affected.empty()) {
    out += "  no identities\n";
    return;
  }
  out += fmt::format("  {} {} {} {:>10} {:>10}\n", Padded("product", 20), Padded("site", 16),
                     Padded("issued", 10), "identities", "shipped");
  constexpr size_t kMostRows = 40;
  uint64_t identities = 0, shipped = 0;
  for (size_t i = 0; i < r.affected.size(); ++i) {
    const DrillReport::Affected& a = r.affected[i];
    identities += a.identities;
    shipped += a.shipped;
    if (i >= kMostRows) continue;
    out += fmt::format("  {} {} {} {:>10} {:>10}\n", Padded(a.product, 20), Padded(a.site, 16),
                       Padded(a.issued, 10), a.identities, a.shipped);
  }
  if (r.affected.size() > kMostRows)
    out += fmt::format("  and {} more rows (--json has all)\n", r.affected.size() - kMostRows);
  out += fmt::format("  {} {:>10} {:>10}\n", Padded("together", 48), identities, shipped);
}

}  // namespace

uint64_t DrillReport::failed() const {
  return static_cast<uint64_t>(
      std::ranges::count_if(checks, [](const auto& c) { return !c.holds; }));
}

std::string ToText(const DrillReport& r) {
  std::string out = fmt::format("DRILL {}  {}{}\n", r.name, r.maker,
                                r.rehearsal ? "  (REHEARSAL workspace)" : "");
  out += fmt::format("on a copy of {} events; the copy's clock begins at {}Z\n", r.events,
                     Moment(r.at));
  Paragraph(out, r.about, 0);
  AffectedText(out, r);
  if (!r.lives.empty()) {
    out += "\nuntil when what still works\n";
    for (const DrillReport::Life& l : r.lives) {
      std::string end = !l.until           ? "goes on         "
                        : *l.until <= r.at ? "stops at once   "
                                           : Moment(*l.until);
      Item(out, "  " + end + "  ",
           l.what + (l.then.empty() || !l.until ? "" : "; then: " + l.then) +
               (l.tried ? " [tried]" : ""));
    }
  }
  if (!r.steps.empty()) {
    out += "\nwhat to do, in this order\n";
    for (size_t i = 0; i < r.steps.size(); ++i) {
      Item(out, fmt::format("  {:2} ", i + 1), r.steps[i].what);
      if (!r.steps[i].command.empty()) out += "       " + r.steps[i].command + "\n";
    }
  }
  if (!r.checks.empty()) {
    out += "\ndone on the copy\n";
    for (const DrillReport::Done& c : r.checks) {
      Item(out, "  " + Padded(c.holds ? r.yes : r.no, 13),
           c.what + (c.found.empty() ? "" : ": " + c.found));
    }
  }
  if (!r.notes.empty()) {
    out += "\nto know\n";
    for (const std::string& n : r.notes) Item(out, "  - ", n);
  }
  return out;
}

std::string ToJson(const DrillReport& r) {
  using Json = nlohmann::ordered_json;
  Json j{{"drill", r.name},          {"about", r.about},       {"manufacturer", r.maker},
         {"rehearsal", r.rehearsal}, {"at", FormatTime(r.at)}, {"events", r.events}};
  j["options"] = Json::object();
  for (const auto& [name, value] : r.options) j["options"][name] = value;
  j["affected"] = Json::array();
  for (const DrillReport::Affected& a : r.affected) {
    j["affected"].push_back({{"product", a.product},
                             {"site", a.site},
                             {"issued", a.issued},
                             {"identities", a.identities},
                             {"shipped", a.shipped}});
  }
  j["works"] = Json::array();
  for (const DrillReport::Life& l : r.lives) {
    j["works"].push_back({{"what", l.what},
                          {"from", FormatTime(l.from)},
                          {"until", l.until ? Json(FormatTime(*l.until)) : Json(nullptr)},
                          {"then", l.then},
                          {"tried", l.tried}});
  }
  j["steps"] = Json::array();
  for (const DrillReport::Step& s : r.steps)
    j["steps"].push_back({{"what", s.what}, {"command", s.command}});
  j["checks"] = Json::array();
  for (const DrillReport::Done& c : r.checks)
    j["checks"].push_back({{"what", c.what}, {"holds", c.holds}, {"found", c.found}});
  j["notes"] = r.notes;
  j["counts"] = Json::object();
  for (const auto& [name, n] : r.counts) j["counts"][name] = n;
  j["failed"] = r.failed();
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ListCsv(const DrillReport& r) {
  std::string out = "serial,unit,state,site,issued\n";
  for (const std::vector<std::string>& row : r.list) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string cell = row[i];
      // RFC 4180 section 2: a cell with a comma, a quote or a line's end is quoted.
      if (cell.find_first_of(",\"\r\n") != std::string::npos) {
        for (size_t at = 0; (at = cell.find('"', at)) != std::string::npos; at += 2)
          cell.insert(at, 1, '"');
        cell = '"' + cell + '"';
      }
      out += (i == 0 ? "" : ",") + cell;
    }
    out += "\n";
  }
  return out;
}

}  // namespace birthmark::app
