// SPDX-License-Identifier: Apache-2.0
// The serial: and unix: links against a real birthmark-device behind a real pty: settings, one
// station at a time, a slow receiver, boot messages, a port that goes and comes back.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "device/tests/firmware.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/programmer.h"
#include "tests/support/temp_dir.h"

namespace birthmark::link {
namespace {

using std::chrono::milliseconds;

struct Serial : testing::Test {
  Emulator Start(std::vector<std::string> faults = {}) {
    auto e = Emulator::Start({.program = BIRTHMARK_DEVICE,
                              .board = "bmc",
                              .state = folder / "unit",
                              .uid_hex = {},
                              .programmer_socket = (folder / "port").string(),
                              .jtag_socket = {},
                              .lifetime_seconds = 60,
                              .faults = std::move(faults)});
    if (!e) ADD_FAILURE() << e.error().ToString();
    if (!e) std::abort();
    return std::move(*e);
  }
  void InstallTestImage(Emulator& e) {
    auto port = Programmer::Connect(e.programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    ASSERT_TRUE(port->Install(FindBoard("bmc")->Find("test-image")->offset,
                              device::MakeFirmware().test_image));
  }
  static Result<DeviceConsole> Open(const std::string& uri, SerialOptions options = {}) {
    BM_TRY(Uri parsed, ParseUri(uri));
    BM_TRY(auto stream, OpenStream(parsed));
    return DeviceConsole::Over(std::move(stream), options);
  }
  test::TempDir folder;
};

TEST_F(Serial, TheLineIsRawAndAsFastAsTheLinkSays) {
  Emulator e = Start();
  auto uri = ParseUri("serial:" + e.console() + "?baud=57600");
  auto stream = OpenStream(*uri);
  ASSERT_TRUE(stream) << stream.error().ToString();
  // The other end of the pty shows the same settings; root may open it in spite of TIOCEXCL.
  termios seen{};
  int fd = open(e.console().c_str(), O_RDWR | O_NOCTTY);
  if (fd < 0) GTEST_SKIP() << "only root sees the settings of a line that is taken";
  ASSERT_EQ(tcgetattr(fd, &seen), 0);
  close(fd);
  EXPECT_EQ(cfgetospeed(&seen), static_cast<speed_t>(B57600));
  EXPECT_EQ(seen.c_lflag & (ICANON | ECHO | ISIG), 0u);
  EXPECT_EQ(seen.c_oflag & OPOST, 0u);
  EXPECT_EQ(seen.c_iflag & (IXON | ICRNL), 0u);
  EXPECT_GT((*stream)->WireTime(57600).count(), 9000);
}

TEST_F(Serial, ASecondStationOnTheSameLineIsRefused) {
  Emulator e = Start();
  auto first = Open("serial:" + e.console());
  ASSERT_TRUE(first) << first.error().ToString();
  auto second = Open("serial:" + e.console());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "link.busy");
  EXPECT_TRUE(first->SayHello());
  auto gone = std::move(*first);
  {
    DeviceConsole ended = std::move(gone);
  }
  EXPECT_TRUE(Open("serial:" + e.console()));
}

TEST_F(Serial, WhatIsNoLineIsRefused) {
  EXPECT_EQ(Open("serial:/dev/null").error().code, "link.open");
  EXPECT_EQ(Open("serial:" + (folder / "nothing").string()).error().code, "link.open");
  EXPECT_EQ(Open("unix:" + (folder / "nothing").string()).error().code, "link.open");
  EXPECT_EQ(Open("openocd:127.0.0.1:1").error().code, "link.scheme");
}

TEST_F(Serial, ASlowReceiverNeedsPacing) {
  {
    Emulator quiet = Start();
    InstallTestImage(quiet);
  }
  Emulator e = Start({"--uart-fifo", "64", "--uart-rate", "64"});
  Bytes data(1500, 0x41);
  auto paced = Open("serial:" + e.console() + "?pace=16&fifo=16");
  ASSERT_TRUE(paced) << paced.error().ToString();
  auto written = paced->FlashWrite("scratch", 0, data);
  ASSERT_TRUE(written) << written.error().ToString();
  {
    auto ended = std::move(*paced);
  }
  auto fast =
      Open("serial:" + e.console(), {.timeout = milliseconds(100), .attempts = 2, .repairs = 3});
  ASSERT_TRUE(fast) << "a short frame fits into the FIFO: " << fast.error().ToString();
  auto lost = fast->FlashWrite("scratch", 0, data);
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().code, testing::AnyOf("link.noise", "link.timeout"));
}

TEST_F(Serial, BootMessagesCostOneRepetitionEach) {
  {
    Emulator quiet = Start();
    InstallTestImage(quiet);
  }
  Emulator e = Start({"--boot-log", "2000"});
  auto c = Open("serial:" + e.console());
  ASSERT_TRUE(c) << c.error().ToString();
  uint64_t before = c->stats().resends;
  ASSERT_TRUE(c->Reset());
  auto hello = c->SayHello();
  ASSERT_TRUE(hello) << hello.error().ToString();
  EXPECT_EQ(hello->running, "test-image");
  // Forty lines with three delimiters each: without waiting for quiet it would be a hundred.
  EXPECT_GT(c->stats().bad_frames, 20u);
  EXPECT_LE(c->stats().resends - before, 4u);
}

// A port that vanishes and comes back under the same name, as /dev/serial/by-id does it.
TEST_F(Serial, APortThatComesBackIsWaitedFor) {
  Emulator first = Start();
  std::string name = (folder / "by-id").string();
  ASSERT_EQ(symlink(first.console().c_str(), name.c_str()), 0);
  auto c = Open("serial:" + name, {.reconnect = std::chrono::seconds(20)});
  ASSERT_TRUE(c) << c.error().ToString();
  Bytes boot = c->SayHello()->boot_id;
  first.CutPower();
  ASSERT_EQ(unlink(name.c_str()), 0);
  std::thread hand([&] {
    Emulator second = Start();
    EXPECT_EQ(symlink(second.console().c_str(), name.c_str()), 0);
    auto hello = c->SayHello();
    ASSERT_TRUE(hello) << hello.error().ToString();
    EXPECT_NE(hello->boot_id, boot);
  });
  hand.join();
  EXPECT_EQ(c->stats().reconnects, 1u);
}

TEST_F(Serial, APortThatStaysAwayIsUnplugged) {
  Emulator e = Start();
  auto c = Open("serial:" + e.console(), {.reconnect = milliseconds(120)});
  ASSERT_TRUE(c);
  e.CutPower();
  auto hello = c->SayHello();
  ASSERT_FALSE(hello);
  EXPECT_EQ(hello.error().code, "link.unplugged");
}

// A UART behind a socket, as QEMU gives it: here its bytes are carried to the device's pty.
TEST_F(Serial, AUartBehindASocket) {
  Emulator e = Start();
  std::string path = (folder / "uart").string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  int tty = open(e.console().c_str(), O_RDWR | O_NOCTTY);
  ASSERT_GE(tty, 0);
  std::thread carrier([&] {
    int peer = accept(listener, nullptr, nullptr);
    for (;;) {
      pollfd p[2] = {{peer, POLLIN, 0}, {tty, POLLIN, 0}};
      poll(p, 2, -1);
      char bytes[512];
      int from = p[0].revents != 0 ? peer : tty;
      ssize_t n = read(from, bytes, sizeof bytes);
      if (n <= 0 || write(from == peer ? tty : peer, bytes, static_cast<size_t>(n)) != n) break;
    }
    close(peer);
  });
  {
    auto c = Open("unix:" + path);
    ASSERT_TRUE(c) << c.error().ToString();
    EXPECT_EQ(c->SayHello()->board, "bmc");
  }
  carrier.join();
  close(listener);
  close(tty);
}

}  // namespace
}  // namespace birthmark::link
