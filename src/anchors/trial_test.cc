// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <set>

#include "anchors/test_tools.h"
#include "anchors/trial_build.h"
#include "anchors/trial_plan.h"
#include "base/files.h"
#include "cbor/cose.h"
#include "crypto/pem.h"
#include "crypto/software_signer.h"
#include "tests/support/temp_dir.h"

namespace birthmark::anchors {
namespace {

using crypto::SoftwareSigner;
using test::ToolOutput;

// Counter is an Rng whose octets are known.
class Counter : public Rng {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& b : out) b = next_++;
  }

 private:
  uint8_t next_ = 1;
};

TrialBasis Basis(uint32_t level) {
  return {"update", level, "ecdsa-p256-sha256", "ecdsa-p256-sha256", true};
}

std::set<std::string> Ids(const std::vector<TrialSpec>& specs) {
  std::set<std::string> ids;
  for (const TrialSpec& s : specs) ids.insert(s.id);
  return ids;
}

TEST(PlanTrials, EachObjectDiffersFromTheGoodOneInOneThing) {
  const auto specs = PlanTrials(Basis(3));
  ASSERT_FALSE(specs.empty());
  const TrialSpec good = specs[0];
  EXPECT_EQ(good.varies, Varies::kNothing);
  EXPECT_EQ(Ids(specs).size(), specs.size()) << "ids are unique";
  for (const TrialSpec& s : specs) {
    const int differences = (s.level != good.level) + (s.algorithm != good.algorithm) +
                            (s.eku != good.eku) + (s.policy != good.policy) +
                            (s.subject != good.subject) + (s.tampered != good.tampered) +
                            (s.right_key != good.right_key) + (s.subordinate != good.subordinate);
    EXPECT_EQ(differences, s.varies == Varies::kNothing ? 0 : 1) << s.id;
  }
  for (const char* id : {"update/level-1", "update/level-2", "update/level-4", "update/ed25519",
                         "update/rsa-2048-pkcs1-sha1", "update/ecdsa-p521-sha512", "update/eku",
                         "update/subordinate"}) {
    EXPECT_TRUE(Ids(specs).contains(id)) << id;
  }
}

TEST(PlanTrials, LevelOneHasNoSignersCertificateToVary) {
  EXPECT_EQ(Ids(PlanTrials(Basis(1))),
            (std::set<std::string>{"update/good", "update/signature", "update/anchor-key",
                                   "update/level-2"}));
}

TEST(PlanTrials, LevelTwoHasNoSubordinateAndFiveIsTheDeepest) {
  EXPECT_FALSE(Ids(PlanTrials(Basis(2))).contains("update/subordinate"));
  EXPECT_FALSE(Ids(PlanTrials(Basis(5))).contains("update/level-6"));
}

TEST(PlanTrials, WithoutTheKeyOnlyTheForgerIsLeft) {
  TrialBasis basis = Basis(3);
  basis.have_key = false;
  const auto specs = PlanTrials(basis);
  ASSERT_EQ(specs.size(), 1u);
  EXPECT_FALSE(specs[0].right_key);
}

plan::Plan PlanWith(std::vector<vocab::Algorithm> levels,
                    std::optional<vocab::Algorithm> end_entity, std::vector<int> accepted) {
  plan::Plan p;
  plan::Pki pki;
  pki.id = "update-pki";
  for (const auto a : levels) {
    plan::Level l;
    l.algorithm = a;
    pki.levels.push_back(l);
  }
  pki.end_entity.algorithm = end_entity;
  p.pkis = {pki};
  plan::Anchor a;
  a.id = "update";
  a.kinds = {vocab::AnchorKind::kSoftwareUpdate};
  a.pki = "update-pki";
  a.levels = std::move(accepted);
  p.anchors = {a};
  return p;
}

TEST(BasisOf, FollowsThePki) {
  using vocab::Algorithm;
  plan::Plan p = PlanWith({Algorithm::kEcdsaP384, Algorithm::kEcdsaP256}, Algorithm::kRsa3072, {});
  auto b = BasisOf(p, p.anchors[0]);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->level, 3u);
  EXPECT_EQ(b->algorithm, "rsa-3072-pkcs1-sha256");
  EXPECT_EQ(b->anchor_algorithm, "ecdsa-p384-sha384");
  // The anchor accepts no end entity of that PKI, only its own key.
  p = PlanWith({Algorithm::kEcdsaP384}, Algorithm::kEcdsaP256, {1});
  b = BasisOf(p, p.anchors[0]);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->level, 1u);
  EXPECT_EQ(b->algorithm, "ecdsa-p384-sha384");
  p = PlanWith({}, Algorithm::kEcdsaP256, {});
  EXPECT_EQ(BasisOf(p, p.anchors[0])->level, 1u);
}

TEST(BasisOf, AnchorsOfOthersAreNotTried) {
  plan::Plan p = PlanWith({vocab::Algorithm::kEcdsaP256}, {}, {});
  p.anchors[0].form = plan::Form::kPgpKeyring;
  EXPECT_FALSE(BasisOf(p, p.anchors[0]));
  p.anchors[0].form = plan::Form::kCertificate;
  p.anchors[0].pki.reset();
  EXPECT_FALSE(BasisOf(p, p.anchors[0]));
}

// Keys are shared by all tests: a large RSA key takes a second.
TrialKeys& Keys() {
  static TrialKeys keys;
  return keys;
}

// IsSlow is true for keys that take seconds to make and nothing new to sign with.
bool IsSlow(const TrialSpec& s) {
  return s.algorithm.starts_with("rsa-3072") || s.algorithm.starts_with("rsa-4096");
}

// Bench is an anchor with its key and certificate, as rehearsal has it.
struct Bench {
  std::unique_ptr<SoftwareSigner> anchor =
      std::move(*SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  Counter rng;
  TrialSetup setup;
  Bench() {
    setup.anchor = anchor.get();
    setup.now = SystemClock().Now();
    setup.subject = "Release signer";
  }
  Result<TrialObject> Build(const TrialSpec& spec) {
    TrialBuilder builder(setup, Keys(), rng);
    return builder.Build(spec, AsBytes("a manifest"));
  }
};

TrialSpec Find(const std::vector<TrialSpec>& specs, const std::string& id) {
  return *std::ranges::find(specs, id, &TrialSpec::id);
}

TEST(TrialBuilder, ObjectsAreWellSignedCose) {
  Bench bench;
  TrialBuilder builder(bench.setup, Keys(), bench.rng);
  for (const TrialSpec& spec : PlanTrials(Basis(3))) {
    if (IsSlow(spec)) continue;
    const auto object = builder.Build(spec, AsBytes("a manifest"));
    ASSERT_TRUE(object) << spec.id << ": " << object.error().ToString();
    const TrialAlgorithm* algorithm = FindTrialAlgorithm(spec.algorithm);
    ASSERT_NE(algorithm, nullptr);
    const auto message = cbor::ParseCose(object->object);
    // Algorithms that Birthmark does not speak itself are beyond its own parser's checks.
    const bool ours = algorithm->cose == "ES256" || algorithm->cose == "ES384" ||
                      spec.algorithm == "ed25519" ||
                      (algorithm->cose == "RS256" && algorithm->key != "rsa-1024");
    if (!ours) continue;
    ASSERT_TRUE(message) << spec.id << ": " << message.error().ToString();
    EXPECT_EQ(message->headers.algorithm, algorithm->cose_id);
    EXPECT_EQ(message->headers.x5chain, object->x5chain);
    EXPECT_EQ(object->x5chain.size(), spec.level - 1) << spec.id;
    crypto::PublicKey key = bench.anchor->public_key();
    if (spec.level > 1) {
      const auto signer = crypto::Certificate::FromDer(object->x5chain[0]);
      ASSERT_TRUE(signer) << spec.id << ": " << signer.error().ToString();
      ASSERT_TRUE(signer->public_key()) << spec.id;
      key = *signer->public_key();
    }
    EXPECT_EQ(cbor::VerifyCose(*message, key).has_value(), !spec.tampered) << spec.id;
  }
}

TEST(TrialBuilder, SignersCertificateHasWhatTheSpecSays) {
  Bench bench;
  for (const TrialSpec& spec : PlanTrials(Basis(3))) {
    if (spec.level < 2 || spec.varies == Varies::kAlgorithm) continue;
    const auto object = bench.Build(spec);
    ASSERT_TRUE(object) << spec.id;
    const auto signer = crypto::Certificate::FromDer(object->x5chain[0]);
    ASSERT_TRUE(signer);
    EXPECT_EQ(!signer->eku().empty(), spec.eku) << spec.id;
    EXPECT_EQ(!signer->policies().empty(), spec.policy) << spec.id;
    EXPECT_EQ(signer->common_name() == "Release signer", spec.subject) << spec.id;
    EXPECT_FALSE(signer->is_ca());
    if (spec.level == 3) {
      const auto above = crypto::Certificate::FromDer(object->x5chain[1]);
      EXPECT_EQ(above->subject() == "CN=trial subordinate 2", spec.subordinate) << spec.id;
      EXPECT_TRUE(above->IsSignedBy(bench.anchor->public_key()) == spec.right_key) << spec.id;
    }
  }
}

TEST(TrialBuilder, OpensslAcceptsTheChainsOfTheRightKeyOnly) {
  ::birthmark::test::TempDir dir;
  const std::string anchor_pem = (dir / "a.pem").string(), key_pem = (dir / "k.pem").string();
  ToolOutput(
      fmt::format("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {} "
                  "-out {} -days 2 "
                  "-subj '/CN=Root' -addext keyUsage=critical,keyCertSign && openssl pkcs8 -topk8 "
                  "-nocrypt -in {} -outform DER -out {}.der",
                  key_pem, anchor_pem, key_pem, key_pem));
  const auto certificate =
      crypto::Certificate::FromPem(ReadTextFile(anchor_pem, 1 << 16).value_or(""));
  ASSERT_TRUE(certificate);
  auto pkcs8 = ReadFile(key_pem + ".der", 4096);
  ASSERT_TRUE(pkcs8);
  auto signer = SoftwareSigner::FromPkcs8(SecretBytes::Take(std::move(*pkcs8)));
  ASSERT_TRUE(signer);
  Counter rng;
  TrialSetup setup;
  setup.anchor = signer->get();
  setup.certificate = *certificate;
  setup.now = SystemClock().Now();
  TrialBuilder builder(setup, Keys(), rng);
  size_t verified = 0;
  for (const TrialSpec& spec : PlanTrials(Basis(3))) {
    if (spec.level < 2 || IsSlow(spec)) continue;
    const auto object = builder.Build(spec, AsBytes("x"));
    ASSERT_TRUE(object) << spec.id << ": " << object.error().ToString();
    std::string untrusted;
    for (size_t i = 1; i < object->x5chain.size(); ++i)
      untrusted += crypto::WritePem("CERTIFICATE", object->x5chain[i]);
    ASSERT_TRUE(WriteFileAtomic(dir / "u.pem", untrusted));
    ASSERT_TRUE(
        WriteFileAtomic(dir / "e.pem", crypto::WritePem("CERTIFICATE", object->x5chain[0])));
    const std::string said = ToolOutput(
        fmt::format("openssl verify -x509_strict -CAfile {} {} {} 2>&1; true", anchor_pem,
                    untrusted.empty() ? "" : "-untrusted " + (dir / "u.pem").string(),
                    (dir / "e.pem").string()));
    EXPECT_EQ(said.ends_with("OK\n"), spec.right_key) << spec.id << ": " << said;
    verified += spec.right_key;
  }
  EXPECT_GT(verified, 10u);
}

TEST(TrialBuilder, RealSubordinateSignsAndTheOtherReplacesIt) {
  Bench bench;
  // The plan's own subordinate, made here by a first trial.
  const auto specs = PlanTrials(Basis(3));
  auto real_key = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP384);
  ASSERT_TRUE(real_key);
  const auto first = bench.Build(specs[0]);
  ASSERT_TRUE(first);
  const auto subordinate = crypto::Certificate::FromDer(first->x5chain[1]);
  bench.setup.subordinates.push_back({*subordinate, real_key->get()});
  const auto good = bench.Build(specs[0]);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->x5chain[1], first->x5chain[1]);
  EXPECT_TRUE(
      crypto::Certificate::FromDer(good->x5chain[0])->IsSignedBy((*real_key)->public_key()));
  const auto other = bench.Build(Find(specs, "update/subordinate"));
  EXPECT_NE(other->x5chain[1], first->x5chain[1]);
}

TEST(TrialBuilder, DigestAnchorsKeyTravelsAlong) {
  Bench bench;
  bench.setup.anchor_travels = true;
  TrialSpec spec = PlanTrials(Basis(1))[0];
  const auto object = bench.Build(spec);
  ASSERT_TRUE(object);
  const auto message = cbor::ParseCose(object->object);
  ASSERT_TRUE(message) << message.error().ToString();
  ASSERT_EQ(message->headers.other.size(), 1u);
  const ByteView spki = bench.anchor->public_key().spki();
  EXPECT_EQ(message->headers.other[0].second, cbor::Value(Bytes(spki.begin(), spki.end())));
}

TEST(TrialBuilder, RefusesWhatItCannotMake) {
  Bench bench;
  TrialSpec spec = PlanTrials(Basis(2))[0];
  spec.algorithm = "rot13";
  EXPECT_EQ(bench.Build(spec).error().code, "trial.spec");
  spec = PlanTrials(Basis(2))[0];
  spec.level = 9;
  EXPECT_EQ(bench.Build(spec).error().code, "trial.spec");
  spec.level = 1;
  spec.algorithm = "ecdsa-p384-sha384";
  EXPECT_EQ(bench.Build(spec).error().code, "trial.spec");
  bench.setup.anchor = nullptr;
  EXPECT_EQ(bench.Build(PlanTrials(Basis(2))[0]).error().code, "trial.no-key");
  EXPECT_TRUE(bench.Build(Find(PlanTrials(Basis(2)), "update/anchor-key")));
}

TEST(TrialBuilder, NamesLieInsideTheConstraintUnlessThatIsTried) {
  plan::Anchor anchor;
  anchor.name_constraints = {"dns:acme.example", "dn:O=Acme"};
  EXPECT_EQ(OrganizationOf(anchor), "Acme");
  for (std::vector<std::string> other :
       {std::vector<std::string>{"dn:O=Acme,C=FI"}, {"dn:CN=x"}, {"dn:O=Acme", "dn:O=Beta"}, {}}) {
    anchor.name_constraints = std::move(other);
    EXPECT_EQ(OrganizationOf(anchor), std::nullopt);
  }
  Bench bench;
  bench.setup.organization = "Acme";
  bench.setup.subordinate = "Acme Update CA";
  TrialBasis basis = Basis(3);
  basis.names = true;
  for (const TrialSpec& spec : PlanTrials(basis)) {
    if (spec.level < 2 || spec.varies == Varies::kAlgorithm) continue;
    const auto object = bench.Build(spec);
    ASSERT_TRUE(object) << spec.id;
    const auto signer = crypto::Certificate::FromDer(object->x5chain[0]);
    ASSERT_TRUE(signer);
    EXPECT_EQ(signer->subject().find("O=Acme") != std::string::npos, spec.varies != Varies::kNames)
        << signer->subject();
    EXPECT_EQ(signer->common_name() == "Release signer", spec.subject);
    if (spec.level < 3) continue;
    const auto above = crypto::Certificate::FromDer(object->x5chain[spec.level - 2]);
    EXPECT_EQ(above->subject() == "CN=Acme Update CA", spec.subordinate) << spec.id;
  }
}

TEST(TrialServers, AreTriedAtLevelOneTooAndDifferInOneThing) {
  TrialBasis basis = Basis(1);
  basis.tls = true;
  EXPECT_EQ(Ids(PlanTrials(basis)),
            (std::set<std::string>{"update/good", "update/signature", "update/anchor-key",
                                   "update/level-2", "update/host-name", "update/eku",
                                   "update/policy-oid", "update/subject"}));
  plan::Plan p = PlanWith({vocab::Algorithm::kEcdsaP256}, {}, {});
  p.anchors[0].kinds = {vocab::AnchorKind::kPrivateCloud};
  EXPECT_FALSE(BasisOf(p, p.anchors[0])) << "it says nothing of what it verifies";
  p.anchors[0].verifies = "tls-server";
  p.anchors[0].name_constraints = {"dns:acme.example", "dn:O=Acme"};
  EXPECT_EQ(DnsSubtreesOf(p.anchors[0]), std::vector<std::string>{"acme.example"});
  auto read = BasisOf(p, p.anchors[0]);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->tls && read->names);
  p.anchors[0].third_party = true;
  EXPECT_FALSE(BasisOf(p, p.anchors[0])) << "run by others: no key is at hand";

  Bench bench;
  bench.setup.host = "trial.acme.example";
  bench.setup.elsewhere = "trial.elsewhere.example";
  bench.setup.eku = "1.3.6.1.5.5.7.3.41";
  for (const uint32_t level : {1u, 2u, 3u}) {
    basis.level = level;
    basis.names = true;
    TrialBuilder builder(bench.setup, Keys(), bench.rng);
    for (const TrialSpec& spec : PlanTrials(basis)) {
      if (IsSlow(spec)) continue;
      const auto server = builder.BuildServer(spec);
      ASSERT_TRUE(server) << spec.id << ": " << server.error().ToString();
      const auto own = crypto::Certificate::FromDer(server->chain[0]);
      if (!own) continue;  // of a key that Birthmark does not speak
      EXPECT_EQ(X509_check_host(own->x509(), server->host.data(), server->host.size(), 0, nullptr),
                spec.varies != Varies::kHost)
          << spec.id;
      EXPECT_EQ(server->host == bench.setup.elsewhere, spec.varies == Varies::kNames);
      EXPECT_EQ(own->eku().size(), spec.eku ? 2u : 0u) << "the plan's, and that of servers";
      EXPECT_EQ(server->chain.size(), std::max(spec.level, 2u) - 1) << spec.id;
      const bool pinned =
          own->public_key() &&
          std::ranges::equal(own->public_key()->spki(), bench.anchor->public_key().spki());
      EXPECT_EQ(pinned, server->key == TrialServer::Key::kAnchor) << spec.id;
      EXPECT_EQ(pinned, spec.level == 1 && spec.right_key) << spec.id;
    }
  }
}

TEST(TrialAlgorithms, NamesAreUniqueAndKeysHaveTheirUsualOne) {
  std::set<std::string_view> names;
  for (const TrialAlgorithm& a : TrialAlgorithms()) EXPECT_TRUE(names.insert(a.name).second);
  for (const char* key :
       {"ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"}) {
    const TrialAlgorithm* a = FindTrialAlgorithm(TrialAlgorithmOfKey(key));
    ASSERT_NE(a, nullptr) << key;
    EXPECT_EQ(a->key, key);
  }
  EXPECT_EQ(TrialAlgorithmOfKey("ecdh-p256"), "");
}

}  // namespace
}  // namespace birthmark::anchors
