// SPDX-License-Identifier: Apache-2.0
// SCEP as values: what is answered to whom, and with which failInfo.
#include "enroll/scep/scep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/objects.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "enroll/est/codec.h"
#include "enroll/scep/test_client.h"
#include "enroll/test_desk.h"
#include "tests/support/temp_dir.h"

namespace birthmark::enroll::scep {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

class ScepTest : public testing::Test {
 protected:
  ScepTest() : scep_(std::make_unique<Scep>(desk_, clock_, ScepOptions{.pending = Folder()})) {
    desk_.AddToken("tok", "open sesame");
    desk_.AddToken("bound", "open sesame", "SN-5");
    ra_ = desk_.RsaRa("bulb")->certificate;
  }

  std::filesystem::path Folder() const { return dir_.path() / "waiting"; }
  void Restart() {
    scep_ = std::make_unique<Scep>(desk_, clock_, ScepOptions{.pending = Folder()});
  }

  HttpResponse Ask(HttpRequest request) {
    std::optional<HttpResponse> got;
    scep_->Handle(std::move(request), [&](HttpResponse r) {
      EXPECT_FALSE(got) << "two replies";
      got = std::move(r);
    });
    return got.value_or(HttpResponse{.status = -1});
  }
  HttpResponse Get(const std::string& query, const std::string& path = "/scep/bulb") {
    return Ask({.method = "GET", .path = path, .query = query});
  }
  HttpResponse Post(Bytes body, bool encrypted = false) {
    HttpRequest request{.method = "POST", .path = "/scep/bulb", .query = "operation=PKIOperation"};
    request.body = std::move(body);
    request.peer.encrypted = encrypted;
    return Ask(std::move(request));
  }
  Incoming Exchange(const Bytes& message, const TestKey& me, bool encrypted = false) {
    HttpResponse r = Post(message, encrypted);
    EXPECT_EQ(r.status, 200) << r.note;
    EXPECT_EQ(r.content_type, "application/x-pki-message");
    Incoming in = ReadReply(r.body, me);
    EXPECT_EQ(in.type, "3");
    EXPECT_EQ(in.recipient_nonce, Bytes(16, 0x5a));
    EXPECT_THAT(in.sender_nonce, SizeIs(16));
    EXPECT_EQ(in.signer.digest(), ra_.digest());
    EXPECT_EQ(in.has_content, in.status == "0");
    return in;
  }
  // A first request as it should be, but for what `change` does to it.
  Incoming Enrol(const TestKey& me, const std::string& serial, const std::string& challenge,
                 Outgoing o = {}) {
    o.content = MakeCsr(me.key.get(), serial, challenge);
    return Exchange(MakeMessage(o, me, ra_), me);
  }
  static void ExpectFailure(const Incoming& in, const std::string& info, const char* text) {
    EXPECT_EQ(in.status, "2");
    EXPECT_EQ(in.fail_info, info);
    EXPECT_THAT(in.fail_text, HasSubstr(text));
  }

  test::TempDir dir_;
  TestDesk desk_;
  ManualClock clock_{TimeFromMillis(1'800'000'000'000)};
  std::unique_ptr<Scep> scep_;
  crypto::Certificate ra_;
};

TEST_F(ScepTest, SaysWhatItCanDo) {
  HttpResponse r = Get("operation=GetCACaps");
  EXPECT_EQ(r.status, 200);
  std::istringstream lines{std::string(AsText(r.body))};
  std::vector<std::string> caps;
  for (std::string line; std::getline(lines, line);) caps.push_back(line);
  EXPECT_THAT(caps,
              testing::IsSupersetOf({"AES", "POSTPKIOperation", "SHA-256", "SHA-384", "Renewal"}));
  EXPECT_THAT(caps, Each(testing::Not(testing::AnyOf("DES3", "SHA-1", "GetNextCACert"))));
}

TEST_F(ScepTest, GivesItsCertificates) {
  HttpResponse r = Get("operation=GetCACert&message=anything");
  EXPECT_EQ(r.content_type, "application/x-x509-ca-ra-cert");
  auto all = est::ReadCertsOnly(r.body);
  ASSERT_TRUE(all);
  ASSERT_THAT(*all, SizeIs(3));
  EXPECT_EQ((*all)[0].digest(), ra_.digest());
  EXPECT_EQ((*all)[1].digest(), desk_.issuer().digest());
  EXPECT_EQ((*all)[2].digest(), desk_.root().digest());
}

TEST_F(ScepTest, RefusesOtherUrls) {
  EXPECT_EQ(Get("operation=GetCACert", "/scep/lamp").status, 404);
  EXPECT_EQ(Get("operation=GetCACert", "/scep/bulb/more").status, 404);
  EXPECT_EQ(Get("operation=GetCACert", "/other").status, 404);
  EXPECT_EQ(Get("operation=GetNextCACert").status, 400);
  EXPECT_EQ(Get("").status, 400);
  EXPECT_EQ(Get("operation=GetCACaps&operation=GetCACert").status, 400);
  EXPECT_EQ(Get("operation=GetCACaps%zz").status, 400);
  EXPECT_EQ(Get("operation=PKIOperation&message=!!").status, 400);
  EXPECT_EQ(Ask({.method = "PUT", .path = "/scep/bulb", .query = "operation=PKIOperation"}).status,
            405);
  EXPECT_EQ(Ask({.method = "POST", .path = "/scep/bulb", .query = "operation=GetCACert"}).status,
            405);
}

TEST_F(ScepTest, EnrolsRsaAndEcKeys) {
  for (const std::string kind : {"RSA", "EC"}) {
    const std::string serial = "SN-" + kind;
    TestKey me = NewKey(kind, serial);
    Outgoing o;
    o.transaction = kind;
    o.cipher = EVP_aes_256_cbc();
    Incoming in = Enrol(me, serial, "tok:open sesame", o);
    ASSERT_EQ(in.status, "0") << in.fail_text;
    EXPECT_EQ(in.transaction, kind);
    EXPECT_EQ(in.cipher, NID_aes_256_cbc);
    ASSERT_THAT(in.certificates, SizeIs(2));
    EXPECT_EQ(in.certificates[0].subject_serial_number(), serial);
    EXPECT_EQ(in.certificates[1].digest(), desk_.issuer().digest());
    EXPECT_EQ(in.certificates[0].public_key()->spki_digest(),
              me.certificate.public_key()->spki_digest());
    EXPECT_EQ(desk_.enrolments.back().via, "scep");
    EXPECT_EQ(desk_.enrolments.back().caller.kind, Caller::Kind::kToken);
    EXPECT_EQ(desk_.enrolments.back().caller.id, "tok");
    EXPECT_FALSE(desk_.enrolments.back().renewal);
  }
}

TEST_F(ScepTest, TakesTheMessageInAUrl) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  const std::string base64 = ToBase64(MakeMessage(o, me, ra_));
  std::string escaped;
  for (char c : base64) escaped += c == '+' ? "%2B" : c == '/' ? "%2F" : std::string(1, c);
  for (const std::string& message : {escaped, base64}) {
    HttpResponse r = Get("operation=PKIOperation&message=" + message);
    EXPECT_EQ(ReadReply(r.body, me).status, "0");
  }
}

TEST_F(ScepTest, AWrongChallengeIsRefusedInOneWay) {
  TestKey me = NewKey("EC", "SN-1");
  for (const std::string challenge : {"", "tok", "tok:", ":open sesame", "tok:open sesam",
                                      "tok:open sesame ", "nobody:open sesame"}) {
    ExpectFailure(Enrol(me, "SN-1", challenge), "2", "challengePassword is not that of a valid");
  }
  EXPECT_TRUE(desk_.enrolments.empty());
}

TEST_F(ScepTest, ATokenOfAUnitEnrolsThatUnitAlone) {
  TestKey me = NewKey("EC", "SN-6");
  ExpectFailure(Enrol(me, "SN-6", "bound:open sesame"), "2", "another unit");
  // A request without a serial number gets the token's.
  TestKey nameless = NewKey("EC", "");
  Incoming in = Enrol(nameless, "", "bound:open sesame");
  ASSERT_EQ(in.status, "0");
  EXPECT_EQ(in.certificates[0].subject_serial_number(), "SN-5");
}

TEST_F(ScepTest, TheSignerIsTheRequestsKey) {
  TestKey me = NewKey("EC", "SN-1"), other = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = MakeCsr(other.key.get(), "SN-1", "tok:open sesame");
  ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "1", "signer's key is not the request's");
  EXPECT_TRUE(desk_.enrolments.empty());
}

TEST_F(ScepTest, AUnitRenewsWithItsOwnCertificate) {
  for (const std::string type : {"17", "19"}) {
    for (const std::string kind : {"RSA", "EC"}) {
      const std::string serial = "SN-" + kind + type;
      TestKey me = NewKey(kind, serial);
      Outgoing first;
      first.transaction = "first" + serial;
      Incoming in = Enrol(me, serial, "tok:open sesame", first);
      ASSERT_EQ(in.status, "0");
      TestKey holder{Share(me.key), in.certificates[0]};
      TestKey next = NewKey(kind, serial);
      Outgoing o;
      o.type = type;
      o.transaction = "again" + serial;
      o.content = MakeCsr(next.key.get(), serial, "");
      Incoming renewed = Exchange(MakeMessage(o, holder, ra_), holder);
      ASSERT_EQ(renewed.status, "0") << renewed.fail_text;
      EXPECT_EQ(renewed.certificates[0].public_key()->spki_digest(),
                next.certificate.public_key()->spki_digest());
      EXPECT_TRUE(desk_.enrolments.back().renewal);
      EXPECT_EQ(desk_.enrolments.back().caller.id, "bulb/" + serial);
    }
  }
}

TEST_F(ScepTest, RenewalsOfOthersAreRefused) {
  auto device = desk_.Device("SN-1");
  auto foreign = desk_.Foreign("st-1");
  auto station = desk_.Station("st-1");
  TestKey next = NewKey("EC", "SN-2");
  Outgoing o;
  o.type = "17";
  // A unit for another one.
  o.content = MakeCsr(next.key.get(), "SN-2", "");
  TestKey holder{Share(device.key), device.certificate};
  ExpectFailure(Exchange(MakeMessage(o, holder, ra_), holder), "2", "itself alone");
  // A certificate of another PKI, and one of ours that is no unit's.
  for (auto* c : {&foreign, &station}) {
    TestKey who{Share(c->key), c->certificate};
    ExpectFailure(Exchange(MakeMessage(o, who, ra_), who), "2", "no unit's of ours");
  }
  // A self-signed one renews nothing.
  ExpectFailure(Exchange(MakeMessage(o, next, ra_), next), "2", "the certificate it renews");
  // The message's signature is all that a renewal stands on.
  o.hash = EVP_sha1();
  o.content = MakeCsr(next.key.get(), "SN-1", "");
  ExpectFailure(Exchange(MakeMessage(o, holder, ra_), holder), "0", "SHA-256");
}

TEST_F(ScepTest, WaitingSurvivesARestart) {
  desk_.wait = 2;
  TestKey me = NewKey("RSA", "SN-1");
  EXPECT_EQ(Enrol(me, "SN-1", "tok:open sesame").status, "3");
  for (const auto& file : std::filesystem::directory_iterator(Folder())) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(text, AllOf(HasSubstr("SN-1"), testing::Not(HasSubstr("sesame"))));
  }
  Restart();
  Outgoing poll;
  poll.type = "20";
  poll.content = IssuerAndSubject(desk_.issuer(), "SN-1");
  EXPECT_EQ(Exchange(MakeMessage(poll, me, ra_), me).status, "3");
  // Somebody else's poll, and one for another name.
  TestKey other = NewKey("RSA", "SN-1");
  ExpectFailure(Exchange(MakeMessage(poll, other, ra_), other), "4", "no request");
  Outgoing wrong = poll;
  wrong.content = IssuerAndSubject(desk_.issuer(), "SN-2");
  ExpectFailure(Exchange(MakeMessage(wrong, me, ra_), me), "4", "no request");
  wrong.content = Bytes{0x30, 0x00};
  ExpectFailure(Exchange(MakeMessage(wrong, me, ra_), me), "2", "head is missing");

  Restart();
  Incoming in = Exchange(MakeMessage(poll, me, ra_), me);
  ASSERT_EQ(in.status, "0") << in.fail_text;
  EXPECT_EQ(in.certificates[0].subject_serial_number(), "SN-1");
  // The answer was lost: the next poll gets the same certificate.
  Outgoing again = poll;
  again.nonce = Bytes(16, 0x5a);
  Restart();
  EXPECT_EQ(Exchange(MakeMessage(again, me, ra_), me).certificates[0].digest(),
            in.certificates[0].digest());
}

TEST_F(ScepTest, ARenewalWaitsAsWell) {
  auto device = desk_.Device("SN-1");
  TestKey holder{Share(device.key), device.certificate}, next = NewKey("EC", "SN-1");
  desk_.wait = 1;
  Outgoing o;
  o.type = "17";
  o.content = MakeCsr(next.key.get(), "SN-1", "");
  EXPECT_EQ(Exchange(MakeMessage(o, holder, ra_), holder).status, "3");
  o.type = "20";
  o.content = IssuerAndSubject(desk_.issuer(), "SN-1");
  Incoming in = Exchange(MakeMessage(o, holder, ra_), holder);
  ASSERT_EQ(in.status, "0") << in.fail_text;
  EXPECT_TRUE(desk_.enrolments.back().renewal);
}

TEST_F(ScepTest, APollWithoutARequestFindsNothing) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing poll;
  poll.type = "20";
  poll.content = IssuerAndSubject(desk_.issuer(), "SN-1");
  ExpectFailure(Exchange(MakeMessage(poll, me, ra_), me), "4", "no request");
}

TEST_F(ScepTest, AReplayGetsTheSameAnswerAndNothingNew) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  const Bytes message = MakeMessage(o, me, ra_);
  HttpResponse first = Post(message), second = Post(message);
  EXPECT_EQ(first.body, second.body);
  EXPECT_THAT(desk_.enrolments, SizeIs(1));
}

TEST_F(ScepTest, ATransactionStaysWithItsKey) {
  TestKey me = NewKey("EC", "SN-1"), other = NewKey("EC", "SN-2");
  EXPECT_EQ(Enrol(me, "SN-1", "tok:open sesame").status, "0");
  ExpectFailure(Enrol(other, "SN-2", "tok:open sesame"), "2", "another key");
  // One that waits as well.
  desk_.wait = 1;
  Outgoing o;
  o.transaction = "T-2";
  EXPECT_EQ(Enrol(NewKey("EC", "SN-3"), "SN-3", "tok:open sesame", o).status, "3");
  ExpectFailure(Enrol(other, "SN-2", "tok:open sesame", o), "2", "another key");
  EXPECT_THAT(desk_.enrolments, SizeIs(2));
}

TEST_F(ScepTest, OldAlgorithms) {
  TestKey me = NewKey("RSA", "SN-1");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  o.cipher = EVP_des_ede3_cbc();
  o.hash = EVP_sha1();
  ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "0", "AES");
  EXPECT_TRUE(desk_.enrolments.empty());
  // Inside TLS the token is safe without the envelope; the answer is AES and SHA-256 all the same.
  Incoming in = Exchange(MakeMessage(o, me, ra_), me, true);
  ASSERT_EQ(in.status, "0") << in.fail_text;
  EXPECT_EQ(in.cipher, NID_aes_128_cbc);
  o.hash = EVP_md5();
  o.cipher = EVP_aes_128_cbc();
  ExpectFailure(Exchange(MakeMessage(o, me, ra_), me, true), "0", "SHA-256");
}

TEST_F(ScepTest, WhatIsNotServed) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  for (const std::string type : {"21", "22"}) {
    o.type = type;
    o.content = Bytes{0x30, 0x00};
    ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "2", "GetCert and GetCRL");
  }
  for (const std::string type : {"3", "18", "x", "190"}) {
    o.type = type;
    ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "2", "messageType");
  }
}

TEST_F(ScepTest, BadRequestsInGoodEnvelopes) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = ToBytes("no request");
  ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "2", "PKCS #10");
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  o.content.back() ^= 1;
  Incoming in = Exchange(MakeMessage(o, me, ra_), me);
  EXPECT_EQ(in.status, "2");
  EXPECT_EQ(in.fail_info, "1");
  EXPECT_THAT(in.fail_text, testing::Not(HasSubstr("sesame")));
}

TEST_F(ScepTest, ForeignRecipientsAreNotOpened) {
  TestKey me = NewKey("RSA", "SN-1"), elsewhere = NewKey("RSA", "RA");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  ExpectFailure(Exchange(MakeMessage(o, me, elsewhere.certificate), me), "1", "cannot be opened");
}

TEST_F(ScepTest, MalformedMessages) {
  TestKey me = NewKey("EC", "SN-1");
  EXPECT_EQ(Post({}).status, 400);
  EXPECT_EQ(Post(ToBytes("hello")).status, 400);
  EXPECT_EQ(Post(Bytes(64 * 1024 + 1, 0x30)).status, 413);
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  o.without_nonce = true;
  EXPECT_EQ(Post(MakeMessage(o, me, ra_)).status, 400);
  o.without_nonce = false;
  o.nonce = Bytes(8, 1);
  EXPECT_EQ(Post(MakeMessage(o, me, ra_)).status, 400);
  o.nonce = Bytes(16, 0x5a);
  o.transaction = std::string(300, 'x');
  EXPECT_EQ(Post(MakeMessage(o, me, ra_)).status, 400);
  o.transaction = "a\nb";
  EXPECT_EQ(Post(MakeMessage(o, me, ra_)).status, 400);
  o.transaction = "T-1";
  o.type_twice = true;
  ExpectFailure(Exchange(MakeMessage(o, me, ra_), me), "2", "messageType");
  EXPECT_TRUE(desk_.enrolments.empty());
}

// CMS leaves a version and a list of digests unsigned; with those changed the message is the same
// one. Whatever is changed, nobody else is enrolled and nothing else is answered.
TEST_F(ScepTest, ChangedMessagesEnrolNobodyElse) {
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  const Bytes good = MakeMessage(o, me, ra_);
  for (size_t at = 0; at < good.size(); at += 7) {
    Bytes changed = good;
    changed[at] ^= 0x20;
    HttpResponse r = Post(changed);
    EXPECT_TRUE(r.status == 400 || r.status == 200) << r.note;
    Bytes cut(good.begin(), good.begin() + static_cast<long>(at));
    EXPECT_EQ(Post(cut).status, 400);
  }
  EXPECT_LT(desk_.enrolments.size(), good.size() / 70);  // of every seventh octet, a tenth
  for (const Enrolment& e : desk_.enrolments) {
    EXPECT_EQ(e.key.spki_digest(), me.certificate.public_key()->spki_digest());
    EXPECT_EQ(e.serial, "SN-1");
    EXPECT_EQ(e.caller.id, "tok");
  }
}

TEST_F(ScepTest, TheDesksWord) {
  TestKey me = NewKey("EC", "SN-1");
  struct {
    const char* code;
    const char* info;
  } kCases[] = {{"enroll.locked", "2"},
                {"enroll.not-authorised", "2"},
                {"enroll.bad-request", "2"},
                {"name.value", "2"},
                {"enroll.unknown", "4"}};
  for (const auto& c : kCases) {
    desk_.refusal = Error{ErrorKind::kNegative, c.code, "the desk's word", ""};
    ExpectFailure(Enrol(me, "SN-1", "tok:open sesame"), c.info, "the desk's word");
  }
  desk_.refusal = Error{ErrorKind::kEnvironment, "disk.full", "inside", ""};
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  HttpResponse r = Post(MakeMessage(o, me, ra_));
  EXPECT_EQ(r.status, 500);
  EXPECT_THAT(std::string(AsText(r.body)), testing::Not(HasSubstr("inside")));
  EXPECT_THAT(r.note, HasSubstr("disk.full"));
}

TEST_F(ScepTest, TheDeskMayAnswerLater) {
  std::vector<std::function<void()>> queue;
  desk_.later = [&](std::function<void()> f) { queue.push_back(std::move(f)); };
  TestKey me = NewKey("EC", "SN-1");
  Outgoing o;
  o.content = MakeCsr(me.key.get(), "SN-1", "tok:open sesame");
  HttpRequest request{.method = "POST", .path = "/scep/bulb", .query = "operation=PKIOperation"};
  request.body = MakeMessage(o, me, ra_);
  std::optional<HttpResponse> got;
  scep_->Handle(std::move(request), [&](HttpResponse r) { got = std::move(r); });
  EXPECT_FALSE(got);
  scep_.reset();  // the server goes; the answer still comes
  ASSERT_THAT(queue, SizeIs(1));
  queue.front()();
  ASSERT_TRUE(got);
  EXPECT_EQ(ReadReply(got->body, me).status, "0");
}

}  // namespace
}  // namespace birthmark::enroll::scep
