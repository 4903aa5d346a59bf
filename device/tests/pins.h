// SPDX-License-Identifier: Apache-2.0
// A chip in memory with a probe on its pins, for tests and fuzzers: scans as a probe makes them.
#pragma once

#include <cstring>
#include <memory>

#include "base/bytes.h"

extern "C" {
#include "device/host/bitbang.h"
}

namespace birthmark::device {

class Pins {
 public:
  Pins() : chip_(std::make_unique<Chip>()) {
    chip_->flash.resize(board()->flash_size, 0xff);
    chip_->parts.board = board();
    chip_->parts.fuses = chip_->fuses;
    chip_->parts.flash = chip_->flash.data();
    chip_->parts.private_memory = chip_->private_memory;
    chip_->fuses[NVM_UID_SIZE_AT] = 8;
    chip_->debug.parts = &chip_->parts;
    chip_->port.debug = &chip_->debug;
    chip_->pins.port = &chip_->port;
    tap_reset(&chip_->port);
    tap_sense(&chip_->port);
  }

  static const bm_board* board() { return bm_board_find(bm_text("bulb")); }
  tap& port() { return chip_->port; }
  nvm& parts() { return chip_->parts; }
  debug_port& debug() { return chip_->debug; }
  Bytes& flash() { return chip_->flash; }

  // Feed is remote_bitbang; a reset of the chip is done as the device's loop does it.
  bool Feed(ByteView bytes, Bytes* answers) {
    answers->resize(bytes.size() + 1);
    size_t n = 0;
    bool good = bitbang_feed(&chip_->pins, bytes.data(), bytes.size(), answers->data(), &n);
    answers->resize(n);
    if (chip_->debug.reset) {
      chip_->debug.reset = false;
      tap_sense(&chip_->port);
    }
    return good;
  }

  // Clock is one cycle; gives what TDO showed before the rising edge.
  bool Clock(bool tms, bool tdi) {
    tap_pins(&chip_->port, false, tms, tdi);
    bool out = chip_->port.tdo;
    tap_pins(&chip_->port, true, tms, tdi);
    return out;
  }
  // Idle goes through Test-Logic-Reset to Run-Test/Idle from anywhere.
  void Idle() {
    for (int i = 0; i < 5; i++) Clock(true, false);
    Clock(false, false);
  }
  uint64_t Ir(uint64_t value, unsigned bits = BM_TAP_IR_BITS) {
    Clock(true, false);
    Clock(true, false);
    Clock(false, false);
    Clock(false, false);
    uint64_t out = 0;
    for (unsigned i = 0; i < bits; i++) {
      out |= uint64_t{Clock(i + 1 == bits, (value >> i & 1) != 0)} << i;
    }
    Clock(true, false);
    Clock(false, false);
    return out;
  }
  // Dr scans `bits` bits from Run-Test/Idle; with `pause` it stops in Pause-DR on the way.
  Bytes Dr(ByteView value, size_t bits, bool update = true, bool pause = false) {
    Clock(true, false);
    Clock(false, false);
    Clock(false, false);
    Bytes out((bits + 7) / 8);
    for (size_t i = 0; i < bits; i++) {
      bool stop = pause && i == bits / 2;
      bool in = i / 8 < value.size() && (value[i / 8] >> i % 8 & 1) != 0;
      if (Clock(i + 1 == bits || stop, in)) out[i / 8] |= static_cast<uint8_t>(1u << i % 8);
      if (!stop) continue;
      Clock(false, false);  // Pause-DR
      Clock(false, false);
      Clock(true, false);   // Exit2-DR
      Clock(false, false);  // Shift-DR again
    }
    if (!update) {  // Exit1, Pause, and a reset of the test logic without passing Update-DR
      chip_->port.tck = false;
      tap_reset(&chip_->port);
      Clock(false, false);
      return out;
    }
    Clock(true, false);
    Clock(false, false);
    return out;
  }
  Bytes Dr(ByteView value) { return Dr(value, 8 * value.size()); }

 private:
  struct Chip {
    nvm parts{};
    debug_port debug{};
    tap port{};
    bitbang pins{};
    uint8_t fuses[NVM_FUSE_FILE] = {};
    uint8_t private_memory[BM_PRIVATE_BYTES] = {};
    Bytes flash;
  };
  std::unique_ptr<Chip> chip_;
};

}  // namespace birthmark::device
