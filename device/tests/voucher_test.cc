// SPDX-License-Identifier: Apache-2.0
// The pledge: what it asks for, which vouchers it believes, whose it is then.
#include <gtest/gtest.h>

#include "cbor/cose.h"
#include "device/tests/station.h"
#include "voucher/message.h"

extern "C" {
#include "device/core/voucher.h"
}

namespace birthmark::device {
namespace {

using voucher::Statement;

constexpr uint64_t kNow = 1'790'000'000;  // 2026-09-21T14:13:20Z

crypto::Certificate Certificate(const Bytes& der) {
  return crypto::Certificate::FromDer(der).value();
}

// Pledge is a sealed device whose application believes a MASA at level 2, and that MASA.
struct Pledge {
  Key root = NewKey(), masa = NewKey(), owner = NewKey(), next = NewKey();
  Bytes root_cert = MakeCertificate({.cn = "MASA root", .ca = true}, *root, *root, "MASA root");
  Bytes masa_cert =
      MakeCertificate({.cn = "MASA", .key_usage = "digitalSignature"}, *masa, *root, "MASA root");
  Bytes owner_cert = MakeCertificate({.cn = "Owner", .ca = true}, *owner, *owner, "Owner");
  Bytes next_cert = MakeCertificate({.cn = "Next", .ca = true}, *next, *next, "Next");
  Station station{MakeFirmware()};
  Sim sim{"bmc"};

  Pledge() {
    Firmware& f = station.firmware;
    link::Stage application{
        .code = Bytes(500, 0x44),
        .anchors = {{"masa", "onboarding", "voucher", "certificate", root_cert, {.levels = {2}}}}};
    f.application =
        MustImage({"application", "product", 1, false}, link::EncodeStage(application), *f.update);
    sim.Install("test-image", f.test_image);
    sim.PowerOn();
    if (!station.Work(sim)) ADD_FAILURE() << station.refusal;
  }

  Bytes Ask() {
    Answer a = sim.Call(BM_CMD_VOUCHER_REQUEST, {{"registrar", owner_cert}});
    EXPECT_TRUE(a.Done()) << a.text;
    return a.Octets("nonce");
  }
  Statement For(const Bytes& nonce) const {
    Statement s;
    s.assertion = voucher::Assertion::kProximity;
    s.created_on = TimeFromMillis(static_cast<int64_t>(kNow) * 1000);
    s.serial_number = "BM-0001";
    s.nonce = nonce;
    s.pinned_domain_cert = owner_cert;
    return s;
  }
  Bytes Signed(const Statement& s, const Key& key, const Bytes& certificate) const {
    return voucher::Sign(s, voucher::Form::kCose, {Certificate(certificate)}, {}, *key).value();
  }
  std::string Give(const Bytes& object) {
    Answer a = sim.Call(BM_CMD_VOUCHER, {{"voucher", object}});
    EXPECT_TRUE(a.Done()) << a.text;
    EXPECT_EQ(a.True("accepted"), a.Text("why") == "accepted");
    return a.Text("why");
  }
  std::string Give(const Statement& s) { return Give(Signed(s, masa, masa_cert)); }
  std::string OwnedBy(const Bytes& certificate) {
    Answer a = sim.Call(BM_CMD_OWNER);
    if (!a.True("present")) return "nobody";
    const cbor::Array& all = *a["certificates"].AsArray();
    return all.size() == 1 && *all[0].AsBytes() == certificate ? a.Text("means") : "another";
  }
};

TEST(VoucherOnDevice, RequestIsSignedByTheIdentity) {
  Pledge p;
  Answer a = p.sim.Call(BM_CMD_VOUCHER_REQUEST, {{"registrar", p.owner_cert}});
  ASSERT_TRUE(a.Done()) << a.text;
  voucher::Message m = voucher::Open(a.Octets("request")).value();
  EXPECT_EQ(m.statement.kind, voucher::Kind::kRequest);
  EXPECT_EQ(m.statement.serial_number, "BM-0001");
  EXPECT_EQ(m.statement.nonce, a.Octets("nonce"));
  EXPECT_EQ(m.statement.assertion, voucher::Assertion::kProximity);
  EXPECT_EQ(m.statement.proximity_registrar_cert, p.owner_cert);
  auto signer = voucher::SignerOf(m);
  ASSERT_TRUE(signer) << signer.error().ToString();
  EXPECT_EQ(signer->subject_serial_number(), "BM-0001");
  Answer plain = p.sim.Call(BM_CMD_VOUCHER_REQUEST);
  EXPECT_FALSE(voucher::Open(plain.Octets("request"))->statement.assertion);
  EXPECT_NE(plain.Octets("nonce"), a.Octets("nonce"));
  EXPECT_EQ(p.sim.Call(BM_CMD_VOUCHER_REQUEST, {{"registrar", Bytes(40, 1)}}).refusal,
            uint64_t{BM_E_BAD_REQUEST});
  EXPECT_EQ(p.sim.Call(BM_CMD_VOUCHER).refusal, uint64_t{BM_E_BAD_REQUEST});
}

TEST(VoucherOnDevice, OnlyTheRightVoucherMakesAnOwner) {
  Pledge p;
  EXPECT_EQ(p.Give(p.For(Bytes(16, 0))), "nonce") << "nothing was asked for";
  Statement good = p.For(p.Ask());
  Statement s = good;
  s.serial_number = "BM-0002";
  EXPECT_EQ(p.Give(s), "serial");
  s = good;
  s.nonce = Bytes(16, 7);
  EXPECT_EQ(p.Give(s), "nonce");
  s = good;
  s.nonce.clear();
  EXPECT_EQ(p.Give(s), "nonceless");
  s = good;
  s.pinned_domain_cert = Bytes(30, 1);
  EXPECT_EQ(p.Give(s), "pin");
  s = good;
  s.kind = voucher::Kind::kRequest;
  EXPECT_EQ(p.Give(s), "malformed");
  EXPECT_EQ(p.Give(p.Signed(good, p.root, p.root_cert)), "signer") << "level 1, and 2 is due";
  Key other = NewKey();
  Bytes other_cert = MakeCertificate({.cn = "MASA root", .ca = true}, *other, *other, "MASA root");
  Key theirs = NewKey();
  Bytes under_other = MakeCertificate({.cn = "MASA", .key_usage = "digitalSignature"}, *theirs,
                                      *other, "MASA root");
  EXPECT_EQ(p.Give(p.Signed(good, theirs, under_other)), "unknown-masa");
  EXPECT_EQ(p.Give(p.Signed(good, theirs, p.masa_cert)), "signature");
  EXPECT_EQ(p.Give(Bytes(3, 0)), "malformed");
  EXPECT_EQ(p.OwnedBy({}), "nobody");
  Bytes object = p.Signed(good, p.masa, p.masa_cert);
  for (size_t i = 0; i < object.size(); i += 11) {
    Bytes changed = object;
    changed[i] ^= 4;
    EXPECT_NE(p.Give(changed), "accepted") << i;
  }
  EXPECT_EQ(p.Give(good), "accepted");
  EXPECT_EQ(p.OwnedBy(p.owner_cert), "voucher");
  EXPECT_EQ(p.Give(good), "nonce") << "a voucher counts once";
  p.sim.PowerOff();
  p.sim.PowerOn();
  EXPECT_EQ(p.OwnedBy(p.owner_cert), "voucher") << "it outlives the power";
  Statement late = p.For(p.Ask());
  p.sim.PowerOff();
  p.sim.PowerOn();
  EXPECT_EQ(p.Give(late), "nonce") << "a request does not";
}

TEST(VoucherOnDevice, AClockTellsWhatHasExpired) {
  Pledge p;
  p.sim.clock = kNow;
  p.sim.PowerOn();
  Statement s = p.For({});
  s.expires_on = TimeFromMillis(static_cast<int64_t>(kNow) * 1000);
  EXPECT_EQ(p.Give(s), "expired");
  *s.expires_on += std::chrono::seconds(1);
  EXPECT_EQ(p.Give(s), "accepted");
  EXPECT_EQ(p.OwnedBy(p.owner_cert), "voucher");
  for (auto [text, wanted] : {std::pair("1970-01-01T00:00:00Z", int64_t{0}),
                              {"2026-09-21T14:13:20Z", int64_t{kNow}},
                              {"2026-09-21T10:13:20.589-04:00", int64_t{kNow}},
                              {"2024-02-29T23:59:59Z", int64_t{1709251199}},
                              {"1969-12-31T23:59:59+00:00", int64_t{-1}}}) {
    int64_t seconds = 0;
    EXPECT_TRUE(bm_date(bm_text(text), &seconds)) << text;
    EXPECT_EQ(seconds, wanted) << text;
  }
  for (const char* bad : {"", "2026-09-21", "2026-13-21T14:13:20Z", "2026-09-21T14:13:20",
                          "2026-09-21T14:13:20Zx", "2026-09-21T14:13:20+0400"}) {
    int64_t seconds = 0;
    EXPECT_FALSE(bm_date(bm_text(bad), &seconds)) << bad;
  }
}

TEST(VoucherOnDevice, APowerCutLeavesOneOwnerOrTheOther) {
  for (uint64_t cut = 1; cut < 12; ++cut) {
    Pledge p;
    ASSERT_EQ(p.Give(p.For(p.Ask())), "accepted");
    Statement second = p.For(p.Ask());
    second.pinned_domain_cert = p.next_cert;
    Bytes object = p.Signed(second, p.masa, p.masa_cert);
    p.sim.CutAt(cut);
    Answer a = p.sim.Call(BM_CMD_VOUCHER, {{"voucher", object}});
    p.sim.CutAt(0);
    p.sim.PowerOn();
    if (a.answered) {
      EXPECT_EQ(p.OwnedBy(p.next_cert), "voucher");
      return;  // no write was left to cut
    }
    EXPECT_TRUE(p.OwnedBy(p.owner_cert) == "voucher" || p.OwnedBy(p.next_cert) == "voucher") << cut;
  }
  ADD_FAILURE() << "the device never came to an end";
}

TEST(VoucherOnDevice, AResetForgetsTheOwnerAndKeepsTheMakersAnchors) {
  Pledge p;
  auto reset = [&] { return p.sim.Call(BM_CMD_OWNER_RESET); };
  ASSERT_EQ(p.Give(p.For(p.Ask())), "accepted");
  EXPECT_EQ(reset().refusal, uint64_t{BM_E_LOCKED}) << "nobody is there";
  EXPECT_EQ(p.OwnedBy(p.owner_cert), "voucher");
  Statement old = p.For(p.Ask());
  p.sim.button = true;
  EXPECT_TRUE(reset().True("forgotten"));
  EXPECT_EQ(p.OwnedBy({}), "nobody");
  EXPECT_EQ(p.Give(old), "nonce") << "what the former owner asked for is over";
  EXPECT_FALSE(reset().True("forgotten")) << "again changes nothing";
  auto flash = std::search(p.sim.flash().begin(), p.sim.flash().end(), p.owner_cert.begin(),
                           p.owner_cert.end());
  EXPECT_EQ(flash, p.sim.flash().end()) << "nothing of it stays in the flash";
  p.sim.PowerOff();
  p.sim.PowerOn();
  EXPECT_EQ(p.OwnedBy({}), "nobody");
  Statement next = p.For(p.Ask());
  next.pinned_domain_cert = p.next_cert;
  EXPECT_EQ(p.Give(next), "accepted") << "the maker's anchor for vouchers is still there";
  EXPECT_EQ(p.OwnedBy(p.next_cert), "voucher");
  // A cut at any write leaves the owner or nobody, and never half of one.
  for (uint64_t cut = 1;; ++cut) {
    p.sim.CutAt(cut);
    if (reset().answered) break;
    p.sim.PowerOn();
    const std::string now = p.OwnedBy(p.next_cert);
    EXPECT_TRUE(now == "voucher" || now == "nobody") << now;
    if (now == "nobody") {
      Statement again = p.For(p.Ask());
      again.pinned_domain_cert = p.next_cert;
      ASSERT_EQ(p.Give(again), "accepted");
    }
    ASSERT_LT(cut, 9u);
  }
}

}  // namespace
}  // namespace birthmark::device
