// SPDX-License-Identifier: Apache-2.0
// Time: UTC in milliseconds, RFC 3339 text, and clocks that are passed in. No time zones, no
// locale.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace birthmark {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

// TimeFromMillis and Millis convert to and from milliseconds since 1970-01-01T00:00:00Z.
inline Time TimeFromMillis(int64_t ms) { return Time(std::chrono::milliseconds(ms)); }
inline int64_t Millis(Time t) { return t.time_since_epoch().count(); }

// FormatTime is RFC 3339 in UTC with milliseconds: 2026-11-21T10:00:00.000Z.
std::string FormatTime(Time t);
// FormatDate is the date part alone: 2026-11-21.
std::string FormatDate(Time t);
// ParseTime reads RFC 3339 with "Z", with or without a fraction, or a bare date.
std::optional<Time> ParseTime(std::string_view text);

// FormatDuration is ISO 8601 with days as the largest unit: P730D, PT41S, PT0S.
std::string FormatDuration(std::chrono::milliseconds d);
// ParseDuration reads ISO 8601 durations. A year counts 365.25 days and a month 1/12 of it.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

// Clock tells the time. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
};

// SystemClock is the machine's own clock.
class SystemClock : public Clock {
 public:
  Time Now() const override;
};

// ManualClock stands still until a test moves it.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time t) : now_(t) {}
  Time Now() const override { return now_; }
  void Set(Time t) { now_ = t; }
  void Advance(std::chrono::milliseconds d) { now_ += d; }

 private:
  Time now_;
};

}  // namespace birthmark
