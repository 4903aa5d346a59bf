// SPDX-License-Identifier: Apache-2.0
// Tiles: the log's hashes in rows of 256, level over level, so that a proof among millions of
// events reads a handful of rows. Tile (0, i) holds the leaf hashes of the events 256 i to 256 i +
// 255, tile (1, i) the roots of 256 tiles of level 0, and so on. Only full tiles are stored, but
// for the last of level 0. One thread, that of its connection. Source: docs/formats/ledger.md,
// "Tiles".
#pragma once

#include "ledger/merkle.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

inline constexpr int kTileHeight = 8;
inline constexpr size_t kTileWidth = 256;

// TileReader reads tree nodes from the tiles of a log of `size` events.
class TileReader {
 public:
  static Result<TileReader> Open(const Db& db);
  // Node gives the perfect subtree's root at a level and index, all of whose leaves are stored.
  // Errors: ledger.tile when a row is missing or short.
  Result<Digest> Node(int level, uint64_t index);
  // Tile reads one row; empty when there is none.
  Result<std::vector<Digest>> Tile(int tile_level, uint64_t index);
  NodeReader Reader() {
    return [this](int level, uint64_t index) { return Node(level, index); };
  }

 private:
  Stmt get_;
};

// TileWriter collects the hashes of a growing tree and writes each tile when it is full. A copy of
// it is the state before a batch, to go back to when the commit fails.
class TileWriter {
 public:
  // Restore reads the state of a tree of `size` leaves.
  static Result<TileWriter> Restore(uint64_t size, TileReader& reader);
  const Frontier& frontier() const { return frontier_; }
  // Append adds a leaf and writes the tiles it completes with `put`.
  Status Append(const Digest& leaf, Stmt& put);
  // WritePartial writes the last tile of level 0 if it is not full.
  Status WritePartial(Stmt& put);
  static constexpr const char* kPutSql = "INSERT OR REPLACE INTO tiles VALUES(?1, ?2)";

 private:
  Frontier frontier_;
  std::vector<std::vector<Digest>> open_;  // by tile level: the hashes of the tile that is filling
};

}  // namespace birthmark::ledger
