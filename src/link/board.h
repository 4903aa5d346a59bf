// SPDX-License-Identifier: Apache-2.0
// Where things are on a board's flash and in its fuses: the device's own tables
// (device/core/board.c), for a station that programs from outside. Thread rule: const data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace birthmark::link {

inline constexpr uint32_t kEraseBlock = 4096;
inline constexpr size_t kFuseBytes = 128;

struct Partition {
  std::string name;
  uint32_t offset = 0;
  uint32_t size = 0;
  bool internal = false;  // on the die; false: external spi-nor
  bool secret = false;    // the console never reads it out
};

struct Board {
  std::string name;
  uint32_t flash_size = 0;
  std::vector<Partition> partitions;
  bool key_in_factory_data = false;
  bool second_stage_optional = false;

  // Find returns the partition of that name, null if there is none.
  const Partition* Find(std::string_view partition) const;
};

// FindBoard returns "bmc" or "bulb"; nothing for another name.
std::optional<Board> FindBoard(std::string_view name);

// FuseBit gives the bit of a single-bit fuse ("secure-boot", "port-lock", "seal", …).
std::optional<uint32_t> FuseBit(std::string_view name);
// FuseIsBlown reads a single-bit fuse in a read-out of all fuses; false for an unknown name.
bool FuseIsBlown(ByteView fuses, std::string_view name);
// BootAnchorBits lists the bits to blow for a boot anchor's digest.
std::vector<uint32_t> BootAnchorBits(const Digest& digest);
// BootAnchorDigest is the digest in a read-out of all fuses. Needs kFuseBytes bytes.
Digest BootAnchorDigest(ByteView fuses);

}  // namespace birthmark::link
