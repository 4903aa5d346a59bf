// SPDX-License-Identifier: Apache-2.0
// Where a board's flash keeps its owner's certificates, and what stands there
// (device/core/voucher.c): for a trial that writes it from outside. Thread rule: const data.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace birthmark::link {

struct OwnerArea {
  uint32_t offset = 0;
  uint32_t size = 0;      // of both cells
  bool internal = false;  // on the die, as the board's partitions are
};
// OwnerAreaOf is absent for an unknown board and for one without such an area.
std::optional<OwnerArea> OwnerAreaOf(std::string_view board);
// OwnerCell is one cell with these certificates in it, as a device writes it after a voucher.
Bytes OwnerCell(const std::vector<Bytes>& certificates, uint32_t sequence);

}  // namespace birthmark::link
