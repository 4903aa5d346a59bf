// SPDX-License-Identifier: Apache-2.0
// Whole images offered to a sealed device as updates in place: whose it takes, which it refuses by
// name, and which anchors are in force after the restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "device/tests/station.h"

namespace birthmark::device {
namespace {

using testing::Contains;
using testing::Not;

Bytes SpkiOf(Key& key) {
  ByteView spki = key->public_key().spki();
  return Bytes(spki.begin(), spki.end());
}

link::StageAnchor AnchorFor(const std::string& id, const std::string& verifies, Key& key) {
  return {id, "software-update", verifies, "spki", SpkiOf(key), {.levels = {1}}};
}

// Sealed is a device that has left its factory.
class Sealed : public testing::Test {
 protected:
  Sealed() : station_(MakeFirmware(2)) {
    sim_.Install("test-image", station_.firmware.test_image);
    sim_.PowerOn();
    EXPECT_TRUE(station_.Work(sim_)) << station_.refusal;
  }
  Answer Offer(const std::string& partition, const Bytes& image) {
    return sim_.Call(BM_CMD_IMAGE_OFFER, {{"partition", partition}, {"image", image}});
  }
  Bytes Second(std::vector<link::StageAnchor> anchors, crypto::SoftwareSigner& signer,
               uint64_t version = 2) {
    return MustImage({"second-stage", "second", version, false},
                     link::EncodeStage({.code = Bytes(800, 0x33), .anchors = std::move(anchors)}),
                     signer);
  }
  // InForce is "id@place" of every anchor the device believes.
  std::vector<std::string> InForce() {
    Answer a = sim_.Call(BM_CMD_ANCHORS);
    EXPECT_TRUE(a.Done()) << a.text;
    std::vector<std::string> out;
    for (const cbor::Value& v : *a["anchors"].AsArray())
      out.push_back(*v.Find("id")->AsText() + "@" + *v.Find("place")->AsText());
    return out;
  }
  Key& update() { return station_.firmware.update; }

  Station station_;
  Sim sim_{"bmc"};
};

TEST_F(Sealed, TakesAnUpdateOfTheRightKeyAndBelievesItAfterTheRestart) {
  EXPECT_THAT(InForce(), testing::ElementsAre("fuse@fuse", "second@first-stage",
                                              "direct@first-stage", "update@second-stage"));
  Key other = NewKey();
  Bytes image = Second(
      {AnchorFor("update", "application", update()), AnchorFor("other", "application", other)},
      *update());
  Answer a = Offer("second-stage", image);
  ASSERT_TRUE(a.Done()) << a.text;
  EXPECT_TRUE(a.True("accepted")) << a.Text("text");
  EXPECT_EQ(a.Text("anchor"), "second");
  EXPECT_THAT(InForce(), Not(Contains("other@second-stage"))) << "not before the restart";
  sim_.Call(BM_CMD_RESET);
  EXPECT_THAT(InForce(), Contains("other@second-stage"));
  EXPECT_EQ(sim_.Call(BM_CMD_HELLO).Text("running"), "application");
}

TEST_F(Sealed, RefusesByName) {
  Key forger = NewKey();
  const std::vector<link::StageAnchor> same{AnchorFor("update", "application", update())};
  Bytes unsigned_image = Second(same, *update());
  const size_t end = 8 + unsigned_image[4] + 256 * unsigned_image[5];
  std::fill_n(unsigned_image.begin() + static_cast<ptrdiff_t>(end - 64), 64, uint8_t{0});
  Bytes longer = Second(same, *update());
  longer.push_back(0);
  Bytes changed = Second(same, *update());
  changed.back() ^= 1;
  const struct {
    const char* name;
    Bytes image;
    bm_verdict verdict;
  } cases[] = {
      {"wrong key", Second(same, *forger), BM_REFUSED_SIGNATURE},
      {"no signature", unsigned_image, BM_REFUSED_SIGNATURE},
      {"rolled back", Second(same, *update(), 1), BM_REFUSED_OLDER},
      {"none left", Second({}, *update()), BM_REFUSED_NONE_LEFT},
      {"none left for the application", Second({AnchorFor("x", "voucher", forger)}, *update()),
       BM_REFUSED_NONE_LEFT},
      {"another kind", station_.firmware.application, BM_REFUSED_IMAGE_KIND},
      {"something behind it", longer, BM_REFUSED_IMAGE_SIZE},
      {"not what was signed", changed, BM_REFUSED_IMAGE_DIGEST},
      {"no image", Bytes(100, 7), BM_REFUSED_FORMAT},
  };
  const Bytes flash = sim_.flash();
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Answer a = Offer("second-stage", c.image);
    ASSERT_TRUE(a.Done()) << a.text;
    EXPECT_FALSE(a.True("accepted"));
    EXPECT_EQ(a.Number("verdict"), c.verdict) << a.Text("text");
  }
  EXPECT_EQ(sim_.flash(), flash) << "a refusal writes nothing";
  EXPECT_EQ(Offer("factory-data", Bytes(8)).refusal, BM_E_NOT_FOUND);
  EXPECT_EQ(sim_.Call(BM_CMD_IMAGE_OFFER, {{"partition", "application"}}).refusal,
            BM_E_BAD_REQUEST);
  // Nobody's key stands behind a store without an anchor for bundles.
  Bytes bundle = MustImage({"bundle", "b", 1, false},
                           link::EncodeStage({.code = {}, .anchors = same}), *update());
  EXPECT_EQ(Offer("store", bundle).Number("verdict"), BM_REFUSED_NO_ANCHOR);
}

TEST_F(Sealed, TheLockStopsEvenTheRightKey) {
  link::SignerHeaders bare{.x5chain = {}, .bare_key = true};
  link::Stage stage{.code = Bytes(700, 0x22),
                    .anchors = {AnchorFor("second", "second-stage", update()),
                                AnchorFor("direct", "application", update())}};
  Bytes first = MustImage({"first-stage", "first", 3, false}, link::EncodeStage(stage),
                          *station_.firmware.boot, bare);
  Answer a = Offer("first-stage", first);
  EXPECT_EQ(a.refusal, BM_E_LOCKED) << a.text;
  // On the chip itself no lock of the device's holds; its boot ROM takes what is signed.
  sim_.Install("first-stage", first);
  sim_.PowerOn();
  EXPECT_EQ(sim_.Call(BM_CMD_HELLO).Text("running"), "application");
  sim_.Install("first-stage", MustImage({"first-stage", "first", 3, false},
                                        link::EncodeStage(stage), *NewKey(), bare));
  sim_.PowerOn();
  EXPECT_EQ(sim_.Call(BM_CMD_HELLO).Text("running"), "rom");
  EXPECT_THAT(InForce(), testing::ElementsAre("fuse@fuse"));
}

// A cut in the middle of the writing leaves no image, and the update can be offered again.
TEST_F(Sealed, PowerMayGoInTheMiddle) {
  Bytes image = Second({AnchorFor("update", "application", update())}, *update(), 3);
  for (uint64_t cut = 1; cut <= 3; ++cut) {
    SCOPED_TRACE(cut);
    sim_.CutAt(cut);
    EXPECT_FALSE(Offer("second-stage", image).answered);
    sim_.PowerOn();
    Answer a = Offer("second-stage", image);
    ASSERT_TRUE(a.True("accepted")) << a.text << a.Text("text");
    sim_.PowerOn();
    EXPECT_EQ(sim_.Call(BM_CMD_HELLO).Text("running"), "application");
  }
}

}  // namespace
}  // namespace birthmark::device
