// SPDX-License-Identifier: Apache-2.0
// The test access port, a bit at a time: states, registers, the mailbox, the closed door.
#include <gtest/gtest.h>

#include "device/tests/pins.h"

namespace birthmark::device {
namespace {

Bytes Control(uint8_t op, uint32_t address, uint32_t length) {
  Bytes out(BM_CONTROL_BYTES);
  out[0] = op;
  bm_put_u32(out.data() + 1, address);
  bm_put_u32(out.data() + 5, length);
  return out;
}

Bytes Put(ByteView data, bool taken = true) {
  Bytes out(BM_MAILBOX_BYTES);
  out[0] = BM_MAILBOX_WRITE;
  out[1] = static_cast<uint8_t>(data.size());
  out[2] = taken ? BM_MAILBOX_TAKEN : 0;
  std::copy(data.begin(), data.end(), out.begin() + BM_MAILBOX_HEAD);
  return out;
}

void Blow(Pins& p, unsigned bit) {
  p.parts().fuses[bit / 8] |= static_cast<uint8_t>(0x80u >> bit % 8);
}

TEST(Tap, FiveClocksWithTmsHighResetFromEveryState) {
  // Every state is reached by some path of at most eight clocks.
  bool reached[16] = {};
  for (unsigned path = 0; path < 512; path++) {
    Pins p;
    p.Idle();
    for (unsigned i = 0; i < 9; i++) p.Clock((path >> i & 1) != 0, false);
    reached[p.port().state] = true;
    for (int i = 0; i < 5; i++) p.Clock(true, false);
    ASSERT_EQ(p.port().state, TAP_RESET) << path;
    ASSERT_EQ(p.port().ir, BM_TAP_IDCODE);
  }
  for (bool r : reached) EXPECT_TRUE(r);
}

TEST(Tap, IdcodeIsTheInstructionAfterReset) {
  Pins p;
  p.Idle();
  EXPECT_EQ(p.Dr(Bytes(4)), (Bytes{0x01, 0xE0, 0x17, 0x1B}));
  // IEEE 1149.1 section 8.4: what comes after the 32 bits is what went in.
  EXPECT_EQ(p.Dr(Bytes{0xAA, 0xBB, 0xCC, 0xDD, 0, 0, 0, 0}),
            (Bytes{0x01, 0xE0, 0x17, 0x1B, 0xAA, 0xBB, 0xCC, 0xDD}));
}

TEST(Tap, AnInstructionScanCapturesOneAndPassesBitsThrough) {
  Pins p;
  p.Idle();
  EXPECT_EQ(p.Ir(BM_TAP_BYPASS) & 3, 1u);
  // Ten bits through a register of five: the first five come out again behind the captured ones.
  EXPECT_EQ(p.Ir(0x3FF & (BM_TAP_IDCODE << 5 | 0x15), 10), 0x15u << 5 | BM_TAP_IR_CAPTURE);
  EXPECT_EQ(p.port().ir, BM_TAP_IDCODE);
}

TEST(Tap, UnknownInstructionsAreBypass) {
  Pins p;
  p.Idle();
  for (unsigned ir = 0; ir < 32; ir++) {
    if (ir == BM_TAP_IDCODE || ir == BM_TAP_MAILBOX || ir == BM_TAP_CONTROL || ir == BM_TAP_DATA) {
      continue;
    }
    p.Ir(ir);
    EXPECT_EQ(p.Dr(Bytes{0x81, 0x42}), (Bytes{0x02, 0x85})) << ir;
  }
}

TEST(Tap, TheMailboxCarriesBytesBothWays) {
  Pins p;
  p.Idle();
  p.Ir(BM_TAP_MAILBOX);
  Bytes seen = p.Dr(Put(ToBytes("hello")));
  EXPECT_EQ(seen[0], BM_MAILBOX_HERE);
  EXPECT_EQ(seen[1], 0);
  EXPECT_EQ(seen[2], 255);
  uint8_t got[64];
  ASSERT_EQ(mailbox_take(&p.port(), got, sizeof got), 5u);
  EXPECT_EQ(std::memcmp(got, "hello", 5), 0);
  Bytes answer(100);
  for (size_t i = 0; i < answer.size(); i++) answer[i] = static_cast<uint8_t>(i);
  ASSERT_EQ(mailbox_put(&p.port(), answer.data(), answer.size()), 100u);
  // Looked at without taking: it is there the next time too.
  EXPECT_EQ(p.Dr(Put({}, false))[1], 64);
  seen = p.Dr(Put({}), 8 * BM_MAILBOX_BYTES, true, true);  // stopping in Pause-DR on the way
  EXPECT_EQ(seen[1], 64);
  EXPECT_TRUE(std::equal(answer.begin(), answer.begin() + 64, seen.begin() + BM_MAILBOX_HEAD));
  seen = p.Dr(Put({}));
  EXPECT_EQ(seen[1], 36);
  EXPECT_TRUE(std::equal(answer.begin() + 64, answer.end(), seen.begin() + BM_MAILBOX_HEAD));
  EXPECT_EQ(p.Dr(Put({}))[1], 0);
}

TEST(Tap, AScanThatIsCutShortLosesNothing) {
  Pins p;
  p.Idle();
  mailbox_put(&p.port(), reinterpret_cast<const uint8_t*>("answer"), 6);
  p.Ir(BM_TAP_MAILBOX);
  EXPECT_EQ(p.Dr(Put(ToBytes("lost")), 8 * BM_MAILBOX_BYTES, false)[1], 6);
  EXPECT_EQ(p.port().to_device.size, 0u);
  p.Ir(BM_TAP_MAILBOX);
  EXPECT_EQ(p.Dr(Put({}))[1], 6);
}

TEST(Tap, AFullMailboxSaysHowMuchItTakes) {
  Pins p;
  p.Idle();
  p.Ir(BM_TAP_MAILBOX);
  Bytes full(64, 0x55);
  size_t sent = 0;
  for (;;) {
    Bytes seen = p.Dr(Put({}));
    if (seen[2] < 64) break;
    p.Dr(Put(full));
    sent += 64;
  }
  EXPECT_EQ(sent, size_t{MAILBOX_CAPACITY});
  p.Dr(Put(full));  // what has no room is lost, and nothing else
  EXPECT_EQ(p.port().to_device.size, size_t{MAILBOX_CAPACITY});
  Bytes foreign = Put(full);
  foreign[1] = 65;
  uint8_t some[100];
  mailbox_take(&p.port(), some, sizeof some);
  p.Dr(foreign);
  EXPECT_EQ(p.port().to_device.size, size_t{MAILBOX_CAPACITY} - 100);
}

TEST(Tap, TheDebugPortErasesProgramsAndReads) {
  Pins p;
  p.Idle();
  p.Ir(BM_TAP_CONTROL);
  p.Dr(Control(BM_DEBUG_PROGRAM, 0x1000, 300));
  EXPECT_TRUE(p.debug().held);
  p.Ir(BM_TAP_DATA);
  p.Dr(Bytes(256, 0xA5));
  p.Dr(Bytes(256, 0x0F));
  p.Dr(Bytes(256, 0x00));  // beyond the 300 bytes: nobody's
  EXPECT_EQ(p.flash()[0x10FF], 0xA5);
  EXPECT_EQ(p.flash()[0x1100], 0x0F);
  EXPECT_EQ(p.flash()[0x112B], 0x0F);
  EXPECT_EQ(p.flash()[0x112C], 0xFF);
  p.Ir(BM_TAP_CONTROL);
  p.Dr(Control(BM_DEBUG_BLANK, 0x1000, 4096));
  EXPECT_EQ(p.Dr(Control(BM_DEBUG_READ, 0x1000, 300))[0], BM_DEBUG_NOT_BLANK);
  Bytes status = p.Dr(Control(0, 0, 0));
  EXPECT_EQ(status[0], BM_DEBUG_DONE);
  EXPECT_EQ(bm_get_u32(status.data() + 1), 300u);
  p.Ir(BM_TAP_DATA);
  EXPECT_EQ(p.Dr(Bytes(256)), Bytes(256, 0xA5));
  Bytes rest = p.Dr(Bytes(256));
  EXPECT_EQ(rest[43], 0x0F);
  EXPECT_EQ(rest[44], 0x00);
  p.Ir(BM_TAP_CONTROL);
  p.Dr(Control(BM_DEBUG_ERASE, 0x1000, 4096));
  p.Dr(Control(BM_DEBUG_BLANK, 0x1000, 4096));
  EXPECT_EQ(p.Dr(Control(0, 0, 0))[0], BM_DEBUG_DONE);
  p.Dr(Control(BM_DEBUG_ERASE, 0x1001, 4096));
  EXPECT_EQ(p.Dr(Control(99, 0, 0))[0], BM_DEBUG_RANGE);
  EXPECT_EQ(p.Dr(Control(BM_DEBUG_READ, 0xFFFFFFFF, 0xFFFFFFFF))[0], BM_DEBUG_UNKNOWN);
  EXPECT_EQ(p.Dr(Control(BM_DEBUG_RESET, 0, 0))[0], BM_DEBUG_RANGE);
  EXPECT_FALSE(p.debug().held);
  EXPECT_TRUE(p.debug().reset);
}

TEST(Tap, ABlownLockStopsTheDebugPortAtOnceAndTheRegistersAtReset) {
  Pins p;
  p.Idle();
  p.Ir(BM_TAP_CONTROL);
  p.Dr(Control(BM_DEBUG_BLOW, BM_FUSE_PORT_LOCK, 0));
  p.Dr(Control(BM_DEBUG_ERASE, 0, 4096));
  EXPECT_EQ(p.Dr(Control(0, 0, 0))[0], BM_DEBUG_CLOSED);
  p.Ir(BM_TAP_MAILBOX);
  EXPECT_EQ(p.Dr(Put({}))[0], BM_MAILBOX_HERE);
  Bytes none;
  ASSERT_TRUE(p.Feed(ToBytes("sr"), &none));  // SRST and off again
  for (uint8_t ir : {BM_TAP_MAILBOX, BM_TAP_CONTROL, BM_TAP_DATA}) {
    p.Idle();
    p.Ir(ir);
    EXPECT_EQ(p.Dr(Bytes{0x81, 0x42}), (Bytes{0x02, 0x85})) << int{ir};
  }
  p.Idle();
  EXPECT_EQ(p.Dr(Bytes(4)), (Bytes{0x01, 0xE0, 0x17, 0x1B}));
}

TEST(Tap, TheSealClosesItToo) {
  Pins p;
  Blow(p, BM_FUSE_SEAL);
  tap_sense(&p.port());
  p.Idle();
  p.Ir(BM_TAP_CONTROL);
  EXPECT_EQ(p.Dr(Bytes{0x81, 0x42}), (Bytes{0x02, 0x85}));
}

TEST(Bitbang, SpeaksTheDriversBytes) {
  Pins p;
  Bytes out;
  ASSERT_TRUE(p.Feed(ToBytes("Bb"), &out));
  EXPECT_TRUE(out.empty());
  // A digit is 4 TCK + 2 TMS + 1 TDI. Reset, Idle, Select-DR, Capture-DR, Shift-DR; then four bits
  // of the IDCODE, the lowest first: 1000.
  ASSERT_TRUE(p.Feed(ToBytes("2626262626"
                             "04"
                             "26"
                             "04"
                             "04"
                             "0R4"
                             "0R4"
                             "0R4"
                             "0R4"),
                     &out));
  EXPECT_EQ(out, ToBytes("1000"));
  EXPECT_FALSE(p.Feed(ToBytes("Q"), &out));
  EXPECT_FALSE(p.Feed(ToBytes("0\n"), &out));
  EXPECT_FALSE(p.Feed(ToBytes("GET / HTTP/1.1"), &out));
}

}  // namespace
}  // namespace birthmark::device
