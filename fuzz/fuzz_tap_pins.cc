// SPDX-License-Identifier: Apache-2.0
// Bytes of a probe into the TAP's server. The first byte says whether the port is closed: then
// nothing that comes may change the flash, the fuses or the mailbox.
#include "device/tests/pins.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  if (size == 0) return 0;
  device::Pins pins;
  bool closed = (data[0] & 1) != 0;
  if (closed) {
    pins.parts().fuses[BM_FUSE_PORT_LOCK / 8] |= 0x80u >> BM_FUSE_PORT_LOCK % 8;
    tap_sense(&pins.port());
  }
  Bytes fuses(pins.parts().fuses, pins.parts().fuses + BM_FUSE_BYTES);
  Bytes answers;
  for (size_t at = 1; at < size; at += 4096) {
    ByteView part(data + at, size - at < 4096 ? size - at : 4096);
    bool good = pins.Feed(part, &answers);
    FUZZ_CHECK(answers.size() <= part.size());
    if (!good) break;
  }
  const tap& t = pins.port();
  FUZZ_CHECK(t.to_device.size <= MAILBOX_CAPACITY && t.to_station.size <= MAILBOX_CAPACITY);
  FUZZ_CHECK(t.dr_bits == 0 || t.dr_at < t.dr_bits);
  if (closed) {
    FUZZ_CHECK(t.to_device.size == 0 && !pins.debug().held);
    FUZZ_CHECK(Bytes(pins.parts().fuses, pins.parts().fuses + BM_FUSE_BYTES) == fuses);
    static const Bytes kBlank(pins.flash().size(), 0xff);
    FUZZ_CHECK(pins.flash() == kBlank);
  }
  return 0;
}
