// SPDX-License-Identifier: Apache-2.0
// The mailbox register with any values scanned into it, beside running code that takes and puts:
// bytes stay in their order, none is made up, none is lost while there was room.
#include <algorithm>
#include <deque>

#include "device/tests/pins.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  device::Pins pins;
  pins.Idle();
  pins.Ir(BM_TAP_MAILBOX);
  std::deque<uint8_t> to_device;
  std::deque<uint8_t> to_station;
  for (size_t at = 0, scans = 0; at < size && scans < 400; scans++) {
    uint8_t what = data[at++];
    size_t n = std::min<size_t>(what >> 1, size - at);
    ByteView bytes(data + at, n);
    at += n;
    if ((what & 1) != 0) {
      // The device's side: take some, put the bytes.
      Bytes got(n);
      got.resize(mailbox_take(&pins.port(), got.data(), n));
      FUZZ_CHECK(got.size() == std::min(n, to_device.size()));
      for (uint8_t b : got) {
        FUZZ_CHECK(b == to_device.front());
        to_device.pop_front();
      }
      size_t room = MAILBOX_CAPACITY - to_station.size();
      FUZZ_CHECK(mailbox_put(&pins.port(), bytes.data(), n) == std::min(n, room));
      to_station.insert(to_station.end(), bytes.begin(),
                        bytes.begin() + static_cast<ptrdiff_t>(std::min(n, room)));
      continue;
    }
    // The station's side: the bytes are the register's value.
    Bytes value(BM_MAILBOX_BYTES);
    std::copy_n(bytes.begin(), std::min(n, value.size()), value.begin());
    Bytes seen = pins.Dr(value);
    size_t waiting = std::min<size_t>(to_station.size(), BM_MAILBOX_DATA);
    FUZZ_CHECK(seen[0] == BM_MAILBOX_HERE && seen[1] == waiting);
    FUZZ_CHECK(std::equal(seen.begin() + BM_MAILBOX_HEAD,
                          seen.begin() + BM_MAILBOX_HEAD + static_cast<ptrdiff_t>(waiting),
                          to_station.begin()));
    FUZZ_CHECK(seen[2] == std::min<size_t>(255, MAILBOX_CAPACITY - to_device.size()));
    if (value[0] != BM_MAILBOX_WRITE) continue;
    if ((value[2] & BM_MAILBOX_TAKEN) != 0) {
      to_station.erase(to_station.begin(), to_station.begin() + static_cast<ptrdiff_t>(waiting));
    }
    if (value[1] > BM_MAILBOX_DATA) continue;
    size_t taken = std::min<size_t>(value[1], MAILBOX_CAPACITY - to_device.size());
    auto from = value.begin() + BM_MAILBOX_HEAD;
    to_device.insert(to_device.end(), from, from + static_cast<ptrdiff_t>(taken));
  }
  return 0;
}
