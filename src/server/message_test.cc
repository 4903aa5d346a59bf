// SPDX-License-Identifier: Apache-2.0
#include "server/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace birthmark::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Target, IsDecoded) {
  auto t = ReadTarget("/.well-known/est/bulb%20a/cacerts?x=%41&y");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->path, "/.well-known/est/bulb a/cacerts");
  EXPECT_EQ(t->query, "x=%41&y");
  EXPECT_EQ(ReadTarget("/")->path, "/");
  EXPECT_EQ(ReadTarget("/a/..b/c.")->path, "/a/..b/c.");
}

TEST(Target, WhatCouldMeanTwoThingsIsRefused) {
  for (std::string_view bad :
       {"", "*", "a", "http://host/a", "/a/../b", "/a/..", "/.", "/./a", "/%2e%2e/a", "/a%2fb",
        "/a%", "/a%4", "/a%zz", "/a%00b", "/a%0ab", "/a\\b", "/%ff", "/a%7f"}) {
    EXPECT_FALSE(ReadTarget(bad)) << bad;
  }
}

TEST(FindRoute, TakesTheLongestPrefixOfWholeSegments) {
  struct Nothing : enroll::Handler {
    void Handle(enroll::HttpRequest, enroll::Reply) override {}
  } a, b;
  const std::vector<Route> routes = {{"/x", &a}, {"/x/y", &b}};
  EXPECT_EQ(FindRoute(routes, "/x")->handler, &a);
  EXPECT_EQ(FindRoute(routes, "/x/z")->handler, &a);
  EXPECT_EQ(FindRoute(routes, "/x/y")->handler, &b);
  EXPECT_EQ(FindRoute(routes, "/x/y/z")->handler, &b);
  EXPECT_EQ(FindRoute(routes, "/x/yz")->handler, &a);
  EXPECT_EQ(FindRoute(routes, "/xy"), nullptr);
  EXPECT_EQ(FindRoute(routes, "/"), nullptr);
}

TEST(Answer, HasItsFields) {
  enroll::HttpResponse r;
  r.content_type = "text/plain";
  r.headers.emplace_back("Retry-After", "10");
  r.body = ToBytes("hello");
  const std::chrono::sys_seconds at{std::chrono::seconds(784111777)};
  const std::string text(AsText(WriteAnswer(r, false, true, 1, at)));
  EXPECT_EQ(text,
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
            "Retry-After: 10\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(std::string(AsText(WriteAnswer(r, false, false, 1, at))),
              HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(std::string(AsText(WriteAnswer(r, false, true, 0, at))),
              testing::StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(std::string(AsText(WriteAnswer(r, true, true, 1, at))),
              testing::EndsWith("Content-Length: 5\r\n\r\n"));
}

TEST(Answer, AValueCannotBeginAnotherField) {
  enroll::HttpResponse r;
  r.status = 204;
  r.headers.emplace_back("X", "a\r\nSet-Cookie: b");
  const std::string text(AsText(WriteAnswer(r, false, true, 1, {})));
  EXPECT_THAT(text, Not(HasSubstr("\nSet-Cookie")));
  EXPECT_THAT(text, Not(HasSubstr("Content-Length")));
}

TEST(Answer, ASecretIsNotKeptByCaches) {
  enroll::HttpResponse r;
  r.secret = true;
  EXPECT_THAT(std::string(AsText(WriteAnswer(r, false, true, 1, {}))),
              HasSubstr("Cache-Control: no-store\r\n"));
}

TEST(Target, ASlashInAWordIsForThoseWhoTakeIt) {
  EXPECT_FALSE(ReadTarget("/ocsp/ca/MEI%2Fa"));
  auto t = ReadTarget("/ocsp/ca/MEI%2Fa%2B%3D", true);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->path, "/ocsp/ca/MEI/a+=");
  EXPECT_FALSE(ReadTarget("/ocsp/%2F../x", true));
  const std::vector<Route> routes{{"/ocsp", nullptr, 10, true}, {"/est", nullptr}};
  EXPECT_TRUE(HiddenSlashes(routes, "/ocsp/a"));
  EXPECT_FALSE(HiddenSlashes(routes, "/est/a"));
  EXPECT_FALSE(HiddenSlashes(routes, "/ocspx"));
}

}  // namespace
}  // namespace birthmark::server
