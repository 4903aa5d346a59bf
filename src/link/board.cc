// SPDX-License-Identifier: Apache-2.0
#include "link/board.h"

#include <algorithm>

extern "C" {
#include "device/core/board.h"
}

namespace birthmark::link {

static_assert(kEraseBlock == BM_BLOCK && kFuseBytes == BM_FUSE_BYTES);

const Partition* Board::Find(std::string_view partition) const {
  auto at = std::ranges::find(partitions, partition, &Partition::name);
  return at == partitions.end() ? nullptr : &*at;
}

std::optional<Board> FindBoard(std::string_view name) {
  const bm_board* b = bm_board_find(bm_span_of(name.data(), name.size()));
  if (!b) return std::nullopt;
  Board out{.name = b->name,
            .flash_size = b->flash_size,
            .key_in_factory_data = b->key_in_factory_data,
            .second_stage_optional = b->second_stage_optional};
  for (const bm_partition& p : b->partition) {
    out.partitions.push_back({p.name, p.offset, p.size, p.internal, p.secret});
  }
  return out;
}

std::optional<uint32_t> FuseBit(std::string_view name) {
  int bit = bm_fuse_find(bm_span_of(name.data(), name.size()));
  if (bit < 0) return std::nullopt;
  return static_cast<uint32_t>(bit);
}

bool FuseIsBlown(ByteView fuses, std::string_view name) {
  auto bit = FuseBit(name);
  return bit && fuses.size() == kFuseBytes && bm_fuse(fuses.data(), *bit);
}

std::vector<uint32_t> BootAnchorBits(const Digest& digest) {
  std::vector<uint32_t> bits;
  for (uint32_t i = 0; i < 8 * digest.size(); i++) {
    if (bm_fuse(digest.data(), i)) bits.push_back(BM_FUSE_BOOT_ANCHOR + i);
  }
  return bits;
}

Digest BootAnchorDigest(ByteView fuses) {
  Digest d{};
  std::copy_n(fuses.begin(), d.size(), d.begin());
  return d;
}

}  // namespace birthmark::link
