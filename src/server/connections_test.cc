// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace birthmark::server {
namespace {

class ConnectionsTest : public testing::Test {
 protected:
  std::shared_ptr<Connection> Make(const std::string& name) {
    auto c = std::make_shared<Connection>([this, name] { closed_.push_back(name); });
    all_.Add(c);
    return c;
  }
  std::vector<std::string> closed_;
  Connections all_;
};

TEST_F(ConnectionsTest, TheOneThatWaitsLongestGoesFirst) {
  auto a = Make("a"), b = Make("b"), c = Make("c");
  ASSERT_TRUE(all_.Busy(*a));
  all_.Waiting(a);  // served just now
  EXPECT_TRUE(all_.EvictOldest());
  EXPECT_TRUE(all_.EvictOldest());
  EXPECT_EQ(closed_, (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(all_.Busy(*a));
  EXPECT_FALSE(all_.Busy(*b)) << "it is to end";
}

TEST_F(ConnectionsTest, WhoWasServedStaysWhileStrangersComeAndGo) {
  auto a = Make("a");
  ASSERT_TRUE(all_.Busy(*a));
  all_.Waiting(a);
  std::vector<std::shared_ptr<Connection>> strangers;
  for (int i = 0; i < 50; ++i) {
    strangers.push_back(Make("stranger"));
    if (i >= 10) EXPECT_TRUE(all_.EvictOldest());
  }
  EXPECT_EQ(closed_, std::vector<std::string>(40, "stranger"));
  EXPECT_TRUE(all_.Busy(*a));
}

TEST_F(ConnectionsTest, WhoWasServedOnceDoesNotHoldHisPlaceForever) {
  std::vector<std::shared_ptr<Connection>> served;
  for (int i = 0; i < 12; ++i) {
    served.push_back(Make("served"));
    ASSERT_TRUE(all_.Busy(*served.back()));
    all_.Waiting(served.back());
  }
  auto a = Make("newcomer");
  EXPECT_TRUE(all_.EvictOldest());
  EXPECT_EQ(closed_, std::vector<std::string>{"served"});
  EXPECT_FALSE(all_.Busy(*served.front())) << "the one that waits longest";
  EXPECT_TRUE(all_.Busy(*a));
}

TEST_F(ConnectionsTest, WhatIsBusyStays) {
  auto a = Make("a");
  ASSERT_TRUE(all_.Busy(*a));
  EXPECT_FALSE(all_.EvictOldest());
  EXPECT_TRUE(closed_.empty());
}

TEST_F(ConnectionsTest, AreCountedUntilRemoved) {
  auto a = Make("a"), b = Make("b");
  EXPECT_EQ(all_.count(), 2u);
  all_.EvictWaiting();
  EXPECT_EQ(closed_.size(), 2u);
  EXPECT_EQ(all_.count(), 0u) << "nobody else has to go for them";
  EXPECT_EQ(all_.open(), 2u) << "closing is asked for, not done";
  EXPECT_FALSE(all_.WaitForNone(std::chrono::milliseconds(1)));
  all_.Remove(*a);
  EXPECT_EQ(all_.count(), 0u);
  EXPECT_EQ(all_.open(), 1u);
  all_.Remove(*b);
  EXPECT_TRUE(all_.WaitForNone(std::chrono::milliseconds(1)));
  EXPECT_FALSE(all_.EvictOldest());
}

}  // namespace
}  // namespace birthmark::server
