// SPDX-License-Identifier: Apache-2.0
// An emulated device of its own for trials that no unit should go through: the plan's firmware,
// closed as the plan's line closes its units. It ends with the object. One thread.
#pragma once

#include <memory>
#include <string>

#include "app/layout.h"
#include "line/firmware.h"
#include "line/fixture.h"

namespace birthmark::app {

class Sacrifice {
 public:
  // kSerial is its serial number, where the plan's firmware lets it have one.
  static constexpr const char* kSerial = "SACRIFICED";
  // Place makes the device, with its locks closed. Errors: those of the link.
  static Result<std::unique_ptr<Sacrifice>> Place(const Layout& layout, const plan::Plan& plan,
                                                  const line::Firmware& firmware);
  Sacrifice(const Sacrifice&) = delete;
  ~Sacrifice();

  Result<link::DeviceConsole*> Console() { return fixture_->Console(); }
  Result<link::Programmer*> Port() { return fixture_->Port(); }
  void ReleasePort() { fixture_->ReleasePort(); }
  // Restart resets the device.
  Status Restart();
  // Clip writes a partition from outside, past every lock, as one does who holds the flash chip
  // itself in hand; it counts from the next restart. Errors: those of files.
  Status Clip(const std::string& partition, ByteView content);
  Status ClipAt(uint32_t offset, ByteView content);

  const link::Board& board() const { return fixture_->board(); }
  const std::string& unit() const { return unit_; }
  const std::string& core() const { return core_; }

 private:
  explicit Sacrifice(fs::path state) : state_(std::move(state)) {}
  Status Install(const plan::Plan& plan, const line::Firmware& firmware);
  Status Close(const plan::Plan& plan);

  fs::path state_;
  std::unique_ptr<line::Fixture> fixture_;
  std::string unit_;
  std::string core_;
};

}  // namespace birthmark::app
