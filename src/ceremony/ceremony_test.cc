// SPDX-License-Identifier: Apache-2.0
// Whole ceremonies, with people who answer, leave, and bring what they should not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <utility>

#include "ceremony/runner.h"
#include "ceremony/test_room.h"
#include "ceremony/transcript.h"
#include "ceremony/upkeep.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "custody/frost.h"
#include "custody/health.h"
#include "custody/message.h"
#include "custody/renewal_folder.h"
#include "custody/share_file.h"
#include "pki/request.h"

namespace birthmark::ceremony {
namespace {

// Place is a custody folder and a clock.
struct Place {
  test::TempDir tmp;
  ManualClock clock{TimeFromMillis(1'795'000'000'000)};
  fs::path dir = tmp / "custody";

  RunOptions Options() {
    RunOptions o;
    o.dir = dir;
    o.requests = o.proofs = o.made = tmp / "in";
    fs::create_directories(o.requests);
    o.passphrase = TestSecret("sealed folder");
    // Stands for a module: a store of its own that is opened as the binding says.
    o.open_store = [this](const BoundStore& bound, const fs::path&,
                          const std::function<Result<SecretBytes>()>&)
        -> Result<std::unique_ptr<keystore::KeyStore>> {
      EXPECT_EQ(bound.uri, "pkcs11:token=acme");
      fs::path module = tmp / "module";
      return fs::exists(module) ? keystore::SoftwareKeyStore::Unlock(module, TestSecret("module"))
                                : keystore::SoftwareKeyStore::Init(module, TestSecret("module"));
    };
    return o;
  }
  Result<RunResult> Hold(const Script& s, TestRoom& room, const Binding& b = {}) {
    room.script = s.digest;
    clock.Advance(std::chrono::minutes(1));
    return Run(s, b, Options(), room, clock);
  }
  Result<RunResult> GoOn(const Script& s, TestRoom& room) {
    room.script = s.digest;
    clock.Advance(std::chrono::minutes(1));
    return Resume(Options(), room, clock);
  }
  std::unique_ptr<SealedLog> Log() {
    auto log = SealedLog::Open(dir, TestSecret("sealed folder"), clock);
    if (!log) {
      ADD_FAILURE() << log.error().ToString();
      std::abort();
    }
    return std::move(*log);
  }
  CheckedRecord TheRecord() {
    auto c = CheckRecord(ReadFile(dir / "record.birthmark-record", kMaxRecordBytes).value());
    EXPECT_TRUE(c) << c.error().ToString();
    return c ? *c : CheckedRecord{};
  }
  // Later is a script for keys that the folder has.
  Script Later(Kind kind, std::vector<ScriptKey> keys) {
    auto log = Log();
    Script s;
    s.title = "later";
    s.kind = kind;
    s.manufacturer = "Acme";
    s.product = "bmc";
    s.log = log->identity().origin;
    for (ScriptKey& k : keys) {
      k.spki = log->state().keys.at(k.id).key.spki;
      k.parent.clear();
      s.keys.push_back(k);
    }
    if (kind == Kind::kHealth) s.challenge = Bytes(32, 7);
    return s;
  }
  // WhoHas is the pseudonym of the holder at a place of the list, from 1; ShareOf the share's file.
  std::string WhoHas(const std::string& key, size_t place) {
    return Log()->state().sets.at(key).dealt.seats.at(place - 1).who;
  }
  fs::path ShareOf(const std::string& key, size_t place) {
    auto log = Log();
    const SetDealt& set = log->state().sets.at(key).dealt;
    return dir / "shares" / set.seats.at(place - 1).who /
           (ShareName(key, set.set.generation) + ".share");
  }
  std::string Request(const std::string& name, const std::string& issuer, Script& s) {
    auto signer = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
    auto text =
        pki::MakeRequest({.workspace = "w",
                          .name = "Site CA",
                          .level = 2,
                          .lifetime_days = 100,
                          .path_len = 0,
                          .rehearsal = true,
                          .created = clock.Now()},
                         pki::Name::Make({{"O", "Acme"}, {"CN", "Site CA"}}).value(), *signer)
            .value();
    fs::create_directories(tmp / "in");
    EXPECT_TRUE(WriteFileAtomic(tmp / "in" / (name + ".request"), text));
    s.requests.push_back({.name = name, .digest = crypto::Sha256(AsBytes(text)), .issuer = issuer});
    return text;
  }
  // Prove writes a proof for a round.
  void Prove(const std::string& key, size_t place, const std::string& file, ByteView challenge) {
    fs::path path = ShareOf(key, place);
    SystemRng rng;
    auto share =
        custody::OpenShare(ReadTextFile(path, 4096).value(),
                           TestSecret("passphrase of " + path.parent_path().filename().string()));
    ASSERT_TRUE(share) << share.error().ToString();
    auto proof =
        custody::ProveShare(*share, custody::RoundStatement(challenge, clock.Now()).value(), rng);
    ASSERT_TRUE(WriteFileAtomic(tmp / "in" / file, custody::ToArmor(*proof)));
  }
};

TEST(Ceremony, MakesKeysOfEveryCustodyAndARecordThatSaysNoMore) {
  Place p;
  ScriptKey root = TestKey("identity-1.1", Custody::kThreshold);
  ScriptKey sub = TestKey("identity-2.1", Custody::kSplit, crypto::Algorithm::kEcdsaP256);
  sub.level = 2;
  sub.parent = root.id;
  sub.path_length = 0;
  root.crl_url = "http://crl.example/identity-1.1.crl";
  ScriptKey soft = TestKey("update-1.1", Custody::kSoftware, crypto::Algorithm::kEcdsaP384);
  ScriptKey hsm = TestKey("private-1.1", Custody::kPkcs11, crypto::Algorithm::kRsa2048);
  Script s = TestScript({root, sub, soft, hsm});
  std::string request = p.Request("identity-2.2", "identity-1.1", s);
  s = Usual(std::move(s));
  Binding b;
  b.stores.push_back({.key = "private-1.1", .uri = "pkcs11:token=acme"});
  TestRoom room;
  auto r = p.Hold(s, room, b);
  ASSERT_TRUE(r) << r.error().ToString() << room.said;
  CheckedRecord c = p.TheRecord();
  EXPECT_EQ(c.digest, r->record_digest);
  EXPECT_EQ(c.record.script, s.digest);
  ASSERT_EQ(c.certificates.size(), 4u);
  EXPECT_EQ(c.certificates[0].public_key()->algorithm(), crypto::Algorithm::kEd25519);
  EXPECT_TRUE(c.certificates[0].IsSignedBy(*c.certificates[0].public_key()));
  EXPECT_TRUE(c.certificates[1].IsSignedBy(*c.certificates[0].public_key()));
  EXPECT_EQ(c.certificates[1].path_len(), 0);
  EXPECT_NE(c.certificates[1].Extension("2.5.29.31"), nullptr);
  EXPECT_EQ(c.record.keys[0].store, "frost");
  EXPECT_EQ(c.record.keys[3].facts.local, true);
  // The request was answered with a certificate that leads to the root.
  auto answered = std::ranges::find(c.record.signed_items, "identity-2.2", &SignedItem::name);
  ASSERT_NE(answered, c.record.signed_items.end());
  auto checked = pki::CheckRequest(request);
  auto response = pki::CheckResponse(AsText(answered->result), *checked,
                                     std::vector{c.certificates[0]}, p.clock.Now());
  EXPECT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(answered->request, checked->digest);
  EXPECT_TRUE(fs::exists(p.dir / "responses/identity-2.2.response"));
  // Statements: the threshold key can be used and recovered, the split one recovered.
  ASSERT_EQ(c.statements.size(), 3u);
  for (const ledger::SplitStatement& said : c.statements) {
    EXPECT_EQ(said.extra, 1u);
    EXPECT_EQ(said.continents, 1u);
    EXPECT_EQ(said.at % 86'400'000, 0);
  }
  // Every certificate carries the ceremony's beginning.
  for (const auto& cert : c.certificates)
    EXPECT_EQ(cert.not_before(), c.certificates[0].not_before());
  std::string open = ReadTextFile(p.dir / "transcript.txt", 1 << 20).value();
  auto log = p.Log();
  for (const Seat& seat : log->state().ceremonies.back().chosen->seats)
    EXPECT_EQ(open.find(seat.who), open.npos);
  for (const char* secret : {"Person", "n = ", "k = "})
    EXPECT_EQ(open.find(secret), open.npos) << secret;
  EXPECT_NE(open.find("REHEARSAL"), open.npos);
  std::string sealed = SealedTranscript(s, log->state().ceremonies.back(),
                                        [&](const std::string& who) { return log->NameOf(who); });
  EXPECT_NE(sealed.find("n = 3, k = 2"), sealed.npos);
}

// Apart is a key that three machines made; its holders commit and sign when the room asks.
struct Apart {
  explicit Apart(Place& place, std::string name = "identity-1.1") : in(place.tmp / "in") {
    custody::DkgTerms terms{.set = Bytes(16, 5),
                            .name = std::move(name),
                            .parties = {9, 30, 77},
                            .rehearsal = true,
                            .threshold = 2};
    std::vector<custody::DkgParty> parties;
    std::vector<custody::DkgRound1> first;
    for (uint16_t i : terms.parties) {
      parties.push_back(custody::DkgParty::Start(terms, i, rng).value());
      first.push_back(parties.back().round1());
      Write(fmt::format("{}.round1", i), first.back());
    }
    Write("terms", terms);
    std::map<uint16_t, std::vector<custody::DkgRound2>> mail;
    for (auto& party : parties) {
      const std::vector<custody::DkgRound2> parts = party.Deal(first).value();
      for (const custody::DkgRound2& part : parts) mail[part.to].push_back(part);
    }
    for (auto& party : parties) {
      shares.push_back(party.Finish(mail[party.round1().index]).value().share);
      Write(
          fmt::format("{}.proof", shares.back().index),
          custody::ProveShare(shares.back(), custody::DoneStatement(party.agreed()), rng).value());
    }
    transcript = parties[0].transcript();
  }
  template <class M>
  void Write(const std::string& file, const M& message) {
    fs::create_directories(in);
    EXPECT_TRUE(WriteFileAtomic(in / file, custody::ToArmor(message)));
  }
  // Renew deals the shares anew, as the holders' machines would: 77 leaves, 100 and 200 join, and
  // three of four sign. The messages take the place of those before.
  void Renew() {
    const custody::MadeApart made = custody::ReadSetApart(in).value();
    fs::remove_all(in);
    const custody::RenewalTerms terms{.old = made.set,
                                      .run = Bytes(16, 8),
                                      .name = made.terms.name,
                                      .parties = {9, 30, 100, 200},
                                      .rehearsal = true,
                                      .threshold = 3};
    Write("terms", terms);
    std::vector<custody::ReshareReceiver> holders;
    std::vector<custody::RenewalReceiver> keys;
    for (uint16_t i : terms.parties) {
      holders.push_back(custody::ReshareReceiver::Start(i, rng).value());
      keys.push_back({.box = holders.back().receiver().box, .run = terms.run, .index = i});
      Write(fmt::format("{}.receiver", i), keys.back());
    }
    const custody::RenewalAgreed agreed = custody::AgreeRenewal(terms, keys).value();
    std::vector<custody::RenewalDealing> dealings;
    for (size_t at : {0, 2}) {
      dealings.push_back(custody::DealRenewal(shares[at], terms, agreed, rng).value());
      Write(fmt::format("{}.dealing", at), dealings.back());
    }
    const custody::RenewalChoice choice =
        custody::ChooseDealings(terms, agreed, dealings, {}, 1)->choice;
    Write("1.choice", choice);
    const auto chosen = custody::DealingsOf(terms, agreed, choice, dealings).value();
    shares.clear();
    for (const custody::ReshareReceiver& h : holders) {
      custody::Held held = h.Finish(chosen, agreed.terms, terms.old).value();
      Write(fmt::format("{}-1.proof", held.share.index),
            custody::ProveShare(held.share, custody::SwitchStatement(held.set), rng).value());
      shares.push_back(std::move(held.share));
    }
    transcript = agreed.transcript;
    signers = {0, 1, 3};
  }
  // Answer is what the room is told; the files are there when it is.
  std::string Answer(const std::string& prompt, const fs::path& dir) {
    if (prompt.find("*.commitment") != prompt.npos) {
      nonces.clear();
      for (size_t at : signers) {
        nonces.push_back(custody::Commit(shares[at], rng).value());
        Write(fmt::format("{}.commitment", at), nonces.back().commitment());
      }
      return in.string();
    }
    if (prompt.find("*.part") == prompt.npos) return "";
    if (std::exchange(failed, false)) {
      for (size_t at : signers) {
        fs::remove(in / fmt::format("{}.commitment", at));
        fs::remove(in / fmt::format("{}.part", at));
      }
      signers = {0, 2};
      return "others";
    }
    fs::path newest;
    for (const auto& f : fs::recursive_directory_iterator(dir / "signing")) {
      if (f.path().filename() == "request" &&
          (newest.empty() || fs::last_write_time(newest) < fs::last_write_time(f.path())))
        newest = f.path();
    }
    auto request = custody::FromArmor<custody::SigningRequest>(
                       ReadTextFile(newest, custody::kMaxMessageFile).value())
                       .value();
    for (size_t i = 0; i < signers.size(); ++i) {
      auto part = custody::SignPartial(shares[signers[i]], std::move(nonces[i]), request).value();
      if (std::exchange(spoil, false)) part.value[0] ^= 1, failed = true;
      Write(fmt::format("{}.part", signers[i]), part);
      ++signed_parts;
    }
    return in.string();
  }
  fs::path in;
  SystemRng rng;
  std::vector<custody::Share> shares;
  std::vector<custody::SigningNonces> nonces;
  std::vector<size_t> signers = {1, 2};
  Digest transcript{};
  bool spoil = false, failed = false;
  int signed_parts = 0;
};

ScriptKey KeyApart() {
  ScriptKey k = TestKey("identity-1.1", Custody::kThreshold);
  k.apart = true;
  return k;
}

TEST(CeremonyApart, KeyThatMachinesMadeSignsAndItsSharesNeverMeet) {
  Place p;
  p.Options();
  Apart apart(p);
  apart.spoil = true;
  TestRoom room;
  room.transcript = apart.transcript;
  room.other = [&](const std::string& prompt) { return apart.Answer(prompt, p.dir); };
  Script s = TestScript({KeyApart()});
  auto r = p.Hold(s, room);
  ASSERT_TRUE(r) << r.error().ToString() << room.said;
  EXPECT_EQ(apart.signed_parts, 6)
      << "one exchange failed, then the certificate and the log's word";
  EXPECT_NE(room.said.find("signer's: 30"), std::string::npos) << room.said;
  CheckedRecord c = p.TheRecord();
  EXPECT_TRUE(c.certificates[0].IsSignedBy(*c.certificates[0].public_key()));
  ASSERT_EQ(c.statements.size(), 2u);
  EXPECT_EQ(c.statements[0].extra, 1u);
  EXPECT_FALSE(fs::exists(p.dir / "shares"));
  std::string open = ReadTextFile(p.dir / "transcript.txt", 1 << 20).value();
  EXPECT_NE(open.find("never in one place"), open.npos);
  // Later, opening it is one more exchange.
  Script later = Usual(p.Later(Kind::kRecover, {KeyApart()}));
  auto opened = p.Hold(later, room);
  ASSERT_TRUE(opened) << opened.error().ToString() << room.said;
  EXPECT_EQ(apart.signed_parts, 8);
}

TEST(CeremonyApart, IsResumedAndTakesNoOtherKeysMessages) {
  Place p;
  p.Options();
  auto apart = std::make_unique<Apart>(p);
  const auto was = apart->transcript;
  TestRoom room;
  room.other = [&](const std::string& prompt) { return apart->Answer(prompt, p.dir); };
  Script s = TestScript({KeyApart()});
  // The witness has another transcript than the folder.
  EXPECT_EQ(CodeIn(p.Hold(s, room)), "ceremony.read-aloud");
  // Somebody put another making there: its numbers are those that were seated, its transcript not.
  apart = std::make_unique<Apart>(p);
  room.transcript = was;
  EXPECT_EQ(CodeIn(p.GoOn(s, room)), "ceremony.read-aloud");
  room.transcript = apart->transcript;
  room.leave_after = room.asked + 3;  // while signatures are carried
  EXPECT_EQ(CodeIn(p.GoOn(s, room)), "test.left");
  room.leave_after = -1;
  auto r = p.GoOn(s, room);
  ASSERT_TRUE(r) << r.error().ToString() << room.said;
  EXPECT_TRUE(
      p.TheRecord().certificates[0].IsSignedBy(*p.TheRecord().certificates[0].public_key()));

  Place q;
  q.Options();
  Apart other(q, "identity-9.9");
  TestRoom elsewhere;
  EXPECT_EQ(CodeIn(q.Hold(s, elsewhere)), "ceremony.dkg-other");
  fs::remove(q.tmp / "in/30.proof");
  EXPECT_EQ(CodeIn(q.GoOn(s, elsewhere)), "dkg.unproven");

  // The room may not want the numbers that the machines agreed on; it cannot change them.
  Place g;
  g.Options();
  Apart third(g);
  TestRoom wary;
  wary.script = s.digest;
  wary.other = [](const std::string& question) {
    return question.find("again (other numbers)") == question.npos ? "" : "again";
  };
  RunOptions options = g.Options();
  options.judge = [](const SplitQuestion&) {
    Findings f;
    f.Error("split.told", "k is told", "choose other numbers");
    return f;
  };
  const auto stopped = ceremony::Run(s, {}, std::move(options), wary, g.clock);
  EXPECT_EQ(CodeIn(stopped), "ceremony.dkg-numbers");
  EXPECT_NE(stopped.error().fix.find("birthmark share begin"), std::string::npos);
}

TEST(CeremonyApart, SharesAreDealtAnewBetweenTheMachinesAndTheRoomLearnsTheSet) {
  Place p;
  p.Options();
  Apart apart(p);
  TestRoom room;
  room.transcript = apart.transcript;
  room.other = [&](const std::string& prompt) { return apart.Answer(prompt, p.dir); };
  ASSERT_TRUE(p.Hold(TestScript({KeyApart()}), room));
  const Digest key = p.TheRecord().record.keys[0].spki;
  // The making's messages are none of a dealing anew, and unproven ones change nothing.
  Script s = Usual(p.Later(Kind::kReshare, {KeyApart()}));
  EXPECT_EQ(CodeIn(p.Hold(s, room)), "ceremony.dkg-other");
  apart.Renew();
  const std::string proof = ReadTextFile(apart.in / "200-1.proof", 1 << 16).value();
  fs::remove(apart.in / "200-1.proof");
  EXPECT_EQ(CodeIn(p.GoOn(s, room)), "reshare.unproven");
  EXPECT_EQ(p.Log()->state().sets.at("identity-1.1").dealt.set.generation, 1u);
  ASSERT_TRUE(WriteFileAtomic(apart.in / "200-1.proof", proof));
  EXPECT_EQ(CodeIn(p.GoOn(s, room)), "ceremony.read-aloud") << "the witness has another transcript";
  EXPECT_EQ(p.Log()->state().sets.at("identity-1.1").dealt.set.generation, 1u);
  room.transcript = apart.transcript;
  auto r = p.GoOn(s, room);
  ASSERT_TRUE(r) << r.error().ToString() << room.said;
  const SetDealt now = p.Log()->state().sets.at("identity-1.1").dealt;
  EXPECT_EQ(now.set.generation, 2u);
  EXPECT_EQ(now.seats.size(), 4u);
  // What leaves is n-k and continents alone.
  CheckedRecord c = p.TheRecord();
  EXPECT_EQ(c.record.keys[0].spki, key);
  ASSERT_EQ(c.statements.size(), 2u);
  EXPECT_EQ(c.statements[0].extra, 1u);
  const std::string open = ReadTextFile(p.dir / "transcript.txt", 1 << 20).value();
  EXPECT_NE(open.find("dealt anew between its holders' machines"), open.npos);
  EXPECT_EQ(open.find("leaves"), open.npos);
  // The new holders sign for later ceremonies; the same dealing is not taken twice.
  Script later = Usual(p.Later(Kind::kRecover, {KeyApart()}));
  auto opened = p.Hold(later, room);
  ASSERT_TRUE(opened) << opened.error().ToString() << room.said;
  EXPECT_EQ(CodeIn(p.Hold(Usual(p.Later(Kind::kReshare, {KeyApart()})), room)),
            "ceremony.dkg-other");
  // A folder of its own does not begin with a later generation.
  Place q;
  q.Options();
  fs::copy(apart.in, q.tmp / "in", fs::copy_options::recursive);
  EXPECT_EQ(CodeIn(q.Hold(TestScript({KeyApart()}), room)), "ceremony.dkg-other");
}

TEST(CeremonyApart, ScriptsSayWhatCanNotBe) {
  const auto findings = [](std::vector<ScriptKey> keys, Kind kind = Kind::kMake) {
    Script s;
    s.title = "Acme: test";
    s.manufacturer = "Acme";
    s.kind = kind;
    s.keys = std::move(keys);
    s.roles = {Role::kAdministrator, Role::kWitness, Role::kExecutives};
    s.steps = UsualSteps(s);
    return ParseScript(FormatScript(s)).findings.ToString();
  };
  EXPECT_EQ(findings({KeyApart()}), "");
  ScriptKey bad = KeyApart();
  bad.custody = Custody::kSplit;
  EXPECT_NE(findings({bad}).find("ceremony.dkg]"), std::string::npos) << findings({bad});
  const std::string two = findings({KeyApart(), TestKey("update-1.1", Custody::kSplit)});
  EXPECT_NE(two.find("ceremony.dkg-alone"), std::string::npos) << two;
  EXPECT_EQ(findings({KeyApart()}, Kind::kReshare).find("step-order"), std::string::npos);
}

TEST(Ceremony, EveryChangedOctetOfARecordIsRefused) {
  Place p;
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript({TestKey("identity-1.1", Custody::kThreshold)}), room));
  const Bytes good = ReadFile(p.dir / "record.birthmark-record", kMaxRecordBytes).value();
  ASSERT_TRUE(CheckRecord(good));
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(CheckRecord(bad)) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(CheckRecord(longer));
  EXPECT_EQ(CodeIn(CheckRecord(Bytes(kMaxRecordBytes + 1))), "record.too-large");
}

TEST(Ceremony, ARecordForgedByItsOwnLogKeyIsRefused) {
  Place p;
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript({TestKey("identity-1.1", Custody::kThreshold)}), room));
  auto log = p.Log();
  const Record good = p.TheRecord().record;
  auto code = [&](auto change) {
    Record r = good;
    change(r);
    return CodeIn(SignRecord(r, log->log_key()));
  };
  EXPECT_EQ(code([](Record&) {}), "accepted");
  EXPECT_EQ(code([](Record& r) { r.keys[0].spki[0] ^= 1; }), "record.certificate");
  EXPECT_EQ(code([](Record& r) { r.rehearsal = false; }), "record.rehearsal");
  EXPECT_EQ(code([](Record& r) { r.keys[0].id = "other"; }), "record.endorsement");
  EXPECT_EQ(code([](Record& r) { r.log.origin = "other"; }), "record.endorsement");
  EXPECT_EQ(code([](Record& r) { r.id = "other"; }), "record.statement");
  EXPECT_EQ(code([](Record& r) { r.keys.push_back(r.keys[0]); }), "record.malformed");
  EXPECT_EQ(code([](Record& r) { r.statements.push_back(r.statements[0]); }), "record.statement");
  EXPECT_EQ(code([](Record& r) { r.keys[0].custody = Custody::kSplit; }), "record.statement");
  EXPECT_EQ(
      code([&](Record& r) { r.signed_items.push_back({.key = "identity-9.1", .name = "x"}); }),
      "record.signed");
  // A statement whose way leads from another key is not this key's.
  auto other = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519).value();
  CheckedRecord c = p.TheRecord();
  EXPECT_EQ(CodeIn(CheckStatement(c.attested[0], other->public_key())), "record.endorsement");
  EXPECT_TRUE(CheckStatement(c.attested[0], *c.certificates[0].public_key()));
}

TEST(Ceremony, InterruptedAtAnyQuestionItGoesOnToTheSameEnd) {
  Script s = TestScript({TestKey("identity-1.1", Custody::kThreshold)});
  // Every third question: with what the questions share, each kind of place is met.
  for (int leave = 1;; leave += 3) {
    SCOPED_TRACE(leave);
    Place p;
    TestRoom room;
    room.n = "2";
    room.leave_after = leave;
    auto first = p.Hold(s, room);
    if (first) {
      EXPECT_GT(leave, 15);
      break;
    }
    ASSERT_EQ(first.error().code, "test.left") << first.error().ToString();
    EXPECT_FALSE(fs::exists(p.dir / "record.birthmark-record"));
    EXPECT_FALSE(fs::exists(p.dir / "certs"));
    TestRoom again;
    again.n = "2";
    auto r = p.GoOn(s, again);
    ASSERT_TRUE(r) << r.error().ToString();
    CheckedRecord c = p.TheRecord();
    EXPECT_EQ(c.statements.size(), 2u);
    // The shares that lie there are those of the key that was made.
    EXPECT_TRUE(fs::exists(p.ShareOf("identity-1.1", 1)));
    EXPECT_EQ(CodeIn(p.GoOn(s, again)), "ceremony.nothing-open");
  }
}

TEST(Ceremony, AFolderIsUsedForOneMakingAndAScriptForItsFolder) {
  Place p;
  Script s = TestScript({TestKey("identity-1.1", Custody::kSoftware)});
  TestRoom room;
  ASSERT_TRUE(p.Hold(s, room));
  EXPECT_EQ(CodeIn(p.Hold(s, room)), "ceremony.exists");
  Script later = p.Later(Kind::kSign, {TestKey("identity-1.1", Custody::kSoftware)});
  Script other = later;
  other.log = "elsewhere";
  EXPECT_EQ(CodeIn(p.Hold(Usual(other), room)), "ceremony.other-log");
  other = later;
  other.rehearsal = false;
  EXPECT_EQ(CodeIn(p.Hold(Usual(other), room)), "ceremony.rehearsal");
  other = later;
  other.keys[0].spki = Digest{1};
  EXPECT_EQ(CodeIn(p.Hold(Usual(other), room)), "ceremony.other-key");
  // One that was stopped, and whose file was changed meanwhile.
  TestRoom leaving;
  leaving.leave_after = 3;
  EXPECT_EQ(CodeIn(p.Hold(Usual(later), leaving)), "test.left");
  EXPECT_EQ(CodeIn(p.Hold(Usual(later), room)), "ceremony.exists");
  std::ofstream(p.dir / "ceremony.toml", std::ios::app) << "# changed\n";
  EXPECT_EQ(CodeIn(p.GoOn(Usual(later), room)), "ceremony.changed");
}

TEST(Ceremony, TheWitnessWhoReadsAnotherFileStopsIt) {
  Place p;
  TestRoom room;
  room.other = [](const std::string& q) { return q.find("own copy") != q.npos ? "zzzz" : ""; };
  EXPECT_EQ(CodeIn(p.Hold(TestScript({TestKey("a-1.1", Custody::kSoftware)}), room)),
            "ceremony.read-aloud");
}

TEST(Ceremony, ExceptionsStandOpenAsADigestAndSealedInWords) {
  Place p;
  TestRoom room;
  bool told = false;
  room.other = [&](const std::string& q) -> std::string {
    if (q.find("what went otherwise") != q.npos) return "the lamp went out";
    if (q.find("done, exception") == q.npos || told) return "";
    told = true;
    return "exception";
  };
  Script s = TestScript({TestKey("a-1.1", Custody::kSoftware)});
  ASSERT_TRUE(p.Hold(s, room));
  std::string open = ReadTextFile(p.dir / "transcript.txt", 1 << 20).value();
  EXPECT_EQ(open.find("lamp"), open.npos);
  auto log = p.Log();
  const CeremonyState& c = log->state().ceremonies.back();
  ASSERT_EQ(c.exceptions.size(), 1u);
  EXPECT_NE(open.find(ToHex(c.exceptions[0].value.digest)), open.npos);
  EXPECT_EQ(c.exceptions[0].value.text, "the lamp went out");
}

TEST(Ceremony, AChangedRequestIsNotSigned) {
  Place p;
  Script s = TestScript({TestKey("identity-1.1", Custody::kSoftware)});
  p.Request("identity-2.1", "identity-1.1", s);
  std::ofstream(p.tmp / "in/identity-2.1.request", std::ios::app) << "\n";
  TestRoom room;
  EXPECT_EQ(CodeIn(p.Hold(Usual(std::move(s)), room)), "ceremony.request-changed");
}

TEST(Ceremony, RecoveringNamesTheCulpritsAndGoesOn) {
  for (Custody custody : {Custody::kSplit, Custody::kThreshold}) {
    SCOPED_TRACE(plan::ToText(custody));
    Place p, stranger;
    ScriptKey key = TestKey("identity-1.1", custody);
    TestRoom room;
    ASSERT_TRUE(p.Hold(TestScript({key}), room));
    TestRoom elsewhere;
    ASSERT_TRUE(stranger.Hold(TestScript({key}), elsewhere));
    Script s = p.Later(Kind::kRecover, {key});
    p.Request("identity-2.1", "identity-1.1", s);
    s = Usual(std::move(s));
    TestRoom back;
    back.bring = {stranger.ShareOf("identity-1.1", 1), p.ShareOf("identity-1.1", 3),
                  p.ShareOf("identity-1.1", 3), p.tmp / "nothing.share",
                  p.ShareOf("identity-1.1", 2)};
    auto r = p.Hold(s, back);
    ASSERT_TRUE(r) << r.error().ToString();
    EXPECT_EQ(p.TheRecord().record.signed_items.size(), 1u);
    EXPECT_TRUE(p.TheRecord().statements.empty());
    std::vector<std::string> codes;
    for (const auto& x : p.Log()->state().refused) codes.push_back(x.value.code);
    EXPECT_EQ(codes,
              (std::vector<std::string>{"share.foreign", "share.duplicate", "file.missing"}));
    // The papers of the first ceremony were put away.
    EXPECT_TRUE(fs::exists(p.dir / "past" / p.Log()->state().ceremonies.front().id /
                           "record.birthmark-record"));
  }
}

TEST(Ceremony, TooFewStopItAndTheyMayComeBack) {
  Place p;
  ScriptKey key = TestKey("identity-1.1", Custody::kSplit);
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript({key}), room));
  Script s = Usual(p.Later(Kind::kRecover, {key}));
  TestRoom few;
  few.bring = {p.ShareOf("identity-1.1", 1)};
  EXPECT_EQ(CodeIn(p.Hold(s, few)), "ceremony.stopped");
  TestRoom enough;
  enough.bring = {p.tmp / "nothing.share", p.ShareOf("identity-1.1", 1),
                  p.ShareOf("identity-1.1", 3)};
  auto r = p.GoOn(s, enough);
  EXPECT_TRUE(r) << r.error().ToString();
}

TEST(Ceremony, HealthRoundsCountProofsAndStaySilentWhenTheKeyIsAtRisk) {
  Place p;
  ScriptKey key = TestKey("identity-1.1", Custody::kThreshold);
  TestRoom room;
  room.n = "4";
  ASSERT_TRUE(p.Hold(TestScript({key}), room));  // EU NA EU AS
  const size_t first = fs::file_size(p.dir / "record.birthmark-record");
  p.clock.Advance(std::chrono::hours(24 * 30));
  Script s = Usual(p.Later(Kind::kHealth, {key}));
  for (size_t i : {1, 2, 3}) p.Prove("identity-1.1", i, fmt::format("{}.proof", i), s.challenge);
  p.Prove("identity-1.1", 1, "twice.proof", s.challenge);
  p.Prove("identity-1.1", 4, "old-round.proof", Bytes(32, 8));
  std::ofstream(p.tmp / "in/letter.txt") << "hello\n";
  TestRoom round;
  auto r = p.Hold(s, round);
  ASSERT_TRUE(r) << r.error().ToString();
  CheckedRecord c = p.TheRecord();
  ASSERT_EQ(c.statements.size(), 2u);
  EXPECT_EQ(c.statements[0].extra, 1u);
  EXPECT_EQ(c.statements[0].continents, 1u);
  // One size and shape whoever answered, but for what the kind's own word adds.
  EXPECT_EQ(fs::file_size(p.dir / "record.birthmark-record"),
            first + std::string_view("health").size() - std::string_view("make").size());
  // One proof is less than k.
  for (const auto& f : fs::directory_iterator(p.tmp / "in")) fs::remove(f);
  p.clock.Advance(std::chrono::hours(24 * 30));
  s.challenge = Bytes(32, 9);
  s = Usual(std::move(s));
  p.Prove("identity-1.1", 2, "2.proof", s.challenge);
  TestRoom bad;
  r = p.Hold(s, bad);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_FALSE(r->record);
  EXPECT_FALSE(fs::exists(p.dir / "record.birthmark-record"));
  ASSERT_EQ(r->alarms.size(), 1u);
  EXPECT_NE(bad.said.find("ALARM"), bad.said.npos);
}

TEST(Ceremony, ResharingKeepsTheKeyAndKillsOldShares) {
  for (Custody custody : {Custody::kSplit, Custody::kThreshold}) {
    SCOPED_TRACE(plan::ToText(custody));
    Place p;
    ScriptKey key = TestKey("identity-1.1", custody);
    TestRoom room;
    ASSERT_TRUE(p.Hold(TestScript({key}), room));
    const Digest before = p.TheRecord().certificates[0].digest();
    const std::string leaving = p.WhoHas("identity-1.1", 2);
    fs::path old = p.tmp / "old";
    fs::copy(p.dir / "shares", old, fs::copy_options::recursive);
    // Places among those who stay: 1 is the first, 3 the last of three.
    const std::string first = p.WhoHas("identity-1.1", 1), last = p.WhoHas("identity-1.1", 3);
    auto old_share = [&](const std::string& who) { return old / who / "identity-1.1.share"; };
    Script s = Usual(p.Later(Kind::kReshare, {key}));
    TestRoom change;
    change.k = "3";
    change.joining = 2;
    change.changes[leaving] = "leaves";
    change.bring = {old_share(leaving), old_share(last)};
    // Stopped while the new shares are being read back, the old ones are in force.
    int reads = 0;
    change.other = [&](const std::string& q) -> std::string {
      return q.find("done, exception") != q.npos && q.find("witness") != q.npos && ++reads == 3
                 ? "stop"
                 : "";
    };
    EXPECT_EQ(CodeIn(p.Hold(s, change)), "ceremony.stopped");
    EXPECT_EQ(p.Log()->state().sets.at("identity-1.1").dealt.set.generation, 1u);
    TestRoom again;
    again.k = "3";
    again.bring = {old_share(leaving), old_share(last)};
    auto r = p.GoOn(s, again);
    ASSERT_TRUE(r) << r.error().ToString() << change.said;
    CheckedRecord c = p.TheRecord();
    EXPECT_EQ(c.certificates[0].digest(), before);
    EXPECT_EQ(c.statements.at(0).extra, 1u);
    EXPECT_EQ(p.Log()->state().sets.at("identity-1.1").dealt.set.generation, 2u);
    // Old shares are stale, new ones open the key.
    Script recover = Usual(p.Later(Kind::kRecover, {key}));
    TestRoom back;
    ASSERT_EQ(p.Log()->state().sets.at("identity-1.1").dealt.seats.size(), 4u);
    back.bring = {old_share(first), p.ShareOf("identity-1.1", 1), p.ShareOf("identity-1.1", 3),
                  p.ShareOf("identity-1.1", 4)};
    r = p.Hold(recover, back);
    ASSERT_TRUE(r) << r.error().ToString();
    EXPECT_EQ(p.Log()->state().refused.back().value.code, "share.stale");
  }
}

TEST(Dialogue, WhatIsNoAnswerIsRefusedByName) {
  const auto ask = [](std::string_view typed) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
    close(ends[1]);
    auto r = AnswersDialogue(ends[0])->Ask("? ");
    close(ends[0]);
    EXPECT_TRUE(r || !r.error().fix.empty());
    return r ? *r : r.error().code;
  };
  EXPECT_EQ(ask(" done \n"), "done");
  EXPECT_EQ(ask(std::string(5000, 'x') + "\n"), "ceremony.answer");
  EXPECT_EQ(ask("a\x1b[2Jb\n"), "ceremony.answer");
  EXPECT_EQ(ask("no end"), "ceremony.no-answer");
}

TEST(Ceremony, WhatStopsALaterOneIsSaidByNameAndWithTheFix) {
  Place p;
  TestRoom room;
  const ScriptKey a = TestKey("identity-1.1", Custody::kSplit);
  const ScriptKey b = TestKey("update-1.1", Custody::kSplit);
  const ScriptKey file = TestKey("trial-1.1", Custody::kSoftware);
  room.leave_after = 20;
  const Script make = TestScript({a, b, file});
  EXPECT_EQ(CodeIn(p.Hold(make, room)), "test.left");
  {
    auto log = p.Log();
    EXPECT_EQ(CodeIn(WriteOutputs(p.dir, *log)), "ceremony.open");
    EXPECT_TRUE(ReportCustody(*log, p.clock.Now(), std::chrono::days(100))
                    .findings.Has("ceremony.not-closed"));
    EXPECT_EQ(CodeIn(CustodyState().Apply({}, {.body = cbor::Value(), .type = "nonsense"})),
              "ceremony.entry");
  }
  room.leave_after = -1;
  ASSERT_TRUE(p.GoOn(make, room));
  const auto refused = [&](const Script& s, std::string_view code) {
    auto r = p.Hold(s, room);
    if (!r && r.error().code == "ceremony.exists") r = p.GoOn(s, room);
    EXPECT_EQ(CodeIn(r), code);
    EXPECT_TRUE(r || !r.error().fix.empty()) << code;
  };
  {
    // A script that says of a key what the folder does not have.
    Place q;
    TestRoom alone;
    ASSERT_TRUE(q.Hold(TestScript({file}), alone));
    const Script s = Usual(q.Later(Kind::kReshare, {TestKey(file.id, Custody::kThreshold)}));
    EXPECT_EQ(CodeIn(q.Hold(s, alone)), "ceremony.other-key");
  }
  // A key that is not confirmed is not ended, until it is.
  const Script end = Usual(p.Later(Kind::kDestroy, {file}));
  room.other = [](const std::string& q) {
    return q.find("type the key's id") == q.npos ? "" : "another";
  };
  refused(end, "ceremony.not-confirmed");
  room.other = {};
  ASSERT_TRUE(p.GoOn(end, room));
  // What is wrapped was changed; the other site's copy is right.
  const Bytes wrapped = p.Log()->Wrapped(b.id).value();
  ASSERT_TRUE(p.Log()->KeepWrapped(b.id, Bytes(wrapped.size())));
  const std::vector<std::string> two = {p.ShareOf(b.id, 1), p.ShareOf(b.id, 2)};
  const Script open = Usual(p.Later(Kind::kRecover, {b}));
  room.bring = two;
  refused(open, "ceremony.wrapped");
  ASSERT_TRUE(p.Log()->KeepWrapped(b.id, wrapped));
  room.bring = two;
  ASSERT_TRUE(p.GoOn(open, room));
  // One of two keys gets another holder; then they are not dealt anew together.
  room.bring = {p.ShareOf(a.id, 1), p.ShareOf(a.id, 2)};
  room.joining = 1;
  ASSERT_TRUE(p.Hold(Usual(p.Later(Kind::kReshare, {a})), room)) << room.said;
  refused(Usual(p.Later(Kind::kReshare, {a, b})), "ceremony.holders-differ");
}

TEST(Ceremony, AnEndedKeyIsEnded) {
  Place p;
  std::vector<ScriptKey> keys = {TestKey("identity-1.1", Custody::kSplit),
                                 TestKey("update-1.1", Custody::kSoftware)};
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript(keys), room));
  ASSERT_TRUE(p.Log()->Wrapped("identity-1.1"));
  TestRoom end;
  auto r = p.Hold(Usual(p.Later(Kind::kDestroy, keys)), end);
  ASSERT_TRUE(r) << r.error().ToString();
  for (const RecordKey& k : p.TheRecord().record.keys) EXPECT_TRUE(k.destroyed) << k.id;
  EXPECT_FALSE(p.Log()->Wrapped("identity-1.1"));
  TestRoom more;
  EXPECT_EQ(CodeIn(p.Hold(Usual(p.Later(Kind::kSign, {keys[1]})), more)), "ceremony.key-ended");
}

TEST(Ceremony, TheGuardIsAskedAndItsRefusalIsTheRoomsToDecide) {
  Place p;
  Script s = TestScript({TestKey("identity-1.1", Custody::kSplit)});
  RunOptions o = p.Options();
  std::vector<SplitQuestion> questions;
  o.judge = [&](const SplitQuestion& q) {
    questions.push_back(q);
    Findings f;
    f.Error("leak.narrow", "k could be guessed");
    return f;
  };
  TestRoom room;
  room.script = s.digest;
  room.other = [](const std::string& q) {
    return q.find("again (other") != q.npos ? "withhold" : "";
  };
  auto r = ceremony::Run(s, {}, std::move(o), room, p.clock);
  ASSERT_TRUE(r) << r.error().ToString();
  ASSERT_FALSE(questions.empty());
  EXPECT_EQ(questions[0].statements.at(0).extra, 1u);
  EXPECT_TRUE(p.TheRecord().statements.empty());
}

TEST(Upkeep, SilenceSealsAndLossesAreSeen) {
  Place p;
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript({TestKey("identity-1.1", Custody::kSplit)}), room));
  auto log = p.Log();
  auto report = [&] { return ReportCustody(*log, p.clock.Now(), std::chrono::days(100)); };
  EXPECT_TRUE(report().findings.empty()) << report().findings.ToString();
  const std::string who = log->state().sets.at("identity-1.1").dealt.seats.at(1).who;
  EXPECT_EQ(CodeIn(NoteHolder(*log, "nobody", "opened", "", "")), "custody.holder");
  EXPECT_EQ(CodeIn(NoteHolder(*log, who, "eaten", "", "")), "custody.event");
  EXPECT_EQ(CodeIn(NoteHolder(*log, who, "sealed", "", "")), "custody.seal");
  EXPECT_FALSE(NoteHolder(*log, who, "sealed", "A1", "").value().broken);
  EXPECT_FALSE(
      NoteHolder(*log, std::to_string(log->state().sets.at("identity-1.1").dealt.seats.at(1).index),
                 "seal-checked", "A1", "")
          .value()
          .broken);
  EXPECT_TRUE(report().findings.empty());
  EXPECT_TRUE(NoteHolder(*log, who, "seal-checked", "A2", "").value().broken);
  EXPECT_TRUE(report().findings.Has("custody.seal-broken"));
  EXPECT_FALSE(NoteHolder(*log, who, "lost", "", "after the fire").value().broken);
  EXPECT_TRUE(report().findings.Has("custody.lost"));
  EXPECT_TRUE(report().findings.Has("custody.no-spare"));
  EXPECT_FALSE(report().findings.HasErrors());
  p.clock.Advance(std::chrono::hours(24 * 101));
  EXPECT_TRUE(report().findings.Has("custody.silent"));
  EXPECT_TRUE(report().findings.Has("custody.at-risk"));
  EXPECT_EQ(log->NameOf(who).substr(0, 6), "Person");
  ASSERT_TRUE(log->EraseName(who));
  EXPECT_EQ(log->NameOf(who), "");
}

TEST(SealedLog, WithoutItsPassphraseOrWithAChangeItDoesNotOpen) {
  Place p;
  TestRoom room;
  ASSERT_TRUE(p.Hold(TestScript({TestKey("a-1.1", Custody::kSoftware)}), room));
  EXPECT_EQ(CodeIn(SealedLog::Open(p.dir, TestSecret("wrong"), p.clock)), "keystore.passphrase");
  EXPECT_EQ(CodeIn(SealedLog::Open(p.tmp / "none", TestSecret("x"), p.clock)), "ceremony.missing");
  // Nothing of the room is legible in the folder.
  std::string raw = ReadTextFile(p.dir / "sealed/log/log.sqlite", 10 << 20).value();
  for (const char* word : {"internal-witness", "step-done", "Person"})
    EXPECT_EQ(raw.find(word), raw.npos) << word;
}

}  // namespace
}  // namespace birthmark::ceremony
