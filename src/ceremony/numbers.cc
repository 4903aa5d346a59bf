// SPDX-License-Identifier: Apache-2.0
#include "ceremony/numbers.h"

#include <algorithm>
#include <array>
#include <map>

namespace birthmark::ceremony {

bool FollowsRule(const Numbers& x) {
  return x.count + 1 == 2 * x.threshold || (x.threshold > 0 && x.count % x.threshold == 0);
}

Numbers DrawNumbers(Rng& rng) {
  for (;;) {
    std::array<uint8_t, 2> r{};
    rng.Fill(r);
    // 3 to 6 have to come together, 2 to 7 may be lost.
    Numbers x{.threshold = static_cast<uint16_t>(3 + r[0] % 4), .count = 0};
    x.count = static_cast<uint16_t>(x.threshold + 2 + r[1] % 6);
    if (!FollowsRule(x)) return x;
  }
}

uint32_t ContinentsAlone(std::span<const Seat> seats, const std::set<uint16_t>& healthy,
                         uint16_t threshold) {
  std::map<std::string_view, int> there;
  for (const Seat& s : seats) there[s.continent] += healthy.contains(s.index) ? 1 : 0;
  return static_cast<uint32_t>(
      std::ranges::count_if(there, [&](const auto& c) { return c.second >= threshold; }));
}

}  // namespace birthmark::ceremony
