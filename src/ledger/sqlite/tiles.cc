// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/tiles.h"

#include <fmt/format.h>

namespace birthmark::ledger {
namespace {

uint64_t TileId(int level, uint64_t index) { return static_cast<uint64_t>(level) << 56 | index; }

Status PutTile(Stmt& put, int level, uint64_t index, const std::vector<Digest>& hashes) {
  ByteView raw(hashes.front().data(), hashes.size() * sizeof(Digest));
  return put.Bind(1, TileId(level, index)).Bind(2, raw).Run();
}

}  // namespace

Result<TileReader> TileReader::Open(const Db& db) {
  TileReader r;
  BM_TRY(r.get_, db.Prepare("SELECT hashes FROM tiles WHERE id=?"));
  return r;
}

Result<std::vector<Digest>> TileReader::Tile(int level, uint64_t index) {
  BM_TRY(bool found, get_.Bind(1, TileId(level, index)).Step());
  ByteView raw = found ? get_.Blob(0) : ByteView();
  std::vector<Digest> out(raw.size() / sizeof(Digest));
  bool whole = raw.size() % sizeof(Digest) == 0 && out.size() <= kTileWidth &&
               (!found || (level == 0 ? !out.empty() : out.size() == kTileWidth));
  if (whole && found) std::memcpy(out.data(), raw.data(), raw.size());
  get_.Reset();
  if (!whole) {
    return Refused("ledger.tile",
                   fmt::format("the hash tile {} of level {} is damaged", index, level),
                   "restore the workspace from a copy; `ledger verify` tells what is damaged");
  }
  return out;
}

Result<Digest> TileReader::Node(int level, uint64_t index) {
  int tile_level = level / kTileHeight;
  int rest = level % kTileHeight;
  uint64_t first = index << rest;  // among the hashes of that tile level
  BM_TRY(std::vector<Digest> tile, Tile(tile_level, first / kTileWidth));
  size_t at = first % kTileWidth;
  size_t n = size_t{1} << rest;
  if (tile.empty() && tile_level > 0) {
    // Above level 0 only full tiles are stored; below a filling one the tiles are full.
    BM_TRY(Digest left, Node(level - 1, 2 * index));
    BM_TRY(Digest right, Node(level - 1, 2 * index + 1));
    return NodeHash(left, right);
  }
  if (at + n > tile.size()) {
    return Refused(
        "ledger.tile",
        fmt::format("the hash tile {} of level 0 is missing or short", first / kTileWidth),
        "restore the workspace from a copy; `ledger verify` tells what is damaged");
  }
  std::vector<Digest> row(tile.begin() + static_cast<ptrdiff_t>(at),
                          tile.begin() + static_cast<ptrdiff_t>(at + n));
  for (; row.size() > 1; row.resize(row.size() / 2)) {
    for (size_t i = 0; i < row.size() / 2; ++i) row[i] = NodeHash(row[2 * i], row[2 * i + 1]);
  }
  return row[0];
}

Result<TileWriter> TileWriter::Restore(uint64_t size, TileReader& reader) {
  TileWriter w;
  BM_TRY(w.frontier_, FrontierAt(size, reader.Reader()));
  for (int level = 0; size >> (kTileHeight * level) != 0; ++level) {
    uint64_t nodes = size >> (kTileHeight * level);
    w.open_.emplace_back();
    for (uint64_t i = nodes / kTileWidth * kTileWidth; i < nodes; ++i) {
      BM_TRY(Digest h, reader.Node(kTileHeight * level, i));
      w.open_.back().push_back(h);
    }
  }
  return w;
}

Status TileWriter::Append(const Digest& leaf, Stmt& put) {
  Status status;
  frontier_.Append(leaf, [&](int level, uint64_t index, const Digest& h) {
    if (level % kTileHeight != 0 || !status) return;
    auto tile_level = static_cast<size_t>(level / kTileHeight);
    if (open_.size() <= tile_level) open_.resize(tile_level + 1);
    std::vector<Digest>& open = open_[tile_level];
    open.push_back(h);
    if (open.size() < kTileWidth) return;
    status = PutTile(put, level / kTileHeight, index / kTileWidth, open);
    open.clear();
  });
  return status;
}

Status TileWriter::WritePartial(Stmt& put) {
  if (open_.empty() || open_[0].empty()) return {};
  return PutTile(put, 0, frontier_.size() / kTileWidth, open_[0]);
}

}  // namespace birthmark::ledger
