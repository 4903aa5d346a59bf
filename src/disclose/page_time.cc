// SPDX-License-Identifier: Apache-2.0
// The parts with a time axis or a number of things: hands and distance, spare shares, lifelines.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "disclose/page_parts.h"
#include "disclose/words.h"

namespace birthmark::disclose::page {
namespace {

constexpr double kLeft = 8;
constexpr size_t kGlyphs = 24;

std::optional<double> Seconds(const cbor::Value* v) {
  if (v == nullptr || v->AsText() == nullptr) return std::nullopt;
  auto d = ParseDuration(*v->AsText());
  return d ? std::optional(static_cast<double>(d->count()) / 1000) : std::nullopt;
}

// LogX places 1 s at the left edge and a year at the right one.
double LogX(double seconds, double width) {
  constexpr double kYear = 31'536'000;
  const double at = std::log10(std::clamp(seconds, 1.0, kYear)) / std::log10(kYear);
  return kLeft + at * (width - 2 * kLeft);
}

std::string Words(std::string_view question, const Basis& b) {
  return fmt::format("{}: {}", b.word, ValueWords(question, *b.value));
}

// Absent draws a dashed outline with the word why there is no value.
void Absent(Svg& s, double y, const answer::Answer* a) {
  s.Rect(kLeft, y, s.width() - 2 * kLeft, 18, "n");
  s.Text(s.width() / 2, y + 12.5, StateWord(a), s.width() - 30, "middle");
  s.Say(StateWord(a));
}

void GapBar(Svg& s, double y, const Basis& b) {
  constexpr std::string_view kQuestion = "first-second-stage-gap";
  const cbor::Value& v = *b.value;
  auto p50 = Seconds(v.Find("time-p50")), p95 = Seconds(v.Find("time-p95")),
       max = Seconds(v.Find("time-max"));
  const double to = LogX(max.value_or(1), s.width());
  const double from = p50 ? std::min(LogX(*p50, s.width()), to) : to - 2;
  s.Rect(from, y, std::max(to - from, 3.0), 12, b.style, Words(kQuestion, b));
  if (p95) s.Line(LogX(*p95, s.width()), y - 3, LogX(*p95, s.width()), y + 15, "b");
  if (const cbor::Value* hands = v.Find("handovers");
      hands != nullptr && hands->AsUint() != nullptr) {
    for (uint64_t i = 0; i < std::min<uint64_t>(*hands->AsUint(), 12); ++i) {
      const double x = s.width() - kLeft - 4 - 6 * static_cast<double>(i);
      s.Line(x, y + 17, x, y + 26, "b");
    }
  }
  const cbor::Value* unlocked = v.Find("unlocked");
  const uint64_t loose = unlocked == nullptr ? 0 : CountOf(*unlocked).value_or(0);
  for (uint64_t i = 0; i < std::min<uint64_t>(loose, kGlyphs); ++i) {
    s.Circle(kLeft + 3 + 8 * static_cast<double>(i), y + 36, 2.5, b.style);
  }
  const cbor::Value* km = v.Find("km-max");
  std::string text(b.word);
  if (km != nullptr && km->AsInt()) text += fmt::format(", up to {} km", *km->AsInt());
  s.Text(kLeft, y + 25, text, s.width() - 90);
  if (loose > 0)
    s.Text(kLeft + 8 * std::min<double>(static_cast<double>(loose), kGlyphs) + 6, y + 39,
           fmt::format("never locked: {}", loose), 100, "start", "s");
}

double People(Svg& s, double y, const Basis& b) {
  const auto n = CountOf(*b.value);
  s.Text(kLeft, y + 11, b.word, 60);
  const std::string title = fmt::format("{}: {} people have a hand in the first stage", b.word,
                                        ValueWords("first-stage-exposure", *b.value));
  if (!n) {
    s.Text(70, y + 11, ValueWords("first-stage-exposure", *b.value), s.width() - 80);
    return y + 22;
  }
  if (*n == 0) {
    s.Person(70, y, "n", title);
    s.Text(84, y + 11, "0: nobody; nobody is there to notice either", s.width() - 90, "start", "s");
    s.Say(
        "With nobody in the step nobody can be bribed, but an attack may also go unseen: that is a "
        "risk too.");
    return y + 22;
  }
  const auto columns = static_cast<uint64_t>(std::max((s.width() - 110) / 12, 1.0));
  const uint64_t shown = std::min<uint64_t>(*n, std::min<uint64_t>(kGlyphs, columns));
  for (uint64_t i = 0; i < shown; ++i) {
    s.Person(70 + 12 * static_cast<double>(i), y, b.style, i == 0 ? title : "");
  }
  s.Text(74 + 12 * static_cast<double>(shown), y + 11, fmt::format("{}", *n), 60);
  return y + 22;
}

std::string HandsOf(All all, size_t i) {
  const Disclosure& d = all[i].disclosure;
  const answer::Answer* gap = FindAnswer(d, "first-second-stage-gap");
  const answer::Answer* people = FindAnswer(d, "first-stage-exposure");
  Svg s(Width(all));
  struct Tick {
    double seconds;
    std::string_view name;
  };
  constexpr Tick kTicks[] = {{1, "1 s"},     {60, "1 min"},     {3600, "1 h"},
                             {86400, "1 d"}, {2592000, "30 d"}, {31536000, "1 y"}};
  for (const Tick& t : kTicks) {
    const double x = LogX(t.seconds, s.width());
    s.Line(x, 14, x, 110, "l2");
    s.Text(x, 9, t.name, 40, t.seconds == 1 ? "start" : t.seconds > 3e7 ? "end" : "middle", "s");
  }
  s.Line(kLeft, 14, s.width() - kLeft, 14, "l");
  const auto bars = Bases(gap);
  if (bars.empty()) Absent(s, 26, gap);
  for (size_t n = 0; n < bars.size(); ++n) GapBar(s, 22 + 46 * static_cast<double>(n), bars[n]);
  double y = 118;
  const auto hands = Bases(people);
  if (hands.empty()) Absent(s, y, people);
  for (const Basis& b : hands) y = People(s, y, b);
  return s.Figure(164, "time from the first stage to its lock, and people") +
         Labelled(d, "first-second-stage-gap", gap) + Labelled(d, "first-stage-exposure", people);
}

std::string SharesOf(All all, size_t i, std::string_view question, bool tokens) {
  const Disclosure& d = all[i].disclosure;
  const answer::Answer* a = FindAnswer(d, question);
  Svg s(Width(all));
  const auto bases = Bases(a);
  if (bases.empty()) Absent(s, 8, a);
  double y = 6;
  for (const Basis& b : bases) {
    const auto n = CountOf(*b.value);
    s.Text(kLeft, y + 12, b.word, 60);
    s.Say(Words(question, b));
    for (uint64_t k = 0; k < std::min<uint64_t>(n.value_or(0), tokens ? 7 : 20); ++k) {
      const double x = 76 + (tokens ? 20.0 : 8.0) * static_cast<double>(k);
      if (tokens) {
        s.Path(fmt::format("M{:.1f} {:.1f}l4 -7h8l4 7l-4 7h-8z", x - 8, y + 9), b.style);
      } else {
        s.Circle(x, y + 9, 3, b.style);
      }
    }
    s.Text(s.width() - kLeft, y + 12, ValueWords(question, *b.value), 60, "end");
    y += 24;
  }
  return s.Figure(56, QuestionName(question, d.revision)) + Labelled(d, question, a);
}

constexpr int64_t kYear = 31'557'600'000;

struct Life {
  std::string name;
  std::optional<int64_t> from, to;
  std::optional<int64_t> parent_to;  // the end of the authority above
};

std::vector<Life> LivesOf(const Disclosure& d) {
  std::vector<Life> out;
  for (const Pki& p : d.pkis) {
    for (const PkiLevel& l : p.levels) {
      Life life{fmt::format("{}, {} {}", l.name, p.id, l.level), l.not_before, l.not_after, {}};
      for (const PkiLevel& up : p.levels) {
        if (up.level < l.level && up.level + 1 == l.level) life.parent_to = up.not_after;
      }
      out.push_back(std::move(life));
      if (out.size() == kMaxDrawn) return out;
    }
  }
  for (const Anchor& a : d.anchors) {
    if (out.size() == kMaxDrawn) break;
    out.push_back({fmt::format("anchor {}", a.id), a.not_before, a.not_after, {}});
  }
  return out;
}

// Start is the left end of the thirty years, the same for all products.
int64_t Start(All all) {
  int64_t issued = INT64_MAX;
  for (const OpenedDisclosure& o : all) issued = std::min(issued, Sane(o.disclosure.issued));
  int64_t start = issued - kYear;
  for (const OpenedDisclosure& o : all) {
    for (const Life& l : LivesOf(o.disclosure)) {
      if (l.from) start = std::min(start, Sane(*l.from));
    }
  }
  return std::max(start, issued - 12 * kYear);
}

std::string LifelinesOf(All all, size_t i, int64_t start, size_t rows) {
  const Disclosure& d = all[i].disclosure;
  Svg s(Width(all));
  const double height = 26.0 * static_cast<double>(std::max<size_t>(rows, 1)) + 20;
  auto x = [&](int64_t ms) {
    const double at = static_cast<double>(Sane(ms) - start) / static_cast<double>(30 * kYear);
    return kLeft + std::clamp(at, 0.0, 1.0) * (s.width() - 2 * kLeft);
  };
  for (int n = 0; n <= 30; n += 10) {
    const int64_t at = start + n * kYear;
    s.Line(x(at), 12, x(at), height, "l2");
    s.Text(x(at), 9, FormatDate(TimeFromMillis(at)).substr(0, 4), 40,
           n == 0    ? "start"
           : n == 30 ? "end"
                     : "middle",
           "s");
  }
  const auto lives = LivesOf(d);
  double y = 14;
  for (const Life& l : lives) {
    s.Text(kLeft, y + 9, l.name, s.width() - 2 * kLeft, "start", "s");
    auto date = [](int64_t ms) { return FormatDate(TimeFromMillis(Sane(ms))); };
    if (!l.from && !l.to) {
      s.Line(kLeft, y + 16, s.width() - kLeft, y + 16, "l2");
      s.Say(l.name + ": no dates are told");
    } else {
      const double from = l.from ? x(*l.from) : kLeft, to = l.to ? x(*l.to) : s.width() - kLeft;
      s.Rect(from, y + 12, std::max(to - from, 2.0), 8, "g",
             fmt::format("{}: {} to {}", l.name, l.from ? date(*l.from) : "no start told",
                         l.to ? date(*l.to) : "no end told"));
      if (l.parent_to && l.to && *l.to > *l.parent_to) {
        const double cut = std::clamp(x(*l.parent_to), from, to);
        s.Rect(cut, y + 12, std::max(to - cut, 2.0), 8, "x",
               fmt::format("{}: ends after the authority above it, which ends {}", l.name,
                           date(*l.parent_to)));
      }
    }
    y += 26;
  }
  if (lives.empty()) {
    s.Text(kLeft, 28, "no anchors or authorities in this disclosure", s.width() - 20);
    s.Say("no anchors or authorities in this disclosure");
  }
  s.Line(x(d.issued), 12, x(d.issued), height, "b");
  s.Say(fmt::format("upright line: issued {}", FormatDate(TimeFromMillis(Sane(d.issued)))));
  return s.Figure(height, "validity of anchors and authorities over thirty years");
}

}  // namespace

std::string Hands(All all) {
  return Section(all, "Hands and distance",
                 "From the first stage being written to its lock, on a scale from a second to a "
                 "year: the bar runs from the "
                 "median to the longest, the upright tick is 95 of 100, strokes at the right are "
                 "hand-overs, dots units never "
                 "locked, figures people.",
                 Row(all, [&](size_t i) { return HandsOf(all, i); }));
}

std::string Shares(All all) {
  return Section(all, "Spare shares and continents",
                 "Dots: spare shares of a split key. Tokens: continents, unnamed, where the key "
                 "can be recovered with nobody "
                 "travelling. Drawn from the published numbers alone.",
                 Row(all, [&](size_t i) {
                   return SharesOf(all, i, "identity-shared-split-extra", false);
                 }) + Row(all, [&](size_t i) {
                   return SharesOf(all, i, "identity-shared-split-continents", true);
                 }));
}

std::string Lifelines(All all) {
  size_t rows = 0;
  for (const OpenedDisclosure& o : all) rows = std::max(rows, LivesOf(o.disclosure).size());
  const int64_t start = Start(all);
  return Section(all, "Lifelines",
                 "Thirty years, the same for every column; the upright line is the day of issue. "
                 "Crossed: what outlives the "
                 "authority above it.",
                 Row(all, [&](size_t i) { return LifelinesOf(all, i, start, rows); }));
}

}  // namespace birthmark::disclose::page
