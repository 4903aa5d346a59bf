// SPDX-License-Identifier: Apache-2.0
#include "disclose/reader_commands.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "disclose/test_factory.h"
#include "tests/support/temp_dir.h"

namespace birthmark::disclose {
namespace {

using test::Factory;

class Reader : public testing::Test {
 protected:
  std::string Write(const std::string& name, ByteView data) {
    EXPECT_TRUE(WriteFileAtomic(dir_ / name, data));
    return (dir_ / name).string();
  }
  std::string Write(const std::string& name, const std::string& text) {
    return Write(name, AsBytes(text));
  }

  birthmark::test::TempDir dir_;
  test::Chain chain_ = test::MakeChain("Acme disclosure");
  Bytes file_ = SignDisclosure(test::Sample(), chain_.certificates, *chain_.key).value();
  std::string path_ = Write("bmc.birthmark", file_);
};

TEST_F(Reader, ShowPrintsTheMarksFirst) {
  auto r = RunShow({path_});
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->exit, 0);
  EXPECT_TRUE(r->out.starts_with("REHEARSAL"));
  EXPECT_TRUE(nlohmann::json::accept(RunShow({path_, true})->out));
}

TEST_F(Reader, ShowTellsContradictions) {
  Disclosure d = test::Sample();
  d.answers.push_back(d.answers[0]);
  auto r = RunShow(
      {Write("odd.birthmark", SignDisclosure(d, chain_.certificates, *chain_.key).value())});
  EXPECT_EQ(r->exit, 0);
  EXPECT_NE(r->err.find("disclosure.answer-twice"), std::string::npos);
}

TEST_F(Reader, VerifyExitCodes) {
  const std::string anchor = Write("root.pem", chain_.root().ToPem());
  const std::string der = Write("root.der", chain_.root().der());
  const std::string hex = ToHex(chain_.root().digest());
  EXPECT_EQ(RunVerify({path_, anchor, {}})->exit, 0);
  EXPECT_EQ(RunVerify({path_, der, {}})->exit, 0);
  auto pinned = RunVerify({path_, {}, hex});
  EXPECT_EQ(pinned->exit, 0);
  EXPECT_EQ(pinned->out,
            "intact · signer as pinned · no contradictions · REHEARSAL: emulated devices, "
            "rehearsal keys\n");
  auto unnamed = RunVerify({path_, {}, {}});
  EXPECT_EQ(unnamed->exit, 1);
  EXPECT_NE(unnamed->err.find("--anchor"), std::string::npos);
  EXPECT_EQ(RunVerify({path_, {}, ToHex(Digest{1})})->exit, 1);
  EXPECT_EQ(RunVerify({path_, {}, "51c07be2…a90f3d14"}).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(RunVerify({path_, anchor, hex}).error().code, "verify.twice");
  EXPECT_EQ(RunVerify({(dir_ / "none").string(), {}, hex}).error().kind, ErrorKind::kEnvironment);
  EXPECT_FALSE(RunVerify({path_, path_, {}}));  // a disclosure is no certificate
}

TEST_F(Reader, VerifySaysWhatIsBroken) {
  Bytes broken = file_;
  broken[broken.size() / 2] ^= 4;
  const std::string path = Write("broken.birthmark", broken);
  auto r = RunVerify({path, {}, ToHex(chain_.root().digest())});
  EXPECT_EQ(r->exit, 1);
  EXPECT_EQ(r->out, "not intact\n");
  EXPECT_NE(r->err.find("error["), std::string::npos);
  EXPECT_FALSE(RunShow({path}));
  EXPECT_TRUE(nlohmann::json::accept(RunVerify({path, {}, {}, true})->out));
}

TEST_F(Reader, AGigabyteOfZerosIsRefusedBeforeItIsRead) {
  const std::string path = Write("zeros.birthmark", "");
  std::filesystem::resize_file(path, uint64_t{1} << 30);  // sparse: takes no disk
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  auto r = RunVerify({path, {}, {}});
  getrusage(RUSAGE_SELF, &after);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "file.too-large");
  EXPECT_EQ(ExitCode(r.error().kind), 1);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024);  // KiB
}

TEST_F(Reader, SixteenMegabytesOfZerosAreRefused) {
  const std::string path = Write("zeros.birthmark", "");
  std::filesystem::resize_file(path, kMaxFileBytes);
  auto r = RunVerify({path, {}, {}});
  ASSERT_TRUE(r);
  EXPECT_EQ(r->exit, 1);
}

TEST_F(Reader, CompareTakesOneToFive) {
  auto r = RunCompare({{path_, path_}, {}, false});
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->exit, 0);
  EXPECT_EQ(nlohmann::json::parse(RunCompare({{path_, path_}, {}, true})->out)["products"].size(),
            2u);
  EXPECT_EQ(RunCompare({}).error().code, "compare.count");
  EXPECT_EQ(RunCompare({{path_, path_, path_, path_, path_, path_}, {}, false}).error().kind,
            ErrorKind::kUsage);
  const std::string page = (dir_ / "pair.html").string();
  ASSERT_TRUE(RunCompare({{path_, path_}, page, false}));
  EXPECT_GT(std::filesystem::file_size(page), 0u);
}

TEST_F(Reader, CompareRefusesABrokenFile) {
  Bytes broken = file_;
  broken.back() ^= 1;
  EXPECT_EQ(RunCompare({{path_, Write("b", broken)}, {}, false}).error().code, "cose.signature");
}

TEST_F(Reader, RecomputeGivesTheSameAnswers) {
  Factory f;
  const Bytes bundle = f.Bundle();
  const Disclosure d = f.Build(bundle).disclosure;
  const std::string evidence = Write("acme.evidence", bundle);
  const std::string path = Write("bulb.birthmark", f.Signed(d));
  const auto verified = RunVerify({path, {}, ToHex(f.chain.root().digest())});
  EXPECT_EQ(verified->exit, 0) << verified->out << verified->err;
  auto r = RunRecompute({evidence, path});
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->exit, 0) << r->out;
  EXPECT_NE(r->out.find("same           identity-pki-level"), std::string::npos) << r->out;
  EXPECT_TRUE(nlohmann::json::accept(RunRecompute({evidence, path, true})->out));

  // A maker who signs another number than the log gives.
  Disclosure lie = d;
  for (auto& a : lie.answers) {
    if (a.question == "identity-pki-level") a.measured->value = cbor::Value(2);
  }
  r = RunRecompute({evidence, Write("lie.birthmark", f.Signed(lie))});
  ASSERT_TRUE(r);
  EXPECT_EQ(r->exit, 1);
  EXPECT_NE(r->out.find("differs        identity-pki-level"), std::string::npos) << r->out;
}

TEST_F(Reader, RecomputeRefusesAnotherLog) {
  Factory f, other;
  const std::string path = Write("bulb.birthmark", f.Signed(f.Build(f.Bundle()).disclosure));
  auto r = RunRecompute({Write("other.evidence", other.Bundle()), path});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "recompute.other-log");
  EXPECT_FALSE(RunRecompute({path, path}));  // a disclosure is no bundle
}

}  // namespace
}  // namespace birthmark::disclose
