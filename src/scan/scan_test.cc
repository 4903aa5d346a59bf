// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/files.h"
#include "crypto/digest.h"
#include "scan/keylines.h"
#include "scan/match.h"
#include "scan/places.h"
#include "scan/show.h"
#include "scan/test_images.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace birthmark::scan {
namespace {

using test::Files;
using test::MakeIdentity;
using test::Pack;

const Time kNow = *ParseTime("2026-11-22");

Report Look(const std::string& name, Bytes data, Options options = {.at = kNow}) {
  options.at = kNow;
  return ScanOctets(name, FromMemory(std::move(data)), options);
}

const Store* StoreAt(const Report& r, std::string_view where) {
  for (const Store& s : r.stores) {
    if (s.Where() == where) return &s;
  }
  return nullptr;
}
bool Unreads(const Report& r, std::string_view code) {
  return std::ranges::any_of(r.unread, [&](const Unread& u) { return u.code == code; });
}
bool HasFact(const Report& r, std::string_view code) {
  return std::ranges::any_of(r.items, [&](const Item& i) {
    return std::ranges::any_of(i.facts, [&](const Fact& f) { return f.code == code; });
  });
}

TEST(Places, AreFoundByTheEndOfAPath) {
  const Place* bundle = PlaceOf(PlacesOfFolder("/srv/root/etc/ssl/certs"), "ca-certificates.crt");
  ASSERT_NE(bundle, nullptr);
  EXPECT_EQ(bundle->rule, "webpki.bundle");
  EXPECT_EQ(PlaceOf(PlacesOfFolder("/etc/docker/certs.d/hub.example:5000"), "ca.crt")->rule,
            "update.containers");
  EXPECT_EQ(PlaceOf(PlacesOfFolder("/home/me"), "letter.txt"), nullptr);
  EXPECT_TRUE(GlobMatches("*masa*.pem", "our-masa-1.pem"));
  EXPECT_FALSE(GlobMatches("*.crt", "a.crt.bak"));
  for (const Place& p : Places()) EXPECT_FALSE(p.rule.empty());
}

TEST(Scan, ContainersInsideEachOtherKeepTheirPlaces) {
  const auto web = MakeIdentity("Web Root"), update = MakeIdentity("Update Root");
  const Bytes zip = test::MakeArchive(Pack::kZip, {{"releasekey.x509.pem", ToBytes(update.pem())}});
  const Files files = {{"etc/ssl/certs/ca-certificates.crt", ToBytes(web.pem())},
                       {"system/etc/security/otacerts.zip", zip}};
  const Bytes cpio = test::MakeCpio(files);
  // As an initramfs is: microcode first, zeros between, then the compressed rest.
  Bytes initramfs = test::MakeCpio({{"kernel/x86/microcode/GenuineIntel.bin", Bytes(1000, 1)}});
  initramfs.resize(initramfs.size() + 512);
  const Bytes packed = test::MakeArchive(Pack::kGzip, {{"main", cpio}});
  initramfs.insert(initramfs.end(), packed.begin(), packed.end());
  const Bytes tar = test::MakeArchive(Pack::kTar, files);
  for (const auto& [name, data] :
       {std::pair("initrd.img", initramfs), std::pair("root.tar", tar),
        std::pair("root.tar.gz", test::MakeArchive(Pack::kGzip, {{"x", tar}}))}) {
    const Report r = Look(name, data);
    EXPECT_TRUE(r.unread.empty()) << name << ": " << r.unread.front().reason;
    const Store* bundle = StoreAt(r, "/etc/ssl/certs/ca-certificates.crt");
    ASSERT_NE(bundle, nullptr) << name;
    EXPECT_EQ(bundle->kind, vocab::AnchorKind::kWebPki);
    EXPECT_EQ(bundle->certainty, Certainty::kKnown);
    EXPECT_EQ(bundle->digest, crypto::Sha256(AsBytes(web.pem())));
    EXPECT_NE(bundle->protection.find("only root can write"), std::string::npos);
    const Store* ota = StoreAt(r, "/system/etc/security/otacerts.zip!/releasekey.x509.pem");
    ASSERT_NE(ota, nullptr) << name;
    EXPECT_EQ(ota->kind, vocab::AnchorKind::kSoftwareUpdate);
    EXPECT_EQ(CountOf(r, Role::kAnchor), 2u);
  }
}

TEST(Scan, FindsCertificatesInsidePrograms) {
  const auto a = MakeIdentity("Embedded A"), b = MakeIdentity("Embedded B"),
             key = MakeIdentity("DO NOT TRUST - test", "20150101000000Z");
  // One across the border of two pieces, one in a C source, one with its private key.
  Bytes blob((1 << 20) - 5, 0x30);
  blob.insert(blob.end(), a.certificate.begin(), a.certificate.end());
  std::string source = "static const char *root =\n";
  std::string pem = b.pem();
  for (size_t at = 0; at < pem.size();) {
    const size_t end = pem.find('\n', at);
    source += "\"" + pem.substr(at, end - at) + "\\n\"\n";
    at = end + 1;
  }
  const std::string both = key.pem() + crypto::WritePem("EC PRIVATE KEY", key.key);
  const Report r = Look("x.tar", test::MakeArchive(Pack::kTar, {{"bin/tool", blob},
                                                                {"src/root.c", ToBytes(source)},
                                                                {"etc/both.pem", ToBytes(both)}}));
  ASSERT_NE(StoreAt(r, "/bin/tool"), nullptr);
  EXPECT_EQ(StoreAt(r, "/bin/tool")->members.front().place, "octet 1048571");
  EXPECT_EQ(StoreAt(r, "/bin/tool")->certainty, Certainty::kPresent);
  ASSERT_NE(StoreAt(r, "/src/root.c"), nullptr);
  EXPECT_EQ(CountOf(r, Role::kAnchor), 0u);
  EXPECT_EQ(CountOf(r, Role::kCertificate), 3u);
  EXPECT_EQ(CountOf(r, Role::kPrivateKey), 1u);
  for (const char* code :
       {"scan.test-key", "scan.expired", "scan.private-key-beside", "scan.private-key-of"}) {
    EXPECT_TRUE(HasFact(r, code)) << code;
  }
  // No text of the report holds anything of the key.
  EXPECT_EQ(ReportJson(r).find(ToBase64(ByteView(key.key).subspan(7, 30)).substr(0, 36)),
            std::string::npos);
}

TEST(Scan, ShimsSayWhomTheyBelieveAndWhoSignedThem) {
  const auto vendor = MakeIdentity("Vendor CA"), signer = MakeIdentity("UEFI CA");
  const Bytes shim = test::MakeShim(vendor.certificate, signer.certificate);
  const Report r = Look("shimx64.efi", shim);
  EXPECT_EQ(r.what, "UEFI program");
  EXPECT_TRUE(r.unread.empty());
  EXPECT_EQ(CountOf(r, Role::kAnchor), 1u);
  EXPECT_EQ(CountOf(r, Role::kSigner), 1u);
  const Store* s = StoreAt(r, "shimx64.efi");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->kind, vocab::AnchorKind::kFirstBoot);
  EXPECT_EQ(r.items[s->members.front().item].entry.label, "CN=Vendor CA");
}

TEST(Scan, ReadsKeysThatStandInLines) {
  const std::string ed25519 =
      "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
  const std::string line = "ssh-ed25519 " + ed25519;
  const Files files = {
      {"etc/ssh/ssh_known_hosts", ToBytes("# x\n@cert-authority *.example " + line + " ca\nhost " +
                                          line + "\n@revoked * " + line + "\n")},
      {"root/.ssh/authorized_keys",
       ToBytes(line + " me\ncert-authority,principals=\"a b\" " + line + " staff\n")},
      {"etc/ssh/sshd_config", ToBytes("Port 22\nTrustedUserCAKeys /etc/ssh/people.pub\n"
                                      "TrustedUserCAKeys /etc/ssh/trusted_ca.pub\n")},
      {"etc/ssh/trusted_ca.pub", ToBytes(line + " people\n")},
      {"etc/bind/bind.keys",
       ToBytes("trust-anchors {\n  # old\n  . initial-ds 20326 8 2 "
               "\"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\";\n};\n")}};
  const Report r = Look("root.tar", test::MakeArchive(Pack::kTar, files));
  const Store* hosts = StoreAt(r, "/etc/ssh/ssh_known_hosts");
  ASSERT_NE(hosts, nullptr);
  ASSERT_EQ(hosts->members.size(), 2u);
  EXPECT_EQ(hosts->members[0].role, Role::kAnchor);
  EXPECT_EQ(hosts->members[1].role, Role::kRejected);
  EXPECT_EQ(StoreAt(r, "/root/.ssh/authorized_keys")->members.size(), 1u);
  EXPECT_EQ(StoreAt(r, "/etc/ssh/trusted_ca.pub")->certainty, Certainty::kKnown);
  EXPECT_TRUE(Unreads(r, "scan.named"));  // people.pub is not there
  const Store* dns = StoreAt(r, "/etc/bind/bind.keys");
  ASSERT_NE(dns, nullptr);
  EXPECT_EQ(dns->kind, vocab::AnchorKind::kDnssec);
  EXPECT_EQ(r.items[dns->members.front().item].entry.key_tag, 20326u);
}

TEST(Scan, FoldersAreWalkedWithoutFollowingLinks) {
  const birthmark::test::TempDir dir;
  const fs::path root = dir.path() / "root";
  fs::create_directories(root / "etc/ssl/certs");
  fs::create_directories(root / "usr/share/ca-certificates/mozilla");
  const auto id = MakeIdentity("Linked Root");
  ASSERT_TRUE(WriteFileAtomic(root / "usr/share/ca-certificates/mozilla/R.crt", id.pem()));
  fs::create_symlink("/usr/share/ca-certificates/mozilla/R.crt", root / "etc/ssl/certs/R.pem");
  fs::create_symlink("R.pem", root / "etc/ssl/certs/1234abcd.0");
  fs::create_symlink("../../../../../../../../etc/shadow", root / "etc/ssl/certs/out.pem");
  fs::create_symlink("loop.pem", root / "etc/ssl/certs/loop.pem");
  fs::create_directory_symlink("..", root / "etc/up");
  ASSERT_EQ(mkfifo((root / "etc/pipe").c_str(), 0600), 0);  // would wait for ever
  const auto r = Scan(root, {.at = kNow});
  ASSERT_TRUE(r);
  const Store* store = StoreAt(*r, "/etc/ssl/certs/");
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->members.size(), 1u);
  EXPECT_EQ(r->special, 1u);
  EXPECT_EQ(r->files, 1u);
  EXPECT_TRUE(Unreads(*r, "scan.link"));
  EXPECT_EQ(Scan(root / "nothing", {.at = kNow}).error().code, "scan.missing");
  EXPECT_EQ(Scan("/dev/null", {.at = kNow}).error().code, "scan.kind");
}

TEST(Scan, BadInputIsNamedAndTheRestIsLookedAt) {
  const auto good = MakeIdentity("Good Root");
  Options small{.at = kNow};
  small.limits.ratio = 100;
  small.limits.ratio_from = 1 << 20;
  const Bytes bomb = test::MakeArchive(Pack::kGzip, {{"zeros", Bytes(8 << 20)}});
  Bytes absurd = {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff};
  absurd.resize(4096);
  const Files files = {
      {"a/bomb.gz", bomb},
      {"a/luks.img",
       [] {
         Bytes b = ToBytes(std::string_view("LUKS\xba\xbe\0\x02", 8));
         b.resize(4096);
         return b;
       }()},
      {"../../etc/evil.pem", ToBytes(good.pem())},
      {"usr/share/keyrings/broken.gpg", Bytes{0x99, 0x01, 0x0d, 0x04, 0x00}},
      {"usr/share/dns/root.key", ToBytes("not a record\n")},
      {"etc/ssl/certs/absurd.pem", ToBytes(crypto::WritePem("CERTIFICATE", absurd))},
      {"usr/share/dns/root-anchors.xml",
       ToBytes("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>")},
      {"z/good.pem", ToBytes(good.pem())}};
  const Report r = Look("bad.tar", test::MakeArchive(Pack::kTar, files), small);
  for (const char* code :
       {"scan.bomb", "scan.encrypted", "scan.path-traversal", "anchors.openpgp-malformed",
        "anchors.dnssec-malformed", "scan.certificate-malformed"}) {
    EXPECT_TRUE(Unreads(r, code)) << code;
  }
  EXPECT_NE(StoreAt(r, "/z/good.pem"), nullptr);
  EXPECT_EQ(CountOf(r, Role::kCertificate), 1u);

  Options shallow{.at = kNow, .depth = 1};
  Bytes nest = test::MakeArchive(Pack::kTar, {{"good.pem", ToBytes(good.pem())}});
  for (int i = 0; i < 3; ++i) nest = test::MakeArchive(Pack::kTar, {{"inner.tar", nest}});
  const Report deep = Look("nest.tar", nest, shallow);
  EXPECT_TRUE(Unreads(deep, "scan.depth"));
  EXPECT_EQ(deep.items.size(), 0u);
  EXPECT_EQ(Look("nest.tar", nest).items.size(), 1u);
}

// Every prefix of every container of ours ends in a report.
TEST(Scan, TruncatedAnywhereIsStillAReport) {
  const auto id = MakeIdentity("Cut");
  const Bytes cpio = test::MakeCpio({{"etc/ssl/certs/ca-certificates.crt", ToBytes(id.pem())}});
  const Bytes shim = test::MakeShim(id.certificate, id.certificate);
  for (const Bytes* whole : {&cpio, &shim}) {
    size_t complete = 0;
    for (size_t n = 1; n <= whole->size(); n += 3) {
      const Report r =
          Look("cut", Bytes(whole->begin(), whole->begin() + static_cast<ptrdiff_t>(n)));
      EXPECT_LE(r.items.size(), 2u);  // of a certificate cut in its middle the key may be whole
      complete += r.items.size();
    }
    EXPECT_GT(complete, 0u);
  }
}

TEST(Show, JsonIsComparedWithAFormerScan) {
  const auto a = MakeIdentity("Root A"), b = MakeIdentity("Root B");
  const char* path = "etc/ssl/certs/ca-certificates.crt";
  const Report before = Look("r.tar", test::MakeArchive(Pack::kTar, {{path, ToBytes(a.pem())}}));
  const Report after = Look("r.tar", test::MakeArchive(Pack::kTar, {{path, ToBytes(b.pem())}}));
  const auto same = CompareWith(before, ReportJson(before));
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->empty());
  const auto changes = CompareWith(after, ReportJson(before));
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].what, "added");
  EXPECT_NE((*changes)[0].text.find("Root B"), std::string::npos);
  EXPECT_EQ((*changes)[1].what, "removed");
  EXPECT_EQ(CompareWith(after, "{}").error().code, "scan.against");
  EXPECT_EQ(CompareWith(after, "not json").error().code, "scan.against");

  size_t count = 0;
  ASSERT_TRUE(ReportRfc5914(after, count));
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(ReportRfc5914(Look("empty", {1, 2, 3}), count).error().code, "scan.no-anchors");
  EXPECT_NE(ReportCycloneDx(after).find("\"specVersion\": \"1.7\""), std::string::npos);
  for (const std::string& line : {ReportText(after, false), SummaryText(after)})
    EXPECT_NE(line.find("1 webpki"), std::string::npos);
}

// Others' schema, judged by others' program.
TEST(Show, TheBillIsValidCycloneDx) {
  if (!birthmark::test::VectorsPresent("cyclonedx")) return;
  const fs::path interop = fs::path(SCAN_SOURCE_DIR) / "../../tests/interop";
  if (!fs::exists(interop / "node_modules/ajv")) {
    std::printf("not run: ajv is not installed\n");
    return;
  }
  const auto a = MakeIdentity("Root \"A\" <\xc3\xa9>"), b = MakeIdentity("DO NOT TRUST");
  const std::string both = b.pem() + crypto::WritePem("EC PRIVATE KEY", b.key);
  const Files files = {
      {"etc/ssl/certs/ca-certificates.crt", ToBytes(a.pem())},
      {"etc/\xff/both.pem", ToBytes(both)},
      {"usr/share/dns/root.ds", ToBytes(". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E8804"
                                        "09BBC683457104237C7F8EC8D\n")}};
  const birthmark::test::TempDir dir;
  const std::string bill = (dir / "bill.json").string();
  ASSERT_TRUE(WriteFileAtomic(
      bill, ReportCycloneDx(Look("root.tar", test::MakeArchive(Pack::kTar, files)))));
  EXPECT_EQ(std::system(("node " + (interop / "cyclonedx.mjs").string() + " " + bill + " " +
                         (birthmark::test::VectorsDir() / "cyclonedx").string())
                            .c_str()),
            0);
}

TEST(Match, FindsAnchorsByFileCertificateAndKey) {
  const auto a = MakeIdentity("Wanted"), b = MakeIdentity("Other"), c = MakeIdentity("Absent");
  const Report r = Look(
      "r.tar", test::MakeArchive(Pack::kTar,
                                 {{"etc/ssl/certs/ca-certificates.crt", ToBytes(a.pem() + b.pem())},
                                  {"etc/rauc/keyring.pem", ToBytes(b.pem())}}));
  const Item& item = r.items.front();
  const std::vector<Wanted> wanted = {
      {"by-certificate", crypto::Sha256(a.certificate), std::nullopt, {}},
      {"by-key", *item.entry.spki_digest, std::nullopt, {}},
      {"by-file", crypto::Sha256(AsBytes(b.pem())), std::nullopt, {}},
      {"absent", crypto::Sha256(c.certificate), std::nullopt, {}}};
  const Sightings seen = LookFor(r, wanted);
  EXPECT_EQ(seen.wanted[0].how, "its certificate");
  EXPECT_EQ(seen.wanted[1].how, "a certificate with its key");
  EXPECT_EQ(seen.wanted[2].where, "/etc/rauc/keyring.pem");
  EXPECT_EQ(seen.wanted[2].how, "the same file");
  EXPECT_FALSE(seen.wanted[3].found);
  EXPECT_EQ(seen.others, 0u);
  EXPECT_EQ(LookFor(r, {}).others, 2u);
}

}  // namespace
}  // namespace birthmark::scan
