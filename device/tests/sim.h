// SPDX-License-Identifier: Apache-2.0
// Simulated hardware for tests of the device core: all in memory, power can be made to go in the
// middle of any write, and requests go through real frames.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/codec.h"
#include "link/frame.h"

extern "C" {
#include "device/core/device.h"
#include "device/core/protocol.h"
}

namespace birthmark::device {

// Answer is what came back for one request; answered is false when the power went.
struct Answer {
  bool answered = false;
  uint64_t refusal = 0;  // 0 = done
  std::string text;
  cbor::Value value;

  bool Done() const { return answered && refusal == 0; }
  const cbor::Value& operator[](const char* key) const;
  Bytes Octets(const char* key) const;
  std::string Text(const char* key) const;
  uint64_t Number(const char* key) const;
  bool True(const char* key) const;
};

enum class Op { kErase, kProgram, kProtect, kFuse, kPrivate };

class Sim {
 public:
  explicit Sim(const std::string& board, ByteView test_image = {});
  Sim(const Sim&) = delete;  // the device points into it
  ~Sim();

  void PowerOn();
  void PowerOff();
  // CutAt makes the power go in the middle of the n-th write from now; 0 = never.
  void CutAt(uint64_t n);
  bool powered() const { return powered_; }

  // Call sends a request in frames and collects the answer.
  Answer Call(uint8_t type, cbor::Map args = {});
  // Raw pushes bytes into the console and gives the frames that come back.
  std::vector<link::Frame> Raw(ByteView wire);

  // From outside, as the programmer's port does it.
  void Install(const std::string& partition, ByteView content);
  void Blow(unsigned bit);
  std::span<uint8_t> Region(const std::string& partition);

  bm_device& device() { return *device_; }
  const bm_board& board() const { return *board_; }
  std::array<uint8_t, BM_FUSE_BYTES>& fuses() { return fuses_; }
  Bytes& private_memory() { return private_; }
  Bytes& flash() { return flash_; }
  const std::vector<Op>& writes() const { return writes_; }
  // The raw random source; a test may break it.
  std::function<void(uint8_t*, size_t)> random;
  uint32_t next_sequence = 1;
  // What the chip's maker put in; takes effect at the next power-on.
  Bytes seed;
  bool button = false;            // somebody holds it
  bool port_unlocked = false;     // the firmware opened the programmer's port
  std::optional<uint64_t> clock;  // seconds since 1970; none: it has no clock
  Bytes own_entropy;              // of the chip; empty: it mixes none in

 private:
  friend struct SimHal;
  bool Write(Op op);  // false: the power goes in the middle of this one

  const bm_board* board_;
  std::array<uint8_t, BM_FUSE_BYTES> fuses_{};
  uint8_t protect_ = 0;
  Bytes flash_;
  Bytes private_ = Bytes(BM_PRIVATE_BYTES);
  std::unique_ptr<bm_device> device_ = std::make_unique<bm_device>();
  bool powered_ = false;
  bool reset_ = false;
  uint64_t cut_in_ = 0;
  std::vector<Op> writes_;
  Bytes to_device_;
  Bytes from_device_;
};

}  // namespace birthmark::device
