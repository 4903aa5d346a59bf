// SPDX-License-Identifier: Apache-2.0
#include "link/owner_area.h"

#include <algorithm>

#include "cbor/codec.h"
#include "crypto/digest.h"

extern "C" {
#include "device/core/board.h"
}

namespace birthmark::link {

std::optional<OwnerArea> OwnerAreaOf(std::string_view board) {
  const bm_board* b = bm_board_find(bm_span_of(board.data(), board.size()));
  if (b == nullptr || b->owner_size == 0) return std::nullopt;
  return OwnerArea{b->owner_offset, b->owner_size, b->partition[BM_STORE].internal};
}

Bytes OwnerCell(const std::vector<Bytes>& certificates, uint32_t sequence) {
  constexpr size_t kHead = 48;
  cbor::Array list(certificates.begin(), certificates.end());
  const Bytes data =
      cbor::Encode(cbor::Map{{"means", "voucher"}, {"certificates", std::move(list)}});
  Bytes cell(kHead);
  std::ranges::copy(AsBytes("BMOW"), cell.begin());
  auto put = [&](size_t at, uint32_t v) {
    for (size_t i = 0; i < 4; ++i) cell[at + i] = static_cast<uint8_t>(v >> (8 * i));
  };
  put(4, sequence);
  put(8, static_cast<uint32_t>(data.size()));
  std::ranges::copy(crypto::Sha256(data), cell.begin() + 16);
  cell.insert(cell.end(), data.begin(), data.end());
  return cell;
}

}  // namespace birthmark::link
