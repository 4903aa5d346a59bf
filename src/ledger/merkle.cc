// SPDX-License-Identifier: Apache-2.0
#include "ledger/merkle.h"

#include <bit>

#include "crypto/digest.h"

namespace birthmark::ledger {
namespace {

constexpr uint8_t kLeafPrefix = 0;
constexpr uint8_t kNodePrefix = 1;

// Below is the largest power of two smaller than n, for n > 1.
uint64_t Below(uint64_t n) { return uint64_t{1} << (std::bit_width(n - 1) - 1); }

// RangeHash is MTH of the leaves [lo, hi), where lo is a multiple of a power of two >= hi - lo.
Result<Digest> RangeHash(uint64_t lo, uint64_t hi, const NodeReader& read) {
  uint64_t n = hi - lo;
  if (std::has_single_bit(n)) {
    int level = std::countr_zero(n);
    return read(level, lo >> level);
  }
  uint64_t k = Below(n);
  BM_TRY(Digest left, RangeHash(lo, lo + k, read));
  BM_TRY(Digest right, RangeHash(lo + k, hi, read));
  return NodeHash(left, right);
}

// RFC 6962 section 2.1.1.
Status Path(uint64_t index, uint64_t lo, uint64_t hi, const NodeReader& read,
            std::vector<Digest>& out) {
  if (hi - lo == 1) return {};
  uint64_t k = Below(hi - lo);
  bool left = index < lo + k;
  BM_CHECK(left ? Path(index, lo, lo + k, read, out) : Path(index, lo + k, hi, read, out));
  BM_TRY(Digest sibling, left ? RangeHash(lo + k, hi, read) : RangeHash(lo, lo + k, read));
  out.push_back(sibling);
  return {};
}

// RFC 6962 section 2.1.2: SUBPROOF(m, D[lo:hi], known).
Status SubProof(uint64_t m, uint64_t lo, uint64_t hi, bool known, const NodeReader& read,
                std::vector<Digest>& out) {
  uint64_t n = hi - lo;
  if (m == n) {
    if (known) return {};
    BM_TRY(Digest h, RangeHash(lo, hi, read));
    out.push_back(h);
    return {};
  }
  uint64_t k = Below(n);
  bool left = m <= k;
  BM_CHECK(left ? SubProof(m, lo, lo + k, known, read, out)
                : SubProof(m - k, lo + k, hi, false, read, out));
  BM_TRY(Digest h, left ? RangeHash(lo + k, hi, read) : RangeHash(lo, lo + k, read));
  out.push_back(h);
  return {};
}

}  // namespace

Digest LeafHash(ByteView event) { return crypto::Sha256(ByteView(&kLeafPrefix, 1), event); }

Digest NodeHash(const Digest& left, const Digest& right) {
  uint8_t block[65];
  block[0] = kNodePrefix;
  std::memcpy(block + 1, left.data(), 32);
  std::memcpy(block + 33, right.data(), 32);
  return crypto::Sha256(ByteView(block, sizeof block));
}

Digest EmptyRoot() { return crypto::Sha256(ByteView()); }

Result<Frontier> Frontier::From(uint64_t size, std::vector<Digest> hashes) {
  if (hashes.size() != static_cast<size_t>(std::popcount(size))) {
    return Refused("merkle.frontier", "the number of frontier hashes does not fit the tree's size");
  }
  Frontier f;
  f.size_ = size;
  f.hashes_ = std::move(hashes);
  return f;
}

Digest Frontier::Root() const {
  if (hashes_.empty()) return EmptyRoot();
  Digest h = hashes_.back();
  for (size_t i = hashes_.size() - 1; i-- > 0;) h = NodeHash(hashes_[i], h);
  return h;
}

Result<Digest> RootAt(uint64_t size, const NodeReader& read) {
  if (size == 0) return EmptyRoot();
  return RangeHash(0, size, read);
}

Result<Frontier> FrontierAt(uint64_t size, const NodeReader& read) {
  std::vector<Digest> hashes;
  uint64_t lo = 0;
  for (int level = 63; level >= 0; --level) {
    if (!(size >> level & 1)) continue;
    BM_TRY(Digest h, read(level, lo >> level));
    hashes.push_back(h);
    lo += uint64_t{1} << level;
  }
  return Frontier::From(size, std::move(hashes));
}

Result<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t size, const NodeReader& read) {
  if (index >= size) return Refused("merkle.range", "the leaf is not in a tree of that size");
  std::vector<Digest> out;
  BM_CHECK(Path(index, 0, size, read, out));
  return out;
}

Result<std::vector<Digest>> ConsistencyProof(uint64_t first, uint64_t second,
                                             const NodeReader& read) {
  if (first > second) return Refused("merkle.range", "the first tree is larger than the second");
  std::vector<Digest> out;
  if (first == 0 || first == second) return out;
  BM_CHECK(SubProof(first, 0, second, true, read, out));
  return out;
}

bool VerifyInclusion(const Digest& leaf, uint64_t index, uint64_t size,
                     const std::vector<Digest>& proof, const Digest& root) {
  if (index >= size) return false;
  uint64_t fn = index, sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : proof) {
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      r = NodeHash(p, r);
      while (!(fn & 1) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = NodeHash(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && r == root;
}

bool VerifyConsistency(uint64_t first, uint64_t second, const std::vector<Digest>& proof,
                       const Digest& first_root, const Digest& second_root) {
  if (first > second) return false;
  if (first == second) return proof.empty() && first_root == second_root;
  // RFC 9162 speaks of first > 0 only; nothing has to be shown for the empty tree.
  if (first == 0) return proof.empty();
  if (proof.empty()) return false;
  size_t i = 0;
  uint64_t fn = first - 1, sn = second - 1;
  while (fn & 1) {
    fn >>= 1;
    sn >>= 1;
  }
  // A first tree that is one perfect subtree is its own first node: the proof leaves it out.
  Digest fr = std::has_single_bit(first) ? first_root : proof[i++];
  Digest sr = fr;
  for (; i < proof.size(); ++i) {
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      fr = NodeHash(proof[i], fr);
      sr = NodeHash(proof[i], sr);
      while (!(fn & 1) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = NodeHash(sr, proof[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == first_root && sr == second_root;
}

}  // namespace birthmark::ledger
