// SPDX-License-Identifier: Apache-2.0
#include "ledger/merkle.h"

#include <gtest/gtest.h>

namespace birthmark::ledger {
namespace {

Digest Hex(std::string_view hex) {
  Digest d{};
  Bytes b = FromHex(hex).value();
  std::copy(b.begin(), b.end(), d.begin());
  return d;
}

// The reference tree of Certificate Transparency: leaves, and the roots of its first 1 to 8 leaves.
// Source: github.com/google/certificate-transparency merkletree tests; transparency-dev/merkle
// proof/verify_test.go holds the same figures.
const std::vector<std::string> kLeaves = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

// Tree keeps every perfect subtree of a few leaves.
struct Tree {
  std::map<std::pair<int, uint64_t>, Digest> nodes;
  Frontier frontier;
  void Add(const Digest& leaf) {
    frontier.Append(leaf, [&](int level, uint64_t i, const Digest& h) { nodes[{level, i}] = h; });
  }
  NodeReader Reader() {
    return [this](int level, uint64_t i) -> Result<Digest> { return nodes.at({level, i}); };
  }
};

Tree Reference() {
  Tree t;
  for (const std::string& l : kLeaves) t.Add(LeafHash(*FromHex(l)));
  return t;
}

TEST(Merkle, EmptyTreeIsTheHashOfNothing) {
  EXPECT_EQ(ToHex(EmptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Frontier().Root(), EmptyRoot());
}

TEST(Merkle, RootsOfTheReferenceTree) {
  Tree t;
  for (size_t i = 0; i < kLeaves.size(); ++i) {
    t.Add(LeafHash(*FromHex(kLeaves[i])));
    EXPECT_EQ(ToHex(t.frontier.Root()), kRoots[i]);
    EXPECT_EQ(*RootAt(i + 1, t.Reader()), t.frontier.Root());
  }
}

struct InclusionCase {
  uint64_t index, size;
  std::vector<std::string> proof;
};
const std::vector<InclusionCase> kInclusion = {
    {0,
     8,
     {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
    {5,
     8,
     {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
    {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
    {1,
     5,
     {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}};
const std::vector<InclusionCase> kConsistency = {
    {1,
     8,
     {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
    {6,
     8,
     {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
    {2,
     5,
     {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    {6,
     7,
     {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}}};

std::vector<Digest> Proof(const std::vector<std::string>& hex) {
  std::vector<Digest> out;
  for (const auto& h : hex) out.push_back(Hex(h));
  return out;
}

TEST(Merkle, InclusionProofsOfTheReferenceTree) {
  Tree t = Reference();
  for (const auto& c : kInclusion) {
    EXPECT_EQ(*InclusionProof(c.index, c.size, t.Reader()), Proof(c.proof));
    EXPECT_TRUE(VerifyInclusion(LeafHash(*FromHex(kLeaves[c.index])), c.index, c.size,
                                Proof(c.proof), Hex(kRoots[c.size - 1])));
  }
}

TEST(Merkle, ConsistencyProofsOfTheReferenceTree) {
  Tree t = Reference();
  for (const auto& c : kConsistency) {
    EXPECT_EQ(*ConsistencyProof(c.index, c.size, t.Reader()), Proof(c.proof));
    EXPECT_TRUE(VerifyConsistency(c.index, c.size, Proof(c.proof), Hex(kRoots[c.index - 1]),
                                  Hex(kRoots[c.size - 1])));
  }
}

TEST(Merkle, WrongInclusionProofsAreRefused) {
  for (const auto& c : kInclusion) {
    Digest leaf = LeafHash(*FromHex(kLeaves[c.index]));
    Digest root = Hex(kRoots[c.size - 1]);
    auto proof = Proof(c.proof);
    EXPECT_FALSE(VerifyInclusion(leaf, c.index ^ 2, c.size, proof, root));
    EXPECT_FALSE(VerifyInclusion(leaf, c.index, c.size * 2, proof, root));
    EXPECT_FALSE(VerifyInclusion(leaf, c.size, c.size, proof, root));
    EXPECT_FALSE(VerifyInclusion(leaf, c.index, c.size, proof, EmptyRoot()));
    EXPECT_FALSE(VerifyInclusion(EmptyRoot(), c.index, c.size, proof, root));
    auto longer = proof;
    longer.push_back(root);
    EXPECT_FALSE(VerifyInclusion(leaf, c.index, c.size, longer, root));
    auto shorter = proof;
    shorter.pop_back();
    EXPECT_FALSE(VerifyInclusion(leaf, c.index, c.size, shorter, root));
    for (size_t i = 0; i < proof.size(); ++i) {
      auto flipped = proof;
      flipped[i][0] ^= 8;
      EXPECT_FALSE(VerifyInclusion(leaf, c.index, c.size, flipped, root));
    }
  }
}

TEST(Merkle, WrongConsistencyProofsAreRefused) {
  for (const auto& c : kConsistency) {
    Digest a = Hex(kRoots[c.index - 1]), b = Hex(kRoots[c.size - 1]);
    auto proof = Proof(c.proof);
    EXPECT_FALSE(VerifyConsistency(c.index + 1, c.size, proof, a, b));
    EXPECT_FALSE(VerifyConsistency(c.index, c.size * 2, proof, a, b));
    EXPECT_FALSE(VerifyConsistency(c.size, c.index, proof, a, b));
    EXPECT_FALSE(VerifyConsistency(c.index, c.size, proof, b, a));
    EXPECT_FALSE(VerifyConsistency(c.index, c.size, {}, a, b));
    auto longer = proof;
    longer.push_back(b);
    EXPECT_FALSE(VerifyConsistency(c.index, c.size, longer, a, b));
    auto shorter = proof;
    shorter.pop_back();
    EXPECT_FALSE(VerifyConsistency(c.index, c.size, shorter, a, b));
    for (size_t i = 0; i < proof.size(); ++i) {
      auto flipped = proof;
      flipped[i][31] ^= 1;
      EXPECT_FALSE(VerifyConsistency(c.index, c.size, flipped, a, b));
    }
  }
}

TEST(Merkle, EqualTreesAndTheEmptyTreeNeedNoProof) {
  Digest a = Hex(kRoots[0]), b = Hex(kRoots[1]);
  EXPECT_TRUE(VerifyConsistency(1, 1, {}, a, a));
  EXPECT_FALSE(VerifyConsistency(1, 1, {}, a, b));
  EXPECT_FALSE(VerifyConsistency(1, 1, {a}, a, a));
  EXPECT_TRUE(VerifyConsistency(0, 2, {}, EmptyRoot(), b));
  EXPECT_FALSE(VerifyConsistency(0, 2, {a}, EmptyRoot(), b));
}

TEST(Merkle, EveryProofOfAnUnevenTreeVerifies) {
  Tree t;
  std::vector<Digest> leaves, roots{EmptyRoot()};
  for (int i = 0; i < 71; ++i) {
    leaves.push_back(LeafHash(ToBytes(std::to_string(i))));
    t.Add(leaves.back());
    roots.push_back(t.frontier.Root());
  }
  for (uint64_t n = 1; n <= leaves.size(); ++n) {
    for (uint64_t i = 0; i < n; ++i) {
      EXPECT_TRUE(VerifyInclusion(leaves[i], i, n, *InclusionProof(i, n, t.Reader()), roots[n]));
    }
    for (uint64_t m = 0; m <= n; ++m) {
      EXPECT_TRUE(VerifyConsistency(m, n, *ConsistencyProof(m, n, t.Reader()), roots[m], roots[n]));
    }
    auto f = FrontierAt(n, t.Reader());
    EXPECT_EQ(f->Root(), roots[n]);
    EXPECT_EQ(f->size(), n);
  }
}

TEST(Merkle, RangesOutsideTheTreeAreRefused) {
  Tree t = Reference();
  EXPECT_EQ(InclusionProof(8, 8, t.Reader()).error().code, "merkle.range");
  EXPECT_EQ(ConsistencyProof(9, 8, t.Reader()).error().code, "merkle.range");
  EXPECT_EQ(Frontier::From(3, {EmptyRoot()}).error().code, "merkle.frontier");
}

}  // namespace
}  // namespace birthmark::ledger
