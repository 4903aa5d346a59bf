// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace birthmark::server {
namespace {

using testing::HasSubstr;

TEST(Metrics, TheSameNameAndLabelsAreTheSameNumber) {
  Metrics m;
  Counter& a = m.GetCounter("units_total", "units", {{"lamp", "GOOD"}});
  a.Add(2);
  m.GetCounter("units_total", "units", {{"lamp", "GOOD"}}).Add();
  m.GetCounter("units_total", "units", {{"lamp", "SCRAP"}});
  EXPECT_EQ(a.value(), 3u);
  EXPECT_EQ(m.Text(),
            "# HELP units_total units\n# TYPE units_total counter\n"
            "units_total{lamp=\"GOOD\"} 3\nunits_total{lamp=\"SCRAP\"} 0\n");
}

TEST(Metrics, GaugesAreSetAndAskedFor) {
  Metrics m;
  m.GetGauge("open", "connections\nopen").Add(-2);
  m.Ask("pool_hours", "left", {{"station", "a\"b\\c\nd"}}, [] { return 2.5; });
  EXPECT_EQ(m.Text(),
            "# HELP open connections\\nopen\n# TYPE open gauge\nopen -2\n"
            "# HELP pool_hours left\n# TYPE pool_hours gauge\n"
            "pool_hours{station=\"a\\\"b\\\\c\\nd\"} 2.5\n");
}

TEST(Metrics, AHistogramsBucketsAddUp) {
  Metrics m;
  Histogram& h = m.GetHistogram("seconds", "s", {{"server", "est"}});
  h.Observe(std::chrono::microseconds(500));  // a bound belongs to its bucket
  h.Observe(std::chrono::milliseconds(3));
  h.Observe(std::chrono::seconds(60));
  EXPECT_EQ(h.count(), 3u);
  const std::string text = m.Text();
  EXPECT_THAT(text, HasSubstr("seconds_bucket{server=\"est\",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{server=\"est\",le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{server=\"est\",le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("seconds_bucket{server=\"est\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("seconds_sum{server=\"est\"} 60.0035\n"));
  EXPECT_THAT(text, HasSubstr("seconds_count{server=\"est\"} 3\n"));
}

TEST(Metrics, TheHandlerAnswersGetAlone) {
  Metrics m;
  m.GetCounter("a_total", "a").Add();
  MetricsHandler handler(m);
  enroll::HttpRequest get, post;
  get.method = "GET";
  post.method = "POST";
  handler.Handle(std::move(get), [](enroll::HttpResponse r) {
    EXPECT_EQ(r.status, 200);
    EXPECT_THAT(std::string(AsText(r.body)), HasSubstr("a_total 1\n"));
    EXPECT_THAT(r.content_type, HasSubstr("version=0.0.4"));
  });
  handler.Handle(std::move(post), [](enroll::HttpResponse r) { EXPECT_EQ(r.status, 405); });
}

}  // namespace
}  // namespace birthmark::server
