// SPDX-License-Identifier: Apache-2.0
#include "app/horizon_show.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "answer/value.h"
#include "disclose/words.h"

namespace birthmark::app {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kIndent = 12;

// Wrapped breaks a text at blanks; the first line begins at `column`, the others at the indent.
std::string Wrapped(std::string_view text, size_t column) {
  std::string out;
  size_t at = column;
  while (!text.empty()) {
    const size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    const size_t wide = disclose::Columns(word);
    if (at > column || !out.empty()) {
      if (at + 1 + wide > kColumns) {
        out += "\n" + std::string(kIndent, ' ');
        at = kIndent;
      } else if (at > kIndent) {
        out += ' ';
        ++at;
      }
    }
    out += word;
    at += wide;
  }
  return out + "\n";
}

std::string What(const Horizon& h, const HorizonRow& r) {
  std::string out = r.what;
  if (r.kind == "authority" || r.kind == "window" || r.kind == "credential" || r.kind == "crl" ||
      (r.kind == "overhang" && r.things > 0))
    out += fmt::format(": {}", r.things);
  if (r.units > 0) out += fmt::format("; identities touched: {}", CountText(h, r.units));
  return out;
}

std::string DayText(int64_t at) { return FormatDate(TimeFromMillis(at)); }

}  // namespace

std::string CountText(const Horizon& h, uint64_t n) {
  return h.exact ? fmt::format("{}", n) : answer::Bucket(n);
}

std::string HorizonText(const Horizon& h) {
  std::string out =
      fmt::format("horizon of {}, {} to {}{}\n", disclose::Plain(h.name), DayText(h.from),
                  DayText(h.until), h.rehearsal ? "  REHEARSAL" : "");
  for (const HorizonRow& r : h.rows) {
    out += DayText(r.at) + (r.estimate ? "~ " : "  ");
    out += Wrapped(disclose::Plain(What(h, r)), kIndent);
    out += std::string(kIndent, ' ') + Wrapped(disclose::Plain(r.consequence), kIndent);
  }
  if (h.rows.empty()) out += "nothing ends within these years\n";
  for (const HorizonRemark& m : h.remarks)
    out += "note        " + Wrapped(disclose::Plain(m.text), kIndent);
  return out;
}

std::string HorizonJson(const Horizon& h) {
  using nlohmann::ordered_json;
  ordered_json rows = ordered_json::array(), bars = ordered_json::array(),
               remarks = ordered_json::array();
  for (const HorizonRow& r : h.rows) {
    rows.push_back({{"date", DayText(r.at)},
                    {"at", FormatTime(TimeFromMillis(r.at))},
                    {"kind", r.kind},
                    {"what", disclose::Plain(r.what)},
                    {"consequence", disclose::Plain(r.consequence)},
                    {"things", r.things},
                    {"identities", CountText(h, r.units)},
                    {"estimate", r.estimate}});
  }
  for (const HorizonBar& b : h.bars) {
    bars.push_back(
        {{"lane", b.lane},
         {"name", disclose::Plain(b.name)},
         {"from", DayText(b.from)},
         {"to", DayText(b.to)},
         {"chain_to", b.chain_to ? ordered_json(DayText(*b.chain_to)) : ordered_json()}});
  }
  for (const HorizonRemark& m : h.remarks)
    remarks.push_back({{"code", m.code}, {"text", disclose::Plain(m.text)}});
  return ordered_json{{"name", disclose::Plain(h.name)},
                      {"rehearsal", h.rehearsal},
                      {"from", DayText(h.from)},
                      {"until", DayText(h.until)},
                      {"rows", rows},
                      {"lives", bars},
                      {"remarks", remarks}}
             .dump(2) +
         "\n";
}

}  // namespace birthmark::app
