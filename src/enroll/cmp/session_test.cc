// SPDX-License-Identifier: Apache-2.0
// The protocol's states and its refusals, message by message, without a socket.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/files.h"
#include "enroll/cmp/cmp.h"
#include "enroll/cmp/test_client.h"
#include "tests/support/temp_dir.h"

namespace birthmark::enroll::cmp::test {
namespace {

using crypto::Algorithm;
using crypto::SoftwareSigner;

SoftwareSigner& NewKey() {
  static std::vector<std::unique_ptr<SoftwareSigner>> all;
  all.push_back(std::move(*SoftwareSigner::Generate(Algorithm::kEcdsaP256)));
  return *all.back();
}

class CmpSession : public ::testing::Test {
 protected:
  void SetUp() override {
    desk_.AddToken("tok1", "correct horse battery");
    desk_.AddToken("tok2", "another secret");
    options_.clock = &clock_;
    options_.folder = dir_ / "open";
    options_.log = [this](const Error& e, const std::string&) { logged_.push_back(e.code); };
    Restart();
  }
  void Restart() {
    cmp_.reset();
    cmp_ = std::move(*Cmp::Make(desk_, options_));
  }
  TestClient Token() { return TestClient("tok1", "correct horse battery"); }
  size_t Files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(dir_ / "open"), fs::directory_iterator()));
  }
  static void ExpectError(const Got& g, FailBit bit) {
    EXPECT_EQ(g.http, 200);
    EXPECT_EQ(g.type, Body::kError);
    EXPECT_TRUE(g.is_protected);
    EXPECT_EQ(g.status, 2);
    EXPECT_EQ(g.fail, bit);
  }
  static void ExpectRejected(const Got& g, FailBit bit) {
    EXPECT_TRUE(g.type == Body::kIp || g.type == Body::kCp || g.type == Body::kKup ||
                g.type == Body::kRp);
    EXPECT_TRUE(g.is_protected);
    EXPECT_EQ(g.status, 2);
    EXPECT_EQ(g.fail, bit);
    EXPECT_TRUE(g.certificate.empty());
  }

  birthmark::test::TempDir dir_;
  ManualClock clock_{SystemClock().Now()};
  TestDesk desk_;
  Options options_;
  std::vector<std::string> logged_;
  std::unique_ptr<Cmp> cmp_;
};

TEST_F(CmpSession, EnrolsAndConfirmsInBothModes) {
  TestClient station(desk_.Station("s"));
  TestClient token = Token();
  int n = 0;
  for (TestClient* c : {&station, &token}) {
    const std::string serial = "U-" + std::to_string(++n);
    Got g = c->Ask(*cmp_, Body::kIr, CertReqBody({.serial = serial, .key = &NewKey()}));
    ASSERT_EQ(g.type, Body::kIp);
    EXPECT_TRUE(g.is_protected);
    EXPECT_EQ(g.by_mac, c == &token);
    EXPECT_EQ(g.status, 0);
    EXPECT_EQ(cmp_->open(), 1u);
    EXPECT_EQ(Files(), 1u);
    // A root is taken from caPubs because of the secret, so only there.
    EXPECT_EQ(!g.ca_pub.empty(), c == &token);
    Got done = c->Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate));
    EXPECT_EQ(done.type, Body::kPkiConf);
    EXPECT_TRUE(done.is_protected);
    EXPECT_EQ(cmp_->open(), 0u);
    EXPECT_EQ(Files(), 0u);
    EXPECT_EQ(desk_.confirmed.size(), static_cast<size_t>(n));
  }
}

TEST_F(CmpSession, AnswersTheSameMessageAgain) {
  TestClient c = Token();
  c.NewTransaction();
  const Bytes ir = c.Write(Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  const HttpResponse first = Post(*cmp_, ir), second = Post(*cmp_, ir);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(desk_.enrolments.size(), 1u);
  Got g = c.Read(first);
  c.recipient_nonce.assign(g.message.header.sender_nonce.begin(),
                           g.message.header.sender_nonce.end());
  const Bytes confirm = c.Write(Body::kCertConf, CertConfBody(g.certificate));
  EXPECT_EQ(c.Read(Post(*cmp_, confirm)).type, Body::kPkiConf);
  EXPECT_EQ(c.Read(Post(*cmp_, confirm)).type, Body::kPkiConf);
  EXPECT_EQ(desk_.confirmed.size(), 1u);
  // Played again when all is over, and another message of the same transaction.
  ExpectError(c.Read(Post(*cmp_, ir)), FailBit::kTransactionIdInUse);
  ExpectError(c.Read(Post(*cmp_, c.Write(Body::kCertConf, CertConfBody(g.certificate)))),
              FailBit::kCertConfirmed);
  EXPECT_EQ(desk_.enrolments.size(), 1u);
}

TEST_F(CmpSession, ConfirmationIsOfThisCertificateAndAnswer) {
  TestClient c = Token();
  Got g = c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  const Bytes nonce = c.recipient_nonce;
  ExpectError(c.Ask(*cmp_, Body::kCertConf, CertConfBody(desk_.root().der())), FailBit::kBadCertId);
  c.recipient_nonce = Bytes(16, 7);
  ExpectError(c.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate)),
              FailBit::kBadRecipientNonce);
  c.recipient_nonce = nonce;
  ExpectError(c.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate, 5)), FailBit::kBadRequest);
  c.recipient_nonce = nonce;
  ExpectError(c.Ask(*cmp_, Body::kPollReq, PollBody()), FailBit::kBadRequest);
  c.recipient_nonce = nonce;
  // Who knows another secret does not even see the transaction.
  TestClient other("tok2", "another secret");
  other.transaction_id = c.transaction_id;
  other.recipient_nonce = nonce;
  ExpectError(other.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate)), FailBit::kBadRequest);
  EXPECT_TRUE(desk_.confirmed.empty());
  EXPECT_EQ(c.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate, 0, false)).type,
            Body::kPkiConf);
  EXPECT_EQ(desk_.declined.size(), 1u);
}

TEST_F(CmpSession, AClientThatGivesUpDeclines) {
  TestClient c = Token();
  (void)c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  const Bytes error = {0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02};
  EXPECT_EQ(c.Ask(*cmp_, Body::kError, error).type, Body::kPkiConf);
  EXPECT_EQ(desk_.declined.size(), 1u);
  EXPECT_EQ(cmp_->open(), 0u);
}

TEST_F(CmpSession, NotConfirmedInTimeTellsTheDeskNothing) {
  TestClient c = Token();
  Got g = c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  clock_.Advance(std::chrono::seconds(301));
  c.time = clock_.Now();
  ExpectError(c.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate)), FailBit::kBadRequest);
  EXPECT_TRUE(desk_.confirmed.empty());
  EXPECT_TRUE(desk_.declined.empty());
  EXPECT_TRUE(desk_.Live("U-1"));
  EXPECT_EQ(cmp_->open(), 0u);
  EXPECT_EQ(Files(), 0u);
}

TEST_F(CmpSession, PollsOverARestart) {
  TestClient station(desk_.Station("s"));
  TestClient token = Token();
  int n = 0;
  for (TestClient* c : {&station, &token}) {
    desk_.wait = 2;
    const std::string serial = "U-" + std::to_string(++n);
    Got g = c->Ask(*cmp_, Body::kCr, CertReqBody({.serial = serial, .key = &NewKey()}));
    EXPECT_EQ(g.type, Body::kCp);
    EXPECT_EQ(g.status, 3);
    Restart();
    EXPECT_EQ(cmp_->open(), 1u);
    EXPECT_EQ(c->Ask(*cmp_, Body::kPollReq, PollBody()).type, Body::kPollRep);
    Restart();
    g = c->Ask(*cmp_, Body::kPollReq, PollBody());
    ASSERT_EQ(g.type, Body::kCp);
    ASSERT_FALSE(g.certificate.empty());
    Restart();
    EXPECT_EQ(c->Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate)).type, Body::kPkiConf);
    EXPECT_EQ(Files(), 0u);
  }
  EXPECT_EQ(desk_.confirmed.size(), 2u);
}

TEST_F(CmpSession, NoSecretIsInAFile) {
  desk_.wait = 1;
  TestClient c = Token();
  (void)c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  (void)Token().Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-2", .key = &NewKey()}));
  EXPECT_EQ(Files(), 2u);
  for (const auto& f : fs::directory_iterator(dir_ / "open")) {
    std::ifstream in(f.path());
    const std::string all(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(all.find("horse"), std::string::npos);
    EXPECT_EQ(fs::status(f.path()).permissions() & fs::perms::all,
              fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST_F(CmpSession, BrokenAndOldFilesAreRemoved) {
  desk_.wait = 3;
  for (int i = 0; i < 3; ++i) {
    (void)Token().Ask(*cmp_, Body::kIr,
                      CertReqBody({.serial = "U-" + std::to_string(i), .key = &NewKey()}));
  }
  std::vector<fs::path> files;
  for (const auto& f : fs::directory_iterator(dir_ / "open")) files.push_back(f.path());
  ASSERT_EQ(files.size(), 3u);
  fs::resize_file(files[0], fs::file_size(files[0]) - 1);
  std::fstream(files[1], std::ios::in | std::ios::out).seekp(40).put('\x55');
  Restart();
  EXPECT_EQ(cmp_->open(), 1u);
  EXPECT_EQ(Files(), 1u);
  clock_.Advance(std::chrono::hours(8 * 24));
  Restart();
  EXPECT_EQ(cmp_->open(), 0u);
  EXPECT_EQ(Files(), 0u);
}

TEST_F(CmpSession, TransactionsAreBounded) {
  options_.max_open = 3;
  options_.max_open_each = 2;
  Restart();
  int n = 0;
  const auto begin = [&](const std::string& ref, const std::string& secret) {
    return TestClient(ref, secret)
        .Ask(*cmp_, Body::kIr,
             CertReqBody({.serial = "U-" + std::to_string(++n), .key = &NewKey()}));
  };
  EXPECT_EQ(begin("tok1", "correct horse battery").type, Body::kIp);
  EXPECT_EQ(begin("tok1", "correct horse battery").type, Body::kIp);
  ExpectError(begin("tok1", "correct horse battery"), FailBit::kSystemUnavail);
  EXPECT_EQ(begin("tok2", "another secret").type, Body::kIp);
  ExpectError(begin("tok2", "another secret"), FailBit::kSystemUnavail);
  // They make room when their time is over.
  clock_.Advance(std::chrono::seconds(301));
  TestClient c = Token();
  c.time = clock_.Now();
  EXPECT_EQ(c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-9", .key = &NewKey()})).type,
            Body::kIp);
}

TEST_F(CmpSession, ProtectionIsChecked) {
  const Bytes ir = CertReqBody({.serial = "U-1", .key = &NewKey()});
  ExpectError(TestClient("tok1", "wrong").Ask(*cmp_, Body::kIr, ir), FailBit::kBadMessageCheck);
  ExpectError(TestClient("no-such", "wrong").Ask(*cmp_, Body::kIr, ir), FailBit::kBadMessageCheck);
  // Nobody gets a MAC under a secret that was not shown.
  EXPECT_FALSE(TestClient("tok1", "wrong").Ask(*cmp_, Body::kIr, ir).by_mac);
  TestClient naked = Token();
  naked.unprotected = true;
  ExpectError(naked.Ask(*cmp_, Body::kIr, ir), FailBit::kBadMessageCheck);
  TestClient cheap = Token();
  cheap.iterations = 99;
  ExpectError(cheap.Ask(*cmp_, Body::kIr, ir), FailBit::kBadAlg);
  cheap.iterations = 10'001;
  ExpectError(cheap.Ask(*cmp_, Body::kIr, ir), FailBit::kBadAlg);
  TestClient alone(desk_.Station("alone"));
  alone.with_certificates = false;
  ExpectError(alone.Ask(*cmp_, Body::kIr, ir), FailBit::kSignerNotTrusted);
  for (const TestDesk::Credential& c : {desk_.Foreign("f"), desk_.Expired("e")}) {
    TestClient bad(c);
    ExpectError(bad.Ask(*cmp_, Body::kIr, ir), FailBit::kSignerNotTrusted);
  }
  EXPECT_TRUE(desk_.enrolments.empty());
}

TEST_F(CmpSession, NoChangedOctetPasses) {
  TestClient station(desk_.Station("s"));
  TestClient token = Token();
  const Bytes ir = CertReqBody({.serial = "U-1", .key = &NewKey()});
  for (TestClient* c : {&station, &token}) {
    for (int i = 0; i < 120; ++i) {
      c->NewTransaction();
      c->flip = i * 3;
      const HttpResponse r = Post(*cmp_, c->Write(Body::kIr, ir));
      if (r.status == 400) continue;
      EXPECT_EQ(c->Read(r).type, Body::kError);
    }
  }
  EXPECT_TRUE(desk_.enrolments.empty());
}

TEST_F(CmpSession, HeadersAreChecked) {
  const Bytes ir = CertReqBody({.serial = "U-1", .key = &NewKey()});
  TestClient c = Token();
  c.version = 1;
  ExpectError(c.Ask(*cmp_, Body::kIr, ir), FailBit::kUnsupportedVersion);
  c.version = 3;
  c.transaction_id = Bytes(4, 1);
  ExpectError(c.Ask(*cmp_, Body::kIr, ir), FailBit::kBadRequest);
  c.NewTransaction();
  c.nonce_size = 8;
  ExpectError(c.Ask(*cmp_, Body::kIr, ir), FailBit::kBadSenderNonce);
  c.nonce_size = 16;
  c.time = clock_.Now() - std::chrono::seconds(1000);
  ExpectError(c.Ask(*cmp_, Body::kIr, ir), FailBit::kBadTime);
  c.time = clock_.Now() + std::chrono::seconds(1000);
  ExpectError(c.Ask(*cmp_, Body::kIr, ir), FailBit::kBadTime);
  c.time.reset();
  c.profile = "gold";
  ExpectRejected(c.Ask(*cmp_, Body::kIr, ir), FailBit::kUnacceptedPolicy);
  ExpectError(c.Ask(*cmp_, Body::kPkiConf, Bytes{5, 0}), FailBit::kBadRequest);
  EXPECT_TRUE(desk_.enrolments.empty());
  c.profile = "idevid";
  EXPECT_EQ(c.Ask(*cmp_, Body::kIr, ir).type, Body::kIp);
}

TEST_F(CmpSession, PossessionIsProved) {
  SoftwareSigner &key = NewKey(), &other = NewKey();
  TestClient token = Token();
  const auto ask = [&](TestClient& c, CertAsk a) {
    c.NewTransaction();
    return c.Ask(*cmp_, Body::kIr, CertReqBody(a));
  };
  ExpectRejected(ask(token, {.serial = "U-1", .key = &key, .proof_key = &other}), FailBit::kBadPop);
  ExpectRejected(ask(token, {.serial = "U-1", .key = &key, .popo = -1}), FailBit::kBadPop);
  ExpectRejected(ask(token, {.serial = "U-1", .key = &key, .popo = 0}), FailBit::kBadPop);
  TestClient device(desk_.Device("U-8"));
  ExpectRejected(ask(device, {.serial = "U-8", .key = &key, .popo = 0}), FailBit::kBadPop);
  desk_.enrolments.clear();
  ExpectError(ask(token, {.serial = "U-1", .key = &key, .times = 2}), FailBit::kBadRequest);
  EXPECT_TRUE(desk_.enrolments.empty());
  TestClient station(desk_.Station("s"));
  EXPECT_EQ(ask(station, {.serial = "U-1", .key = &key, .popo = 0}).type, Body::kIp);
  EXPECT_EQ(desk_.enrolments.back().proof, "ra-verified");
}

TEST_F(CmpSession, TheDesksRefusalsHaveTheirBits) {
  TestClient c = Token();
  const auto with = [&](const std::string& code) {
    desk_.refusal = Error{ErrorKind::kNegative, code, "why", ""};
    c.NewTransaction();
    return c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  };
  ExpectRejected(with("enroll.not-authorised"), FailBit::kNotAuthorized);
  ExpectRejected(with("enroll.locked"), FailBit::kDuplicateCertReq);
  ExpectRejected(with("enroll.bad-request"), FailBit::kBadCertTemplate);
  EXPECT_TRUE(logged_.empty());
  // Its own trouble is logged and not told.
  Got g = with("ledger.full");
  ExpectRejected(g, FailBit::kSystemFailure);
  EXPECT_EQ(logged_, std::vector<std::string>{"ledger.full"});
  EXPECT_EQ(AsText(g.data).find("why"), std::string_view::npos);
  EXPECT_EQ(cmp_->open(), 0u);
}

TEST_F(CmpSession, UpdatesAndRevocationsAreOfTheHolder) {
  TestDesk::Credential unit = desk_.Device("U-1"), other = desk_.Device("U-2");
  TestClient device(unit), person(desk_.Person("p")), station(desk_.Station("s"));
  TestClient token = Token();
  const auto update = [&](TestClient& c, std::string serial,
                          std::optional<crypto::Certificate> old) {
    c.NewTransaction();
    return c.Ask(*cmp_, Body::kKur,
                 CertReqBody({.serial = std::move(serial), .key = &NewKey(), .old = old}));
  };
  ExpectRejected(update(device, "U-1", other.certificate), FailBit::kNotAuthorized);
  ExpectRejected(update(device, "U-2", unit.certificate), FailBit::kNotAuthorized);
  ExpectRejected(update(device, "U-2", {}), FailBit::kNotAuthorized);
  ExpectRejected(update(token, "U-1", unit.certificate), FailBit::kNotAuthorized);
  const auto revoke = [&](TestClient& c, const crypto::Certificate& which) {
    c.NewTransaction();
    return c.Ask(*cmp_, Body::kRr, RevocationBody(which, 4));
  };
  ExpectRejected(revoke(device, other.certificate), FailBit::kNotAuthorized);
  ExpectRejected(revoke(device, desk_.issuer()), FailBit::kNotAuthorized);
  ExpectRejected(revoke(token, unit.certificate), FailBit::kNotAuthorized);
  // Roles are the desk's to know.
  ExpectRejected(revoke(station, other.certificate), FailBit::kNotAuthorized);
  ExpectRejected(revoke(person, desk_.root()), FailBit::kBadCertId);
  EXPECT_TRUE(desk_.revocations.empty());
  EXPECT_EQ(desk_.Live("U-1")->digest(), unit.certificate.digest());

  Got g = update(station, "U-2", other.certificate);
  EXPECT_EQ(g.type, Body::kKup);
  EXPECT_FALSE(g.certificate.empty());
  g = update(device, "", {});
  EXPECT_EQ(g.type, Body::kKup);
  EXPECT_EQ(desk_.enrolments.back().serial, "U-1");
  EXPECT_TRUE(desk_.enrolments.back().renewal);
  g = revoke(device, unit.certificate);
  EXPECT_EQ(g.type, Body::kRp);
  EXPECT_EQ(g.status, 0);
  ASSERT_EQ(desk_.revocations.size(), 1u);
  EXPECT_EQ(desk_.revocations[0].reason, 4);
}

TEST_F(CmpSession, ARevocationPlayedAgainIsRefused) {
  TestClient person(desk_.Person("p"));
  TestDesk::Credential unit = desk_.Device("U-1");
  person.NewTransaction();
  const Bytes rr = person.Write(Body::kRr, RevocationBody(unit.certificate, 6));
  EXPECT_EQ(person.Read(Post(*cmp_, rr)).status, 0);
  ExpectError(person.Read(Post(*cmp_, rr)), FailBit::kTransactionIdInUse);
  EXPECT_EQ(desk_.revocations.size(), 1u);
}

TEST_F(CmpSession, QuestionsAreAnsweredOrLeftOut) {
  TestClient c = Token();
  const auto bytes = [](const auto& oid) { return Bytes(oid.begin(), oid.end()); };
  Got g = c.Ask(*cmp_, Body::kGenm,
                GeneralBody({bytes(oid::kCaCerts), bytes(oid::InfoType(6)),
                             bytes(oid::kCertReqTemplate), bytes(oid::kRootCaCert)}));
  ASSERT_EQ(g.type, Body::kGenp);
  const std::string_view body = AsText(g.message.body);
  EXPECT_NE(body.find(AsText(desk_.issuer().der())), std::string_view::npos);
  EXPECT_NE(body.find(AsText(desk_.root().der())), std::string_view::npos);
  EXPECT_NE(body.find("Acme Light"), std::string_view::npos);
  EXPECT_EQ(body.find(AsText(oid::InfoType(6))), std::string_view::npos);
  g = c.Ask(*cmp_, Body::kGenm, GeneralBody({}));
  EXPECT_EQ(g.type, Body::kGenp);
}

TEST_F(CmpSession, TheDeskMayAnswerFromAnotherThreadAndLate) {
  std::vector<std::thread> threads;
  std::mutex m;
  desk_.later = [&](std::function<void()> run) {
    std::lock_guard lock(m);
    threads.emplace_back(std::move(run));
  };
  TestClient c = Token();
  Got g = c.Ask(*cmp_, Body::kIr, CertReqBody({.serial = "U-1", .key = &NewKey()}));
  EXPECT_EQ(c.Ask(*cmp_, Body::kCertConf, CertConfBody(g.certificate)).type, Body::kPkiConf);
  for (std::thread& t : threads) t.join();
  threads.clear();

  // While the desk thinks, a second message of the same transaction is turned away.
  std::vector<std::function<void()>> held;
  desk_.later = [&](std::function<void()> run) { held.push_back(std::move(run)); };
  c.NewTransaction();
  const Bytes ir = c.Write(Body::kIr, CertReqBody({.serial = "U-2", .key = &NewKey()}));
  HttpRequest r;
  r.method = "POST";
  r.path = "/.well-known/cmp";
  r.content_type = "application/pkixcmp";
  r.body = ir;
  std::optional<HttpResponse> late;
  cmp_->Handle(std::move(r), [&](HttpResponse answer) { late = std::move(answer); });
  EXPECT_FALSE(late);
  ExpectError(c.Read(Post(*cmp_, ir, "/.well-known/cmp")), FailBit::kTransactionIdInUse);
  ASSERT_EQ(held.size(), 1u);
  held[0]();
  ASSERT_TRUE(late);
  EXPECT_EQ(c.Read(*late).type, Body::kIp);
}

TEST_F(CmpSession, HttpIsRefusedAsHttp) {
  const std::string bulb = "/.well-known/cmp/p/bulb", type = "application/pkixcmp";
  const auto status = [&](const std::string& method, const std::string& path,
                          const std::string& content_type, size_t octets) {
    HttpRequest r;
    r.method = method;
    r.path = path;
    r.content_type = content_type;
    r.body = Bytes(octets, 0x30);
    int s = 0;
    cmp_->Handle(std::move(r), [&](HttpResponse a) { s = a.status; });
    return s;
  };
  EXPECT_EQ(status("GET", bulb, "", 0), 405);
  EXPECT_EQ(status("POST", bulb, "text/plain", 10), 415);
  EXPECT_EQ(status("POST", bulb, type, 0), 400);
  EXPECT_EQ(status("POST", bulb, type, 10), 400);
  EXPECT_EQ(status("POST", bulb, "Application/PKIXCMP ; x=y", 10), 400);
  EXPECT_EQ(status("POST", bulb, type, kMaxMessage + 1), 413);
  for (const char* path : {"/.well-known/cmp/p/lamp", "/.well-known/cmp/p/", "/.well-known/cmp/x",
                           "/.well-known/cmp/p/bulb/x", "/.well-known/cmpx", "/"}) {
    EXPECT_EQ(status("POST", path, type, 10), 404) << path;
  }
  // A path may name the operation, and then takes no other.
  TestClient c = Token();
  c.NewTransaction();
  const Bytes ir = CertReqBody({.serial = "U-1", .key = &NewKey()});
  ExpectError(c.Read(Post(*cmp_, c.Write(Body::kIr, ir), "/.well-known/cmp/p/bulb/certification")),
              FailBit::kBadRequest);
  c.NewTransaction();
  EXPECT_EQ(
      c.Read(Post(*cmp_, c.Write(Body::kIr, ir), "/.well-known/cmp/p/bulb/initialization/")).type,
      Body::kIp);
}

}  // namespace
}  // namespace birthmark::enroll::cmp::test
