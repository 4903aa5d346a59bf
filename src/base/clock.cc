// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>

namespace birthmark {
namespace {

using std::chrono::milliseconds;

// Digits reads exactly n decimal digits and moves past them.
std::optional<int> Digits(std::string_view& s, size_t n) {
  if (s.size() < n) return std::nullopt;
  int v = 0;
  for (size_t i = 0; i < n; ++i) {
    if (s[i] < '0' || s[i] > '9') return std::nullopt;
    v = v * 10 + (s[i] - '0');
  }
  s.remove_prefix(n);
  return v;
}

bool Skip(std::string_view& s, char c) {
  if (s.empty() || s.front() != c) return false;
  s.remove_prefix(1);
  return true;
}

}  // namespace

std::string FormatTime(Time t) {
  auto day = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day ymd(day);
  int64_t ms = (t - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(ymd.year()),
                     static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                     ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

std::string FormatDate(Time t) { return FormatTime(t).substr(0, 10); }

std::optional<Time> ParseTime(std::string_view s) {
  auto year = Digits(s, 4);
  if (!year || !Skip(s, '-')) return std::nullopt;
  auto month = Digits(s, 2);
  if (!month || !Skip(s, '-')) return std::nullopt;
  auto day = Digits(s, 2);
  if (!day) return std::nullopt;
  std::chrono::year_month_day ymd{std::chrono::year(*year), std::chrono::month(*month),
                                  std::chrono::day(*day)};
  if (!ymd.ok()) return std::nullopt;
  Time t = std::chrono::sys_days(ymd);
  if (s.empty()) return t;
  if (!Skip(s, 'T')) return std::nullopt;
  auto h = Digits(s, 2);
  if (!h || *h > 23 || !Skip(s, ':')) return std::nullopt;
  auto m = Digits(s, 2);
  if (!m || *m > 59 || !Skip(s, ':')) return std::nullopt;
  auto sec = Digits(s, 2);
  if (!sec || *sec > 59) return std::nullopt;
  int64_t ms = (*h * 3600LL + *m * 60 + *sec) * 1000;
  if (Skip(s, '.')) {
    int scale = 100, seen = 0;
    while (!s.empty() && std::isdigit(static_cast<unsigned char>(s.front()))) {
      ms += (s.front() - '0') * scale;
      scale /= 10;
      s.remove_prefix(1);
      ++seen;
    }
    if (seen == 0) return std::nullopt;
  }
  if (s != "Z") return std::nullopt;
  return t + milliseconds(ms);
}

std::string FormatDuration(milliseconds d) {
  std::string sign = d.count() < 0 ? "-" : "";
  int64_t ms = std::abs(d.count());
  int64_t days = ms / 86400000, h = ms / 3600000 % 24, m = ms / 60000 % 60, s = ms / 1000 % 60;
  int64_t frac = ms % 1000;
  std::string time;
  if (h > 0) time += fmt::format("{}H", h);
  if (m > 0) time += fmt::format("{}M", m);
  if (frac > 0) {
    std::string f = fmt::format("{:03}", frac);
    while (f.back() == '0') f.pop_back();
    time += fmt::format("{}.{}S", s, f);
  } else if (s > 0 || (time.empty() && days == 0)) {
    time += fmt::format("{}S", s);
  }
  return sign + "P" + (days > 0 ? fmt::format("{}D", days) : "") + (time.empty() ? "" : "T" + time);
}

std::optional<milliseconds> ParseDuration(std::string_view s) {
  if (!Skip(s, 'P') || s.empty()) return std::nullopt;
  double total = 0;
  bool in_time = false, any = false;
  while (!s.empty()) {
    if (Skip(s, 'T')) {
      if (in_time || s.empty()) return std::nullopt;
      in_time = true;
      continue;
    }
    size_t i = 0;
    double v = 0, scale = 0;
    for (; i < s.size() && i < 12 &&
           (std::isdigit(static_cast<unsigned char>(s[i])) || (s[i] == '.' && scale == 0));
         ++i) {
      if (s[i] == '.') {
        scale = 1;
      } else if (scale == 0) {
        v = v * 10 + (s[i] - '0');
      } else {
        scale /= 10;
        v += (s[i] - '0') * scale;
      }
    }
    if (i == 0 || i >= s.size()) return std::nullopt;
    double unit = 0;
    switch (s[i]) {
      case 'Y':
        unit = in_time ? 0 : 365.25 * 86400e3;
        break;
      case 'M':
        unit = in_time ? 60e3 : 365.25 / 12 * 86400e3;
        break;
      case 'W':
        unit = in_time ? 0 : 7 * 86400e3;
        break;
      case 'D':
        unit = in_time ? 0 : 86400e3;
        break;
      case 'H':
        unit = in_time ? 3600e3 : 0;
        break;
      case 'S':
        unit = in_time ? 1e3 : 0;
        break;
      default:
        return std::nullopt;
    }
    if (unit == 0) return std::nullopt;
    total += v * unit;
    any = true;
    s.remove_prefix(i + 1);
  }
  if (!any || total > 9e15) return std::nullopt;
  return milliseconds(std::llround(total));
}

Time SystemClock::Now() const {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

}  // namespace birthmark
