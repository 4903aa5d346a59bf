// SPDX-License-Identifier: Apache-2.0
// For tests alone: a disclosure with something in every part, and signing chains to put it under.
#pragma once

#include <memory>

#include "crypto/software_signer.h"
#include "disclose/check.h"
#include "disclose/signed.h"
#include "ledger/checkpoint.h"
#include "pki/issue.h"

namespace birthmark::disclose::test {

inline constexpr int64_t kIssued = 1'795'000'000'000;  // 2026-11-18

inline ledger::Checkpoint LogHead() {
  ledger::Checkpoint c;
  c.origin = "acme/factory-8f3a41c9";
  c.size = 120;
  c.root.fill(7);
  return c;
}

inline answer::Answer Declared(std::string question, std::string subject, cbor::Value value) {
  answer::Answer a;
  a.question = std::move(question);
  a.subject = std::move(subject);
  a.state = "answered";
  a.declared = answer::Declared{"2026-11-01", "security engineer", std::move(value), {}};
  return a;
}

inline answer::Answer Measured(std::string question, std::string subject, cbor::Value value) {
  answer::Answer a;
  a.question = std::move(question);
  a.subject = std::move(subject);
  a.state = "answered";
  a.measured.emplace();
  a.measured->value = std::move(value);
  a.measured->method = a.question + "/1";
  a.measured->from = kIssued - 90 * 86'400'000LL;
  a.measured->to = kIssued - 1000;
  a.measured->evidence = {LogHead().root, LogHead().size, LogHead().origin, Digest{9}};
  return a;
}

inline answer::Answer Without(std::string question, std::string subject, std::string state,
                              std::optional<std::string> why) {
  answer::Answer a;
  a.question = std::move(question);
  a.subject = std::move(subject);
  a.state = std::move(state);
  a.why = std::move(why);
  return a;
}

// Sample is a disclosure of a BMC that Check has nothing to say about.
inline Disclosure Sample() {
  Disclosure d;
  d.product = {"acme-bmc", "Ridgeback S1", "1.4.2", "rev B", "Acme GmbH", Digest{3}};
  d.version = 2;
  d.issued = kIssued;
  d.period_from = kIssued - 90 * 86'400'000LL;
  d.period_to = kIssued - 1000;
  d.marks = {std::string(kMarkDevices), std::string(kMarkKeys)};
  d.sites = {{"brno", "CZ", "EU"}};
  d.program = "birthmark 0.1.0";
  ledger::Note note{ledger::FormatCheckpoint(LogHead()),
                    {{LogHead().origin, {1, 2, 3, 4}, Bytes(64, 5)}}};
  d.checkpoint = ledger::FormatNote(note);
  d.pkis = {
      {"identity",
       {{"Acme Root R1", 1, false, true, "file", 1, "ecdsa-p384", kIssued + 1000, kIssued - 1000},
        {"Acme Site CA", 2, false, false, "file", 2, "ecdsa-p256", kIssued + 900, kIssued - 900},
        {"devices", 3, true, false, "device", 0, "ecdsa-p256", {}, {}}},
       Digest{4}}};
  d.identities = {{"identity",
                   "idevid",
                   "fuse",
                   "device-generated",
                   "avocado",
                   {{"born", "device: private memory", false}},
                   std::nullopt,
                   "mechanically-transferred",
                   "ecdsa-p256"}};
  d.stores = {{"fuses", "otp-fuse", true, "soc", {}}, {"nor", "spi-nor", false, "soc", "boot"}};
  d.stages = {{"first-stage", "fuse", "nor", "no", "soc", "boot", "first-stage"}};
  d.anchors = {
      {"boot", "key-digest", "first-boot", "fuses", Digest{5}, 1, {"first-stage"}, {}, {}, {}},
      {"update", "pem-bundle", "software-update", "nor", Digest{6}, 3, {"bundle"}, {}, {}, "boot"}};
  answer::Answer exposure = Measured("first-stage-exposure", "device", cbor::Value(1));
  exposure.declared = answer::Declared{"2026-11-01", "line lead", cbor::Value(0), "one shift"};
  exposure.differs = true;
  d.answers = {
      Measured("initial-enclave-location", "device", "internal(otp-fuse)"),
      exposure,
      Measured("identity-pki-level", "identity-pki:identity", cbor::Value(3)),
      Without("identity-anchor-storage", "identity-pki:identity", "withheld", "customer contract"),
      Without("identity-shared-split-extra", "share-set:root", "not-applicable",
              "root is not split"),
      Declared("pki-level", "anchor:update", cbor::Value(2)),
      Measured("pki-level", "anchor:boot", cbor::Value(1)),
      Without("pki-breadth", "anchor:boot", "not-answered", {}),
      Declared("replace", "anchor:boot", "no")};
  return d;
}

// Chain is a signing key with its certificate and its root.
struct Chain {
  std::unique_ptr<crypto::SoftwareSigner> root_key, key;
  std::vector<crypto::Certificate> certificates;  // signer, root
  const crypto::Certificate& root() const { return certificates.back(); }
};

inline pki::Stamp StampOf(uint8_t n) {
  pki::Stamp s;
  s.serial.bytes.fill(n);
  s.at = TimeFromMillis(kIssued) - std::chrono::hours(24);
  return s;
}

inline Chain MakeChain(const std::string& name, const pki::Profile& end = pki::DisclosureProfile(),
                       const pki::Marks& marks = pki::RehearsalMarks(),
                       crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256) {
  Chain c;
  c.root_key = crypto::SoftwareSigner::Generate(algorithm).value();
  c.key = crypto::SoftwareSigner::Generate(algorithm).value();
  pki::Contents root;
  root.subject = pki::Name::Make({{"O", "Acme GmbH"}, {"CN", name + " root"}}).value();
  root.key = c.root_key->public_key();
  root.not_after = StampOf(1).at + std::chrono::hours(24 * 3650);
  root.path_len = 0;
  auto root_cert = pki::SelfSign(*c.root_key, pki::RootProfile(), marks, StampOf(1), root).value();
  pki::Contents leaf;
  leaf.subject = pki::Name::Make({{"O", "Acme GmbH"}, {"CN", name + " signer"}}).value();
  leaf.key = c.key->public_key();
  leaf.not_after = StampOf(2).at + std::chrono::hours(24 * 365);
  auto issuer = pki::Issuer::Make(root_cert, *c.root_key).value();
  c.certificates = {pki::Issue(issuer, end, marks, StampOf(2), leaf).value(), root_cert};
  return c;
}

}  // namespace birthmark::disclose::test
