// SPDX-License-Identifier: Apache-2.0
#include "anchors/change_conclude.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace birthmark::anchors {
namespace {

using testing::ElementsAre;

ChangeResult Offered(std::string by, std::string way, bool held, std::string verdict = "no") {
  return {"replace", std::move(by), std::move(way), "", held ? "accepted" : std::move(verdict),
          held};
}

ChangeResult Right(std::string way, bool held) {
  ChangeResult r = Offered("right-key", std::move(way), held);
  r.signer = "boot";
  return r;
}

TEST(ChangeConclude, TellsWhoCould) {
  const struct {
    std::string name;
    std::vector<ChangeResult> results;
    std::string change;
  } cases[] = {
      {"nobody", {Right("update", false), Offered("wrong-key", "update", false)}, "no"},
      {"the right key, its own way before the chip",
       {Right("chip", true), Right("update", true), Offered("nobody", "update", false)},
       "by:boot via signed update"},
      {"the right key on the chip alone: a lock that holds against the processor",
       {Right("update", false), Right("chip", true), Offered("nobody", "chip", false)},
       "by:boot via signed image on the flash chip"},
      {"anybody who holds the chip",
       {Right("update", true), Offered("nobody", "chip", true)},
       "unprotected via the flash chip"},
      {"a wrong key is anybody's",
       {Offered("wrong-key", "update", true)},
       "unprotected via update"},
      {"fuses", {Offered("nobody", "fuses", false), Offered("nobody", "port", false)}, "no"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const ChangeConclusion shown = ConcludeChange("replace", c.results);
    ASSERT_TRUE(shown.change);
    EXPECT_EQ(plan::ToText(*shown.change), c.change);
    EXPECT_FALSE(ConcludeChange("add", c.results).change) << "another aspect was not tried";
  }
}

TEST(ChangeConclude, AnAcceptedChangeThatDidNotHoldIsNone) {
  ChangeResult r = Right("update", false);
  r.verdict = "accepted";
  const ChangeConclusion shown = ConcludeChange("replace", {r, r});
  EXPECT_EQ(plan::ToText(*shown.change), "no");
  EXPECT_THAT(shown.notes, ElementsAre("update by right-key: accepted"));
  EXPECT_FALSE(ConcludeChange("replace", {}).change);
}

}  // namespace
}  // namespace birthmark::anchors
