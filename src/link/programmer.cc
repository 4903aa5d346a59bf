// SPDX-License-Identifier: Apache-2.0
#include "link/programmer.h"

#include <algorithm>

#include "device/core/jtag.h"

extern "C" {
#include "device/core/span.h"
}

namespace birthmark::link {
namespace {

Status Refusal(uint8_t status) {
  switch (status) {
    case BM_DEBUG_DONE:
      return {};
    case BM_DEBUG_CLOSED:
      return Refused("port.closed", "the programmer's port is closed by fuse",
                     "nothing can be programmed from outside any more");
    case BM_DEBUG_RANGE:
      return Refused("port.range", "the range is outside the flash or not whole blocks");
    case BM_DEBUG_PROTECTED:
      return Refused("port.protected", "the fuse or flash range is write-protected");
    case BM_DEBUG_FAILED:
      return Refused("port.failed", "the flash reads back wrong", "erase it first");
    default:
      return Refused("port.unknown", "the port does not know this operation");
  }
}

std::unexpected<Error> Short() {
  return Environment("link.answer", "the programmer's port answered with too few bytes",
                     "check the probe, then retry the unit");
}

}  // namespace

Result<Bytes> Programmer::Call(uint8_t op, uint32_t address, uint32_t length, ByteView data) {
  BM_TRY(DebugAnswer answer, port_->Run(op, address, length, data));
  BM_CHECK(Refusal(answer.status));
  return std::move(answer.data);
}

Result<PortInfo> Programmer::Info() {
  BM_TRY(Bytes a, Call(BM_DEBUG_INFO, 0, 0));
  size_t uid = a.empty() ? 0 : a[0];
  if (a.size() < 1 + uid + 4) return Short();
  return PortInfo{Bytes(a.begin() + 1, a.begin() + 1 + static_cast<ptrdiff_t>(uid)),
                  bm_get_u32(a.data() + 1 + uid), std::string(a.begin() + 1 + uid + 4, a.end())};
}

Result<Bytes> Programmer::Read(uint32_t address, uint32_t size) {
  Bytes all;
  all.reserve(size);  // no copy stays behind in freed memory: it may hold a bamboo device's key
  while (all.size() < size) {
    uint32_t n = std::min<uint32_t>(kMaxDebugData, size - static_cast<uint32_t>(all.size()));
    BM_TRY(Bytes part, Call(BM_DEBUG_READ, address + static_cast<uint32_t>(all.size()), n));
    if (part.size() != n) return Short();
    all.insert(all.end(), part.begin(), part.end());
    Wipe(part.data(), part.size());
  }
  return all;
}

Status Programmer::Erase(uint32_t address, uint32_t size) {
  BM_TRY(Bytes none, Call(BM_DEBUG_ERASE, address, size));
  return {};
}

Status Programmer::Program(uint32_t address, ByteView data) {
  for (size_t at = 0; at < data.size();) {
    size_t n = std::min<size_t>(kMaxDebugData, data.size() - at);
    BM_TRY(Bytes none, Call(BM_DEBUG_PROGRAM, address + static_cast<uint32_t>(at),
                            static_cast<uint32_t>(n), data.subspan(at, n)));
    at += n;
  }
  return {};
}

Status Programmer::Install(uint32_t address, ByteView data) {
  auto blocks = static_cast<uint32_t>((data.size() + kEraseBlock - 1) / kEraseBlock);
  BM_CHECK(Erase(address, blocks * kEraseBlock));
  for (size_t at = 0; at < data.size(); at += kEraseBlock) {
    ByteView block = data.subspan(at, std::min<size_t>(kEraseBlock, data.size() - at));
    bool blank = std::ranges::all_of(block, [](uint8_t b) { return b == 0xff; });
    if (!blank) BM_CHECK(Program(address + static_cast<uint32_t>(at), block));
  }
  BM_TRY(Bytes back, Read(address, static_cast<uint32_t>(data.size())));
  bool same = EqualSecret(back, data);
  Wipe(back.data(), back.size());
  if (!same) return Refusal(BM_DEBUG_FAILED);
  return {};
}

Result<Bytes> Programmer::ReadFuses() {
  BM_TRY(Bytes fuses, Call(BM_DEBUG_READ_FUSES, 0, 0));
  if (fuses.size() != kFuseBytes) return Short();
  return fuses;
}

Status Programmer::Blow(uint32_t bit) {
  BM_TRY(Bytes none, Call(BM_DEBUG_BLOW, bit, 0));
  return {};
}

Status Programmer::BlowNamed(const std::string& fuse, const Digest& digest) {
  if (fuse == "boot-anchor") {
    for (uint32_t bit : BootAnchorBits(digest)) BM_CHECK(Blow(bit));
    return {};
  }
  auto bit = FuseBit(fuse);
  if (!bit) return Usage("link.fuse", "there is no fuse \"" + fuse + "\"");
  return Blow(*bit);
}

Status Programmer::Reset() {
  BM_TRY(Bytes none, Call(BM_DEBUG_RESET, 0, 0));
  return {};
}

}  // namespace birthmark::link
