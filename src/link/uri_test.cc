// SPDX-License-Identifier: Apache-2.0
#include "link/uri.h"

#include <gtest/gtest.h>

namespace birthmark::link {
namespace {

TEST(Uri, EachSchemeIsReadAndWrittenBack) {
  for (const char* text :
       {"emulator:BMC-0001", "serial:/dev/ttyUSB0", "serial:/dev/serial/by-id/usb-x?baud=9600",
        "serial:/dev/ttyS1?baud=57600&pace=8&fifo=64", "unix:/run/uart.sock",
        "unix:/run/uart.sock?pace=2", "openocd:127.0.0.1:6666", "openocd:localhost:65535"}) {
    auto uri = ParseUri(text);
    ASSERT_TRUE(uri) << text << ": " << uri.error().ToString();
    EXPECT_EQ(ToText(*uri), text);
    EXPECT_EQ(*ParseUri(ToText(*uri)), *uri);
  }
  auto serial = ParseUri("serial:/dev/ttyS1?fifo=64&baud=57600&pace=8");
  ASSERT_TRUE(serial);
  EXPECT_EQ(serial->target, "/dev/ttyS1");
  EXPECT_EQ(serial->baud, 57600u);
  EXPECT_EQ(serial->pace, 8u);
  EXPECT_EQ(serial->fifo, 64u);
  EXPECT_EQ(ToText(*ParseUri("serial:/dev/ttyS1?baud=115200")), "serial:/dev/ttyS1");
}

TEST(Uri, WhatIsNotExactlyALinkIsRefused) {
  const std::string_view bad[] = {
      "",
      "serial",
      "serial:",
      "serial:ttyUSB0",
      "Serial:/dev/ttyUSB0",
      "serial://dev\n",
      "serial:/dev/tty USB0",
      "serial:/dev/ttyUSB0?",
      "serial:/dev/ttyUSB0?baud",
      "serial:/dev/ttyUSB0?baud=",
      "serial:/dev/ttyUSB0?baud=12345",
      "serial:/dev/ttyUSB0?baud=+9600",
      "serial:/dev/ttyUSB0?baud=09600",
      "serial:/dev/ttyUSB0?baud=9600&baud=9600",
      "serial:/dev/ttyUSB0?baud=9600&",
      "serial:/dev/ttyUSB0?parity=even",
      "serial:/dev/ttyUSB0?pace=0",
      "serial:/dev/ttyUSB0?pace=99999999999999999999",
      "serial:/dev/ttyUSB0#x",
      "unix:/run/uart.sock?baud=9600",
      "unix:run/uart.sock",
      "openocd:127.0.0.1",
      "openocd:127.0.0.1:",
      "openocd:127.0.0.1:0",
      "openocd:127.0.0.1:65536",
      "openocd:127.0.0.1:06666",
      "openocd::6666",
      "emulator:",
      "emulator:../x",
      "emulator:..",
      "emulator:.hidden",
      "tcp:127.0.0.1:1",
      std::string_view("serial:/dev/tty\0USB0", 20),
  };
  for (std::string_view text : bad) {
    auto uri = ParseUri(text);
    ASSERT_FALSE(uri) << text;
    EXPECT_EQ(uri.error().code, "link.uri") << text;
  }
  EXPECT_FALSE(ParseUri("unix:/" + std::string(107, 'a')));
  EXPECT_TRUE(ParseUri("unix:/" + std::string(106, 'a')));
  EXPECT_FALSE(ParseUri("serial:/" + std::string(600, 'a')));
}

TEST(Uri, OpenOcdOfAnotherMachineIsRefusedWithTheReason) {
  auto uri = ParseUri("openocd:192.0.2.7:6666");
  ASSERT_FALSE(uri);
  EXPECT_NE(uri.error().message.find("no protection"), std::string::npos);
}

}  // namespace
}  // namespace birthmark::link
