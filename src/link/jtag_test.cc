// SPDX-License-Identifier: Apache-2.0
// A real OpenOCD on the TAP of a real birthmark-device: the console through the mailbox, the flash
// through the debug port, and the refusal after the port is closed.
#include "device/core/jtag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "crypto/digest.h"
#include "device/tests/firmware.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/tap.h"
#include "tests/support/temp_dir.h"

namespace birthmark::link {
namespace {

bool HaveOpenOcd() { return std::system("openocd --version >/dev/null 2>&1") == 0; }

struct Jtag : testing::Test {
  void SetUp() override {
    if (!HaveOpenOcd()) GTEST_SKIP() << "openocd is not installed: this test did not run";
  }
  Emulator Start(const std::string& board = "bmc", std::vector<std::string> faults = {}) {
    auto e = Emulator::Start({.program = BIRTHMARK_DEVICE,
                              .board = board,
                              .state = folder / board,
                              .uid_hex = "0011223344556677",
                              .programmer_socket = (folder / "port").string(),
                              .jtag_socket = (folder / "jtag").string(),
                              .lifetime_seconds = 60,
                              .faults = std::move(faults)});
    if (!e) ADD_FAILURE() << e.error().ToString();
    if (!e) std::abort();
    return std::move(*e);
  }
  static std::shared_ptr<OpenOcd> Probe(Emulator& e) {
    auto probe = OpenOcd::Start({.socket = e.jtag()});
    if (!probe) ADD_FAILURE() << probe.error().ToString();
    if (!probe) std::abort();
    return std::make_shared<OpenOcd>(std::move(*probe));
  }
  static DeviceConsole Console(std::shared_ptr<OpenOcd> probe) {
    auto stream = OpenMailbox(std::move(probe));
    if (!stream) ADD_FAILURE() << stream.error().ToString();
    auto console = DeviceConsole::Over(std::move(*stream));
    if (!console) ADD_FAILURE() << console.error().ToString();
    if (!console) std::abort();
    return std::move(*console);
  }
  void Install(std::shared_ptr<OpenOcd> probe) {
    auto port = AttachProbe(std::move(probe));
    ASSERT_TRUE(port) << port.error().ToString();
    auto done = port->Install(FindBoard("bmc")->Find("test-image")->offset, firmware.test_image);
    ASSERT_TRUE(done) << done.error().ToString();
  }
  test::TempDir folder;
  device::Firmware firmware = device::MakeFirmware();
};

TEST_F(Jtag, TheConsoleRunsOverTheMailbox) {
  Emulator e = Start();
  auto probe = Probe(e);
  EXPECT_THAT(probe->version(), testing::HasSubstr("Open On-Chip Debugger"));
  Install(probe);
  DeviceConsole c = Console(probe);
  auto hello = c.SayHello();
  ASSERT_TRUE(hello) << hello.error().ToString();
  EXPECT_EQ(hello->running, "test-image");
  EXPECT_EQ(ToHex(hello->uid), "0011223344556677");
  ASSERT_TRUE(c.InitialisePrivateMemory());
  auto slot = c.Generate("idevid");
  ASSERT_TRUE(slot) << slot.error().ToString();
  auto csr = c.Csr("idevid", "serialNumber=BM-1", Bytes(16, 2));
  ASSERT_TRUE(csr) << csr.error().ToString();
  EXPECT_GT(csr->csr.size(), 200u);
  // Long requests and answers cross the mailbox in many scans.
  Bytes data(4000);
  for (size_t i = 0; i < data.size(); i++) data[i] = static_cast<uint8_t>(i * 7);
  ASSERT_TRUE(c.FlashWrite("scratch", 0, data));
  auto back = c.FlashRead("scratch", 0, data.size());
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(*back, data);
  // The answer to a reset outlives the reset, as it lies in the mailbox.
  ASSERT_TRUE(c.Reset());
  auto after = c.SayHello();
  ASSERT_TRUE(after);
  EXPECT_NE(after->boot_id, hello->boot_id);
  EXPECT_GT(probe->scans(), 100u);
}

TEST_F(Jtag, NothingAnswersInTheMailboxWhileTheProcessorIsHeld) {
  Emulator e = Start();
  auto probe = Probe(e);
  auto port = AttachProbe(probe);
  ASSERT_TRUE(port->Info());
  auto stream = OpenMailbox(probe);
  ASSERT_TRUE(stream);
  auto silent = DeviceConsole::Over(std::move(*stream),
                                    {.timeout = std::chrono::milliseconds(50), .attempts = 1});
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, "link.timeout");
  {
    Programmer gone = std::move(*port);
  }
  EXPECT_TRUE(Console(probe).SayHello());
}

TEST_F(Jtag, TheProbeEqualsTheProgrammersSocket) {
  Emulator e = Start();
  Bytes image(70'000);
  for (size_t i = 0; i < image.size(); i++) image[i] = static_cast<uint8_t>(i >> 3);
  std::fill(image.begin() + 8192, image.begin() + 30'000, uint8_t{0xff});
  Digest digest = crypto::Sha256(image);
  {
    auto port = AttachProbe(Probe(e));
    ASSERT_TRUE(port) << port.error().ToString();
    auto info = port->Info();
    ASSERT_TRUE(info) << info.error().ToString();
    EXPECT_EQ(info->board, "bmc");
    EXPECT_EQ(ToHex(info->uid), "0011223344556677");
    EXPECT_EQ(info->flash_size, 0x200000u);
    auto done = port->Install(0x30000, image);
    ASSERT_TRUE(done) << done.error().ToString();
    EXPECT_EQ(*port->Read(0x30000, 70'000), image);
    EXPECT_EQ(*port->Read(0x30001, 5), Bytes(image.begin() + 1, image.begin() + 6));
    EXPECT_EQ(port->Program(0x30000, Bytes{0xFF, 0xFF}).error().code, "port.failed");
    EXPECT_EQ(port->Erase(1, 4096).error().code, "port.range");
    EXPECT_EQ(port->Read(info->flash_size, 1).error().code, "port.range");
    ASSERT_TRUE(port->BlowNamed("boot-anchor", digest));
    ASSERT_TRUE(port->BlowNamed("secure-boot"));
    EXPECT_EQ(port->Blow(0).error().code, "port.protected");
    ASSERT_TRUE(port->BlowNamed("first-stage-lock"));
    EXPECT_EQ(port->Program(0, Bytes{0}).error().code, "port.protected");
  }
  auto socket = Programmer::Connect(e.programmer());
  ASSERT_TRUE(socket);
  EXPECT_EQ(*socket->Read(0x30000, 70'000), image);
  auto fuses = socket->ReadFuses();
  ASSERT_TRUE(fuses);
  EXPECT_EQ(BootAnchorDigest(*fuses), digest);
  EXPECT_TRUE(FuseIsBlown(*fuses, "secure-boot"));
  EXPECT_TRUE(FuseIsBlown(*fuses, "first-stage-lock"));
}

// OpenOCD prints the result of each command, and results hold what is read back: a bamboo key.
TEST_F(Jtag, OpenOcdLogsNothingOfWhatPasses) {
  Emulator e = Start("bulb");
  auto probe = Probe(e);
  auto port = AttachProbe(probe);
  ASSERT_TRUE(port) << port.error().ToString();
  Bytes key(32, 0xC7);
  ASSERT_TRUE(port->Install(0xC0000, key));
  ASSERT_EQ(*port->Read(0xC0000, 32), key);
  auto log = ReadTextFile("/proc/" + std::to_string(probe->pid()) + "/fd/2", 1 << 20);
  ASSERT_TRUE(log) << log.error().ToString();
  EXPECT_EQ(log->find("c7c7c7c7"), std::string::npos) << *log;
}

TEST_F(Jtag, AClosedPortIsBypassAndIdcodeOnly) {
  for (const char* fuse : {"port-lock", "seal"}) {
    SCOPED_TRACE(fuse);
    fs::remove_all(folder / "bmc");
    Emulator e = Start();
    auto probe = Probe(e);
    Install(probe);
    DeviceConsole c = Console(probe);
    ASSERT_TRUE(c.Blow(fuse));
    // Running code still answers; the next reset closes the door, and attaching is such a reset.
    EXPECT_TRUE(c.SayHello());
    auto port = AttachProbe(probe);
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code, "port.closed");
    auto mailbox = OpenMailbox(probe);
    ASSERT_FALSE(mailbox);
    EXPECT_EQ(mailbox.error().code, "port.closed");
    // The proof in full: each of the three registers is one bit long now, IDCODE is not.
    for (uint8_t ir : {BM_TAP_MAILBOX, BM_TAP_CONTROL, BM_TAP_DATA}) {
      auto seen = probe->Scan(ir, {Bytes{0x81, 0x42, 0x00}});
      ASSERT_TRUE(seen);
      EXPECT_EQ((*seen)[0], (Bytes{0x02, 0x85, 0x00})) << int{ir};
    }
    auto id = probe->Scan(BM_TAP_IDCODE, {Bytes(4)});
    ASSERT_TRUE(id);
    EXPECT_EQ((*id)[0], (Bytes{0x01, 0xE0, 0x17, 0x1B}));
    // A new power-on and a new OpenOCD meet the same.
    probe.reset();
    {
      auto gone = std::move(c);
    }
    ASSERT_TRUE(e.PowerCycle());
    EXPECT_EQ(CheckTapOpen(*Probe(e)).error().code, "port.closed");
  }
}

TEST_F(Jtag, OpenOcdEndsWithItsOwner) {
  Emulator e = Start();
  pid_t pid = -1;
  {
    auto probe = Probe(e);
    pid = probe->pid();
    EXPECT_EQ(kill(pid, 0), 0);
    // Nothing but its pipes reaches it: no port is open to others on this machine.
    auto sockets = std::system(
        ("ls -l /proc/" + std::to_string(pid) + "/fd > " + (folder / "fds").string() + " 2>&1")
            .c_str());
    EXPECT_EQ(sockets, 0);
    std::string fds = ReadTextFile(folder / "fds", 100000).value();
    size_t count = 0;
    for (size_t at = fds.find("socket:"); at != std::string::npos; at = fds.find("socket:", at + 1))
      count++;
    EXPECT_EQ(count, 1u) << fds;  // the one to the device
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(Jtag, APowerCutIsCalledUnplugged) {
  Emulator e = Start();
  auto probe = Probe(e);
  DeviceConsole c = Console(probe);
  e.CutPower();
  auto hello = c.SayHello();
  ASSERT_FALSE(hello);
  EXPECT_EQ(hello.error().code, "link.unplugged");
}

TEST_F(Jtag, NoiseInTheMailboxIsNotTakenForBytes) {
  Emulator e = Start();
  auto probe = Probe(e);
  // A scan without the station's mark is nobody's: it writes nothing and takes nothing.
  ASSERT_TRUE(probe->Scan(BM_TAP_MAILBOX, {Bytes(BM_MAILBOX_BYTES, 0xff)}));
  Bytes foreign(BM_MAILBOX_BYTES);
  foreign[0] = BM_MAILBOX_WRITE;
  foreign[1] = 200;
  ASSERT_TRUE(probe->Scan(BM_TAP_MAILBOX, {foreign}));
  DeviceConsole c = Console(probe);
  EXPECT_EQ(c.SayHello()->bad_frames, 0u);
}

TEST_F(Jtag, AnOpenOcdThatRunsAlreadyIsReachedByItsTclPort) {
  Emulator e = Start();
  // Port 0 makes OpenOCD take a free one; it says which.
  std::string log = (folder / "log").string();
  std::string pid_file = (folder / "pid").string();
  std::string command =
      "timeout 60 openocd -c 'bindto 127.0.0.1; gdb_port disabled; telnet_port disabled; tcl_port "
      "0' "
      "-c 'adapter driver remote_bitbang; remote_bitbang port 0; remote_bitbang host " +
      e.jtag() +
      "' -c 'transport select jtag; reset_config srst_only srst_nogate; adapter speed 1000' "
      "-c 'jtag newtap chip cpu -irlen 5 -expected-id 0x1b17e001; init' >" +
      log + " 2>&1 & echo $! >" + pid_file;
  ASSERT_EQ(std::system(command.c_str()), 0);
  pid_t pid = std::atoi(ReadTextFile(pid_file, 100).value().c_str());
  ASSERT_GT(pid, 0);
  std::string text;
  size_t at = std::string::npos;
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  constexpr std::string_view kSaid = "Listening on port ";
  while (at == std::string::npos && std::chrono::steady_clock::now() < until) {
    usleep(10'000);
    text = ReadTextFile(log, 100000).value_or("");
    at = text.find(kSaid);
    if (at != std::string::npos && text.find("for tcl", at) == std::string::npos)
      at = std::string::npos;
  }
  EXPECT_NE(at, std::string::npos) << text;
  if (at != std::string::npos) {
    auto uri = ParseUri("openocd:127.0.0.1:" +
                        std::to_string(std::atoi(text.c_str() + at + kSaid.size())));
    ASSERT_TRUE(uri);
    auto probe = OpenOcd::Connect(uri->target, uri->port);
    EXPECT_TRUE(probe) << probe.error().ToString();
    if (probe) {
      auto shared = std::make_shared<OpenOcd>(std::move(*probe));
      EXPECT_EQ(AttachProbe(shared)->Info()->board, "bmc");
      EXPECT_TRUE(Console(shared).SayHello());
    }
  }
  kill(pid, SIGTERM);
}

TEST(OpenOcd, WhatIsMissingIsSaid) {
  auto none = OpenOcd::Start({.program = "/nonexistent/openocd", .socket = "/tmp/x"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "openocd.missing");
  EXPECT_THAT(none.error().fix, testing::HasSubstr("apt install openocd"));
  EXPECT_EQ(OpenOcd::Start({.socket = "/tmp/[exit]"}).error().code, "openocd.start");
  if (!HaveOpenOcd()) GTEST_SKIP() << "openocd is not installed: the rest did not run";
  auto nothing = OpenOcd::Start({.socket = "/nonexistent/socket"});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, "openocd.start");
}

}  // namespace
}  // namespace birthmark::link
