// SPDX-License-Identifier: Apache-2.0
// The link against a real birthmark-device process behind a real pty: a birth, noise, cut frames,
// power cuts, an unplugged device, the programmer's port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "base/files.h"
#include "cbor/codec.h"
#include "crypto/digest.h"
#include "device/tests/firmware.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/image.h"
#include "link/programmer.h"
#include "tests/support/temp_dir.h"

namespace birthmark::link {
namespace {

using device::Firmware;

struct Link : testing::Test {
  EmulatorOptions Options(std::vector<std::string> faults = {}) {
    return {.program = BIRTHMARK_DEVICE,
            .board = "bmc",
            .state = folder / "unit",
            .uid_hex = "0011223344556677",
            .programmer_socket = (folder / "port").string(),
            .lifetime_seconds = 60,
            .faults = std::move(faults)};
  }
  Emulator Start(std::vector<std::string> faults = {}) {
    auto e = Emulator::Start(Options(std::move(faults)));
    EXPECT_TRUE(e) << (e ? "" : e.error().ToString());
    if (!e) std::abort();
    return std::move(*e);
  }
  // InstallTestImage is the bed of nails: the first firmware comes from outside.
  void InstallTestImage(Emulator& e) {
    auto port = Programmer::Connect(e.programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    ASSERT_TRUE(port->Install(FindBoard("bmc")->Find("test-image")->offset, firmware.test_image));
    ASSERT_TRUE(port->Reset());
  }
  static DeviceConsole Console(Emulator& e, SerialOptions options = {}) {
    auto c = DeviceConsole::Open(e.console(), options);
    EXPECT_TRUE(c) << (c ? "" : c.error().ToString());
    if (!c) std::abort();
    return std::move(*c);
  }
  Bytes Issue(ByteView spki) {
    // Signed by a CA of the test for a key of which only the public half is here.
    const uint8_t* p = spki.data();
    EVP_PKEY* key = d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size()));
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "serialNumber", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("BM-1"), -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("ca"), -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_sign(cert, ca->evp(), EVP_sha256());
    unsigned char* der = nullptr;
    int n = i2d_X509(cert, &der);
    Bytes out(der, der + n);
    OPENSSL_free(der);
    X509_free(cert);
    EVP_PKEY_free(key);
    return out;
  }
  // Provision is a birth with avocado; false, with the error kept, when something stopped it.
  bool Provision(DeviceConsole& c) {
    auto all = [&]() -> Status {
      BM_TRY(SelfTest test, c.RunSelfTest());
      if (!test.pass) return Refused("test.self", "self-test failed");
      BM_CHECK(c.InitialisePrivateMemory());
      BM_CHECK(c.SetSerial("BM-1"));
      BM_CHECK(c.AddEntropy(Bytes(32, 1)));
      BM_TRY(SlotInfo slot, c.Slot("idevid"));
      if (!slot.occupied) {
        BM_TRY(slot, c.Generate("idevid"));
      }
      BM_TRY(csr, c.Csr("idevid", "serialNumber=BM-1", Bytes(16, 2)));
      BM_TRY(slot, c.PutCertificate("idevid", {Issue(slot.public_key)}, true));
      for (auto& [partition, image] : {std::pair{"first-stage", &firmware.first_stage},
                                       std::pair{"second-stage", &firmware.second_stage},
                                       std::pair{"application", &firmware.application}}) {
        BM_CHECK(c.FlashErase(partition));
        BM_CHECK(c.FlashWrite(partition, 0, *image));
      }
      BM_CHECK(c.Blow("boot-anchor", firmware.boot_anchor));
      BM_CHECK(c.Blow("secure-boot"));
      BM_CHECK(c.FlashErase("test-image"));
      BM_CHECK(c.Reset());
      BM_CHECK(c.Lock("identity", "fuse"));
      BM_CHECK(c.Lock("first-stage", "fuse"));
      BM_CHECK(c.Blow("seal"));
      BM_TRY(report, c.Report(Bytes(16, 3)));
      return {};
    };
    auto done = all();
    if (!done) trouble = done.error();
    return done.has_value();
  }

  test::TempDir folder;
  Firmware firmware = device::MakeFirmware();
  device::Key ca = device::NewKey();
  CsrAnswer csr;
  ReportAnswer report;
  Error trouble;
};

TEST_F(Link, ABirthOverARealPty) {
  Emulator e = Start();
  InstallTestImage(e);
  auto c = Console(e);
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(Provision(c)) << trouble.ToString();
  auto took = std::chrono::steady_clock::now() - start;
  RecordProperty(
      "provisioning_ms",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  EXPECT_TRUE(report.is_signed);
  auto decoded = DecodeReport(report.bytes);
  ASSERT_TRUE(decoded) << decoded.error().ToString();
  EXPECT_EQ(decoded->running, "application");
  EXPECT_TRUE(decoded->locks.sealed);
  EXPECT_EQ(c.stats().resends, 0u);
  auto port = Programmer::Connect(e.programmer());
  ASSERT_TRUE(port);
  EXPECT_EQ(port->Info().error().code, "port.closed");
  auto again = c.Generate("idevid");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "device.sealed");
  EXPECT_TRUE(IsRefusal(again.error()));
}

TEST_F(Link, OpensslAcceptsTheCsr) {
  Emulator e = Start();
  InstallTestImage(e);
  auto c = Console(e);
  ASSERT_TRUE(c.InitialisePrivateMemory());
  ASSERT_TRUE(c.Generate("idevid"));
  auto answer = c.Csr("idevid", "serialNumber=BM-1,CN=Example BMC,O=Example", Bytes(16));
  ASSERT_TRUE(answer) << answer.error().ToString();
  ASSERT_TRUE(WriteFileAtomic(folder / "csr.der", answer->csr));
  std::string command = "openssl req -inform DER -in " + (folder / "csr.der").string() +
                        " -verify -noout -subject > " + (folder / "out").string() + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
  auto text = ReadTextFile(folder / "out", 10000);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, testing::HasSubstr("verify OK"));
  EXPECT_THAT(*text, testing::HasSubstr("serialNumber = BM-1"));
}

TEST_F(Link, NoiseIsRepaired) {
  {
    Emulator quiet = Start();
    InstallTestImage(quiet);
  }
  Emulator e = Start({"--noise", "0.0002", "--seed", "11"});
  auto c = Console(e, {.timeout = std::chrono::milliseconds(300), .attempts = 20});
  ASSERT_TRUE(Provision(c)) << trouble.ToString();
  EXPECT_GT(c.stats().resends, 0u);
  EXPECT_TRUE(DecodeReport(report.bytes)->locks.sealed);
}

TEST_F(Link, HeavyNoiseIsCalledNoise) {
  Emulator e = Start({"--noise", "0.5", "--seed", "3"});
  auto c = DeviceConsole::Open(e.console(), {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(c);
  EXPECT_THAT(c.error().code, testing::AnyOf("link.noise", "link.timeout"));
  EXPECT_FALSE(IsRefusal(c.error()));
}

TEST_F(Link, CutAndLostFramesAreRepaired) {
  {
    Emulator quiet = Start();
    InstallTestImage(quiet);
  }
  for (const char* fault : {"--cut-frame", "--drop-frame"}) {
    SCOPED_TRACE(fault);
    Emulator e = Start({fault, "3"});
    auto c = Console(e, {.timeout = std::chrono::milliseconds(200)});
    ASSERT_TRUE(c.SayHello());
    auto fresh = c.InitialisePrivateMemory();
    ASSERT_TRUE(fresh) << fresh.error().ToString();
    EXPECT_EQ(c.stats().resends, 1u);
    EXPECT_TRUE(c.SayHello());
    EXPECT_EQ(c.stats().resends, 1u);
  }
}

TEST_F(Link, AnUnpluggedDeviceIsCalledUnplugged) {
  Emulator e = Start();
  auto c = Console(e);
  e.CutPower();
  auto hello = c.SayHello();
  ASSERT_FALSE(hello);
  EXPECT_EQ(hello.error().code, "link.unplugged");
}

TEST_F(Link, ASilentLineIsATimeout) {
  Emulator e = Start({"--drop-frame", "1"});
  auto c =
      DeviceConsole::Open(e.console(), {.timeout = std::chrono::milliseconds(50), .attempts = 1});
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().code, "link.timeout");
}

TEST_F(Link, PowerCutsOverTheWireLeaveOneIdentity) {
  {
    Emulator quiet = Start();
    InstallTestImage(quiet);
  }
  Bytes told;
  // Few indices of the sweep that the core's own tests make whole; here the process really dies.
  for (const char* cut : {"3", "7", "9", "14"}) {
    Emulator e = Start({"--power-cut-after", cut});
    auto c = Console(e);
    ASSERT_FALSE(Provision(c));
    EXPECT_EQ(trouble.code, "link.unplugged") << trouble.ToString();
    ASSERT_TRUE(e.PowerCycle());
    auto after = Console(e);
    auto slot = after.Slot("idevid");
    ASSERT_TRUE(slot) << slot.error().ToString();
    if (!told.empty()) {
      EXPECT_EQ(slot->public_key, told);
    }
    told = slot->public_key;
  }
  EXPECT_FALSE(told.empty());
  Emulator e = Start();
  auto c = Console(e);
  ASSERT_TRUE(Provision(c)) << trouble.ToString();
  EXPECT_EQ(c.Slot("idevid")->public_key, told);
  EXPECT_EQ(c.Slot("idevid")->generation, 1u);
}

TEST_F(Link, ProgrammerReadsAndRefuses) {
  Emulator e = Start();
  auto port = Programmer::Connect(e.programmer());
  ASSERT_TRUE(port);
  auto info = port->Info();
  ASSERT_TRUE(info) << info.error().ToString();
  EXPECT_EQ(info->board, "bmc");
  EXPECT_EQ(ToHex(info->uid), "0011223344556677");
  Bytes image(70'000, 0x3C);
  ASSERT_TRUE(port->Install(0x30000, image));
  EXPECT_EQ(*port->Read(0x30000, 70'000), image);
  EXPECT_EQ(port->Program(0x30000, Bytes{0xFF}).error().code, "port.failed");
  EXPECT_EQ(port->Erase(1, 4096).error().code, "port.range");
  EXPECT_EQ(port->Read(info->flash_size, 1).error().code, "port.range");
  Digest digest = crypto::Sha256(image);
  ASSERT_TRUE(port->BlowNamed("boot-anchor", digest));
  ASSERT_TRUE(port->BlowNamed("secure-boot"));
  auto fuses = port->ReadFuses();
  ASSERT_TRUE(fuses);
  EXPECT_EQ(BootAnchorDigest(*fuses), digest);
  EXPECT_TRUE(FuseIsBlown(*fuses, "secure-boot"));
  EXPECT_FALSE(FuseIsBlown(*fuses, "seal"));
  EXPECT_EQ(port->Blow(0).error().code, "port.protected");
  ASSERT_TRUE(port->BlowNamed("first-stage-lock"));
  EXPECT_EQ(port->Program(0, Bytes{0}).error().code, "port.protected");
  ASSERT_TRUE(port->BlowNamed("port-lock"));
  EXPECT_EQ(port->Read(0, 1).error().code, "port.closed");
}

TEST_F(Link, ADeviceEndsWithWhoeverStartedIt) {
  Emulator e = Start();
  EXPECT_TRUE(e.Running());
  pid_t pid = e.pid();
  e.Stop();
  EXPECT_FALSE(e.Running());
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(Link, AWrongStateFolderIsRefusedWithTheDevicesWords) {
  {
    Emulator e = Start();
  }
  auto options = Options();
  options.uid_hex = "ff";
  auto other = Emulator::Start(options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "emulator.ready");
  EXPECT_THAT(other.error().message, testing::HasSubstr("uid"));
  options.program = "/nonexistent";
  EXPECT_EQ(Emulator::Start(options).error().code, "emulator.start");
}

TEST(Image, RoundTrip) {
  Firmware f = device::MakeFirmware(5);
  Bytes region = f.second_stage;
  region.resize(region.size() + 1000, 0xFF);
  auto image = DecodeImage(region);
  ASSERT_TRUE(image) << image.error().ToString();
  EXPECT_EQ(image->manifest.kind, "second-stage");
  EXPECT_EQ(image->manifest.version, 5u);
  EXPECT_EQ(image->size, f.second_stage.size());
  EXPECT_EQ(image->sha256, crypto::Sha256(f.second_stage));
  auto stage = DecodeStage(image->payload);
  ASSERT_TRUE(stage) << stage.error().ToString();
  ASSERT_EQ(stage->anchors.size(), 1u);
  EXPECT_EQ(stage->anchors[0].id, "update");
  EXPECT_THAT(stage->anchors[0].policy.levels, testing::ElementsAre(1u));
  EXPECT_EQ(EncodeStage(*stage), image->payload);
  region.back() = 0;
  EXPECT_EQ(DecodeImage(region).error().code, "image.trailing");
  region[f.second_stage.size() - 1] ^= 1;
  EXPECT_EQ(DecodeImage(region).error().code, "image.digest");
  EXPECT_EQ(DecodeImage(Bytes(100, 0xFF)).error().code, "image.format");
  EXPECT_FALSE(DecodeImage(ByteView(f.second_stage).first(50)));
}

TEST(Image, FactoryRecordIsDeterministicCbor) {
  std::vector<FactoryIdentity> ids;
  ids.push_back({"idevid", SecretBytes(32), {Bytes{1, 2}, Bytes{3}}});
  SecretBytes record = EncodeFactoryRecord("S1", ids);
  ByteView bytes = record.Read(SecretAccess());
  ASSERT_GT(bytes.size(), 40u);
  auto body = cbor::Decode(bytes.subspan(40));
  ASSERT_TRUE(body) << body.error().ToString();
  EXPECT_EQ(*body->Find("serial")->AsText(), "S1");
}

TEST(Image, ComposeRefusesWhatDoesNotFit) {
  Board bulb = *FindBoard("bulb");
  Bytes big(40'000);
  EXPECT_EQ(ComposeFlash(bulb, {{"first-stage", big}}).error().code, "image.too-large");
  EXPECT_EQ(ComposeFlash(bulb, {{"bootloader", big}}).error().code, "image.partition");
}

}  // namespace
}  // namespace birthmark::link
