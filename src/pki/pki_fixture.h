// SPDX-License-Identifier: Apache-2.0
// What the tests of this room share: keys, a small PKI, a certificate written field by field, and
// the tools of others. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/der.h"
#include "crypto/software_signer.h"
#include "pki/issue.h"
#include "tests/support/temp_dir.h"

namespace birthmark::pki::test {

using crypto::Algorithm;
using crypto::Certificate;
using crypto::SoftwareSigner;

inline const Time kNow = *ParseTime("2026-11-21T10:00:00Z");

// NewKey makes a key; RSA keys are made once a process because they take long.
inline SoftwareSigner& NewKey(Algorithm a = Algorithm::kEcdsaP256) {
  static std::vector<std::unique_ptr<SoftwareSigner>> all;
  static std::map<Algorithm, SoftwareSigner*> rsa;
  const bool slow =
      a != Algorithm::kEcdsaP256 && a != Algorithm::kEcdsaP384 && a != Algorithm::kEd25519;
  if (slow && rsa.contains(a)) return *rsa[a];
  all.push_back(std::move(*SoftwareSigner::Generate(a)));
  if (slow) rsa[a] = all.back().get();
  return *all.back();
}

inline Name TestName(std::string cn) {
  return *Name::Make({{"O", "Acme Light"}, {"CN", std::move(cn)}});
}

inline Stamp TestStamp(Time at = kNow) {
  ManualClock clock(at);
  SystemRng rng;
  return *SerialSource(clock, rng, at).Next();
}

// TestPki is a root with room for `levels` authorities and one subordinate under it.
struct TestPki {
  explicit TestPki(Marks m = RehearsalMarks(), Algorithm a = Algorithm::kEcdsaP256)
      : marks(std::move(m)), root_key(NewKey(a)), sub_key(NewKey(a)) {
    root = *SelfSign(root_key, RootProfile(), marks, TestStamp(),
                     {.subject = TestName("Acme Root R1"), .path_len = 1});
    root_issuer = std::make_unique<Issuer>(*Issuer::Make(root, root_key));
    sub = *pki::Issue(*root_issuer, SubordinateProfile(), marks, TestStamp(),
                      {.subject = TestName("Acme Site CA 1"),
                       .key = sub_key.public_key(),
                       .path_len = 0,
                       .crl_urls = {"http://crl.acme.example/root.crl"}});
    sub_issuer = std::make_unique<Issuer>(*Issuer::Make(sub, sub_key));
  }
  Result<Certificate> Leaf(const Profile& profile, Contents contents, Time at = kNow) {
    if (contents.key.evp() == nullptr) contents.key = NewKey().public_key();
    return pki::Issue(*sub_issuer, profile, marks, TestStamp(at), contents);
  }
  Marks marks;
  SoftwareSigner &root_key, &sub_key;
  Certificate root, sub;
  std::unique_ptr<Issuer> root_issuer, sub_issuer;
};

inline Contents DeviceContents(std::string serial = "BMC-0001") {
  return {.subject = *Name::Make({{"O", "Acme Light"}, {"serialNumber", serial}}),
          .key = NewKey().public_key(),
          .hardware = HardwareModule{"1.3.6.1.4.1.32473.2.7", ToBytes(serial)},
          .masa_url = "masa.acme.example",
          .mud_url = "https://acme.example/mud/bmc.json"};
}

// ContentsFor is the least that a profile takes.
inline Contents ContentsFor(const Profile& p) {
  if (p.hardware_module == Need::kMust) return DeviceContents();
  Contents c{.subject = TestName(std::string(p.title)), .key = NewKey().public_key()};
  if (p.ca) c.path_len = 0;
  if (p.dns_names == Need::kMust) c.dns_names = {"est.factory.example"};
  return c;
}

// RawCert is a certificate whose every field a test can spoil.
struct RawCert {
  struct Ext {
    std::string oid;
    bool critical;
    Bytes value;
  };
  std::optional<uint64_t> version = 2;
  Bytes serial = Bytes(16, 0x11);
  Bytes inner_algorithm, outer_algorithm;  // empty: what the signer does
  Bytes issuer = TestName("issuer").der(), subject = TestName("subject").der();
  std::pair<uint8_t, std::string> not_before{crypto::der::kUtcTime, "261121100000Z"};
  std::pair<uint8_t, std::string> not_after{crypto::der::kGeneralizedTime, "99991231235959Z"};
  Bytes spki;  // empty: the signer's
  std::vector<Ext> extensions;

  Bytes Build(crypto::Signer& signer) const;
};

// RunTool runs a shell command and gives its exit code and everything it printed.
struct ToolResult {
  int exit = -1;
  std::string output;
};
ToolResult RunTool(const std::string& command);
// HaveTool says whether a program is installed, and prints once a test that its checks did not run
// if not.
bool HaveTool(const std::string& program);

}  // namespace birthmark::pki::test
