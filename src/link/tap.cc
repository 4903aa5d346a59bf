// SPDX-License-Identifier: Apache-2.0
#include "link/tap.h"

#include <algorithm>
#include <thread>

#include "base/ids.h"
#include "device/core/jtag.h"

extern "C" {
#include "device/core/span.h"
}

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;

Bytes Control(uint8_t op, uint32_t address, uint32_t length) {
  Bytes out(BM_CONTROL_BYTES);
  out[0] = op;
  bm_put_u32(out.data() + 1, address);
  bm_put_u32(out.data() + 5, length);
  return out;
}

void WipeAll(std::vector<Bytes>* all) {
  for (Bytes& b : *all) Wipe(b.data(), b.size());
}

class Mailbox : public ByteStream {
 public:
  explicit Mailbox(std::shared_ptr<OpenOcd> probe) : probe_(std::move(probe)) {}

  Status Write(ByteView data, Deadline deadline) override {
    while (!data.empty()) {
      size_t n = std::min({data.size(), room_, size_t{BM_MAILBOX_DATA}});
      BM_CHECK(Exchange(data.first(n)));
      data = data.subspan(n);
      if (n > 0) continue;
      if (Clock::now() >= deadline) return {};
      std::this_thread::sleep_for(kPause);
    }
    return {};
  }

  Result<size_t> Read(std::span<uint8_t> out, Deadline deadline) override {
    while (inbox_.empty()) {
      BM_CHECK(Exchange({}));
      if (!inbox_.empty()) break;
      if (Clock::now() >= deadline) return size_t{0};
      std::this_thread::sleep_for(kPause);
    }
    size_t n = std::min(out.size(), inbox_.size());
    std::copy_n(inbox_.begin(), n, out.begin());
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<ptrdiff_t>(n));
    return n;
  }

  Status Reopen() override { return CheckTapOpen(*probe_); }
  std::chrono::milliseconds WireTime(size_t) const override { return {}; }
  const std::string& name() const override { return name_; }

 private:
  static constexpr auto kPause = std::chrono::microseconds(500);

  // Exchange is one scan: bytes in, and whatever the device has put there out.
  Status Exchange(ByteView data) {
    Bytes value(BM_MAILBOX_BYTES);
    value[0] = BM_MAILBOX_WRITE;
    value[1] = static_cast<uint8_t>(data.size());
    value[2] = BM_MAILBOX_TAKEN;
    std::ranges::copy(data, value.begin() + BM_MAILBOX_HEAD);
    BM_TRY(std::vector<Bytes> got, probe_->Scan(BM_TAP_MAILBOX, {value}));
    const Bytes& seen = got[0];
    if (seen[0] != BM_MAILBOX_HERE || seen[1] > BM_MAILBOX_DATA) {
      BM_CHECK(CheckTapOpen(*probe_));
      return Environment("link.unplugged", "no mailbox is behind the TAP",
                         "check the probe and the device, then retry the unit");
    }
    auto begin = seen.begin() + BM_MAILBOX_HEAD;
    inbox_.insert(inbox_.end(), begin, begin + seen[1]);
    room_ = seen[2] - std::min<size_t>(seen[2], data.size());
    return {};
  }

  std::shared_ptr<OpenOcd> probe_;
  Bytes inbox_;
  size_t room_ = 0;  // what the device was still going to take at the last scan
  std::string name_ = "the JTAG mailbox";
};

// TapPort carries the debug port's operations through CONTROL and DATA.
class TapPort : public ProbePort {
 public:
  explicit TapPort(std::shared_ptr<OpenOcd> probe) : probe_(std::move(probe)) {}
  TapPort(const TapPort&) = delete;
  TapPort& operator=(const TapPort&) = delete;
  ~TapPort() override {
    if (held_) (void)Command(BM_DEBUG_RESET, 0, 0);
  }

  Result<DebugAnswer> Run(uint8_t op, uint32_t address, uint32_t length, ByteView data) override {
    held_ = op != BM_DEBUG_RESET;
    switch (op) {
      case BM_DEBUG_READ:
        return Read(address, length);
      case BM_DEBUG_PROGRAM:
        return Program(address, length, data);
      default: {
        BM_TRY(Waiting w, Command(op, address, length));
        DebugAnswer out{.status = w.status, .data = {}};
        if (w.length > 0 && w.length <= BM_DATA_BYTES) {
          BM_TRY(out.data, Pages(w.length));
        }
        return out;
      }
    }
  }

 private:
  static constexpr uint32_t kBatch = 16;  // pages a command of OpenOCD: one erase block

  struct Waiting {
    uint8_t status = 0;
    uint32_t length = 0;
  };

  static Waiting Decode(const Bytes& seen) { return {seen[0], bm_get_u32(seen.data() + 1)}; }

  // Command starts an operation; the second scan captures how it ended and starts none.
  Result<Waiting> Command(uint8_t op, uint32_t address, uint32_t length) {
    BM_TRY(auto seen,
           probe_->Scan(BM_TAP_CONTROL, {Control(op, address, length), Control(0, 0, 0)}));
    return Decode(seen[1]);
  }

  // Pages reads what waits in DATA.
  Result<Bytes> Pages(uint32_t length) {
    Bytes out;
    out.reserve(length + BM_DATA_BYTES);
    while (out.size() < length) {
      size_t left = length - out.size();
      size_t pages = std::min<size_t>(kBatch, (left + BM_DATA_BYTES - 1) / BM_DATA_BYTES);
      BM_TRY(auto seen, probe_->Scan(BM_TAP_DATA, std::vector<Bytes>(pages, Bytes(BM_DATA_BYTES))));
      for (const Bytes& page : seen) out.insert(out.end(), page.begin(), page.end());
      WipeAll(&seen);
    }
    out.resize(length);
    return out;
  }

  // Read shifts out only what the flash controller's blank check does not find blank.
  Result<DebugAnswer> Read(uint32_t address, uint32_t length) {
    std::vector<Bytes> checks;
    for (uint32_t at = 0; at < length; at += kEraseBlock) {
      checks.push_back(
          Control(BM_DEBUG_BLANK, address + at, std::min<uint32_t>(kEraseBlock, length - at)));
    }
    checks.push_back(Control(0, 0, 0));
    BM_TRY(auto seen, probe_->Scan(BM_TAP_CONTROL, checks));
    DebugAnswer out{.status = BM_DEBUG_DONE, .data = Bytes(length, 0xff)};
    for (uint32_t i = 0; i + 1 < seen.size(); i++) {
      Waiting blank = Decode(seen[i + 1]);
      if (blank.status == BM_DEBUG_DONE) continue;
      if (blank.status != BM_DEBUG_NOT_BLANK)
        return DebugAnswer{.status = blank.status, .data = {}};
      uint32_t at = i * kEraseBlock;
      uint32_t n = std::min<uint32_t>(kEraseBlock, length - at);
      BM_TRY(Waiting w, Command(BM_DEBUG_READ, address + at, n));
      if (w.status != BM_DEBUG_DONE || w.length != n) {
        return DebugAnswer{.status = w.status, .data = {}};
      }
      BM_TRY(Bytes piece, Pages(n));
      std::ranges::copy(piece, out.data.begin() + at);
      Wipe(piece.data(), piece.size());
    }
    return out;
  }

  Result<DebugAnswer> Program(uint32_t address, uint32_t length, ByteView data) {
    BM_TRY(Waiting w, Command(BM_DEBUG_PROGRAM, address, length));
    for (size_t at = 0; w.status == BM_DEBUG_DONE && at < data.size();) {
      std::vector<Bytes> pages;
      for (uint32_t i = 0; i < kBatch && at < data.size(); i++) {
        ByteView part = data.subspan(at, std::min<size_t>(BM_DATA_BYTES, data.size() - at));
        Bytes& page = pages.emplace_back(BM_DATA_BYTES, uint8_t{0xff});
        std::ranges::copy(part, page.begin());
        at += part.size();
      }
      auto seen = probe_->Scan(BM_TAP_DATA, pages);
      WipeAll(&pages);
      if (!seen) return std::unexpected(std::move(seen).error());
      BM_TRY(w, Command(0, 0, 0));
    }
    return DebugAnswer{.status = w.status, .data = {}};
  }

  std::shared_ptr<OpenOcd> probe_;
  bool held_ = false;
};

}  // namespace

Status CheckTapOpen(OpenOcd& probe) {
  Bytes pattern(BM_CONTROL_BYTES);
  SystemRng rng;
  rng.Fill(std::span(pattern).subspan(1));  // operation 0: an open port does nothing
  BM_TRY(auto seen, probe.Scan(BM_TAP_CONTROL, {pattern}));
  Bytes late(pattern.size());
  for (size_t i = 0; i < late.size(); i++) {
    late[i] = static_cast<uint8_t>(pattern[i] << 1 | (i > 0 ? pattern[i - 1] >> 7 : 0));
  }
  if (seen[0] != late) return {};
  return Refused(
      "port.closed", "the TAP is in BYPASS: the port-lock or the seal is blown",
      "nothing can be programmed from outside any more, and the console is the serial one");
}

Result<std::unique_ptr<ByteStream>> OpenMailbox(std::shared_ptr<OpenOcd> probe) {
  BM_CHECK(CheckTapOpen(*probe));
  return std::make_unique<Mailbox>(std::move(probe));
}

Result<Programmer> AttachProbe(std::shared_ptr<OpenOcd> probe) {
  BM_CHECK(probe->PulseReset());
  BM_CHECK(CheckTapOpen(*probe));
  return Programmer(std::make_unique<TapPort>(std::move(probe)));
}

}  // namespace birthmark::link
