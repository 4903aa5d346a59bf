// SPDX-License-Identifier: Apache-2.0
// The drawing of a horizon: one hue and grey as on the disclosure's page, light or dark as the
// reader's screen is, no colour that judges.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/horizon_show.h"
#include "disclose/html.h"

namespace birthmark::app {
namespace {

constexpr double kWidth = 1000, kLabels = 250, kRight = 20, kTop = 64, kRowHigh = 22;
constexpr double kLetter = 6.2;
constexpr int64_t kTime32 = 2'147'483'647'000, kFrom2050 = 2'524'608'000'000;

// Text styles are t (names), s (small); bars are g (a life), x (beyond its chain); k is a date.
constexpr std::string_view kSheet = R"css(
svg{background:var(--p);--p:#fff;--i:#222;--f:#555;--l:#ccc;--b:#bbb;--e:#555;--h:#0b5fa5}
@media(prefers-color-scheme:dark){svg{--p:#16191d;--i:#e6e6e6;--f:#a8a8a8;--l:#3d4248;--b:#596069;--e:#a8a8a8;--h:#7db7e8}}
text{font-family:system-ui,"DejaVu Sans",Arial,sans-serif;fill:var(--i)}
.t{font-size:11px}.s{font-size:9.5px;fill:var(--f)}.h{font-size:15px;font-weight:600}
.l{stroke:var(--l);stroke-width:1;stroke-dasharray:2 2}.n{stroke:var(--h);stroke-width:1.4}
.z{stroke:var(--e);stroke-width:1;stroke-dasharray:5 3}
.g{fill:var(--b);stroke:var(--e)}.x{fill:url(#over);stroke:var(--e)}
.o{stroke:var(--e);stroke-width:1.2}.k{fill:var(--p);stroke:var(--h);stroke-width:1.4}
@media print{svg{--p:#fff;--i:#222;--f:#555;--l:#ccc;--b:#bbb;--e:#555;--h:#0b5fa5}}
)css";

class Drawing {
 public:
  explicit Drawing(const Horizon& h) : h_(h) {}

  std::string Draw() {
    const double height = kTop + kRowHigh * static_cast<double>(Lines()) + 30;
    Axis(height - 22);
    double y = kTop + 6;
    Lives(y);
    Dates(y);
    const std::string label =
        fmt::format("Horizon of {}, {} to {}", disclose::Esc(h_.name), Day(h_.from), Day(h_.until));
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
        "aria-label=\"{}\"><title>{}</title><style>{}</style><defs><pattern id=\"over\" "
        "width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><path class=\"o\" "
        "d=\"M0 0L6 6M6 0L0 6\"/></pattern></defs>"
        "<text x=\"12\" y=\"22\" class=\"h\">{}</text>{}</svg>\n",
        kWidth, height, label, label, kSheet, label + (h_.rehearsal ? ", REHEARSAL" : ""), body_);
  }

 private:
  static std::string Day(int64_t at) { return FormatDate(TimeFromMillis(at)); }

  std::vector<std::string> Kinds() const {
    std::vector<std::string> out;
    for (const HorizonRow& r : h_.rows) {
      if (std::ranges::find(out, r.kind) == out.end()) out.push_back(r.kind);
    }
    std::ranges::sort(out);
    return out;
  }
  size_t Lines() const {
    size_t lanes = 0;
    std::string lane;
    for (const HorizonBar& b : h_.bars) {
      lanes += b.lane != lane;
      lane = b.lane;
    }
    return h_.bars.size() + lanes + Kinds().size() + 1;
  }

  double X(int64_t at) const {
    const double share = static_cast<double>(at - h_.from) /
                         static_cast<double>(std::max<int64_t>(h_.until - h_.from, 1));
    return kLabels + std::clamp(share, 0.0, 1.0) * (kWidth - kLabels - kRight);
  }
  void Line(double x, double from, double to, std::string_view style) {
    body_ += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" "
        "class=\"{3}\"/>",
        x, from, to, style);
  }
  void Text(double x, double y, std::string_view text, std::string_view style,
            std::string_view anchor = "start", double room = kLabels - 20) {
    const auto fits = static_cast<size_t>(room / kLetter);
    body_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}{}</text>", x, y, style,
        anchor, text.size() > fits ? "<title>" + disclose::Esc(text) + "</title>" : "",
        disclose::Esc(text, fits));
  }
  void Bar(double y, double from, double to, std::string_view style, std::string_view title) {
    body_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"11\" "
        "class=\"{}\"><title>{}</title></rect>",
        from, y, std::max(to - from, 2.0), style, disclose::Esc(title));
  }

  void Axis(double bottom) {
    const auto first = static_cast<int>(
        std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(TimeFromMillis(h_.from)))
            .year());
    const auto last = static_cast<int>(
        std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(TimeFromMillis(h_.until)))
            .year());
    const int step = last - first > 60 ? 10 : last - first > 12 ? 5 : 1;
    for (int year = first + 1; year <= last; ++year) {
      if (year % step != 0) continue;
      const auto at = std::chrono::sys_days(std::chrono::year(year) / 1 / 1);
      const double x =
          X(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
      Line(x, kTop - 6, bottom, "l");
      Text(x, kTop - 12, fmt::format("{}", year), "s", "middle", 40);
    }
    Line(X(h_.from), kTop - 6, bottom, "n");
    for (const auto& [at, word] : {std::pair{kTime32, "2038: 32-bit clocks end"},
                                   std::pair{kFrom2050, "2050: GeneralizedTime"}}) {
      if (at <= h_.from || at >= h_.until) continue;
      Line(X(at), kTop - 6, bottom, "z");
      Text(X(at), bottom + 14, word, "s", "middle", 200);
    }
  }

  void Lives(double& y) {
    std::string lane;
    for (const HorizonBar& b : h_.bars) {
      if (b.lane != lane) {
        Text(12, y + 10, b.lane, "s");
        y += kRowHigh;
        lane = b.lane;
      }
      Text(20, y + 10, b.name, "t");
      const int64_t end = b.chain_to ? std::min(*b.chain_to, b.to) : b.to;
      Bar(y, X(b.from), X(end), "g", fmt::format("{}: {} to {}", b.name, Day(b.from), Day(b.to)));
      if (end < b.to && X(b.to) > X(end)) {
        Bar(y, X(end), X(b.to), "x",
            fmt::format("{}: outlives its chain, which ends {}", b.name, Day(end)));
      }
      y += kRowHigh;
    }
  }

  // Dates stand below the lives, a line a kind.
  void Dates(double& y) {
    Text(12, y + 10, "dates", "s");
    y += kRowHigh;
    for (const std::string& kind : Kinds()) {
      Text(20, y + 10, kind, "t");
      for (const HorizonRow& r : h_.rows) {
        if (r.kind != kind) continue;
        body_ += fmt::format(
            "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" class=\"k\"><title>{}: "
            "{}; {}{}</title></circle>",
            X(r.at), y + 6, Day(r.at), disclose::Esc(r.what), disclose::Esc(r.consequence),
            r.units > 0 ? "; identities: " + disclose::Esc(CountText(h_, r.units)) : "");
      }
      y += kRowHigh;
    }
  }

  const Horizon& h_;
  std::string body_;
};

}  // namespace

std::string HorizonSvg(const Horizon& h) { return Drawing(h).Draw(); }

}  // namespace birthmark::app
