// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "answer/value.h"
#include "app/drills/report.h"
#include "disclose/html.h"

namespace birthmark::app {
namespace {

constexpr double kWide = 720, kEdge = 8, kRow = 30;
constexpr size_t kMostBars = 40;
constexpr double kHour = 3600, kYear = 31'557'600;

constexpr std::string_view kDrawingStyle =
    "text{font-family:system-ui,\"DejaVu Sans\",Arial,sans-serif;fill:#222}.t{font-size:10px}"
    ".s{font-size:8.5px;fill:#444}.h{font-size:13px;font-weight:600}"
    ".g{fill:#bbb;stroke:#555}.o{fill:#fff;stroke:#444;stroke-dasharray:3 2}"
    ".l2{stroke:#ccc;stroke-width:1;stroke-dasharray:2 2}.b{stroke:#222;stroke-width:1.4}";

// AtX puts an hour at the left and thirty years at the right.
double AtX(double seconds) {
  const double at =
      std::log(std::clamp(seconds, kHour, 30 * kYear) / kHour) / std::log(30 * kYear / kHour);
  return kEdge + at * (kWide - 2 * kEdge);
}

std::string Label(double x, double y, std::string_view text, std::string_view style,
                  std::string_view anchor = "start") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>", x,
                     y, style, anchor, disclose::Esc(text, 120));
}

}  // namespace

std::string ToSvg(const DrillReport& r) {
  const size_t bars = std::min(r.lives.size(), kMostBars);
  double y = 74;
  std::string body = Label(kEdge, 16, fmt::format("drill {}: {}", r.name, r.maker), "h");
  uint64_t identities = 0;
  for (const DrillReport::Affected& a : r.affected) identities += a.identities;
  body += Label(kEdge, 31,
                fmt::format("on a copy, from {}; identities affected: {}{}", FormatDate(r.at),
                            answer::Bucket(identities), r.rehearsal ? "; REHEARSAL" : ""),
                "t");
  const double bottom = y + kRow * static_cast<double>(std::max<size_t>(bars, 1)) + 6;
  struct Tick {
    double seconds;
    std::string_view name;
  };
  constexpr Tick kTicks[] = {{kHour, "1 h"},
                             {24 * kHour, "1 day"},
                             {7 * 24 * kHour, "1 week"},
                             {30 * 24 * kHour, "30 days"},
                             {kYear, "1 year"},
                             {10 * kYear, "10 years"},
                             {30 * kYear, "30 years"}};
  for (const Tick& t : kTicks) {
    const double x = AtX(t.seconds);
    body += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"58\" x2=\"{0:.1f}\" y2=\"{1:.1f}\" class=\"l2\"/>", x, bottom);
    body += Label(x, 52, t.name, "s",
                  t.seconds == kHour       ? "start"
                  : t.seconds > 29 * kYear ? "end"
                                           : "middle");
  }
  for (size_t i = 0; i < bars; ++i) {
    const DrillReport::Life& l = r.lives[i];
    const bool at_once = l.until && *l.until <= r.at;
    const double to =
        !l.until ? kWide - kEdge : AtX(static_cast<double>((*l.until - r.at).count()) / 1000.0);
    const std::string words = fmt::format("{}: {}", l.what,
                                          !l.until  ? "goes on"
                                          : at_once ? "stops at once"
                                                    : "until " + FormatTime(*l.until));
    body += Label(kEdge, y + 8, words, "s");
    body += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"9\" class=\"{}\"><title>{}{}"
        "</title></rect>",
        kEdge, y + 12, at_once ? 3.0 : std::max(to - kEdge, 3.0), at_once ? "o" : "g",
        disclose::Esc(words), l.then.empty() ? "" : disclose::Esc("; then: " + l.then));
    if (l.until && !at_once)
      body += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" "
          "class=\"b\"/>",
          to, y + 9, y + 24);
    y += kRow;
  }
  if (bars == 0) body += Label(kEdge, y + 8, "nothing in this drill has an end in time", "s");
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"{}\"><style>{}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{}"
      "</svg>\n",
      kWide, bottom + 8, disclose::Esc("drill " + r.name + ": what works until when"),
      kDrawingStyle, body);
}

}  // namespace birthmark::app
