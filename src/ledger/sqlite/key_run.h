// SPDX-License-Identifier: Apache-2.0
// KeyRun: an immutable file of sorted (16-byte key, sequence) pairs with a Bloom filter, mapped
// into memory. Leaves out which runs there are (key_index). Immutable, so thread-safe. Source:
// docs/formats/ledger.md, "Key index".
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::ledger {

namespace fs = std::filesystem;

// Key16 is the front of a SHA-256 digest; whoever finds one compares the whole with the stored row.
using Key16 = std::array<uint8_t, 16>;

// KeyHalf is a half of a key as a number whose order is that of the octets.
inline uint64_t KeyHalf(const Key16& k, size_t half) {
  uint64_t w;
  std::memcpy(&w, k.data() + 8 * half, sizeof w);
  return std::byteswap(w);
}
inline bool SameKey(const Key16& a, const Key16& b) {
  return KeyHalf(a, 0) == KeyHalf(b, 0) && KeyHalf(a, 1) == KeyHalf(b, 1);
}

// KeyEntry sorts by its key, then by its sequence. Written out because sorting and merging spend
// their time here, and comparing arrays is a call.
struct KeyEntry {
  Key16 key{};
  uint64_t seq = 0;
  bool operator<(const KeyEntry& o) const {
    uint64_t a = KeyHalf(key, 0), b = KeyHalf(o.key, 0);
    if (a != b) return a < b;
    a = KeyHalf(key, 1), b = KeyHalf(o.key, 1);
    return a != b ? a < b : seq < o.seq;
  }
};
static_assert(sizeof(KeyEntry) == 24);

class KeyRun {
 public:
  // Open maps a run. Errors: ledger.key-index.
  static Result<std::shared_ptr<const KeyRun>> Open(const fs::path& path);
  ~KeyRun();
  KeyRun(const KeyRun&) = delete;
  KeyRun& operator=(const KeyRun&) = delete;

  // Find appends the sequences stored under a key.
  void Find(const Key16& key, std::vector<uint64_t>& out) const;
  std::span<const KeyEntry> entries() const { return entries_; }

 private:
  KeyRun() = default;
  void* map_ = nullptr;
  size_t map_size_ = 0;
  std::span<const KeyEntry> entries_;
  std::span<const uint64_t> bloom_;
};

// WriteRun merges sorted ranges into a new run: beside its name, synced, renamed. A crash leaves
// either no run or a whole one. Errors: ledger.full, ledger.key-index.
Status WriteRun(const fs::path& path, std::vector<std::span<const KeyEntry>> sorted);

}  // namespace birthmark::ledger
