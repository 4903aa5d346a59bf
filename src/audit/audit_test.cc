// SPDX-License-Identifier: Apache-2.0
#include "audit/audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "audit/test_keys.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "tests/support/temp_dir.h"

namespace birthmark::audit {
namespace {

using test::NewEcSpki;
using test::Prime;
using test::Request;
using test::Spki;

Intake Of(const std::vector<std::pair<std::string, Bytes>>& keys) {
  Intake in;
  for (const auto& [name, spki] : keys) {
    const std::string place = "file" + std::to_string(in.subjects.size());
    EXPECT_TRUE(AddDer(in, spki, name, place));
  }
  return in;
}

Report Look(const Intake& in, const Options& options = {}) {
  auto r = Audit(in, options);
  EXPECT_TRUE(r) << r.error().ToString();
  return r ? *r : Report{};
}

std::vector<std::string> Hits(const Report& r) {
  std::vector<std::string> out;
  for (const Hit& h : r.hits) out.push_back(h.code + " " + h.name);
  std::ranges::sort(out);
  return out;
}

using Strings = std::vector<std::string>;

TEST(Audit, GoodKeysPass) {
  const Report r = Look(Of({{"A", Spki(Prime(1) * Prime(2))}, {"B", NewEcSpki()}}));
  EXPECT_EQ(Hits(r), Strings{});
  EXPECT_EQ(r.keys, 2u);
  EXPECT_EQ(r.rsa, 1u);
  // What was not compared is said.
  EXPECT_EQ(r.absent.size(), 3u);
}

TEST(Audit, EachKindOfWeakKeyHasItsCode) {
  mpz_class near = Prime(1) + 2;
  mpz_nextprime(near.get_mpz_t(), near.get_mpz_t());
  Bytes beside = NewEcSpki();
  beside.back() ^= 1;
  const Report r = Look(Of({{"close", Spki(Prime(1) * near)},
                            {"tiny", Spki(Prime(3) * Prime(4) * 5)},
                            {"short", Spki(Prime(5, 512) * Prime(6, 512))},
                            {"three", Spki(Prime(7) * Prime(8), 3)},
                            {"beside", beside}}));
  EXPECT_EQ(Hits(r),
            (Strings{"audit.close-primes close", "audit.exponent three", "audit.invalid beside",
                     "audit.size short", "audit.tiny-factor tiny"}));
}

TEST(Audit, ASharedPrimeIsFoundAndNotTold) {
  const Report r = Look(Of({{"A", Spki(Prime(1) * Prime(2))},
                            {"B", Spki(Prime(3) * Prime(4))},
                            {"C", Spki(Prime(5) * Prime(2))}}));
  EXPECT_EQ(Hits(r), (Strings{"audit.shared-factor A", "audit.shared-factor C"}));
  for (const Hit& h : r.hits) {
    EXPECT_EQ(h.detail.find(Prime(2).get_str()), std::string::npos);
    EXPECT_EQ(h.detail.find(Prime(2).get_str(16)), std::string::npos);
    EXPECT_NE(h.detail.find(h.name == "A" ? "C (file2)" : "A (file0)"), std::string::npos);
  }
}

TEST(Audit, OneKeyUnderTwoNames) {
  const Bytes one = NewEcSpki(), other = NewEcSpki();
  EXPECT_EQ(Hits(Look(Of({{"A", one}, {"B", other}, {"C", one}}))), (Strings{"audit.duplicate A"}));
  // A request and a certificate of one unit.
  const Report again = Look(Of({{"A", one}, {"A", one}}));
  EXPECT_EQ(Hits(again), Strings{});
  EXPECT_EQ(again.again, 1u);
  // Two keys without a name are two things; one beside a named one need not be.
  EXPECT_EQ(Hits(Look(Of({{"", one}, {"", one}}))), (Strings{"audit.duplicate file0"}));
  EXPECT_EQ(Hits(Look(Of({{"A", one}, {"", one}}))), Strings{});
}

TEST(Audit, AGroupKeyMayHaveManyNames) {
  const Bytes one = NewEcSpki();
  Options o;
  o.group_keys.insert(crypto::Sha256(one));
  EXPECT_EQ(Hits(Look(Of({{"A", one}, {"C", one}}), o)), Strings{});
}

TEST(Audit, ANonceUsedTwice) {
  const Bytes a = NewEcSpki(), b = NewEcSpki();
  Intake in;
  ASSERT_TRUE(AddDer(in, Request("A", a, 7, 1), "", "a.csr"));
  ASSERT_TRUE(AddDer(in, Request("A", a, 7, 1), "", "copy.csr"));  // the same request again
  ASSERT_TRUE(AddDer(in, Request("B", b, 8, 1), "", "b.csr"));
  EXPECT_EQ(Hits(Look(in)), Strings{});
  Intake other_key = in, same_key = in;
  ASSERT_TRUE(AddDer(other_key, Request("C", NewEcSpki(), 7, 2), "", "c.csr"));
  ASSERT_TRUE(AddDer(same_key, Request("A-renamed", b, 8, 2), "B", "d.csr"));
  const Report two = Look(other_key), one = Look(same_key);
  ASSERT_EQ(Hits(two), (Strings{"audit.repeated-nonce A", "audit.repeated-nonce C"}));
  for (const Hit& h : two.hits) EXPECT_NE(h.detail.find("two keys"), std::string::npos);
  ASSERT_EQ(Hits(one), (Strings{"audit.repeated-nonce B", "audit.repeated-nonce B"}));
  for (const Hit& h : one.hits) EXPECT_NE(h.detail.find("one key"), std::string::npos);
  EXPECT_EQ(one.signatures, 4u);
}

TEST(Audit, ListsOfKnownWeakKeys) {
  birthmark::test::TempDir dir;
  const mpz_class n = Prime(1) * Prime(2);
  const Bytes ec = NewEcSpki();
  // What `openssl rsa -modulus | sha1sum` says of this key, its last 20 digits.
  std::string hex = n.get_str(16);
  std::ranges::transform(hex, hex.begin(), [](char c) { return static_cast<char>(toupper(c)); });
  const auto sha1 = crypto::Sha1ForKeyId(AsBytes("Modulus=" + hex + "\n"));
  ASSERT_TRUE(WriteFileAtomic(
      dir / "blacklist.RSA-2048",
      "# remark\n00005890bc78bcbee3ca\n" + ToHex(ByteView(sha1)).substr(20) + "\n"));
  ASSERT_TRUE(WriteFileAtomic(dir / "spki.txt", ToHex(crypto::Sha256(ec)) + "\n"));
  const Intake in = Of({{"A", Spki(n)}, {"B", ec}, {"C", Spki(Prime(3) * Prime(4))}});
  Options o;
  o.weak_lists = {dir / "blacklist.RSA-2048"};
  Report r = Look(in, o);
  EXPECT_EQ(Hits(r), (Strings{"audit.listed A"}));
  ASSERT_EQ(r.lists.size(), 1u);
  EXPECT_EQ(r.lists[0].entries, 2u);
  EXPECT_EQ(r.absent.size(), 2u);
  o.weak_lists = {dir.path()};
  r = Look(in, o);
  EXPECT_EQ(Hits(r), (Strings{"audit.listed A", "audit.listed B"}));
  EXPECT_EQ(r.absent.size(), 1u);
  ASSERT_TRUE(WriteFileAtomic(dir / "bad", "00005890bc78bcbee3ca\n1234\n"));
  auto bad = Audit(in, o);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "audit.list");
  EXPECT_NE(bad.error().message.find("bad:2"), std::string::npos);
}

TEST(Audit, EarlierBatchesAreKept) {
  birthmark::test::TempDir dir;
  Options o;
  o.state = dir / "state";
  const Bytes ec = NewEcSpki();
  Intake first = Of({{"A", Spki(Prime(1) * Prime(2))}, {"B", ec}});
  ASSERT_TRUE(AddDer(first, Request("S", NewEcSpki(), 7, 1), "", "s.csr"));
  EXPECT_EQ(Hits(Look(first, o)), Strings{});
  Intake second = Of({{"C", Spki(Prime(3) * Prime(2))}, {"D", ec}, {"E", NewEcSpki()}});
  ASSERT_TRUE(AddDer(second, Request("T", NewEcSpki(), 7, 2), "", "t.csr"));
  const Strings expected = {"audit.duplicate D", "audit.repeated-nonce T", "audit.shared-factor C"};
  const Report r = Look(second, o);
  EXPECT_EQ(Hits(r), expected);
  EXPECT_EQ(r.earlier, 3u);
  for (const Hit& h : r.hits) {
    if (h.code != "audit.shared-factor") continue;
    EXPECT_NE(h.detail.find("A of an earlier batch (file0)"), std::string::npos);
  }
  // The same once more says the same: nothing is forgiven for having been seen.
  const Bytes kept = *ReadFile(o.state, 1 << 20);
  EXPECT_EQ(Hits(Look(second, o)), expected);
  EXPECT_EQ(*ReadFile(o.state, 1 << 20), kept);
  // And the first batch now sees the second.
  EXPECT_EQ(Hits(Look(first, o)),
            (Strings{"audit.duplicate B", "audit.repeated-nonce S", "audit.shared-factor A"}));
}

TEST(Audit, UnreadableThingsAreHits) {
  Intake in;
  ASSERT_TRUE(AddFile(in, AsBytes("{}\n"), "x.ndjson"));
  EXPECT_EQ(Hits(Look(in)), (Strings{"audit.unreadable x.ndjson:1"}));
}

TEST(CheckKey, LooksAtRsaAlone) {
  mpz_class near = Prime(1) + 2;
  mpz_nextprime(near.get_mpz_t(), near.get_mpz_t());
  const auto key = [](const Bytes& spki) { return *crypto::PublicKey::FromSpki(spki); };
  EXPECT_FALSE(CheckKey(key(Spki(Prime(1) * Prime(2)))));
  EXPECT_FALSE(CheckKey(key(NewEcSpki())));
  const crypto::PublicKey weak = key(Spki(Prime(1) * near));
  // From several threads at once, the tables being made by whoever comes first.
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto hit = CheckKey(weak);
      ASSERT_TRUE(hit);
      EXPECT_EQ(hit->code, "audit.close-primes");
      EXPECT_EQ(hit->spki, weak.spki_digest());
    });
  }
}

}  // namespace
}  // namespace birthmark::audit
