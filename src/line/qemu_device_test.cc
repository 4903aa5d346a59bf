// SPDX-License-Identifier: Apache-2.0
// The device core as firmware on emulated ARM machines: a whole avocado birth over the UART, what
// survives cuts of the power, what this hardware says it lacks. Where a folder is named in
// BIRTHMARK_FIRMWARE_OUT, requests and certificates are left there for other people's tools.
#include "line/qemu_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "base/files.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "device/core/protocol.h"
#include "device/tests/firmware.h"
#include "link/stream.h"
#include "method/avocado.h"
#include "method/test_desk.h"
#include "pki/csr.h"
#include "tests/support/temp_dir.h"

namespace birthmark::line {
namespace {

using Machine = QemuOptions::Machine;
using Clock = std::chrono::steady_clock;

constexpr const char* kSubject = "O=Acme,serialNumber=BMC-0001";
const method::Job kJob = {
    .unit = "ridgeback/BMC-0001", .serial = "BMC-0001", .slot = "idevid", .subject = kSubject};

// Must gives what a result holds, or ends the test program: the tests below would say nothing more.
template <class T>
T Must(Result<T> r) {
  if (!r) {
    ADD_FAILURE() << r.error().ToString();
    std::abort();
  }
  return std::move(*r);
}
void Must(const Status& s) { ASSERT_TRUE(s) << s.error().ToString(); }

void Leave(const std::string& name, ByteView bytes) {
  if (const char* out = std::getenv("BIRTHMARK_FIRMWARE_OUT"))
    Must(WriteFileAtomic(fs::path(out) / name, bytes, 0600));
}

class FirmwareOn : public testing::Test {
 protected:
  void SetUp() override {
    std::string missing = QemuDevice::Missing(Options());
    if (!missing.empty()) GTEST_SKIP() << "did not run: " << missing;
  }
  QemuOptions Options() { return {.machine = machine, .firmware = {}, .state = folder_ / "unit"}; }
  QemuDevice Start() { return Must(QemuDevice::Start(Options())); }
  // Install clips the programmer on and writes these images.
  void Install(QemuDevice& device, const std::vector<std::pair<std::string, Bytes>>& images) {
    link::Programmer clip = device.ClipOn();
    for (const auto& [partition, bytes] : images)
      Must(clip.Install(link::FindBoard("bmc")->Find(partition)->offset, bytes));
  }
  // Ready is a device that runs its test image, with its private memory and serial number.
  QemuDevice Ready() {
    QemuDevice device = Start();
    Install(device, {{"test-image", firmware.test_image}});
    auto console = Must(device.Console());
    EXPECT_TRUE(Must(console.InitialisePrivateMemory()));
    EXPECT_EQ(Must(console.SetSerial(kJob.serial)), kJob.serial);
    return device;
  }
  link::DeviceReport Report(link::DeviceConsole& console, link::ReportAnswer* answer = nullptr) {
    link::ReportAnswer a = Must(console.Report(Bytes(16, 7)));
    link::DeviceReport report = Must(link::DecodeReport(a.bytes));
    if (answer != nullptr) *answer = std::move(a);
    return report;
  }

  Machine machine = Machine::kVirt;
  test::TempDir folder_;
  device::Firmware firmware = device::MakeFirmware();
  method::TestDesk desk;
  SystemRng rng;
};

class FirmwareOnVirt : public FirmwareOn {};
class FirmwareOnEither : public FirmwareOn, public testing::WithParamInterface<Machine> {
 protected:
  void SetUp() override {
    machine = GetParam();
    FirmwareOn::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(Machines, FirmwareOnEither,
                         testing::Values(Machine::kVirt, Machine::kMps2), [](const auto& info) {
                           return info.param == Machine::kVirt ? "virt" : "mps2";
                         });

TEST_P(FirmwareOnEither, BlankDeviceAnswersFromItsRom) {
  QemuDevice device = Start();
  auto console = Must(device.Console());
  link::Hello hello = Must(console.SayHello());
  EXPECT_EQ(hello.running, "rom");
  EXPECT_EQ(hello.board, "bmc");
  EXPECT_EQ(hello.uid.size(), 8u);
  EXPECT_EQ(hello.private_memory, "empty");
  EXPECT_EQ(console.Generate("idevid").error().code, "device.no-firmware");
}

TEST_P(FirmwareOnEither, SelfTestFindsTheRulesOfFlashKept) {
  QemuDevice device = Ready();
  auto console = Must(device.Console());
  link::SelfTest test = Must(console.RunSelfTest());
  EXPECT_TRUE(test.flash && test.fuses && test.pass);
  // Bits only go from one to zero without an erase.
  Must(console.FlashWrite("scratch", 5, Bytes(3, 0x0f)));
  EXPECT_EQ(console.FlashWrite("scratch", 5, Bytes(3, 0xf0)).error().code, "device.mismatch");
  EXPECT_EQ(Must(console.FlashRead("scratch", 4, 5)), (Bytes{0xff, 0x0f, 0x0f, 0x0f, 0xff}));
  Must(console.FlashErase("scratch"));
  EXPECT_TRUE(Must(console.Digest("scratch")).erased);
  // 100 KB over the UART arrive as they were sent.
  Bytes large(100'000);
  rng.Fill(large);
  Must(console.FlashWrite("store", 0, large));
  Digest sent = crypto::Sha256(large);
  EXPECT_EQ(Must(console.Digest("store", 0, large.size())).sha256, Bytes(sent.begin(), sent.end()));
}

TEST_P(FirmwareOnEither, KeyRequestAndProofAreGood) {
  QemuDevice device = Ready();
  auto console = Must(device.Console());
  Must(console.AddEntropy(Bytes(48, 3)));
  link::SlotInfo slot = Must(console.Generate("idevid"));
  Bytes challenge(32, 9);
  link::CsrAnswer answer = Must(console.Csr("idevid", kSubject, challenge));
  pki::Csr csr = Must(pki::ReadCsr(answer.csr));
  EXPECT_THAT(csr.key.spki(), testing::ElementsAreArray(slot.public_key));
  EXPECT_TRUE(csr.key.Verify(link::CsrProofMessage(challenge, crypto::Sha256(answer.csr)),
                             Must(crypto::EcdsaRawToDer(answer.proof))));
  Leave(GetParam() == Machine::kVirt ? "virt.csr" : "mps2.csr", answer.csr);
  link::ReportAnswer report;
  EXPECT_EQ(Report(console, &report).rng.source,
            GetParam() == Machine::kVirt ? "hardware" : "test");
  EXPECT_TRUE(report.is_signed);
  EXPECT_TRUE(cbor::VerifyCose(Must(cbor::ParseCose(report.bytes)), csr.key));
}

// The library that is cross-built has to do what the host's does: every algorithm of the protocol,
// with the largest keys, in the memory that main.c gives it.
TEST_P(FirmwareOnEither, VerifiesEveryAlgorithm) {
  struct Case {
    crypto::Algorithm algorithm;
    std::string cose;
  };
  const Case kCases[] = {{crypto::Algorithm::kEcdsaP256, "ES256"},
                         {crypto::Algorithm::kEcdsaP384, "ES384"},
                         {crypto::Algorithm::kRsa2048, ""},
                         {crypto::Algorithm::kRsa4096, ""}};
  // Made once for both machines, and one of the largest is enough: RSA keys take seconds.
  static std::vector<device::Key> keys, signers;
  if (keys.empty()) {
    for (const Case& c : kCases) {
      bool largest = c.algorithm == crypto::Algorithm::kRsa4096;
      keys.push_back(device::NewKey(c.algorithm));
      signers.push_back(largest ? signers.back() : device::NewKey(c.algorithm));
    }
  }
  link::Stage first{.code = Bytes(100, 1), .anchors = {}};
  for (size_t i = 0; i < keys.size(); ++i) {
    ByteView spki = keys[i]->public_key().spki();
    first.anchors.push_back({std::string(crypto::ToText(kCases[i].algorithm)),
                             "secured-first-boot",
                             "licence",
                             "spki",
                             Bytes(spki.begin(), spki.end()),
                             {}});
  }
  QemuDevice device = Start();
  Install(device, {{"first-stage",
                    device::MustImage({"first-stage", "first", 1, true}, link::EncodeStage(first),
                                      *firmware.boot, {.x5chain = {}, .bare_key = true})}});
  auto console = Must(device.Console());
  ASSERT_EQ(Must(console.SayHello()).running, "first-stage");
  for (size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(crypto::ToText(kCases[i].algorithm));
    // Under a chain: anchor, subordinate, signer.
    crypto::SoftwareSigner& signer = *signers[i];
    Bytes sub = device::MakeCertificate({.cn = "sub", .ca = true, .key_usage = "keyCertSign"},
                                        signer, *keys[i], "root");
    Bytes ee = device::MakeCertificate({.cn = "ee", .key_usage = "digitalSignature"}, signer,
                                       signer, "sub");
    Bytes good = Must(link::SignObject(Bytes(500, 2), signer, {.x5chain = {ee, sub}}));
    Bytes bad = good;
    bad[bad.size() - 1] ^= 1;
    std::string anchor(crypto::ToText(kCases[i].algorithm));
    link::Trial yes = Must(console.Try(good, anchor));
    EXPECT_TRUE(yes.accepted) << yes.text;
    EXPECT_EQ(yes.level, 3u);
    if (!kCases[i].cose.empty()) {
      EXPECT_EQ(yes.algorithm, kCases[i].cose);
    }
    EXPECT_FALSE(Must(console.Try(bad, anchor)).accepted);
  }
}

TEST_P(FirmwareOnEither, NoiseOnTheWireHarmsNothing) {
  QemuDevice device = Ready();
  {
    auto stream = Must(link::OpenStream(device.Uri()));
    Bytes noise(20'000);
    rng.Fill(noise);
    Must(stream->Write(noise, Clock::now() + std::chrono::seconds(10)));
    Must(stream->Write(Bytes{0x7e}, Clock::now() + std::chrono::seconds(10)));
  }
  auto console = Must(device.Console());
  EXPECT_EQ(Must(console.SayHello()).running, "test-image");
}

// The birth that the issue asks for: key made inside, request, certificate back, lock by software
// because there is no other, a second key refused, all of it after a cut of the power too.
TEST_F(FirmwareOnVirt, AvocadoFromBlankToLocked) {
  QemuDevice device = Start();
  Install(device, {{"test-image", firmware.test_image}, {"first-stage", firmware.first_stage}});
  auto console = Must(device.Console());
  EXPECT_TRUE(Must(console.InitialisePrivateMemory()));
  Must(console.SetSerial(kJob.serial));
  method::Outcome outcome = Must(method::ProvisionAvocado(console, desk, kJob, rng));
  EXPECT_TRUE(outcome.read_backs.front().equal) << outcome.detail;
  Must(console.FlashWrite("second-stage", 0, firmware.second_stage));
  Must(console.FlashWrite("application", 0, firmware.application));
  Must(console.Blow("boot-anchor", firmware.boot_anchor));
  Must(console.Blow("secure-boot"));
  Must(console.FlashErase("test-image"));

  // What this hardware has not, it does not claim.
  EXPECT_EQ(console.Lock("identity", "fuse").error().code, "device.unsupported");
  EXPECT_EQ(console.Blow("identity-lock").error().code, "device.unsupported");
  EXPECT_EQ(console.Lock("first-stage", "fuse").error().code, "device.unsupported");
  EXPECT_FALSE(Must(console.Lock("identity", "software")));
  EXPECT_EQ(console.Generate("idevid", true).error().code, "device.locked");
  link::Hello before = Must(console.SayHello());

  Must(device.PowerCycle());
  auto again = Must(device.Console());
  link::Hello hello = Must(again.SayHello());
  EXPECT_EQ(hello.uid, before.uid);
  EXPECT_NE(hello.boot_id, before.boot_id);
  EXPECT_EQ(hello.serial, kJob.serial);
  EXPECT_EQ(hello.running, "application");
  EXPECT_FALSE(hello.factory_mode);
  EXPECT_FALSE(again.Generate("idevid", true).has_value());
  EXPECT_TRUE(Must(again.Lock("identity", "software"))) << "still closed";
  const method::Certified& certified = desk.issued.front().certified;
  EXPECT_EQ(Must(again.GetCertificate("idevid")), certified.chain);

  link::ReportAnswer answer;
  link::DeviceReport report = Report(again, &answer);
  EXPECT_TRUE(report.locks.identity_software);
  EXPECT_FALSE(report.locks.identity_fuse);
  EXPECT_EQ(report.fuse_form, "software");
  EXPECT_EQ(report.rng.source, "hardware");
  EXPECT_TRUE(report.test_image_erased);
  ASSERT_EQ(report.boot.size(), 3u);
  for (const link::BootStage& stage : report.boot)
    EXPECT_TRUE(stage.verified) << stage.partition << ": " << stage.text;
  ASSERT_TRUE(answer.is_signed);
  EXPECT_TRUE(cbor::VerifyCose(Must(cbor::ParseCose(answer.bytes)),
                               Must(certified.certificate.public_key())));
  Leave("device.der", certified.chain.front());
  Leave("root.der", desk.root()->der());
}

// A factory image that is still there would take a new key; the lock is what refuses it.
TEST_F(FirmwareOnVirt, LockRefusesAfterRestartWithFactoryCommandsStillThere) {
  QemuDevice device = Ready();
  {
    auto console = Must(device.Console());
    Must(method::ProvisionAvocado(console, desk, kJob, rng));
    Must(console.Lock("identity", "software"));
  }
  Must(device.PowerCycle());
  auto console = Must(device.Console());
  EXPECT_EQ(console.Generate("idevid", true).error().code, "device.locked");
  EXPECT_EQ(console.Generate("attestation").error().code, "device.locked");
  EXPECT_EQ(console.FlashErase("factory-data").error().code, "device.locked");
  EXPECT_EQ(console.PutCertificate("idevid", {Bytes(10, 1)}, true).error().code, "device.locked");
  // Software opens what software closed, and cannot hide it.
  EXPECT_EQ(Must(console.Unconfigure()), 1u);
  EXPECT_EQ(Report(console).unconfigure_count, 1u);
}

// The power goes after each command was sent and before its answer was read.
TEST_F(FirmwareOnVirt, PowerCutsLeaveOneKeyAndOneCertificate) {
  QemuDevice device = Ready();
  auto cut_after = [&](uint8_t type, const cbor::Map& arguments) {
    auto stream = Must(link::OpenStream(device.Uri()));
    Bytes wire = link::EncodeFrame({.flags = link::kFlagFirst,
                                    .type = type,
                                    .sequence = 1,
                                    .payload = cbor::Encode(cbor::Value(arguments))});
    Must(stream->Write(wire, Clock::now() + std::chrono::seconds(10)));
    Must(device.PowerCycle());
  };
  cut_after(BM_CMD_ENTROPY, {{"seed", Bytes(48, 1)}});
  cut_after(BM_CMD_GENERATE, {{"algorithm", "p256"}, {"slot", "idevid"}});
  Bytes key;
  {
    auto console = Must(device.Console());
    link::SlotInfo slot = Must(console.Slot("idevid"));
    if (!slot.occupied) slot = Must(console.Generate("idevid"));
    key = slot.public_key;
    Must(method::ProvisionAvocado(console, desk, kJob, rng));
  }
  for (uint8_t type : {BM_CMD_SELF_TEST, BM_CMD_RESET}) cut_after(type, {});
  cut_after(BM_CMD_LOCK, {{"by", "software"}, {"which", "identity"}});
  auto console = Must(device.Console());
  EXPECT_EQ(Must(console.Slot("idevid")).public_key, key);
  EXPECT_EQ(Must(console.GetCertificate("idevid")), desk.issued.front().certified.chain);
  EXPECT_EQ(desk.issued.size(), 1u);
  Must(console.Lock("identity", "software"));
  EXPECT_EQ(console.Generate("idevid", true).error().code, "device.locked");
}

TEST_F(FirmwareOnVirt, ResetCommandBootsAnew) {
  QemuDevice device = Ready();
  auto console = Must(device.Console());
  Bytes before = Must(console.SayHello()).boot_id;
  Must(console.Reset());
  EXPECT_NE(Must(console.SayHello()).boot_id, before);
}

// Every device draws its own keys, whatever the station mixes in.
TEST_F(FirmwareOnVirt, TwoDevicesMakeTwoKeys) {
  std::vector<Bytes> keys;
  for (const char* name : {"one", "two"}) {
    QemuOptions options = Options();
    options.state = folder_ / name;
    QemuDevice device = Must(QemuDevice::Start(options));
    Install(device, {{"test-image", firmware.test_image}});
    auto console = Must(device.Console());
    Must(console.InitialisePrivateMemory());
    Must(console.AddEntropy(Bytes(48, 0)));
    keys.push_back(Must(console.Generate("idevid")).public_key);
  }
  EXPECT_NE(keys[0], keys[1]);
}

class FirmwareOnMps2 : public FirmwareOn {
 protected:
  void SetUp() override {
    machine = Machine::kMps2;
    FirmwareOn::SetUp();
  }
};

// A key from a fixed sequence is nobody's secret: no identity for it, whatever the health test
// says.
TEST_F(FirmwareOnMps2, AvocadoIsRefusedForWantOfARandomSource) {
  QemuDevice device = Ready();
  auto console = Must(device.Console());
  EXPECT_TRUE(Must(console.RunSelfTest()).rng.pass);
  Result<method::Outcome> outcome = method::ProvisionAvocado(console, desk, kJob, rng);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "avocado.test-source");
  EXPECT_TRUE(desk.issued.empty());
  EXPECT_FALSE(Must(console.Slot("idevid")).occupied);
}

TEST_F(FirmwareOnMps2, LockHoldsAfterRestart) {
  QemuDevice device = Ready();
  {
    auto console = Must(device.Console());
    Must(console.Generate("idevid"));
    EXPECT_EQ(console.Lock("identity", "fuse").error().code, "device.unsupported");
    Must(console.Lock("identity", "software"));
  }
  Must(device.PowerCycle());
  auto console = Must(device.Console());
  EXPECT_EQ(console.Generate("idevid", true).error().code, "device.locked");
}

TEST_F(FirmwareOnVirt, ClipReachesTheFlashChipAndNothingElse) {
  QemuDevice device = Start();
  link::Programmer clip = device.ClipOn();
  EXPECT_FALSE(device.Running());
  EXPECT_EQ(clip.Info().error().code, "port.unknown");
  EXPECT_EQ(clip.ReadFuses().error().code, "port.unknown");
  EXPECT_EQ(clip.BlowNamed("seal").error().code, "port.unknown");
  EXPECT_EQ(clip.Read(0x200000, 1).error().code, "port.range");
  EXPECT_EQ(clip.Erase(0, 100).error().code, "port.range");
  EXPECT_EQ(Must(clip.Read(0x1fffff, 1)), Bytes{0xff});
}

TEST_F(FirmwareOnVirt, WrongStateIsSaid) {
  {
    QemuDevice device = Start();
  }
  QemuOptions other = Options();
  other.machine = Machine::kMps2;
  EXPECT_EQ(QemuDevice::Start(other).error().code, "qemu.state");
  QemuOptions nowhere = Options();
  nowhere.firmware = folder_ / "none";
  EXPECT_EQ(QemuDevice::Start(nowhere).error().code, "qemu.missing");
  // An image that is none: the machine ends, and says why.
  fs::create_directory(folder_ / "virt.elf");
  nowhere.firmware = folder_.path();
  nowhere.state = folder_ / "other";
  QemuDevice device = Must(QemuDevice::Start(nowhere));
  auto console = device.Console();
  ASSERT_FALSE(console);
  EXPECT_EQ(console.error().code, "qemu.start");
  EXPECT_THAT(console.error().message, testing::HasSubstr("virt.elf"));
}

// The machine ends with whoever started it, however that one ends.
TEST_F(FirmwareOnVirt, MachineEndsWithItsOwner) {
  int pipe_fd[2];
  ASSERT_EQ(pipe(pipe_fd), 0);
  pid_t owner = fork();
  if (owner == 0) {
    auto device = QemuDevice::Start(Options());
    std::string path = device ? device->Uri().target : "";
    _exit(write(pipe_fd[1], path.data(), path.size()) == static_cast<ssize_t>(path.size()) ? 0 : 1);
  }
  close(pipe_fd[1]);
  char path[256] = {};
  ASSERT_GT(read(pipe_fd[0], path, sizeof path - 1), 0);
  close(pipe_fd[0]);
  ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
  // Nobody takes connections there any more, at the latest when the keeper has seen it.
  auto deadline = Clock::now() + std::chrono::seconds(10);
  bool gone = false;
  while (!gone && Clock::now() < deadline)
    gone = !link::OpenStream({.scheme = link::Uri::Scheme::kUnix, .target = path});
  EXPECT_TRUE(gone);
  fs::remove_all(fs::path(path).parent_path());
}

}  // namespace
}  // namespace birthmark::line
