// SPDX-License-Identifier: Apache-2.0
// first-second-stage-gap. Our reading: the stretch from the first writing of a first stage to the
// lock on it, in time and in the sum of the custody legs that began inside it. A unit reopened and
// locked again counts with its longest stretch. Percentiles are by nearest rank.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "answer/evaluators.h"
#include "answer/value.h"

namespace birthmark::answer {
namespace {

constexpr std::string_view kMethod = "first-second-stage-gap/1";

// GreatCircle is the haversine distance on a sphere of the mean Earth radius (IUGG, 6371.0088 km).
double GreatCircle(const plan::Site& a, const plan::Site& b) {
  constexpr double kRadius = 6371.0088, kDegree = std::numbers::pi / 180;
  const double dlat = (b.latitude - a.latitude) * kDegree / 2;
  const double dlon = (b.longitude - a.longitude) * kDegree / 2;
  const double h = std::sin(dlat) * std::sin(dlat) + std::cos(a.latitude * kDegree) *
                                                         std::cos(b.latitude * kDegree) *
                                                         std::sin(dlon) * std::sin(dlon);
  return 2 * kRadius * std::asin(std::sqrt(std::min(1.0, h)));
}

template <class T>
T Rank(const std::vector<T>& sorted, double p) {
  const auto rank = static_cast<size_t>(std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

struct Way {
  double km = 0;
  int64_t handovers = 0;
  uint32_t at = kNone;   // site the board came to last
  bool unknown = false;  // a leg between sites without a position, or a jump without a leg
};

std::vector<Way> WaysOf(const Fold& f) {
  std::vector<Way> ways(f.intervals.size());
  for (size_t i = 0; i < ways.size(); ++i) ways[i].at = f.intervals[i].site_written;
  std::vector<const Leg*> legs;
  for (const Leg& leg : f.legs) legs.push_back(&leg);
  std::ranges::stable_sort(legs, {}, &Leg::departed);
  for (const Leg* leg : legs) {
    const plan::Site *from = f.plan.FindSite(f.names.At(leg->from)),
                     *to = f.plan.FindSite(f.names.At(leg->to));
    const double km = from != nullptr && to != nullptr ? GreatCircle(*from, *to) : 0;
    for (uint32_t unit : leg->units) {
      for (uint32_t i = f.units[unit].last_interval; i != kNone; i = f.intervals[i].previous) {
        const Interval& interval = f.intervals[i];
        if (leg->departed < interval.written ||
            (interval.closed && leg->departed >= interval.locked))
          continue;
        Way& w = ways[i];
        w.km += km;
        w.handovers += leg->handover;
        w.unknown |= from == nullptr || to == nullptr || w.at != leg->from;
        w.at = leg->to;
      }
    }
  }
  for (size_t i = 0; i < ways.size(); ++i) {
    if (f.intervals[i].closed) ways[i].unknown |= ways[i].at != f.intervals[i].site_locked;
  }
  return ways;
}

}  // namespace

Found FirstSecondStageGap(const Case& c) {
  const Fold& f = c.fold;
  Found found;
  found.rounding = "km to one digit; durations and counts in buckets";
  const std::vector<Way> ways = WaysOf(f);
  std::vector<int64_t> times;
  std::vector<double> distances;
  int64_t handovers = 0;
  uint64_t never = 0, scrapped = 0, unproven = 0, unknown = 0, written = 0, reopened = 0;
  for (const Unit& unit : f.units) {
    if (unit.last_interval == kNone) continue;
    ++written;
    if (!f.intervals[unit.last_interval].closed) {
      ++(unit.scrapped ? scrapped : never);
      continue;
    }
    int64_t longest = 0;
    double farthest = 0;
    bool known = true, proven = true;
    for (uint32_t i = unit.last_interval; i != kNone; i = f.intervals[i].previous) {
      longest = std::max(longest, f.intervals[i].locked - f.intervals[i].written);
      farthest = std::max(farthest, ways[i].km);
      handovers = std::max(handovers, ways[i].handovers);
      known &= !ways[i].unknown;
      proven &= f.intervals[i].proven;
    }
    reopened += f.intervals[unit.last_interval].previous != kNone;
    times.push_back(longest);
    if (known) distances.push_back(farthest);
    unknown += !known;
    unproven += !proven;
  }
  if (written == 0) {
    found.why_not = "no unit had its first stage written in this log";
    return found;
  }
  std::vector<Ref> refs = f.gap_refs;
  refs.push_back(f.plans.back().ref);
  Measured m = Begin(c, std::string(kMethod), std::move(refs));
  cbor::Map value;
  value.emplace_back("unlocked", never);
  if (!times.empty()) {
    std::ranges::sort(times);
    value.emplace_back("time-p50", BucketDuration(Rank(times, 0.5)));
    value.emplace_back("time-p95", BucketDuration(Rank(times, 0.95)));
    value.emplace_back("time-max", BucketDuration(times.back()));
    value.emplace_back("handovers", handovers);
  }
  if (!distances.empty()) {
    std::ranges::sort(distances);
    value.emplace_back("km-p50", RoundDistance(Rank(distances, 0.5)));
    value.emplace_back("km-max", RoundDistance(distances.back()));
    m.leans_on.push_back("plan: positions of sites");
  }
  m.value = Canonical(value);
  if (unproven > 0)
    m.notes.push_back(
        fmt::format("units whose lock only the station's log shows: {}", Few(unproven)));
  if (unproven == 0 && !times.empty()) m.notes.push_back("every lock was shown by the device");
  if (never > 0) m.notes.push_back("never locked includes units that had not come to the lock yet");
  if (reopened > 0)
    m.notes.push_back(fmt::format("units written again after a lock: {}", Few(reopened)));
  if (scrapped > 0)
    m.exclusions.push_back(fmt::format("scrapped before the lock: {}", Few(scrapped)));
  if (unknown > 0) {
    m.exclusions.push_back(
        fmt::format("distance not known, a journey without its custody leg: {}", Few(unknown)));
  }
  m.population = Population{.of = Bucket(written), .counted = Bucket(times.size())};
  found.measured = std::move(m);
  return found;
}

}  // namespace birthmark::answer
