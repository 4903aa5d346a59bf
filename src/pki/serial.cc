// SPDX-License-Identifier: Apache-2.0
#include "pki/serial.h"

#include <fmt/format.h>

namespace birthmark::pki {

Result<Stamp> SerialSource::Next() {
  const Time now = clock_.Now();
  if (now < last_) {
    return Fail(ErrorKind::kEnvironment, "pki.clock-behind",
                fmt::format("the clock says {}, but the last event was recorded at {}",
                            FormatTime(now), FormatTime(last_)),
                "set the clock right; certificates are not issued behind the evidence");
  }
  const int64_t minutes =
      std::chrono::duration_cast<std::chrono::minutes>(now.time_since_epoch()).count();
  // Below 2^24 minutes (2001) the INTEGER would lose its first octet, from 2^31 on it would be
  // negative.
  if (minutes < (int64_t{1} << 24) || minutes >= (int64_t{1} << 31)) {
    return Fail(ErrorKind::kEnvironment, "pki.clock-range",
                fmt::format("the clock says {}", FormatTime(now)), "set the clock right");
  }
  last_ = now;
  Stamp stamp{.at = now};
  for (int i = 0; i < 4; ++i) {
    stamp.serial.bytes[i] = static_cast<uint8_t>(minutes >> (24 - 8 * i));
  }
  rng_.Fill(std::span(stamp.serial.bytes).subspan(4));
  return stamp;
}

}  // namespace birthmark::pki
