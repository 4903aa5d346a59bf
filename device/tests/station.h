// SPDX-License-Identifier: Apache-2.0
// A station in miniature for tests: it brings a device from blank to sealed by steps that can be
// begun again after any interruption, and remembers what it was told.
#pragma once

#include <map>

#include "device/tests/firmware.h"
#include "device/tests/sim.h"

namespace birthmark::device {

class Station {
 public:
  explicit Station(Firmware f) : firmware(std::move(f)) {}

  // Work runs what is left to do; false when the power went or the device refused (see `refusal`).
  bool Work(Sim& sim);

  Firmware firmware;
  Key ca = NewKey();
  std::map<Bytes, Bytes> issued;    // public key -> certificate; a repeat gives the same one
  std::vector<Bytes> told_keys;     // public keys the device has told, in order, without repeats
  bool certificate_stored = false;  // the device said so
  std::string refusal;

 private:
  bool Do(Sim& sim, uint8_t type, cbor::Map args = {});
  bool Identity(Sim& sim);
  bool Install(Sim& sim, const std::string& partition, const Bytes& image);
  Answer last_;
};

}  // namespace birthmark::device
