// SPDX-License-Identifier: Apache-2.0
#include "app/backup.h"

#include <sys/stat.h>

#include "app/backup_fence.h"
#include "app/pool.h"
#include "app/publish.h"
#include "app/test_workspace.h"
#include "app/tokens.h"
#include "crypto/software_signer.h"
#include "ledger/sqlite/verify.h"
#include "line/serials.h"

namespace birthmark::app {
namespace {

// Archive is a small backup made without a workspace.
struct Archive {
  Bytes bytes;
  std::unique_ptr<crypto::SoftwareSigner> key =
      *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  test::TempDir dir;

  BackupSeal Write(const std::function<Status(BackupWriter&)>& fill) {
    auto w = BackupWriter::Start(
        [&](ByteView b) -> Status {
          bytes.insert(bytes.end(), b.begin(), b.end());
          return {};
        },
        dir / "spool", TimeFromMillis(1'790'000'000'000));
    EXPECT_TRUE(w);
    EXPECT_TRUE(fill(*w));
    auto seal = w->Finish({.origin = "acme/1", .program = "birthmark 9", .events = 7}, *key);
    EXPECT_TRUE(seal) << seal.error().ToString();
    return *seal;
  }
  Result<BackupContents> Read(const std::optional<ledger::NoteKey>& by = {},
                              BackupTarget* target = nullptr) const {
    size_t at = 0;
    return ReadBackup(
        [&](std::span<uint8_t> out) -> Result<size_t> {
          size_t n = std::min(out.size(), bytes.size() - at);
          std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), n, out.begin());
          at += n;
          return n;
        },
        by, target);
  }
};

Status Small(BackupWriter& w) {
  BM_CHECK(w.AddFolder("ws", 0700));
  BM_CHECK(w.AddText("ws/a", "one"));
  return w.AddText("ws/" + std::string(90, 'd') + "/" + std::string(60, 'n'),
                   std::string(600, 'x'));
}

TEST(BackupFile, WhatWasWrittenIsRead) {
  Archive a;
  BackupSeal seal = a.Write(Small);
  auto read = a.Read();
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->seal, seal);
  EXPECT_EQ(read->files, 2u);
  EXPECT_EQ(read->seal.events, 7u);
  EXPECT_TRUE(ledger::OpenCheckpoint(read->checkpoint, read->key));
}

TEST(BackupFile, TarKnowsIt) {
  Archive a;
  a.Write(Small);
  ASSERT_TRUE(WriteFileAtomic(a.dir / "f", a.bytes));
  ASSERT_EQ(std::system(fmt::format("tar -C {0} -xf {0}/f && test \"$(cat {0}/ws/a)\" = one",
                                    a.dir.path().string())
                            .c_str()),
            0);
}

TEST(BackupFile, EveryChangedOctetIsRefused) {
  Archive a;
  a.Write(Small);
  const Bytes good = a.bytes;
  for (size_t i = 0; i < good.size(); i += i < 6 * 512 ? 1 : 7) {
    a.bytes = good;
    a.bytes[i] ^= 0x20;
    auto read = a.Read();
    // A changed time in a header is nothing that anybody relies on, and is refused by its checksum.
    EXPECT_FALSE(read) << "octet " << i;
  }
}

TEST(BackupFile, EveryCutIsRefused) {
  Archive a;
  a.Write(Small);
  const Bytes good = a.bytes;
  for (size_t n = 0; n < good.size(); n += n < 2048 ? 1 : 101) {
    a.bytes.assign(good.begin(), good.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_FALSE(a.Read()) << n << " octets";
  }
  a.bytes = good;
  a.bytes.push_back(0);
  EXPECT_FALSE(a.Read());
}

TEST(BackupFile, NamesTheFileThatChanged) {
  Archive a;
  a.Write(Small);
  auto at = std::search(a.bytes.begin(), a.bytes.end(), std::begin("one"), std::begin("one") + 3);
  *at = 'O';
  auto read = a.Read();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "backup.changed");
  EXPECT_NE(read.error().message.find("ws/a"), std::string::npos);
}

TEST(BackupFile, AnotherKeyIsNamed) {
  Archive a;
  a.Write(Small);
  auto other = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  auto key = ledger::NoteKey::Of("acme/1", (*other)->public_key());
  auto read = a.Read(*key);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "backup.seal");
}

TEST(BackupFile, NamesStayInside) {
  for (const char* good : {"ws", "offline", "ws/a", "ws/a b/c.d", "offline/keys/k"})
    EXPECT_TRUE(IsBackupName(good)) << good;
  for (const char* bad : {"", "/", "/ws", "ws/", "ws//a", "ws/../a", "ws/.", "..", "etc/passwd",
                          "ws/a\nb", "ws/\\a", "wsx/a"})
    EXPECT_FALSE(IsBackupName(bad)) << bad;
  EXPECT_FALSE(IsBackupName("ws/" + std::string(300, 'a')));
}

TEST(BackupFile, SealHasOneForm) {
  BackupSeal s{.origin = "acme/1", .made = "2026-11-22T00:00:00.000Z", .program = "b", .events = 1};
  auto read = ParseSeal(FormatSeal(s));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, s);
  for (const char* bad : {"", "x", "birthmark backup 1\n", "birthmark backup 2\na\nb\nc\n"})
    EXPECT_FALSE(ParseSeal(bad)) << bad;
}

// Restoring is a workspace, its backup and the copy that comes of it.
class Restoring : public testing::Test {
 protected:
  void SetUp() override { ws_ = CopyOf(bench_, PlanText("bulb")); }
  BackupMadeResult Make(bool offline = false) {
    auto r = CreateBackup({.workspace = ws_, .file = bench_ / "b", .offline = offline},
                          bench_.Keys(), clock_);
    EXPECT_TRUE(r) << r.error().ToString();
    return *r;
  }
  Result<Unfenced> Lift(const fs::path& ws, std::vector<fs::path> checkpoints, bool none = false) {
    later_.Set(std::max(clock_.Now(), later_.Now()));  // events were recorded by the other clock
    return LiftFence({.workspace = ws,
                      .checkpoints = std::move(checkpoints),
                      .none_kept = none,
                      .wait = [&](Time t) { later_.Set(std::max(t, later_.Now())); }},
                     bench_.Keys(), later_);
  }
  Status Fill(uint64_t n) {
    BM_TRY(auto f, Factory::Open(ws_, bench_.Keys(), false, "", "", clock_));
    return FillPool(*f, {.station = "burner", .count = n, .made = {}}, clock_);
  }

  Bench bench_;
  SystemClock clock_;
  ManualClock later_{clock_.Now()};
  fs::path ws_;
};

TEST_F(Restoring, FencedUntilCompared) {
  BackupMadeResult made = Make(true);
  ASSERT_TRUE(CheckBackup(bench_ / "b", std::nullopt));
  fs::path copy = bench_ / "copy";
  auto restored = RestoreBackup(bench_ / "b", copy, std::nullopt, clock_);
  ASSERT_TRUE(restored) << restored.error().ToString();
  EXPECT_EQ(restored->seal.events, made.seal.events);
  EXPECT_TRUE(fs::exists(Layout(copy).offline_keys()));
  struct stat st{};
  ASSERT_EQ(stat((copy / "keys").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);

  // It can be read and not written to.
  EXPECT_TRUE(OpenReader(copy));
  auto f = Factory::Open(copy, bench_.Keys(), false, "", "", clock_);
  ASSERT_FALSE(f);
  EXPECT_EQ(f.error().code, "ledger.fenced");
  EXPECT_EQ(Lift(copy, {}).error().code, "restore.no-checkpoint");
  ASSERT_TRUE(WriteFileAtomic(bench_ / "kept", made.checkpoint));
  auto lifted = Lift(copy, {bench_ / "kept"});
  ASSERT_TRUE(lifted) << lifted.error().ToString();
  EXPECT_EQ(lifted->event.lost, 0u);
  EXPECT_EQ(lifted->event.backup, made.seal.manifest);
  EXPECT_TRUE(Factory::Open(copy, bench_.Keys(), false, "", "", later_));
  EXPECT_EQ(Lift(copy, {bench_ / "kept"}).error().code, "restore.not-fenced");
}

TEST_F(Restoring, TheGapIsRecordedAndNothingOfItIsUsedAgain) {
  ASSERT_TRUE(Fill(3));
  {
    auto f = Factory::Open(ws_, bench_.Keys(), false, "", "", clock_);
    ASSERT_TRUE(IssueTokens(**f, {}, clock_));
  }
  BackupMadeResult made = Make();
  // The machine goes on, and others see it.
  ASSERT_TRUE(Fill(4));
  ASSERT_TRUE(SignCheckpoint(ws_, bench_.Keys(), clock_, bench_ / "later"));
  uint64_t seen = (*OpenReader(ws_))->size();
  fs::path copy = bench_ / "copy";
  ASSERT_TRUE(RestoreBackup(bench_ / "b", copy, std::nullopt, clock_));
  auto lifted = Lift(copy, {bench_ / "later"});
  ASSERT_TRUE(lifted) << lifted.error().ToString();
  EXPECT_EQ(lifted->event.events, made.seal.events);
  EXPECT_EQ(lifted->event.lost, seen - made.seal.events);
  EXPECT_EQ(lifted->event.pooled, 3u);
  EXPECT_EQ(lifted->event.tokens, 1u);
  EXPECT_EQ(lifted->event.checkpoints.size(), 1u);
  ASSERT_EQ(lifted->event.numbers.size(), 1u);

  auto f = Factory::Open(copy, bench_.Keys(), false, "", "", later_);
  ASSERT_TRUE(f) << f.error().ToString();
  line::SerialNumbers serials((*f)->log->registry(), (*f)->adopted.plan);
  auto next = serials.Next();
  ASSERT_TRUE(next);
  EXPECT_EQ(plan::NumberOf((*f)->adopted.plan.product.serial_pattern, *next),
            lifted->event.numbers[0].last + 1);
  // Keys made ahead are not handed out and not on the disk.
  auto pool = OpenPool(**f, later_);
  ASSERT_TRUE(pool);
  EXPECT_EQ(*(*pool)->NextSerial(), std::nullopt);
  // New serial numbers come in minutes that the lost machine cannot have used.
  auto stamp = (*f)->serials->Next();
  ASSERT_TRUE(stamp);
  uint32_t prefix = 0;
  for (int i = 0; i < 4; ++i) prefix = prefix << 8 | stamp->serial.bytes[i];
  EXPECT_GT(prefix, lifted->event.prefix_to);
  (*f)->log.reset();

  // Whoever kept the later checkpoint sees the fork, on both sides.
  std::string later = *ReadTextFile(bench_ / "later", 65536);
  auto codes = [&](const fs::path& ws, std::string since) {
    auto reader = *OpenReader(ws);
    std::string out;
    auto report = *ledger::VerifyLog(*reader, {.since = since});
    for (const Finding& x : report.findings.all()) out += x.code + " ";
    return out;
  };
  EXPECT_NE(codes(copy, later).find("ledger."), std::string::npos);
  EXPECT_EQ(codes(ws_, later), "");
  std::string branch = lifted->checkpoint;
  EXPECT_NE(codes(ws_, branch).find("ledger."), std::string::npos);
  EXPECT_EQ(codes(copy, branch), "");
}

TEST_F(Restoring, ABackupOfAnotherBranchIsRefused) {
  fs::path twin = bench_ / "twin";
  fs::copy(ws_, twin, fs::copy_options::recursive);
  Make();
  // The other copy of the same log goes on alone, to the same size and further.
  {
    auto f = Factory::Open(twin, bench_.Keys(), false, "", "", clock_);
    ASSERT_TRUE(FillPool(**f, {.station = "burner", .count = 1, .made = {}}, clock_));
  }
  ASSERT_TRUE(SignCheckpoint(twin, bench_.Keys(), clock_, bench_ / "other"));
  ASSERT_TRUE(Fill(5));
  ASSERT_TRUE(CreateBackup({.workspace = ws_, .file = bench_ / "b2"}, bench_.Keys(), clock_));
  fs::path copy = bench_ / "copy";
  ASSERT_TRUE(RestoreBackup(bench_ / "b2", copy, std::nullopt, clock_));
  auto lifted = Lift(copy, {bench_ / "other"});
  ASSERT_FALSE(lifted);
  EXPECT_EQ(lifted.error().code, "restore.fork");
  EXPECT_FALSE(Factory::Open(copy, bench_.Keys(), false, "", "", clock_));
}

TEST_F(Restoring, NothingIsReplacedAndNothingHalfStands) {
  Make();
  EXPECT_EQ(
      CreateBackup({.workspace = ws_, .file = bench_ / "b"}, bench_.Keys(), clock_).error().code,
      "backup.exists");
  EXPECT_EQ(RestoreBackup(bench_ / "b", ws_, std::nullopt, clock_).error().code, "restore.exists");
  Bytes bytes = *ReadFile(bench_ / "b", 64 << 20);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(bench_ / "bad", bytes));
  EXPECT_FALSE(RestoreBackup(bench_ / "bad", bench_ / "copy", std::nullopt, clock_));
  EXPECT_FALSE(fs::exists(bench_ / "copy"));
  for (const auto& entry : fs::directory_iterator(bench_.path()))
    EXPECT_EQ(entry.path().string().find(".restore-"), std::string::npos) << entry.path();
  fs::create_symlink("/etc/passwd", ws_ / "link");
  EXPECT_EQ(
      CreateBackup({.workspace = ws_, .file = bench_ / "c"}, bench_.Keys(), clock_).error().code,
      "backup.not-a-file");
  for (const auto& entry : fs::directory_iterator(bench_.path()))
    EXPECT_EQ(entry.path().filename().string().find("c."), std::string::npos) << entry.path();
}

TEST(Fence, MarkHasOneForm) {
  FenceMark m{.manifest = {1, 2, 3}, .events = 12, .restored = "2026-11-22T00:00:00.000Z"};
  auto read = ParseFence(FormatFence(m));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->manifest, m.manifest);
  EXPECT_EQ(read->events, 12u);
  for (const char* bad : {"", "birthmark fence 1\n", "birthmark fence 1\nmanifest 00\nevents 1\n"})
    EXPECT_FALSE(ParseFence(bad)) << bad;
}

}  // namespace
}  // namespace birthmark::app
