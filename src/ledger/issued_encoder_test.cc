// SPDX-License-Identifier: Apache-2.0
#include "ledger/issued_encoder.h"

#include <gtest/gtest.h>

#include <random>

namespace birthmark::ledger {
namespace {

// What the slow road makes of the same.
NewEvent Slow(const EventContext& context, const IssuedEncoder::Common& common,
              const IssuedEncoder::Certificate& c) {
  IdentityIssued body{.ca = common.ca,
                      .cert = Bytes(c.der.begin(), c.der.end()),
                      .slot = common.slot,
                      .spki = c.spki,
                      .unit = std::string(c.unit),
                      .proof = common.proof,
                      .serial = Bytes(c.serial.begin(), c.serial.end()),
                      .method = common.method};
  return *Prepare(MakeEvent(context, c.at, "unit:" + body.unit, body));
}

void ExpectSame(const NewEvent& a, const NewEvent& b) {
  EXPECT_EQ(ToHex(a.encoded), ToHex(b.encoded));
  ASSERT_EQ(a.changes.size(), 1u);
  ASSERT_EQ(b.changes.size(), 1u);
  const auto& x = std::get<IdentityRow>(a.changes[0]);
  const auto& y = std::get<IdentityRow>(b.changes[0]);
  EXPECT_EQ(x.seq, y.seq);
  EXPECT_EQ(x.serial, y.serial);
  EXPECT_EQ(x.spki, y.spki);
  EXPECT_EQ(x.unit, y.unit);
  EXPECT_EQ(x.slot, y.slot);
  EXPECT_EQ(x.ca, y.ca);
  EXPECT_EQ(x.method, y.method);
  EXPECT_EQ(x.state, y.state);
  EXPECT_EQ(x.issued_at, y.issued_at);
  EXPECT_EQ(x.state_at, y.state_at);
}

TEST(IssuedEncoder, BytesAndFoldAreThoseOfPrepare) {
  std::mt19937 random(20261122);
  auto pick = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  // Lengths on both sides of where a head grows.
  constexpr int kLengths[] = {0, 1, 23, 24, 255, 256, 700, 65'535, 65'536};
  auto bytes = [&](int n) {
    Bytes b(static_cast<size_t>(n));
    for (uint8_t& o : b) o = static_cast<uint8_t>(pick(0, 255));
    return b;
  };
  auto text = [&](int most) { return std::string(static_cast<size_t>(pick(0, most)), 'x'); };
  for (int i = 0; i < 200; ++i) {
    EventContext context{.actor = text(40), .clock = text(10)};
    if (pick(0, 1) == 0) context.plan = Digest{1, 2, 3};
    if (pick(0, 1) == 0) context.station = text(30);
    const IssuedEncoder::Common common{text(30), text(30), text(30), text(300)};
    const IssuedEncoder encoder(context, common);
    Digest spki{};
    for (uint8_t& o : spki) o = static_cast<uint8_t>(pick(0, 255));
    const Bytes der = bytes(kLengths[i % std::size(kLengths)]), serial = bytes(pick(0, 30));
    const std::string unit = "bmc/" + text(300);
    const IssuedEncoder::Certificate c{
        TimeFromMillis(pick(0, 9) == 0 ? -1 : int64_t{pick(0, 2'000'000'000)} * 1000), der, spki,
        unit, serial};
    auto fast = encoder.Encode(c);
    ASSERT_TRUE(fast) << fast.error().ToString();
    ExpectSame(*fast, Slow(context, common, c));
  }
}

TEST(IssuedEncoder, RefusesWhatPrepareRefuses) {
  const IssuedEncoder encoder({}, {"site-1", "idevid", "csr-signature", "avocado"});
  const Bytes der(kMaxEventBytes);
  const Digest spki{};
  auto made = encoder.Encode({{}, der, spki, "bmc/1", der});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "ledger.event-large");
}

// The decoder refuses such a text for good: the log could not be read any more.
TEST(Prepare, RefusesATextThatCouldNotBeReadAgain) {
  auto code = [](const std::string& reel, const std::string& subject) {
    auto made = Prepare(MakeEvent({}, Time{}, subject,
                                  ReelState{.reel = reel, .state = "quarantined", .product = "p"}));
    return made ? std::string() : made.error().code;
  };
  EXPECT_EQ(code("R\xc3\xa4", "product:p"), "");
  EXPECT_EQ(code("R\xc3", "product:p"), "ledger.event-text");
  EXPECT_EQ(code("R", "product:\xff"), "ledger.event-text");
}

}  // namespace
}  // namespace birthmark::ledger
