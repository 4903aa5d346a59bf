// SPDX-License-Identifier: Apache-2.0
// The desk behind the protocols: who gets a certificate, once; who is refused and how; what stands
// in the log afterwards; and the loan of the log to another command.
#include "app/enrol_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "app/lend.h"
#include "app/test_workspace.h"
#include "app/unit_keys.h"
#include "app/vendor_roots.h"
#include "attest/event.h"
#include "attest/facts.h"
#include "attest/test_tpm.h"
#include "crypto/software_signer.h"

namespace birthmark::app {
namespace {

using enroll::Caller;
using testing::HasSubstr;

struct EnrolDeskTest : testing::Test {
  void SetUp() override {
    std::string text = PlanText("bmc");
    Replace(text, "transfer = \"mechanically-transferred\"", "transfer = \"network-transferred\"");
    ws = CopyOf(bench, text);
    auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    ASSERT_TRUE(f) << f.error().ToString();
    factory = std::move(*f);
  }
  // Serve gives the log to a queue and opens a desk on it.
  void Serve() {
    queue = std::make_unique<ledger::WriterQueue>(std::move(factory->log));
    auto made = EnrolDesk::Make({.queue = *queue,
                                 .keys = *factory->keys.online,
                                 .log_dir = factory->layout.ledger(),
                                 .marks = factory->marks,
                                 .clock = clock,
                                 .context = factory->context});
    ASSERT_TRUE(made) << made.error().ToString();
    desk = std::move(*made);
  }
  NewToken Token(TokenOptions options = {}) {
    auto tokens = IssueTokens(*factory, options, clock);
    if (!tokens) std::abort();
    return std::move(tokens->front());
  }
  static crypto::PublicKey NewKey() {
    return (*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256))->public_key();
  }
  Result<enroll::Granted> Enrol(const Caller& caller, const std::string& serial,
                                const crypto::PublicKey& key, bool renewal = false) {
    std::promise<Result<enroll::Granted>> result;
    desk->Enrol({.product = "",
                 .via = "est",
                 .caller = caller,
                 .serial = serial,
                 .key = key,
                 .renewal = renewal},
                [&](Result<enroll::Granted> r) { result.set_value(std::move(r)); });
    return result.get_future().get();
  }
  Status Revoke(const Caller& caller, const Bytes& serial, int reason) {
    std::promise<Status> result;
    desk->Revoke(
        {.product = "", .via = "cmp", .caller = caller, .serial = serial, .reason = reason},
        [&](Status s) { result.set_value(std::move(s)); });
    return result.get_future().get();
  }
  static Caller ByToken(const std::string& id) {
    return {.kind = Caller::Kind::kToken, .id = id, .certificate = std::nullopt};
  }
  Caller ByDevice(const Bytes& der) {
    auto c = crypto::Certificate::FromDer(der);
    auto caller = desk->CallerOf(*c, {});
    if (!caller) {
      ADD_FAILURE() << caller.error().ToString();
      std::abort();
    }
    return *caller;
  }
  std::string StateOf(const Bytes& der) {
    auto c = crypto::Certificate::FromDer(der);
    auto reader = OpenReader(ws);
    auto row = (*reader)->registry().IdentityBySerial(c->serial());
    return row && *row ? (*row)->state : "none";
  }
  static std::string CodeOf(const auto& r) { return r ? "granted" : r.error().code; }

  Bench bench;
  SystemClock clock;
  fs::path ws;
  std::unique_ptr<Factory> factory;
  std::unique_ptr<ledger::WriterQueue> queue;
  std::unique_ptr<EnrolDesk> desk;
};

TEST_F(EnrolDeskTest, ATokenEnrolsOneUnitOnce) {
  NewToken token = Token();
  Serve();
  crypto::PublicKey key = NewKey();
  auto first = Enrol(ByToken(token.id), "BMC-0001", key);
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(StateOf(first->certificate), "issued");
  // A lost reply: the same key gets the same certificate and the token is not used twice.
  auto again = Enrol(ByToken(token.id), "BMC-0001", key);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->certificate, first->certificate);
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0002", NewKey())), "enroll.not-authorised");
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0001", NewKey())), "enroll.not-authorised");
  auto tokens = TokensOf(**OpenReader(ws));
  EXPECT_EQ(tokens->at(token.id).used, 1u);
}

TEST_F(EnrolDeskTest, ATokenOfOneUnitIsNoneForAnother) {
  NewToken token = Token({.serial = "BMC-0007"});
  Serve();
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0008", NewKey())), "enroll.not-authorised");
  auto r = Enrol(ByToken(token.id), "", NewKey());
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(crypto::Certificate::FromDer(r->certificate)->subject_serial_number(), "BMC-0007");
}

TEST_F(EnrolDeskTest, TwoUnitsWithOneKeyAndASecondKeyForOneUnitAreRefused) {
  NewToken token = Token({.uses = 5});
  Serve();
  crypto::PublicKey key = NewKey();
  ASSERT_TRUE(Enrol(ByToken(token.id), "BMC-0001", key));
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0001", NewKey())), "enroll.locked");
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "OTHER-1", NewKey())), "enroll.bad-request");
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0002", key)), "enroll.bad-request");
  // A key that two units have stops the lot, now and over a restart.
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0003", NewKey())), "enroll.wait");
  ASSERT_TRUE(desk->Reload());
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0003", NewKey())), "enroll.wait");
  // What was refused used nothing up.
  EXPECT_EQ(TokensOf(**OpenReader(ws))->at(token.id).used, 1u);
  EXPECT_EQ(desk->counters().granted, 1u);
}

TEST_F(EnrolDeskTest, NobodyAndARevokedTokenGetNothing) {
  NewToken token = Token();
  ASSERT_TRUE(RevokeToken(*factory, token.id, "lost", clock));
  Serve();
  EXPECT_EQ(CodeOf(Enrol({}, "BMC-0001", NewKey())), "enroll.not-authorised");
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0001", NewKey())), "enroll.not-authorised");
  EXPECT_FALSE(desk->TokenSecret(token.id));
}

TEST_F(EnrolDeskTest, ADeviceRenewsAndRevokesItselfAlone) {
  NewToken token = Token({.uses = 2});
  Serve();
  auto one = Enrol(ByToken(token.id), "BMC-0001", NewKey());
  auto two = Enrol(ByToken(token.id), "BMC-0002", NewKey());
  ASSERT_TRUE(one && two);
  Caller device = ByDevice(one->certificate);
  EXPECT_EQ(device.kind, Caller::Kind::kDevice);
  EXPECT_EQ(CodeOf(Enrol(device, "BMC-0002", NewKey(), true)), "enroll.not-authorised");
  EXPECT_EQ(CodeOf(Enrol(device, "BMC-0003", NewKey(), false)), "enroll.not-authorised");
  Bytes other = crypto::Certificate::FromDer(two->certificate)->serial();
  EXPECT_EQ(CodeOf(Revoke(device, other, 1)), "enroll.not-authorised");
  EXPECT_EQ(StateOf(two->certificate), "issued");

  auto next = Enrol(device, "BMC-0001", NewKey(), true);
  ASSERT_TRUE(next) << next.error().ToString();
  EXPECT_EQ(StateOf(one->certificate), "superseded");
  // The old certificate is nobody's any more.
  EXPECT_EQ(CodeOf(desk->CallerOf(*crypto::Certificate::FromDer(one->certificate), {})),
            "enroll.not-authorised");
  Caller renewed = ByDevice(next->certificate);
  ASSERT_TRUE(Revoke(renewed, renewed.certificate->serial(), 6));
  EXPECT_EQ(StateOf(next->certificate), "held");
  ASSERT_TRUE(Revoke(renewed, renewed.certificate->serial(), 1));
  EXPECT_EQ(StateOf(next->certificate), "revoked");
}

TEST_F(EnrolDeskTest, AConfirmationMovesWhatWasIssuedAndNothingElse) {
  NewToken token = Token({.uses = 2});
  Serve();
  auto confirm = [&](const Bytes& der, bool accepted) {
    std::promise<Status> result;
    desk->Confirm("cmp", {}, crypto::Certificate::FromDer(der)->serial(), accepted,
                  [&](Status s) { result.set_value(std::move(s)); });
    return result.get_future().get();
  };
  auto one = Enrol(ByToken(token.id), "BMC-0001", NewKey());
  ASSERT_TRUE(one);
  ASSERT_TRUE(confirm(one->certificate, true));
  EXPECT_EQ(StateOf(one->certificate), "installed");
  ASSERT_TRUE(confirm(one->certificate, false));  // too late to refuse
  EXPECT_EQ(StateOf(one->certificate), "installed");
  auto two = Enrol(ByToken(token.id), "BMC-0002", NewKey());
  ASSERT_TRUE(two && confirm(two->certificate, false));
  EXPECT_EQ(StateOf(two->certificate), "void");
}

TEST_F(EnrolDeskTest, AStoppedLotMakesClientsWait) {
  NewToken token = Token();
  ASSERT_TRUE(factory->log->Append(
      ledger::MakeEvent(factory->context, clock.Now(), "product:ridgeback-s1",
                        ledger::LotState{.state = "stopped",
                                         .reason = "audit.roca",
                                         .product = factory->adopted.plan.product.id})));
  Serve();
  EXPECT_EQ(CodeOf(Enrol(ByToken(token.id), "BMC-0001", NewKey())), "enroll.wait");
}

TEST_F(EnrolDeskTest, APlanWithoutNetworkTransferLetsNobodyEnrolOverOne) {
  Bench other;
  ws = CopyOf(other, PlanText("bulb"));
  factory.reset();
  factory = std::move(*Factory::Open(ws, other.Keys(), false, "", "", clock));
  NewToken token = Token();
  Serve();
  auto r = Enrol(ByToken(token.id), "LUMO-000001", NewKey());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "enroll.not-authorised");
  EXPECT_THAT(r.error().message, HasSubstr("mechanically-installed"));
}

TEST_F(EnrolDeskTest, AvocadoKeysAreNotMadeHere) {
  NewToken token = Token();
  Serve();
  std::promise<std::string> code;
  desk->EnrolServerKey(
      {.product = "", .via = "est", .caller = ByToken(token.id), .serial = "BMC-0001", .key = {}},
      [&](Result<enroll::GrantedKey> r) { code.set_value(CodeOf(r)); });
  EXPECT_EQ(code.get_future().get(), "enroll.not-authorised");
}

TEST_F(EnrolDeskTest, TheEndOfAKeyMadeHereIsRecordedWhenItsLastCopyIsGone) {
  Bench other;
  std::string text = PlanText("bulb");
  Replace(text, "transfer = \"mechanically-installed\"", "transfer = \"network-transferred\"");
  Replace(text,
          "name = \"single-image-write\", station = \"burner\", via = \"mechanically-installed\"",
          "name = \"identity-provision\", station = \"burner\"");
  ws = CopyOf(other, text);
  factory.reset();
  factory = std::move(*Factory::Open(ws, other.Keys(), false, "", "", clock));
  NewToken token = Token();
  Serve();
  auto lives = [&] {
    std::vector<ledger::KeyOutside> out;
    auto reader = ledger::LogReader::Open(factory->layout.ledger());
    EXPECT_TRUE((*reader)->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
      if (e.type != ledger::KeyOutside::kType) return {};
      BM_TRY(ledger::KeyOutside life, ledger::BodyOf<ledger::KeyOutside>(e));
      out.push_back(std::move(life));
      return {};
    }));
    return out;
  };
  std::promise<Result<enroll::GrantedKey>> promise;
  desk->EnrolServerKey({.product = "",
                        .via = "est",
                        .caller = ByToken(token.id),
                        .serial = "LUMO-000001",
                        .key = {}},
                       [&](Result<enroll::GrantedKey> r) { promise.set_value(std::move(r)); });
  auto granted = promise.get_future().get();
  ASSERT_TRUE(granted) << granted.error().ToString();
  ASSERT_EQ(lives().size(), 1u);
  EXPECT_EQ(lives()[0].destroyed, "");
  EXPECT_EQ(lives()[0].places[0].to, 0);
  // A protocol's answer still holds the key.
  std::shared_ptr<const void> answer = granted->copy;
  granted->private_key = {};
  granted->copy.reset();
  EXPECT_EQ(lives().size(), 1u);
  answer.reset();
  queue.reset();  // commits what was handed to it
  ASSERT_EQ(lives().size(), 2u);
  EXPECT_THAT(lives()[1].destroyed, HasSubstr("wiped"));
  EXPECT_EQ(lives()[1].spki, lives()[0].spki);
  EXPECT_GE(lives()[1].places[0].to, lives()[1].places[0].from);
}

TEST_F(EnrolDeskTest, RegistrationAuthoritiesAreMadeOnceAndFoundAgain) {
  Serve();
  auto ec = desk->EcRa("");
  auto rsa = desk->RsaRa("");
  ASSERT_TRUE(ec) << ec.error().ToString();
  ASSERT_TRUE(rsa) << rsa.error().ToString();
  EXPECT_TRUE(ec->certificate.IsSignedBy(*desk->AuthoritiesOf("")->issuer.public_key()));
  EXPECT_EQ(rsa->certificate.key_text(), "rsa-2048");
  ASSERT_TRUE(desk->Reload());
  EXPECT_EQ(desk->EcRa("")->certificate.digest(), ec->certificate.digest());
}

TEST_F(EnrolDeskTest, ACommandBorrowsTheLogFromARunningServer) {
  NewToken token = Token();
  Serve();
  std::promise<void> reloaded;
  auto lender = Lender::Start(factory->layout, *queue, clock, [&](Status s) {
    EXPECT_TRUE(s) << s.error().ToString();
    EXPECT_TRUE(desk->Reload());
    reloaded.set_value();
  });
  ASSERT_TRUE(lender) << lender.error().ToString();
  std::string id;
  {
    auto command = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    ASSERT_TRUE(command) << command.error().ToString();
    // An enrolment that comes meanwhile waits and is then served.
    auto waiting = std::async(std::launch::async, [&] {
      return Enrol(ByToken(token.id), "BMC-0001", NewKey()).has_value();
    });
    id = IssueTokens(**command, {}, clock)->front().id;
    command->reset();
    EXPECT_TRUE(waiting.get());
  }
  reloaded.get_future().wait();
  EXPECT_TRUE(Enrol(ByToken(id), "BMC-0002", NewKey()));
}

// A desk whose plan pins a maker, and TPMs of that maker and of another.
struct AttestedDesk : EnrolDeskTest {
  void SetUp() override {}
  // Want makes a workspace whose identity slot wants this, and serves it.
  void Want(const std::string& attestation) {
    static Bench makers;  // one place, so that a workspace of one plan is made once
    makers.Write("maker.pem", Maker().root.ToPem());
    std::string text = PlanText("bmc");
    Replace(text, "transfer = \"mechanically-transferred\"",
            "transfer = \"network-transferred\"\nattestation = \"" + attestation +
                "\"\nvendor-roots = [\"" + (makers / "maker.pem").string() + "\"]");
    ws = CopyOf(bench, text);
    auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    ASSERT_TRUE(f) << f.error().ToString();
    factory = std::move(*f);
    token = Token({.uses = 20}).id;
    Serve();
  }
  Result<enroll::Granted> Ask(const attest::test::Scene& s, const std::string& serial,
                              Bytes evidence) {
    std::promise<Result<enroll::Granted>> result;
    desk->Enrol({.product = "",
                 .via = "est",
                 .caller = ByToken(token),
                 .serial = serial,
                 .key = s.key.signer->public_key(),
                 .attestation = std::move(evidence)},
                [&](Result<enroll::Granted> r) { result.set_value(std::move(r)); });
    return result.get_future().get();
  }
  static std::string Why(const Result<enroll::Granted>& r) {
    return r ? "granted" : r.error().code + ": " + r.error().message;
  }
  std::vector<ledger::KeyAttested> Attested() {
    std::vector<ledger::KeyAttested> out;
    auto reader = OpenReader(ws);
    EXPECT_TRUE((*reader)->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
      if (e.type != ledger::KeyAttested::kType) return {};
      BM_TRY(ledger::KeyAttested body, ledger::BodyOf<ledger::KeyAttested>(e));
      out.push_back(std::move(body));
      return {};
    }));
    return out;
  }
  static const attest::test::FakeMaker& Maker() {
    static const attest::test::FakeMaker maker;
    return maker;
  }
  attest::test::Scene scene{{}, false, Maker()};
  std::string token;
};

TEST_F(AttestedDesk, RequiredEvidenceIsCheckedAndRecordedWithTheCertificate) {
  Want("required");
  EXPECT_THAT(Why(Ask(scene, "BMC-0001", {})), HasSubstr("attest.required"));
  auto granted = Ask(scene, "BMC-0001", scene.Der());
  ASSERT_TRUE(granted) << granted.error().ToString();
  auto events = Attested();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, "tpm2-certify");
  EXPECT_EQ(events[0].slot, "idevid");
  EXPECT_EQ(events[0].root, scene.maker.root.digest());
  EXPECT_EQ(events[0].statement, scene.Der());
  EXPECT_EQ(attest::ValueOf(attest::FactsOf(events[0]), "fresh"), false);
  auto policies = crypto::Certificate::FromDer(granted->certificate)->policies();
  EXPECT_THAT(policies, testing::IsSupersetOf({"2.23.133.11.1.1", "2.23.133.11.1.2"}));
  // A lost reply: the same evidence again, and no second event.
  auto again = Ask(scene, "BMC-0001", scene.Der());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(Attested().size(), 1u);
  auto view = View::Open(ws.string());
  auto keys = KeysOfUnit(**view, events[0].unit, vocab::Revision::k02);
  ASSERT_TRUE(keys && keys->size() == 1u);
  EXPECT_EQ(ToText(keys->front().labels.protection), "non extractable");
}

TEST_F(AttestedDesk, EvidenceThatDoesNotHoldIsRefusedWithItsReason) {
  Want("required");
  attest::test::Scene bad{{}};
  EXPECT_THAT(Why(Ask(bad, "BMC-0001", bad.Der())),
              testing::StartsWith("enroll.not-authorised: attest.unknown-root"));
  Bytes tampered = scene.Der();
  auto at = std::ranges::search(tampered, scene.statement.attest).begin();
  ASSERT_NE(at, tampered.end());
  at[40] ^= 1;
  EXPECT_THAT(Why(Ask(scene, "BMC-0001", tampered)), HasSubstr("attest.tampered"));
  EXPECT_THAT(Why(Ask(scene, "BMC-0001", Bytes{0x30, 0x00})), HasSubstr("attest.malformed"));
  EXPECT_TRUE(Attested().empty());
  // The token was not used up by any of that.
  EXPECT_TRUE(Ask(scene, "BMC-0001", scene.Der()));
}

TEST_F(AttestedDesk, ANonceMakesItFreshOnce) {
  Want("required");
  auto nonce = desk->AttestationNonce({.product = "", .caller = ByToken(token)});
  ASSERT_TRUE(nonce);
  attest::test::Scene first(nonce->nonce, false, Maker()), second(nonce->nonce, false, Maker());
  ASSERT_TRUE(Ask(first, "BMC-0001", first.Der()));
  EXPECT_EQ(attest::ValueOf(attest::FactsOf(Attested().at(0)), "fresh"), true);
  EXPECT_THAT(Why(Ask(second, "BMC-0002", second.Der())), HasSubstr("attest.nonce"));
}

TEST_F(AttestedDesk, ACredentialBindsAnAttestationKeyWithoutACertificate) {
  Want("required");
  scene.statement.ak_public_area = scene.ak.area;
  EXPECT_THAT(Why(Ask(scene, "BMC-0001", scene.Der())), HasSubstr("attest.not-bound"));
  auto given = desk->AttestationNonce({.product = "",
                                       .caller = ByToken(token),
                                       .ek_certificate = Bytes(scene.ek_certificate.der().begin(),
                                                               scene.ek_certificate.der().end()),
                                       .ak_public = scene.ak.area});
  ASSERT_TRUE(given) << given.error().ToString();
  EXPECT_TRUE(given->nonce.empty());
  EXPECT_GT(given->credential.size(), 60u);
}

TEST_F(AttestedDesk, ForbiddenAndOptional) {
  Want("forbidden");
  EXPECT_THAT(Why(Ask(scene, "BMC-0001", scene.Der())), HasSubstr("attest.forbidden"));
  EXPECT_TRUE(Ask(scene, "BMC-0001", {}));
}

TEST_F(AttestedDesk, OptionalEvidenceMustHoldToo) {
  Want("optional");
  attest::test::Scene bad{{}};
  EXPECT_THAT(Why(Ask(bad, "BMC-0002", bad.Der())), HasSubstr("attest.unknown-root"));
  EXPECT_TRUE(Ask(scene, "BMC-0001", {}));
  EXPECT_TRUE(Attested().empty());
}

}  // namespace
}  // namespace birthmark::app
