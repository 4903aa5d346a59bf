// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of a log: hashes, the frontier that grows it, proofs and their verification.
// Leaves out where hashes are stored: proofs read nodes through a function. Values;
// thread-compatible. Source: RFC 6962 section 2.1; verification as RFC 9162 sections 2.1.3.2
// and 2.1.4.2.
#pragma once

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::ledger {

// LeafHash is SHA-256(0x00 || event).
Digest LeafHash(ByteView event);
// NodeHash is SHA-256(0x01 || left || right).
Digest NodeHash(const Digest& left, const Digest& right);
// EmptyRoot is the root of a tree without leaves, SHA-256 of nothing.
Digest EmptyRoot();

// Frontier is the least of a tree that can still grow: the roots of the perfect subtrees that its
// leaves fill, the largest first, one for each bit set in the size.
class Frontier {
 public:
  Frontier() = default;
  // From restores a frontier. Errors: merkle.frontier when the number of hashes does not fit the
  // size.
  static Result<Frontier> From(uint64_t size, std::vector<Digest> hashes);

  // Append adds a leaf hash; on_node(level, index, hash) sees each perfect subtree it completes,
  // the leaf itself included as level 0.
  template <class F>
  void Append(const Digest& leaf, F&& on_node) {
    Digest h = leaf;
    on_node(0, size_, h);
    int level = 0;
    for (uint64_t i = size_; i & 1; i >>= 1) {
      h = NodeHash(hashes_.back(), h);
      hashes_.pop_back();
      ++level;
      on_node(level, i >> 1, h);
    }
    hashes_.push_back(h);
    ++size_;
  }
  void Append(const Digest& leaf) {
    Append(leaf, [](int, uint64_t, const Digest&) {});
  }

  uint64_t size() const { return size_; }
  const std::vector<Digest>& hashes() const { return hashes_; }
  Digest Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> hashes_;
};

// NodeReader gives the root of the perfect subtree over the leaves [index << level, (index+1) <<
// level).
using NodeReader = std::function<Result<Digest>(int level, uint64_t index)>;

// RootAt is the root of the tree's first `size` leaves.
Result<Digest> RootAt(uint64_t size, const NodeReader& read);
// FrontierAt is the frontier of the tree's first `size` leaves.
Result<Frontier> FrontierAt(uint64_t size, const NodeReader& read);
// InclusionProof is PATH(index, D[size]). Errors: merkle.range, the reader's.
Result<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t size, const NodeReader& read);
// ConsistencyProof is PROOF(first, D[second]). Errors: merkle.range, the reader's.
Result<std::vector<Digest>> ConsistencyProof(uint64_t first, uint64_t second,
                                             const NodeReader& read);

// VerifyInclusion is true when the proof leads from the leaf to the root.
bool VerifyInclusion(const Digest& leaf, uint64_t index, uint64_t size,
                     const std::vector<Digest>& proof, const Digest& root);
// VerifyConsistency is true when the tree of `first` leaves is a prefix of the tree of `second`.
// A tree without leaves is a prefix of every tree.
bool VerifyConsistency(uint64_t first, uint64_t second, const std::vector<Digest>& proof,
                       const Digest& first_root, const Digest& second_root);

}  // namespace birthmark::ledger
