// SPDX-License-Identifier: Apache-2.0
// Every code that names something not looked into, made by an input that earns it; what lies
// beside it is found all the same. Images of file systems are in tests/e2e/scan.sh.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "anchors/openpgp.h"
#include "base/files.h"
#include "scan/scan.h"
#include "scan/scanner.h"
#include "scan/test_images.h"
#include "tests/support/temp_dir.h"

namespace birthmark::scan {
namespace {

using test::Files;
using test::MakeArchive;
using test::MakeIdentity;
using test::Pack;

const Time kThen = *ParseTime("2026-11-22");

Report LookAt(const std::string& name, Bytes data, Options options = {}) {
  options.at = kThen;
  return ScanOctets(name, FromMemory(std::move(data)), options);
}
bool Names(const Report& r, std::string_view code) {
  return std::ranges::any_of(r.unread, [&](const Unread& u) { return u.code == code; });
}
std::string Codes(const Report& r) {
  std::string out;
  for (const Unread& u : r.unread) out += u.where + " " + u.code + ": " + u.reason + "\n";
  return out;
}
Bytes CutTo(Bytes b, size_t n) {
  b.resize(std::min(n, b.size()));
  return b;
}
Bytes At(std::string_view magic, size_t offset, size_t size = 4096) {
  Bytes b(size);
  std::ranges::copy(magic, b.begin() + static_cast<ptrdiff_t>(offset));
  return b;
}
Bytes Changed(Bytes b, size_t at, ByteView with) {
  std::ranges::copy(with, b.begin() + static_cast<ptrdiff_t>(at));
  return b;
}
void PutBig(Bytes& b, uint32_t n) {
  for (int shift = 24; shift >= 0; shift -= 8) b.push_back(static_cast<uint8_t>(n >> shift));
}

// MakeTree is a flattened device tree with these tokens and one property name, "data".
Bytes MakeTree(const std::function<void(Bytes&)>& tokens, size_t behind = 0) {
  Bytes structure;
  tokens(structure);
  PutBig(structure, 9);
  const std::string names = std::string("data\0data-position\0data-size\0", 29);
  const auto s = static_cast<uint32_t>(structure.size()), n = static_cast<uint32_t>(names.size());
  Bytes out;
  for (const uint32_t field : {0xd00dfeedU, 56 + s + n, 56U, 56 + s, 40U, 17U, 16U, 0U, n, s})
    PutBig(out, field);
  out.resize(56);  // an empty list of reserved memory
  out.insert(out.end(), structure.begin(), structure.end());
  out.insert(out.end(), names.begin(), names.end());
  out.resize(out.size() + behind);
  return out;
}
void Begin(Bytes& b, std::string_view name) {
  PutBig(b, 1);
  b.insert(b.end(), name.begin(), name.end());
  do b.push_back(0);
  while (b.size() % 4 != 0);
}
void PropertyOf(Bytes& b, uint32_t name, uint32_t size, uint32_t value) {
  for (const uint32_t n : {3U, size, name, value}) PutBig(b, n);
}

struct BadFile {
  const char* path;
  Bytes data;
  const char* code;
};

TEST(BadInput, EachIsNamedAndItsNeighbourIsFound) {
  const auto good = MakeIdentity("Good Root");
  const std::string pem = good.pem();
  const Bytes tar = MakeArchive(Pack::kTar, {{"a", Bytes(5000, 'a')}, {"b", Bytes(5000, 'b')}}),
              zip = MakeArchive(Pack::kZip, {{"a.pem", ToBytes(pem)}, {"b", Bytes(5000, 'b')}});
  Bytes noise(200000);
  for (size_t i = 0, x = 1; i < noise.size(); ++i, x = x * 6364136223846793005 + 1)
    noise[i] = static_cast<uint8_t>(x >> 33);
  const Bytes gz = MakeArchive(Pack::kGzip, {{"x", noise}});
  const Bytes cpio = test::MakeCpio({{"a", Bytes(64, 'a')}, {"b", Bytes(64, 'b')}});
  const Bytes shim = test::MakeShim(good.certificate, {});
  Bytes absurd = {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff};
  absurd.resize(3000);
  const Bytes big = {0xff, 0xff, 0xff, 0x7f};
  // A list of one certificate whose own sizes say more than there is.
  Bytes list = *FromHex("a159c0a5e494a74a87b5ab155c2bf072");
  for (const uint32_t n : {0x4c000000U, 0U, 0xff000000U}) PutBig(list, n);
  list.resize(0x4c + 40);
  Bytes mcuboot = *FromHex("3db8f396000000002000000004000000");
  mcuboot.resize(36);
  for (const uint8_t b : {0x07, 0x69, 0x0c, 0x00, 0x10, 0x00, 0xff, 0x7f, 1, 2, 3, 4})
    mcuboot.push_back(b);
  // The image is the whole of which it is a part.
  const Bytes inside_itself = MakeTree(
      [](Bytes& b) {
        for (const char* name : {"", "images", "kernel"}) Begin(b, name);
        PropertyOf(b, 5, 4, 0);
        PropertyOf(b, 19, 4, 0x1000);
        for (int i = 0; i < 3; ++i) PutBig(b, 2);
      },
      0x1000);
  const Bytes deep = MakeTree([](Bytes& b) {
    for (int i = 0; i < 30; ++i) Begin(b, i == 0 ? "" : "n");
    for (int i = 0; i < 30; ++i) PutBig(b, 2);
  });
  std::string laughs = "<!DOCTYPE a [<!ENTITY b0 \"ha\">";
  for (int i = 1; i < 30; ++i) {
    laughs += fmt::format("<!ENTITY b{} \"&b{};&b{};&b{};&b{};\">", i, i - 1, i - 1, i - 1, i - 1);
  }
  laughs += "]><TrustAnchor>&b29;</TrustAnchor>";
  Bytes jks = *FromHex("feedfeed0000000200000001000000020003616263");
  jks.resize(jks.size() + 30);
  std::vector<BadFile> files = {
      {"a/cut.tar", CutTo(tar, 7000), "scan.archive"},
      {"a/cut.zip", CutTo(zip, 300), "scan.archive"},
      {"a/cut.gz", CutTo(gz, 190000), "scan.compressed"},
      {"a/noise.gz", Changed(gz, 10, Bytes(5000, 0xff)), "scan.compressed"},
      {"a/size.cpio", Changed(cpio, 54, AsBytes("00ffffff")), "scan.truncated"},
      {"a/field.cpio", Changed(cpio, 54, AsBytes("0000zz00")), "scan.cpio-malformed"},
      {"a/name.cpio", Changed(cpio, 94, AsBytes("7fffffff")), "scan.cpio-malformed"},
      {"a/table.efi", Changed(shim, 0x80 + 24 + 112 + 32, big), "scan.pe-malformed"},
      {"a/vendor.efi", Changed(shim, 0x400, big), "scan.pe-malformed"},
      {"a/cut.efi", CutTo(shim, 0x90), "scan.pe-malformed"},
      {"a/short.efi", CutTo(shim, 0x110), "scan.truncated"},
      {"a/self.itb", inside_itself, "scan.overlap"},
      {"a/deep.dtb", deep, "scan.tree-malformed"},
      {"a/offset.dtb", Changed(deep, 8, big), "trust.fit-malformed"},
      {"a/db.esl", list, "trust.esl-malformed"},
      {"a/app.bin", mcuboot, "trust.mcuboot-malformed"},
      {"a/cut.jks", jks, "trust.jks-malformed"},
      {"a/x.p11-kit", ToBytes("[p11-kit-object-v1]\nno colon\n"), "trust.p11-kit-malformed"},
      {"home/.gnupg/pubring.kbx", At("KBXf", 8), "scan.keybox"},
      {"home/.mozilla/cert9.db", At("SQLite format 3", 0), "scan.nss"},
      {"etc/opkg/keys/1", ToBytes("untrusted comment: x\nAAAA\n"), "scan.signify-malformed"},
      {"etc/ssh/ssh_known_hosts", ToBytes("@cert-authority * ssh-rsa AAAA\n"), "scan.ssh-key"},
      {"etc/ssl/certs/noend.pem", ToBytes(pem.substr(0, 200)), "scan.certificate-malformed"},
      {"etc/ssl/certs/two.pem", ToBytes(pem.substr(0, 200) + "\n" + pem),
       "scan.certificate-malformed"},
      {"etc/ssl/certs/junk.pem",
       ToBytes("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
       "scan.certificate-malformed"},
      {"etc/ssl/certs/absurd.pem", ToBytes(crypto::WritePem("CERTIFICATE", absurd)),
       "scan.certificate-malformed"},
      {"usr/share/dns/root-anchors.xml", ToBytes(laughs), "anchors.dnssec-malformed"}};
  for (const auto& [offset, magic] : std::vector<std::pair<size_t, std::string_view>>{
           {0, "Rar!\x1a\x07"}, {0, "7z\xbc\xaf\x27\x1c"}, {512, "EFI PART"}, {0, "UBI#"}})
    files.push_back({"a/closed.bin", At(magic, offset), "scan.format"});
  for (const BadFile& bad : files) {
    const Report r = LookAt(
        "bad.tar", MakeArchive(Pack::kTar, {{bad.path, bad.data}, {"z/good.pem", ToBytes(pem)}}));
    EXPECT_TRUE(Names(r, bad.code)) << bad.path << " " << bad.code << "\n" << Codes(r);
    EXPECT_TRUE(std::ranges::any_of(r.stores, [](const Store& s) {
      return s.path == "/z/good.pem";
    })) << bad.path;
  }
  Files all;
  for (const BadFile& bad : files) all.emplace_back(bad.path, bad.data);
  const Report together = LookAt("bad.tar", MakeArchive(Pack::kTar, all));
  for (const BadFile& bad : files) EXPECT_TRUE(Names(together, bad.code)) << bad.code;
}

TEST(BadInput, LimitsAreNamed) {
  const auto good = MakeIdentity("Good Root");
  const Bytes pem = ToBytes(good.pem());
  const Files three = {{"a.pem", pem}, {"b", Bytes(3000)}, {"c", Bytes(3000)}};
  Options entries, items, room;
  entries.limits.entries = 1;
  items.limits.items = 1;
  room.limits.unpacked = 2000;
  const Bytes tar = MakeArchive(Pack::kTar, three);
  for (const Options& o : {entries, items, room}) {
    const Report r = LookAt("x.tar", tar, o);
    EXPECT_TRUE(Names(r, "scan.full")) << Codes(r);
    EXPECT_EQ(r.items.size(), 1u);
  }
  EXPECT_TRUE(Names(LookAt("x.cpio", test::MakeCpio(three), entries), "scan.full"));
  Bytes many;
  for (int i = 0; i < 5001; ++i) {
    many.insert(many.end(), good.certificate.begin(), good.certificate.end());
  }
  EXPECT_TRUE(Names(LookAt("many.bin", many), "scan.too-many"));
  Bytes java = *FromHex("feedfeed00000002");
  java.resize(trust::kMaxStore + 1);
  EXPECT_TRUE(Names(LookAt("large.jks", java), "scan.too-large"));
  EXPECT_TRUE(Names(LookAt("x.tar", MakeArchive(Pack::kPax, {{std::string(5000, 'p'), pem}})),
                    "scan.path-too-long"));
  // A bomb of files that each are small is one as well.
  Options small;
  small.limits.ratio = 20;
  small.limits.ratio_from = 1 << 20;
  Files zeros(40, {"zeros", Bytes(100000)});
  EXPECT_TRUE(Names(LookAt("x.zip", MakeArchive(Pack::kZip, zeros), small), "scan.bomb"));
  // Beyond those that are named one by one they are counted.
  Options few;
  few.limits.unread = 3;
  const Report r = LookAt("x.tar", MakeArchive(Pack::kTar, Files(9, {"../x", pem})), few);
  EXPECT_EQ(r.unread.size(), 3u);
  EXPECT_EQ(r.unread_more, 6u);
}

// What is left of a FIT image that is too large to be read whole is its images.
TEST(BadInput, LargeDeviceTreesAreWalked) {
  const auto good = MakeIdentity("Good Root");
  const Bytes tar = MakeArchive(Pack::kTar, {{"good.pem", ToBytes(good.pem())}});
  const size_t behind = trust::kMaxStore + tar.size();
  Bytes tree = MakeTree(
      [&](Bytes& b) {
        for (const char* name : {"", "images", "rootfs"}) Begin(b, name);
        PropertyOf(b, 5, 4, static_cast<uint32_t>(trust::kMaxStore));
        PropertyOf(b, 19, 4, static_cast<uint32_t>(tar.size()));
        for (int i = 0; i < 3; ++i) PutBig(b, 2);
      },
      behind);
  std::ranges::copy(tar, tree.begin() + static_cast<ptrdiff_t>(trust::kMaxStore));
  const Report r = LookAt("large.itb", tree);
  EXPECT_TRUE(r.unread.empty()) << Codes(r);
  EXPECT_EQ(r.items.size(), 1u);
}

class BrokenDisk : public Source {
 public:
  uint64_t size() const override { return 5000; }
  Result<size_t> ReadAt(uint64_t, std::span<uint8_t>) const override {
    return Refused("scan.read", "a disk that cannot be read");
  }
};

TEST(BadInput, FilesThatCannotBeReadOrChangeMeanwhile) {
  EXPECT_TRUE(Names(ScanOctets("x", std::make_shared<BrokenDisk>(), {.at = kThen}), "scan.read"));
  const birthmark::test::TempDir dir;
  const auto good = MakeIdentity("Good Root");
  const std::string path = (dir / "x.pem").string();
  ASSERT_TRUE(WriteFileAtomic(path, good.pem()));
  const uint64_t size = good.pem().size();
  // It became shorter, or grew, between being listed and being read.
  const Report shorter =
      ScanOctets("x.pem", FromFd(open(path.c_str(), O_RDONLY), size + 100), {.at = kThen});
  EXPECT_TRUE(Names(shorter, "scan.truncated")) << Codes(shorter);
  const SourcePtr longer = FromFd(open(path.c_str(), O_RDONLY), size - 100);
  Bytes buffer(size);
  EXPECT_EQ(longer->ReadAt(50, buffer).value(), size - 150);
  EXPECT_EQ(longer->ReadAt(size, buffer).value(), 0u);
  // What comes out of an archive has nowhere to stay.
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", (dir / "nothing").c_str(), 1);
  const Report full = LookAt("x.gz", MakeArchive(Pack::kGzip, {{"x", Bytes(9 << 20)}}));
  before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
  EXPECT_TRUE(Names(full, "scan.spool")) << Codes(full);
  // A hole of a sparse file is none on the disk.
  Spool spool;
  ASSERT_TRUE(spool.Append(ToBytes("front")));
  ASSERT_TRUE(spool.Zeros(1 << 30));
  ASSERT_TRUE(spool.Append(ToBytes("back")));
  const SourcePtr sparse = spool.Finish();
  ASSERT_EQ(sparse->size(), (uint64_t{1} << 30) + 9);
  EXPECT_EQ(ReadPart(*sparse, (1 << 30) + 4, 5).value(), ToBytes(std::string_view("\0back", 5)));
}

TEST(BadInput, LinksInCirclesAndFoldersTooDeep) {
  const birthmark::test::TempDir dir;
  const fs::path root = dir.path() / "root";
  fs::create_directories(root / "etc/ssl/certs");
  fs::create_symlink("b.pem", root / "etc/ssl/certs/a.pem");
  fs::create_symlink("a.pem", root / "etc/ssl/certs/b.pem");
  fs::path deep = root;
  for (int i = 0; i < 12; ++i) deep /= "d";
  fs::create_directories(deep);
  Options options{.at = kThen};
  options.limits.folders = 10;
  const auto r = Scan(root, options);
  ASSERT_TRUE(r);
  EXPECT_TRUE(Names(*r, "scan.loop")) << Codes(*r);
  EXPECT_TRUE(Names(*r, "scan.depth")) << Codes(*r);
  options.limits.entries = 2;
  EXPECT_TRUE(Names(*Scan(root, options), "scan.full"));
}

TEST(Facts, OfAnAnchorThatCannotBeRead) {
  // A certificate by its frame alone: no algorithm, name or date in it is any.
  const Bytes frame =
      *FromHex("30243019020101300306012a3000300030003009300306012a030200ff300306012a030200ff");
  Bytes java = *FromHex(
      "feedfeed000000020000000100000002000161000000000000000000"
      "05582e35303900000026");
  java.insert(java.end(), frame.begin(), frame.end());
  java.resize(java.size() + 20);
  const Report r = LookAt("odd.jks", java);
  ASSERT_EQ(r.stores.size(), 1u) << Codes(r);
  EXPECT_EQ(r.stores[0].facts.front().code, "scan.anchor-unreadable");
  EXPECT_EQ(r.stores[0].facts.front().text, "\"a\" cannot be read");
}

TEST(Facts, AreToldOfEachAnchor) {
  anchors::AnchorEntry future, sha1, md5, revoked, known, weak;
  future.not_before = Millis(kThen) / 1000 + 86400;
  sha1.signature = "rsa-sha1";
  md5.signature = "rsa-md5";
  md5.self_signed = true;
  revoked.uses = "certify, revoked";
  known.spki_digest.emplace();
  std::ranges::copy(*FromHex("a14bcb1bf9bb821146ba32838217e476f5412621320534ffe490a1890c994660"),
                    known.spki_digest->begin());
  weak.algorithm = "dsa-1024";
  for (const auto& [entry, code] : {std::pair(future, "scan.not-yet-valid"),
                                    {sha1, "scan.weak-signature"},
                                    {md5, "scan.weak-signature"},
                                    {revoked, "scan.revoked"},
                                    {known, "scan.public-key-pair"},
                                    {weak, "scan.weak-key"}}) {
    const std::vector<Fact> facts = FactsOf(entry, kThen);
    ASSERT_EQ(facts.size(), 1u) << code;
    EXPECT_EQ(facts.front().code, code);
  }
}

}  // namespace
}  // namespace birthmark::scan
