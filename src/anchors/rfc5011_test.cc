// SPDX-License-Identifier: Apache-2.0
#include "anchors/rfc5011.h"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/pem.h>

#include "anchors/read.h"
#include "anchors/root_anchors.h"
#include "crypto/openssl.h"
#include "tests/support/vectors.h"

namespace birthmark::anchors {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

Time On(const char* text) { return *ParseTime(text); }
const Time kStartOfTest = On("2030-01-01");
Time Day(int n) { return kStartOfTest + days(n); }

// Made is a key of the tests: Ed25519 in form, its octets all the same.
Dnskey Made(char name, uint16_t flags = 257) {
  return {.flags = flags, .algorithm = 15, .key = Bytes(32, static_cast<uint8_t>(name))};
}

// Set reads "A+ B C!+": '+' signs, '!' has the REVOKE bit, lower case has no SEP bit.
KeySet Set(std::string_view text, seconds ttl = hours(48)) {
  KeySet set{.keys = {}, .original_ttl = ttl, .signatures_left = days(10)};
  for (char c : text) {
    if (c == '+') {
      set.keys.back().signs = true;
    } else if (c == '!') {
      set.keys.back().key.flags |= kRevokeFlag;
    } else if (c != ' ') {
      set.keys.push_back({Made(c, c >= 'a' ? 256 : 257), false});
    }
  }
  return set;
}

TrustPoint Trusting(std::string_view names) {
  std::vector<KeyId> ids;
  for (char c : names) ids.push_back(IdOf(Made(c)));
  return TrustPoint(ids);
}

// StatesAfter shows a point the sets of some days and gives the states of A, B, C, D at the end:
// "Valid AddPend Start Start".
struct Shown {
  int day;
  std::string_view set;
};
std::string StatesAfter(TrustPoint& point, const std::vector<Shown>& shown) {
  for (const Shown& s : shown) point.See(Set(s.set), Day(s.day));
  std::string out;
  for (char c : std::string_view("ABCD")) {
    out += (out.empty() ? "" : " ") + std::string(ToText(point.StateOf(IdOf(Made(c)))));
  }
  return out;
}

TEST(Rfc5011, HowOftenIsAsked) {
  // Section 2.3.
  struct Case {
    seconds ttl, left, query, retry;
  };
  const Case cases[] = {
      {hours(48), days(10), hours(24), seconds(17280)},  // half the TTL; a tenth of it
      {days(60), days(60), days(15), days(1)},           // the upper bounds
      {hours(1), days(10), hours(1), hours(1)},          // the lower bound
      {days(20), days(4), days(2), seconds(34560)},      // the signatures end sooner
      {hours(48), seconds(0), hours(1), hours(1)},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(QueryInterval(c.ttl, c.left), c.query) << c.ttl.count();
    EXPECT_EQ(RetryInterval(c.ttl, c.left), c.retry) << c.ttl.count();
  }
}

TEST(Rfc5011, EveryTransition) {
  struct Case {
    const char* why;
    std::string_view anchors;
    std::vector<Shown> shown;
    std::string_view states;
  };
  const Case cases[] = {
      // Section 6.1, a trust anchor is added.
      {"a new key waits", "A", {{0, "A+ B"}, {29, "A+ B"}}, "Valid AddPend Start Start"},
      {"thirty days", "A", {{0, "A+ B"}, {30, "A+ B"}}, "Valid Valid Start Start"},
      {"the timer alone adds nothing", "A", {{0, "A+ B"}, {40, ""}}, "Valid AddPend Start Start"},
      {"a zone signing key never waits",
       "A",
       {{0, "A+ b"}, {30, "A+ b"}},
       "Valid Start Start Start"},
      // A forged key that goes away before its time, and comes again.
      {"gone for one answer",
       "A",
       {{0, "A+ B"}, {20, "A+"}, {31, "A+ B"}},
       "Valid AddPend Start Start"},
      {"forged and gone", "A", {{0, "A+ B"}, {29, "A+"}, {31, "A+"}}, "Valid Start Start Start"},
      {"its own signature is none", "A", {{0, "A B+"}, {40, "A B+"}}, "Valid Start Start Start"},
      {"off-line in between is not absence",
       "A",
       {{0, "A+ B"}, {400, "A+ B"}},
       "Valid Valid Start Start"},
      {"an answer that does not validate is not absence",
       "A",
       {{0, "A+ B"}, {20, "B+"}, {30, "A+ B"}},
       "Valid Valid Start Start"},
      // Section 6.2, A is deleted.
      {"revoked at once", "AB", {{0, "A!+ B+"}}, "Revoked Valid Start Start"},
      {"a revocation needs its own signature", "AB", {{0, "A! B+"}}, "Missing Valid Start Start"},
      {"its own signature is enough", "AB", {{0, "A!+ B"}}, "Revoked Valid Start Start"},
      {"for ever", "AB", {{0, "A!+ B+"}, {1, "A+ B"}, {2, "A+ B+"}}, "Revoked Valid Start Start"},
      {"removed thirty days after it went",
       "AB",
       {{0, "A!+ B+"}, {50, "B+"}, {80, "B+"}},
       "Removed Valid Start Start"},
      {"not removed before",
       "AB",
       {{0, "A!+ B+"}, {50, "B+"}, {79, "B+"}},
       "Revoked Valid Start Start"},
      {"absence counts from the last time",
       "AB",
       {{0, "A!+ B+"}, {50, "B+"}, {60, "A! B+"}, {85, "B+"}},
       "Revoked Valid Start Start"},
      {"removed stays removed",
       "AB",
       {{0, "A!+ B+"}, {50, "B+"}, {80, "B+"}, {90, "A B+"}},
       "Removed Valid Start Start"},
      // Section 6.3: A signs, B stands by; roll over to B with a new C.
      {"roll over", "AB", {{0, "A!+ B+ C"}, {30, "B+ C"}}, "Revoked Valid Valid Start"},
      // Section 6.4: the active key is compromised; B takes over, the thief's set is worth nothing.
      {"active key compromised",
       "AB",
       {{0, "A!+ B+ C"}, {1, "A+ D"}, {40, "A+ D"}, {41, "B+ C"}},
       "Revoked Valid Valid Start"},
      // Section 6.5: the stand-by key is compromised.
      {"stand-by key compromised",
       "AB",
       {{0, "A+ B!+ C"}, {30, "A+ C"}},
       "Valid Revoked Valid Start"},
      // Section 2.2: everybody who vouched for C is revoked before its time.
      {"nobody vouches any more",
       "AB",
       {{0, "A+ B C"}, {10, "A!+ B+ C"}},
       "Revoked Valid AddPend Start"},
      // Missing is abnormal, and the key is still trusted.
      {"missing", "AB", {{0, "A+"}}, "Valid Missing Start Start"},
      {"missing but trusted", "AB", {{0, "A+"}, {1, "B+"}, {2, "A+ B"}}, "Valid Valid Start Start"},
      {"missing and revoked", "AB", {{0, "A+"}, {1, "A+ B!+"}}, "Valid Revoked Start Start"},
      // A key with the REVOKE bit is no new key, and a waiting one with it is gone.
      {"never new", "A", {{0, "A+ B!+"}, {40, "A+ B!+"}}, "Valid Start Start Start"},
      {"waiting and revoked", "A", {{0, "A+ B"}, {10, "A+ B!+"}}, "Valid Start Start Start"},
  };
  for (const Case& c : cases) {
    TrustPoint point = Trusting(c.anchors);
    EXPECT_EQ(StatesAfter(point, c.shown), c.states) << c.why;
  }
}

TEST(Rfc5011, AStopBySectionTwoTwoSaysSo) {
  TrustPoint point = Trusting("AB");
  point.See(Set("A+ B C"), Day(0));
  const TrustPoint::Seen seen = point.See(Set("A!+ B+ C"), Day(10));
  ASSERT_EQ(seen.changes.size(), 3u);
  EXPECT_EQ(seen.changes[0].event, "RevBit");
  EXPECT_EQ(seen.changes[0].tag, Made('A', 257 | kRevokeFlag).KeyTag());
  EXPECT_EQ(seen.changes[1].event, "AllRevoked");
  EXPECT_EQ(seen.changes[2].event, "NewKey");  // by B, from the beginning
  point.See(Set("B+ C"), Day(39));
  EXPECT_EQ(point.StateOf(IdOf(Made('C'))), AnchorState::kAddPend);
  point.See(Set("B+ C"), Day(40));
  EXPECT_EQ(point.StateOf(IdOf(Made('C'))), AnchorState::kValid);
}

TEST(Rfc5011, ALongTtlMakesTheHoldDownLonger) {
  TrustPoint point = Trusting("A");
  point.See(Set("A+ B", days(45)), Day(0));
  point.See(Set("A+ B"), Day(44));
  EXPECT_EQ(point.StateOf(IdOf(Made('B'))), AnchorState::kAddPend);
  point.See(Set("A+ B"), Day(45));
  EXPECT_EQ(point.StateOf(IdOf(Made('B'))), AnchorState::kValid);
}

TEST(Rfc5011, WithEveryKeyRevokedTheTrustPointIsGone) {
  // Sections 5 and 6.6.
  TrustPoint point = Trusting("AB");
  point.See(Set("A!+ B+"), Day(0));
  EXPECT_FALSE(point.Deleted());
  point.See(Set("A! B!+ C+"), Day(1));
  EXPECT_TRUE(point.Deleted());
  EXPECT_FALSE(point.Validates(Set("A+ B+ C+")));
  EXPECT_FALSE(Trusting("").Deleted());
}

TEST(RootHistory, IsRootAnchorsXmlAndItsTags) {
  for (const RootKey& k : RootKeys()) {
    Dnskey record = k.Record();
    EXPECT_EQ(record.KeyTag(), k.tag) << k.name;
    EXPECT_EQ(IdOf(record), *FromHex(k.sha256)) << k.name;
    record.flags |= kRevokeFlag;
    EXPECT_EQ(IdOf(record), *FromHex(k.sha256)) << k.name;
    EXPECT_LE(k.published, k.in_zone);
    EXPECT_LE(k.in_zone + (k.tag == 19036 ? days(0) : kAddHoldDown), k.signs_from);
  }
  // ICANN reported 19164 as the tag of the revoked KSK-2010.
  Dnskey revoked = RootKeys()[0].Record();
  revoked.flags |= kRevokeFlag;
  EXPECT_EQ(revoked.KeyTag(), 19164);
  EXPECT_FALSE(IsAnnounced(RootKeys()[2].in_zone));
  EXPECT_TRUE(IsAnnounced(RootKeys()[2].signs_from));
  if (!birthmark::test::VectorsPresent("dnssec-root")) return;
  const auto facts =
      ReadAnchorFile(birthmark::test::VectorsDir() / "dnssec-root" / "root-anchors.xml");
  ASSERT_TRUE(facts);
  for (size_t i = 0; i < RootKeys().size(); ++i) {
    EXPECT_EQ(facts->entries[i].fingerprint, *FromHex(RootKeys()[i].sha256));
    EXPECT_LE(TimeFromMillis(*facts->entries[i].not_before * 1000), RootKeys()[i].published);
  }
  EXPECT_EQ(KeyIdsIn(*facts, On("2018-01-01")).size(), 2u);
  EXPECT_EQ(KeyIdsIn(*facts, On("2026-01-01")).size(), 2u);
}

KeyId Root(size_t i) { return *FromHex(RootKeys()[i].sha256); }

TEST(RootHistory, AValidatorThatNeverSleepsFollowsItFromTheFirstKey) {
  TrustPoint point({Root(0)});
  const Followed life = Follow(point, RootKeySetAt, On("2010-07-15"), On("2027-06-01"));
  EXPECT_EQ(life.asked, life.validated);
  EXPECT_FALSE(life.first_failure);
  struct Want {
    uint16_t tag;
    std::string_view event, date;
  };
  const Want want[] = {{20326, "NewKey", "2017-07-11"}, {20326, "AddTime", "2017-08-10"},
                       {19164, "RevBit", "2019-01-12"}, {19164, "RemTime", "2019-04-21"},
                       {38696, "NewKey", "2025-01-11"}, {38696, "AddTime", "2025-02-10"},
                       {20454, "RevBit", "2027-01-11"}};
  ASSERT_EQ(life.changes.size(), std::size(want));
  for (size_t i = 0; i < life.changes.size(); ++i) {
    EXPECT_EQ(life.changes[i].tag, want[i].tag);
    EXPECT_EQ(life.changes[i].event, want[i].event);
    EXPECT_EQ(FormatDate(life.changes[i].at), want[i].date) << want[i].event;
  }
}

TEST(RootHistory, AWarehouseMayOutlastTheKeys) {
  struct Case {
    const char* why;
    std::vector<KeyId> anchors;
    const char* open;
    bool first_answer;   // validates
    bool after_a_month;  // still or again, forty days later
    bool deleted;        // forty days later
  };
  const Case cases[] = {
      {"opened in time", {Root(1)}, "2026-06-01", true, true, false},
      {"three weeks before the change: it meets the new key and never trusts it",
       {Root(1)},
       "2026-09-20",
       true,
       false,
       false},
      {"after the change", {Root(1)}, "2026-11-22", false, false, false},
      // The zone tells the device that its only key is no more, and it believes that.
      {"after the revocation", {Root(1)}, "2027-02-01", false, false, true},
      {"shipped with the next key", {Root(1), Root(2)}, "2027-02-01", true, true, false},
      {"of the first generation", {Root(0)}, "2020-01-01", false, false, false},
  };
  for (const Case& c : cases) {
    TrustPoint point(c.anchors);
    EXPECT_EQ(point.Validates(RootKeySetAt(On(c.open))), c.first_answer) << c.why;
    Follow(point, RootKeySetAt, On(c.open), On(c.open) + days(40));
    EXPECT_EQ(point.Validates(RootKeySetAt(On(c.open) + days(40))), c.after_a_month) << c.why;
    EXPECT_EQ(point.Deleted(), c.deleted) << c.why;
  }
}

// SignerIn is the certificate inside a CMS object, as PEM: the test data's own authority.
Bytes SignerIn(ByteView p7s) {
  const unsigned char* p = p7s.data();
  const crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free> cms(
      d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(p7s.size())));
  STACK_OF(X509)* all = CMS_get1_certs(cms.get());
  const crypto::BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), sk_X509_value(all, 0));
  sk_X509_pop_free(all, X509_free);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, data + size};
}

TEST(VerifyRootAnchors, TakesWhatItsAuthoritySignedAndNothingElse) {
  if (!birthmark::test::VectorsPresent("dnssec-root/unbound-testdata")) return;
  const auto root = birthmark::test::VectorsDir() / "dnssec-root";
  const auto dir = root / "unbound-testdata" / "testdata" / "10-unbound-anchor.tdir" / "127.0.0.1";
  auto read = [&](const fs::path& p) { return ReadFile(p, 1 << 20).value_or(Bytes{}); };
  const Bytes xml = read(dir / "root.xml"), p7s = read(dir / "root.p7s");
  const Bytes none = read(dir / "no_more_keys.xml"), none_p7s = read(dir / "no_more_keys.p7s");
  const Bytes bad = read(dir / "bad.xml"), bad_p7s = read(dir / "bad.p7s");
  const Bytes icann = read(root / "icann-ca-from-unbound-anchor.pem");
  ASSERT_FALSE(p7s.empty());
  const Bytes petal = SignerIn(p7s), old_petal = SignerIn(bad_p7s);
  const Time then = On("2026-08-01");
  auto code = [&](ByteView x, ByteView s, ByteView ca, Time at, std::string_view signer = "") {
    const auto r = VerifyRootAnchors(x, s, ca, at, signer);
    return r ? std::string("good") : r.error().code;
  };
  EXPECT_EQ(code(xml, p7s, petal, then), "good");
  EXPECT_EQ(code(xml, p7s, petal, then, "petal"), "good");
  EXPECT_EQ(code(none, none_p7s, petal, then), "good");
  const std::string no = "anchors.root-signature";
  EXPECT_EQ(code(xml, p7s, petal, then, "dnssec@iana.org"), no);
  EXPECT_EQ(code(xml, p7s, icann, then), no);              // somebody's, but not the authority's
  EXPECT_EQ(code(xml, p7s, petal, On("2020-01-01")), no);  // the certificate did not hold yet
  EXPECT_EQ(code(xml, p7s, petal, On("2050-01-01")), no);
  EXPECT_EQ(code(none, p7s, petal, then), no);  // another file's signature
  EXPECT_EQ(code(bad, bad_p7s, petal, then), no);
  EXPECT_EQ(code(bad, bad_p7s, old_petal, On("2014-01-01")), no);  // not what was signed
  EXPECT_EQ(code(xml, p7s, {}, then), "anchors.root-ca");
  EXPECT_EQ(code(xml, {}, petal, then), no);
  EXPECT_EQ(code(xml, ByteView(p7s).first(p7s.size() - 1), petal, then), no);
  for (size_t i = 0; i < p7s.size(); i += 7) {
    Bytes changed = p7s;
    changed[i] ^= 0x40;
    const auto r = VerifyRootAnchors(xml, changed, petal, then);
    // Some octets are of what nobody signs, such as the order of what goes along.
    EXPECT_TRUE(!r || r->entries.size() == 1u);
  }
  // The machine's own file, without a signature of its own, is not taken on trust.
  EXPECT_EQ(code(read(root / "root-anchors.xml"), p7s, icann, then), no);
}

}  // namespace
}  // namespace birthmark::anchors
