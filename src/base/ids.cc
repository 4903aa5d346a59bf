// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

namespace birthmark {

void SystemRng::Fill(std::span<uint8_t> out) {
  for (size_t done = 0; done < out.size();) {
    if (used_ == buffer_.size()) {
      size_t have = 0;
      while (have < buffer_.size()) {
        ssize_t n = getrandom(buffer_.data() + have, buffer_.size() - have, 0);
        // Without randomness nothing here may go on: a made-up key would be worse than a stop.
        if (n < 0) std::abort();
        have += static_cast<size_t>(n);
      }
      used_ = 0;
    }
    size_t n = std::min(out.size() - done, buffer_.size() - used_);
    std::copy_n(buffer_.begin() + used_, n, out.begin() + done);
    Wipe(buffer_.data() + used_, n);
    used_ += n;
    done += n;
  }
}

Uuid NewUuid(Time now, Rng& rng) {
  Uuid id;
  rng.Fill(id);
  auto ms = static_cast<uint64_t>(Millis(now));
  for (int i = 0; i < 6; ++i) id[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  id[6] = static_cast<uint8_t>(0x70 | (id[6] & 0x0f));
  id[8] = static_cast<uint8_t>(0x80 | (id[8] & 0x3f));
  return id;
}

std::string FormatUuid(const Uuid& id) {
  std::string h = ToHex(id);
  for (int at : {8, 13, 18, 23}) h.insert(at, "-");
  return h;
}

}  // namespace birthmark
