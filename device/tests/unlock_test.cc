// SPDX-License-Identifier: Apache-2.0
// The debug lock: who opens a closed port, for which device, how long.
#include <gtest/gtest.h>

#include "cbor/cose.h"
#include "device/tests/station.h"

namespace birthmark::device {
namespace {

struct Workshop {
  Key debug = NewKey(), other = NewKey();
  Station station{MakeFirmware()};
  Sim sim{"bmc"};

  explicit Workshop(bool anchor = true) {
    const ByteView spki = debug->public_key().spki();
    link::Stage application{.code = Bytes(500, 0x44), .anchors = {}};
    if (anchor) {
      application.anchors = {{"debug",
                              "other",
                              "debug-unlock",
                              "spki",
                              Bytes(spki.begin(), spki.end()),
                              {.levels = {1}}}};
    }
    Firmware& f = station.firmware;
    f.application =
        MustImage({"application", "product", 1, false}, link::EncodeStage(application), *f.update);
    sim.Install("test-image", f.test_image);
    sim.PowerOn();
    if (!station.Work(sim)) ADD_FAILURE() << station.refusal;
  }
  Bytes Ask() { return sim.Call(BM_CMD_DEBUG_CHALLENGE).Octets("nonce"); }
  Bytes Signed(const cbor::Map& body, const Key& key) const {
    return cbor::EncodeCose(cbor::SignCose({}, cbor::Encode(cbor::Value(body)), *key).value());
  }
  Bytes For(const Bytes& nonce, const std::string& serial = "BM-0001") const {
    return Signed({{"does", "debug-unlock"}, {"nonce", nonce}, {"serial", serial}}, debug);
  }
  std::string Give(const Bytes& object) {
    Answer a = sim.Call(BM_CMD_DEBUG_UNLOCK, {{"object", object}});
    EXPECT_TRUE(a.Done()) << a.text;
    EXPECT_EQ(a.True("accepted"), a.Text("why") == "accepted");
    return a.Text("why");
  }
  size_t Measured() { return sim.Call(BM_CMD_BOOT_LOG)["log"].AsArray()->size(); }
};

TEST(DebugUnlock, OnlyAnAnswerForThisDeviceOpensAndOnlyOnce) {
  Workshop w;
  Answer asked = w.sim.Call(BM_CMD_DEBUG_CHALLENGE);
  EXPECT_EQ(asked.Text("serial"), "BM-0001");
  const Bytes nonce = asked.Octets("nonce");
  ASSERT_EQ(nonce.size(), 16u);
  const size_t before = w.Measured();
  EXPECT_EQ(w.Give(w.For(nonce, "BM-0002")), "serial");
  EXPECT_EQ(w.Give(w.For(Bytes(16, 1))), "nonce");
  EXPECT_EQ(w.Give(w.Signed({{"does", "debug-unlock"}, {"nonce", nonce}, {"serial", "BM-0001"}},
                            w.other)),
            "signer");
  EXPECT_EQ(w.Give(w.Signed({{"nonce", nonce}, {"serial", "BM-0001"}}, w.debug)), "malformed")
      << "it does not say what it is for";
  EXPECT_EQ(w.Give(Bytes(3, 0)), "malformed");
  EXPECT_FALSE(w.sim.port_unlocked);
  EXPECT_EQ(w.Measured(), before);
  const Bytes good = w.For(nonce);
  EXPECT_EQ(w.Give(good), "accepted");
  EXPECT_TRUE(w.sim.port_unlocked);
  EXPECT_EQ(w.Measured(), before + 1) << "an attestation tells of it";
  EXPECT_EQ(w.Give(good), "nonce") << "an answer counts once";
  const Bytes waiting = w.Ask();
  w.sim.PowerOff();
  w.sim.PowerOn();
  EXPECT_FALSE(w.sim.port_unlocked);
  EXPECT_EQ(w.Give(w.For(waiting)), "nonce") << "a challenge does not outlive the power";
  Workshop none(false);
  EXPECT_EQ(none.Give(none.For(none.Ask())), "no-anchor");
}

}  // namespace
}  // namespace birthmark::device
