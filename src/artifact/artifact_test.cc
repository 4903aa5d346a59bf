// SPDX-License-Identifier: Apache-2.0
// Every format made, read back and spoiled; every restriction of a lock met and missed. That
// others' tools take what is made here is tests/e2e/artifact.sh.
#include <gtest/gtest.h>
#include <libfdt.h>

#include <fstream>

#include "artifact/cms.h"
#include "artifact/fit.h"
#include "artifact/lock.h"
#include "artifact/mcuboot.h"
#include "artifact/open.h"
#include "artifact/suit.h"
#include "artifact/tam.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "link/image.h"
#include "pki/pki_fixture.h"

namespace birthmark::artifact {
namespace {

using crypto::Algorithm;
using pki::test::kNow;
using pki::test::NewKey;

template <class T>
std::string CodeOf(const Result<T>& r) {
  return r ? "accepted" : r.error().code;
}

Signing Bare(crypto::Signer& key) { return {.signer = key, .chain = {}, .root = std::nullopt}; }

// Fit is a FIT as mkimage makes one without keys.
Bytes Fit(std::string_view kernel = "kernel", bool hashed = true) {
  Bytes out(8192);
  void* t = out.data();
  const Digest digest = crypto::Sha256(AsBytes(kernel));
  auto text = [&](const char* name, const char* value) { fdt_property_string(t, name, value); };
  fdt_create(t, static_cast<int>(out.size()));
  fdt_finish_reservemap(t);
  fdt_begin_node(t, "");
  text("description", "a test");
  fdt_begin_node(t, "images");
  fdt_begin_node(t, "kernel-1");
  fdt_property(t, "data", kernel.data(), static_cast<int>(kernel.size()));
  if (hashed) {
    fdt_begin_node(t, "hash-1");
    text("algo", "sha256");
    fdt_property(t, "value", digest.data(), static_cast<int>(digest.size()));
    fdt_end_node(t);
  }
  fdt_end_node(t);
  fdt_end_node(t);
  fdt_begin_node(t, "configurations");
  text("default", "conf-1");
  fdt_begin_node(t, "conf-1");
  text("kernel", "kernel-1");
  fdt_end_node(t);
  fdt_end_node(t);
  fdt_end_node(t);
  fdt_finish(t);
  fdt_pack(t);
  out.resize(fdt_totalsize(t));
  return out;
}

UpdateManifest Manifest() {
  UpdateManifest m;
  m.component = {"bmc", "application"};
  m.sequence = 7;
  m.vendor = VendorId(32473);
  m.device_class = ClassId(m.vendor, "bmc A");
  m.content = {.size = 5, .sha256 = crypto::Sha256(AsBytes("patch"))};
  m.sbom = Sbom{"https://acme.example/bmc.cdx.json", crypto::Sha256(AsBytes("sbom"))};
  return m;
}

// Flipped calls `check` with each of many spoiled copies.
void Flipped(const Bytes& good, const std::function<void(const Bytes&, size_t)>& check) {
  for (size_t at = 0; at < good.size(); at += good.size() / 200 + 1) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    check(bad, at);
  }
}

bool Accepts(const Bytes& file, const crypto::PublicKey& key) {
  auto opened = OpenOctets(file);
  return opened && opened->opened.signed_by(key);
}

TEST(Update, IsReadAsItWasSignedAndNotOtherwise) {
  for (Algorithm a :
       {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}) {
    crypto::Signer& key = NewKey(a);
    auto file = SignUpdate(Manifest(), Bare(key));
    ASSERT_TRUE(file) << file.error().ToString();
    auto opened = OpenUpdate(*file);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ(opened->opened.name, "bmc/application");
    EXPECT_EQ(opened->opened.version, 7u);
    EXPECT_EQ(opened->manifest.sbom->uri, Manifest().sbom->uri);
    EXPECT_EQ(opened->manifest.content.sha256, Manifest().content.sha256);
    EXPECT_TRUE(opened->opened.signed_by(key.public_key()));
    EXPECT_FALSE(opened->opened.signed_by(NewKey(Algorithm::kEcdsaP256).public_key()));
    Flipped(*file, [&](const Bytes& bad, size_t at) {
      EXPECT_FALSE(Accepts(bad, key.public_key())) << at;
    });
  }
  EXPECT_EQ(ToHex(VendorId(1)), ToHex(VendorId(1)));
  EXPECT_NE(VendorId(1), VendorId(2));
  EXPECT_EQ(VendorId(1)[6] >> 4, 5);
}

// The digest in the draft's own example 0 is of the manifest as a byte string with its head; ours
// is made in the same way.
TEST(Update, NamesTheManifestAsTheDraftDoes) {
  auto file = SignUpdate(Manifest(), Bare(NewKey()));
  ASSERT_TRUE(file);
  Bytes wrapped = EncodeUpdate(Manifest());
  ASSERT_LT(wrapped.size(), 256u);
  const Bytes head = {0x58, static_cast<uint8_t>(wrapped.size())};
  wrapped.insert(wrapped.begin(), head.begin(), head.end());
  const Digest digest = crypto::Sha256(wrapped);
  EXPECT_NE(std::search(file->begin(), file->end(), digest.begin(), digest.end()), file->end());
}

TEST(Cms, IsReadAsItWasSignedAndNotOtherwise) {
  birthmark::test::TempDir dir;
  std::ofstream(dir / "patch") << "an emergency patch";
  std::ofstream(dir / "other") << "another patch";
  pki::test::TestPki p;
  for (Algorithm a :
       {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}) {
    crypto::Signer& key = NewKey(a);
    auto leaf = p.Leaf(pki::CodeSigningProfile(),
                       {.subject = pki::test::TestName("Signer"), .key = key.public_key()});
    ASSERT_TRUE(leaf);
    auto file = SignCms(dir / "patch", PackageId{"1.3.6.1.4.1.32473.1.1", 9},
                        {.signer = key, .chain = {*leaf, p.sub}, .root = std::nullopt});
    ASSERT_TRUE(file) << file.error().ToString();
    auto opened = OpenCms(*file);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ(opened->opened.version, 9u);
    ASSERT_EQ(opened->opened.chain.size(), 2u);
    EXPECT_EQ(opened->opened.chain.front().digest(), leaf->digest());
    EXPECT_TRUE(opened->opened.signed_by(key.public_key()));
    EXPECT_TRUE(CheckCmsContent(*opened, dir / "patch"));
    EXPECT_EQ(CodeOf(CheckCmsContent(*opened, dir / "other")), "artifact.content");
  }
  crypto::Signer& key = NewKey();
  auto file = SignCms(dir / "patch", std::nullopt, Bare(key));
  ASSERT_TRUE(file);
  Flipped(*file, [&](const Bytes& bad, size_t at) {
    // What no signature covers: how the signer is named.
    auto good = OpenCms(*file), opened = OpenCms(bad);
    if (opened && opened->opened.signed_by(key.public_key())) {
      EXPECT_EQ(opened->digest, good->digest) << at;
      EXPECT_EQ(opened->opened.version, good->opened.version) << at;
    }
  });
}

TEST(Fit, ASignatureCoversTheConfigurationAndItsImages) {
  for (Algorithm a : {Algorithm::kRsa2048, Algorithm::kEcdsaP256}) {
    crypto::Signer& key = NewKey(a);
    auto file = SignFit(Fit(), {"boot", ""}, Bare(key));
    ASSERT_TRUE(file) << file.error().ToString();
    auto opened = OpenFit(*file);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ(opened->name, "/configurations/conf-1");
    EXPECT_TRUE(opened->signed_by(key.public_key()));
    EXPECT_FALSE(opened->signed_by(NewKey(Algorithm::kEcdsaP256).public_key()));
    auto again = SignFit(*file, {"boot", "conf-1"}, Bare(key));
    EXPECT_TRUE(again && Accepts(*again, key.public_key()));
    // The kernel's octets, its hash, the names of its nodes: nothing changes unseen.
    for (const char* text : {"kernel-1", "conf-1", "hash-1", "algo"}) {
      Bytes bad = *file;
      auto at = std::search(bad.begin(), bad.end(), text, text + strlen(text));
      ASSERT_NE(at, bad.end());
      *at ^= 1;
      EXPECT_FALSE(Accepts(bad, key.public_key())) << text;
    }
  }
  EXPECT_EQ(CodeOf(SignFit(Fit("x", false), {"boot", ""}, Bare(NewKey()))), "artifact.malformed");
  EXPECT_EQ(CodeOf(SignFit(Fit(), {"boot", "conf-2"}, Bare(NewKey()))), "artifact.malformed");
  EXPECT_EQ(CodeOf(SignFit(Fit(), {"boot", ""}, Bare(NewKey(Algorithm::kEd25519)))),
            "artifact.algorithm");
  EXPECT_EQ(CodeOf(OpenFit(Fit())), "artifact.unsigned");
  Bytes other = Fit();
  auto at = std::search(other.begin(), other.end(), std::begin("kernel"), std::end("kernel") - 1);
  *at ^= 1;
  EXPECT_NE(CodeOf(SignFit(other, {"boot", ""}, Bare(NewKey()))), "accepted");
}

TEST(Mcuboot, IsReadAsItWasSignedAndNotOtherwise) {
  const McubootVersion v = *ParseMcubootVersion("1.4.2+7");
  for (Algorithm a :
       {Algorithm::kEcdsaP256, Algorithm::kEd25519, Algorithm::kRsa2048, Algorithm::kRsa3072}) {
    crypto::Signer& key = NewKey(a);
    auto file = SignMcuboot(AsBytes("a body"), v, Bare(key));
    ASSERT_TRUE(file) << file.error().ToString();
    auto opened = OpenOctets(*file);
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ(opened->opened.version, v.Number());
    EXPECT_TRUE(opened->opened.signed_by(key.public_key()));
    Flipped(*file, [&](const Bytes& bad, size_t i) {
      // The key's hash is a hint that no signature covers; a spoiled one changes nothing else.
      auto still = OpenOctets(bad);
      if (still && still->opened.signed_by(key.public_key())) {
        EXPECT_EQ(still->opened.content, opened->opened.content) << i;
      }
    });
  }
  EXPECT_EQ(CodeOf(SignMcuboot(AsBytes("x"), v, Bare(NewKey(Algorithm::kEcdsaP384)))),
            "artifact.algorithm");
  EXPECT_EQ(McubootVersionOf(v.Number()).Number(), v.Number());
  EXPECT_LT(ParseMcubootVersion("1.2.3")->Number(), ParseMcubootVersion("1.2.3+1")->Number());
  EXPECT_LT(ParseMcubootVersion("1.2.3+9")->Number(), ParseMcubootVersion("1.3")->Number());
  for (const char* bad : {"", "x", "1.", "256", "1.2.3.4", "1+", "1.2.70000", "1.2.3+4294967296"})
    EXPECT_FALSE(ParseMcubootVersion(bad)) << bad;
}

TEST(Tam, AMessageSaysWhatItsActionNeeds) {
  crypto::Signer& key = NewKey();
  TamMessage m{.action = "anchor-remove",
               .sequence = 4,
               .uid = {},
               .target = "webpki",
               .anchor = {},
               .version = {}};
  auto file = SignTam(m, Bare(key));
  ASSERT_TRUE(file) << file.error().ToString();
  auto opened = OpenOctets(*file);
  ASSERT_TRUE(opened) << opened.error().ToString();
  EXPECT_EQ(opened->opened.kind, Kind::kTam);
  EXPECT_EQ(opened->opened.version, 4u);
  EXPECT_TRUE(opened->opened.signed_by(key.public_key()));
  Flipped(*file,
          [&](const Bytes& bad, size_t at) { EXPECT_FALSE(Accepts(bad, key.public_key())) << at; });
  m.target.clear();
  EXPECT_EQ(CodeOf(SignTam(m, Bare(key))), "artifact.tam");
  for (const char* action : {"anchor-add", "retire-application", "reboot"}) {
    m.action = action;
    EXPECT_EQ(CodeOf(SignTam(m, Bare(key))), "artifact.tam") << action;
  }
  m.action = "read-private";
  EXPECT_TRUE(SignTam(m, Bare(key)));
}

// Signed is an update under a PKI of three levels, with all that a lock can ask for.
struct LockTest : testing::Test {
  LockTest() {
    pki::Marks marks = p.marks;
    marks.policies.push_back("1.3.6.1.4.1.32473.5");
    leaf = *pki::Issue(
        *p.sub_issuer, pki::UpdateSigningProfile(), marks, pki::test::TestStamp(),
        {.subject = pki::test::TestName("Release Team"), .key = key.public_key(), .dns_names = {}});
    opened = Open({leaf, p.sub});
  }
  Opened Open(std::vector<crypto::Certificate> chain) {
    auto file = SignUpdate(Manifest(), {.signer = key, .chain = std::move(chain), .root = {}});
    return OpenUpdate(*file)->opened;
  }
  std::vector<std::string> Refused(const Lock& lock, std::vector<Trusted> anchors, Time at = kNow) {
    auto verdict = Judge(opened, anchors, lock, at);
    EXPECT_TRUE(verdict);
    std::vector<std::string> out;
    for (const Refusal& r : verdict->refused) out.push_back(r.code);
    level = verdict->level;
    return out;
  }
  std::vector<std::string> Refused(const Lock& lock) { return Refused(lock, {Root()}); }
  Trusted Root() { return {*p.root.public_key(), p.root}; }

  pki::test::TestPki p;
  crypto::SoftwareSigner& key = NewKey();
  crypto::Certificate leaf;
  Opened opened;
  int level = 0;
};

TEST_F(LockTest, EachRestrictionIsMetOrNamed) {
  using Codes = std::vector<std::string>;
  const Lock met{.levels = {3},
                 .eku = {"1.3.6.1.5.5.7.3.43"},
                 .policy_oid = {"1.3.6.1.4.1.32473.5"},
                 .subject = "Release Team",
                 .name_constraints = {"dn:O=Acme Light"},
                 .subordinate = "Acme Site CA 1",
                 .subordinate_key = p.sub.public_key()->spki_digest(),
                 .installed_version = 7};
  EXPECT_EQ(Refused(met), Codes{});
  EXPECT_EQ(level, 3);
  struct Case {
    const char* code;
    std::function<void(Lock&)> spoil;
  };
  const Case cases[] = {
      {"artifact.level", [](Lock& l) { l.levels = {2}; }},
      {"artifact.eku", [](Lock& l) { l.eku.push_back("1.3.6.1.5.5.7.3.3"); }},
      {"artifact.policy", [](Lock& l) { l.policy_oid = {"1.3.6.1.4.1.32473.6"}; }},
      {"artifact.subject", [](Lock& l) { l.subject = "Release"; }},
      {"artifact.subject", [](Lock& l) { l.subject = "O=Acme"; }},
      {"artifact.name-constraints", [](Lock& l) { l.name_constraints = {"dn:O=Acme"}; }},
      {"artifact.name-constraints", [](Lock& l) { l.name_constraints = {"dns:acme.example"}; }},
      {"artifact.subordinate",
       [](Lock& l) {
         l.subordinate = "Acme Root";
         l.subordinate_key.reset();
       }},
      {"artifact.rolled-back", [](Lock& l) { l.installed_version = 8; }},
  };
  for (const Case& c : cases) {
    Lock lock = met;
    c.spoil(lock);
    EXPECT_EQ(Refused(lock), Codes{c.code}) << c.code;
  }
  Lock attribute;
  attribute.subject = "O=Acme Light";
  EXPECT_EQ(Refused(attribute), Codes{});
}

TEST_F(LockTest, TheLevelIsCountedFromTheAnchor) {
  const std::vector<std::string> path = {"artifact.path"}, none;
  EXPECT_EQ(Refused({}, {{*p.sub.public_key(), p.sub}}), none);
  EXPECT_EQ(level, 2);
  EXPECT_EQ(Refused({}, {{*p.root.public_key(), std::nullopt}}), none);
  EXPECT_EQ(level, 3);
  EXPECT_EQ(Refused({}, {{key.public_key(), std::nullopt}}), none);
  EXPECT_EQ(level, 1);
  EXPECT_EQ(Refused({}, {{key.public_key(), leaf}}), none);
  EXPECT_EQ(level, 1);
  pki::test::TestPki others;
  EXPECT_EQ(Refused({}, {{*others.root.public_key(), others.root}}), path);
  EXPECT_EQ(level, 0);
  EXPECT_EQ(Refused({}, {{*others.root.public_key(), std::nullopt}}), path);
  EXPECT_EQ(Refused({}, {Root()}, kNow - std::chrono::hours(24)), path);
  // The level that the lock asks for is taken from any anchor that has it.
  Lock second;
  second.levels = {2};
  EXPECT_EQ(Refused(second, {Root(), {*p.sub.public_key(), p.sub}}), none);
  opened = Open({});
  EXPECT_EQ(Refused({}), (std::vector<std::string>{"artifact.signature"}));
  // A bare key has no certificate, so it meets no restriction on one.
  Lock use;
  use.eku = {"1.3.6.1.5.5.7.3.43"};
  EXPECT_EQ(Refused(use, {{key.public_key(), std::nullopt}}),
            (std::vector<std::string>{"artifact.eku"}));
}

TEST_F(LockTest, AnchorsAreCertificatesOrKeys) {
  const Bytes key_der(key.public_key().spki().begin(), key.public_key().spki().end());
  const std::string both = p.root.ToPem() + crypto::WritePem("PUBLIC KEY", key_der);
  auto read = ReadTrusted(AsBytes(both), "both");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_TRUE((*read)[0].certificate);
  EXPECT_FALSE((*read)[1].certificate);
  EXPECT_TRUE(ReadTrusted(key_der, "der"));
  EXPECT_TRUE(ReadTrusted(p.root.der(), "der"));
  EXPECT_FALSE(ReadTrusted(AsBytes("nothing"), "text"));
  EXPECT_EQ(CodeOf(ReadTrusted(AsBytes(crypto::WritePem("X509 CRL", key_der)), "crl")),
            "artifact.anchor-file");
}

TEST(Open, TellsKindsApart) {
  EXPECT_EQ(CodeOf(OpenOctets(AsBytes("no artifact"))), "artifact.kind");
  EXPECT_EQ(CodeOf(OpenOctets({})), "artifact.kind");
  auto image = link::BuildImage({.kind = "application", .name = "bmc app", .version = 3},
                                AsBytes("payload"), NewKey(), {.x5chain = {}, .bare_key = true});
  ASSERT_TRUE(image);
  auto opened = OpenOctets(*image);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->opened.kind, Kind::kDeviceImage);
  EXPECT_EQ(opened->opened.name, "bmc app");
  pki::test::TestPki p;
  auto server = p.Leaf(pki::TlsServerProfile(), pki::test::ContentsFor(pki::TlsServerProfile()));
  ASSERT_TRUE(server);
  opened = OpenOctets(AsBytes(server->ToPem()));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->opened.kind, Kind::kTlsServer);
  Lock lock;
  lock.name_constraints = {"dns:factory.example"};
  const std::vector<Trusted> pinned = {{*server->public_key(), std::nullopt}};
  auto verdict = Judge(opened->opened, pinned, lock, kNow);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->Accepted());
  EXPECT_EQ(verdict->level, 1);
  lock.name_constraints = {"dns:tory.example"};
  EXPECT_FALSE(Judge(opened->opened, pinned, lock, kNow)->Accepted());
}

}  // namespace
}  // namespace birthmark::artifact
