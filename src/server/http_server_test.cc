// SPDX-License-Identifier: Apache-2.0
// The server over plain sockets: what is served, what is refused, what harms nobody else.
#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/test_client.h"

namespace birthmark::server {
namespace {

using namespace std::chrono_literals;
using test::Socket;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Probe says what it was asked. "/later" is answered by another thread, "/held" when the test says.
class Probe : public enroll::Handler {
 public:
  ~Probe() override {
    for (std::thread& t : threads_) t.join();
  }
  void Handle(enroll::HttpRequest r, enroll::Reply reply) override {
    enroll::HttpResponse response;
    response.content_type = "text/plain";
    response.body = ToBytes(r.method + " " + r.path + " [" + std::string(AsText(r.body)) + "]");
    if (r.path == "/t/shared") {
      // Longer than is written at once.
      static const auto long_body = std::make_shared<const Bytes>(600'000, uint8_t{'s'});
      response.shared = *long_body;
      response.keep = long_body;
    }
    if (r.path == "/t/throws") throw std::runtime_error("a fault of ours");
    if (r.path == "/t/later") {
      std::lock_guard lock(mutex_);
      threads_.emplace_back(
          [reply, response = std::move(response)]() mutable { reply(std::move(response)); });
      return;
    }
    if (r.path == "/t/held") {
      std::lock_guard lock(mutex_);
      held_.emplace_back([reply, response = std::move(response)]() mutable { reply(response); });
      arrived_.notify_all();
      return;
    }
    reply(std::move(response));
  }
  // TakeHeld waits for a request to "/t/held" and gives what answers it.
  std::function<void()> TakeHeld() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !held_.empty(); });
    auto f = std::move(held_.back());
    held_.pop_back();
    return f;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::thread> threads_;
  std::vector<std::function<void()>> held_;
};

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpOptions o = {}) {
    o.metrics = &metrics_;
    o.log = [this](const HttpEvent& e) {
      std::lock_guard lock(log_mutex_);
      log_.push_back(e);
    };
    auto server =
        HttpServer::Start(std::move(o), {{"/t", &probe_, 1000}, {"/t/small", &probe_, 10}});
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = std::move(*server);
  }
  Socket Connect() { return Socket(server_->port()); }
  // One sends a request on a connection of its own and reads to its end.
  std::string One(const std::string& raw) {
    Socket s = Connect();
    s.Send(raw);
    return s.ReadToEnd();
  }
  std::vector<HttpEvent> Log() {
    std::lock_guard lock(log_mutex_);
    return log_;
  }
  static std::string Get(const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
  }

  Probe probe_;
  Metrics metrics_;
  std::mutex log_mutex_;
  std::vector<HttpEvent> log_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ASharedBodyComesWhole) {
  Start();
  Socket c(server_->port());
  c.Send("GET /t/shared HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = c.ReadToEnd();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 600000\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n" + std::string(600'000, 's')));
  Socket head(server_->port());
  head.Send("HEAD /t/shared HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head.ReadToEnd(), EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, ServesOneRequestAfterAnother) {
  Start();
  EXPECT_THAT(server_->url(), StartsWith("http://127.0.0.1:"));
  Socket s = Connect();
  for (int i = 0; i < 3; ++i) {
    s.Send(Get("/t/a?b=c"));
    EXPECT_THAT(s.ReadAnswer(), EndsWith("\r\n\r\nGET /t/a []"));
  }
  s.Send("POST /t/b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(s.ReadAnswer(), EndsWith("POST /t/b [hello]"));
  s.Send(
      "POST /t/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(s.ReadAnswer(), EndsWith("POST /t/c [abcde]"));
  s.Send(Get("/t/a") + Get("/t/b"));  // both at once
  EXPECT_THAT(s.ReadAnswer(), EndsWith("GET /t/a []"));
  EXPECT_THAT(s.ReadAnswer(), EndsWith("GET /t/b []"));
  s.Send(Get("/t/a", "Connection: close\r\n"));
  EXPECT_THAT(s.ReadToEnd(), HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, KnowsOldHttpHeadAndContinue) {
  Start();
  EXPECT_THAT(One("GET /t/a HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK\r\n"));
  Socket s = Connect();
  s.Send("HEAD /t/a HTTP/1.1\r\nHost: x\r\n\r\n" + Get("/t/b", "Connection: close\r\n"));
  const std::string both = s.ReadToEnd();
  EXPECT_THAT(both, HasSubstr("Content-Length: 12\r\n\r\nHTTP/1.1 200 OK"));
  Socket c = Connect();
  c.Send("POST /t/b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(c.ReadAnswer(), "HTTP/1.1 100 Continue\r\n\r\n");
  c.Send("ok");
  EXPECT_THAT(c.ReadAnswer(), EndsWith("[ok]"));
}

TEST_F(HttpServerTest, AnswersFromOtherThreadsAndFaultsOfHandlers) {
  Start({.threads = 2});
  for (int i = 0; i < 20; ++i) {
    Socket s = Connect();
    s.Send(Get("/t/later"));
    EXPECT_THAT(s.ReadAnswer(), EndsWith("GET /t/later []"));
  }
  Socket s = Connect();
  s.Send(Get("/t/throws"));
  EXPECT_THAT(s.ReadAnswer(), StartsWith("HTTP/1.1 500 "));
  s.Send(Get("/t/a"));
  EXPECT_THAT(s.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, UnknownPathsAndTargetsAreRefused) {
  Start();
  EXPECT_THAT(One(Get("/other")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(One(Get("/t/../etc")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(One(Get("http://x/t/a")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(One("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

// Each of these is read in two ways by some pair of programs. After the refusal the connection
// ends, so that what follows is nobody's second request.
TEST_F(HttpServerTest, SmuggledRequestsAreRefused) {
  Start();
  const std::string second = Get("/t/smuggled");
  const std::string post = "POST /t/a HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& raw : {
           post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
           post + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
           post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           post + "Content-Length: 0, 5\r\n\r\n",
           post + "Content-Length: +5\r\n\r\nhello",
           post + "Content-Length: -1\r\n\r\n",
           post + "Content-Length: 0x5\r\n\r\nhello",
           post + "Content-Length: 99999999999999999999999\r\n\r\n",
           post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
           std::string("POST /t/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string("GET /t/a HTTP/1.1\nHost: x\n\n"),
           std::string("GET /t/a HTTP/1.1\r\nHost: x\n\r\n"),
           std::string("GET /t/a HTTP/1.1\r\n Host: x\r\n\r\n"),
           std::string("GET /t/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
           std::string("GET /t/a HTTP/1.1\r\n\r\n"),
           std::string("GET /t/a HTTP/1.1\r\nHost: x\r\nA\x01: b\r\n\r\n"),
           std::string("GET  /t/a HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /t/a HTTP/2.0\r\nHost: x\r\n\r\n"),
           std::string("GET /t/a\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
       }) {
    const std::string answer = One(raw + second);
    EXPECT_THAT(answer, testing::AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.0 400 "),
                                       StartsWith("HTTP/1.1 501 ")))
        << raw;
    EXPECT_THAT(answer, Not(HasSubstr("smuggled"))) << raw;
  }
}

TEST_F(HttpServerTest, WhatIsTooLongIsRefused) {
  Start();
  EXPECT_THAT(One(Get("/t/a", "X: " + std::string(20'000, 'a') + "\r\n")),
              StartsWith("HTTP/1.1 431 "));
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "X: a\r\n";
  EXPECT_THAT(One(Get("/t/a", many)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(One("POST /t/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  // The longer of two routes is the other's limit.
  EXPECT_THAT(One("POST /t/small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(One("POST /t/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                  std::string(2000, 'a') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(One("POST /t/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" +
                  std::string(11, 'a') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, SlowRequestsEndAndOthersAreServed) {
  Start({.request_timeout = 200ms, .idle_timeout = 400ms});
  Socket head = Connect(), body = Connect(), idle = Connect(), good = Connect();
  head.Send("GET /t/a HTTP/1.1\r\nHo");
  body.Send("POST /t/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
  good.Send(Get("/t/a"));
  EXPECT_THAT(good.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(head.Ended(10s));
  EXPECT_TRUE(body.Ended(10s));
  EXPECT_TRUE(idle.Ended(10s));
}

TEST_F(HttpServerTest, AConnectionHasItsNumberOfRequests) {
  Start({.requests_per_connection = 2});
  Socket s = Connect();
  s.Send(Get("/t/a") + Get("/t/b") + Get("/t/c"));
  const std::string all = s.ReadToEnd();
  EXPECT_THAT(all, HasSubstr("/t/b"));
  EXPECT_THAT(all, Not(HasSubstr("/t/c")));
}

TEST_F(HttpServerTest, ThousandsOfIdleConnectionsKeepNobodyOut) {
  struct rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  constexpr size_t kIdle = 2000, kMost = 500;
  if (limit.rlim_max < kIdle + 2 * kMost) GTEST_SKIP() << "too few descriptors here";
  Start({.max_connections = kMost});
  Socket busy = Connect();
  std::vector<Socket> idle;
  for (size_t i = 0; i < kIdle; ++i) {
    idle.push_back(Connect());
    ASSERT_TRUE(idle.back().connected());
    if (i % 2 == 0) idle.back().Send("GET /t/a HTTP/1.1\r\nHost:");
    if (i % 100 != 0) continue;
    // Who is served stays, however many wait.
    busy.Send(Get("/t/a"));
    ASSERT_THAT(busy.ReadAnswer(), StartsWith("HTTP/1.1 200 ")) << i;
  }
  Socket late = Connect();
  late.Send(Get("/t/a"));
  EXPECT_THAT(late.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_LE(server_->connections(), kMost + 1);
  EXPECT_TRUE(idle.front().Ended(10s));
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("birthmark_http_evicted_total{server=\"http\"} 0\n")));
}

TEST_F(HttpServerTest, StopLetsARequestFinish) {
  Start();
  Socket s = Connect(), idle = Connect();
  s.Send(Get("/t/held"));
  auto answer = probe_.TakeHeld();
  std::thread stopper([&] { server_->Stop(); });
  EXPECT_TRUE(idle.Ended(10s));
  answer();
  const std::string got = s.ReadToEnd();
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(got, EndsWith("GET /t/held []"));
  stopper.join();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, AReplyAfterTheEndIsHarmless) {
  Start({.stop_grace = 50ms});
  Socket s = Connect();
  s.Send(Get("/t/held"));
  auto answer = probe_.TakeHeld();
  server_->Stop();
  server_.reset();
  answer();
  answer = nullptr;  // the last that knew of the connection
  EXPECT_EQ(s.ReadToEnd(), "");
}

TEST_F(HttpServerTest, TellsTheLogAndTheMetricsNoSecrets) {
  Start({.name = "est"});
  Socket s = Connect();
  s.Send(Get("/t/a?token=QUERYSECRET", "Authorization: Basic SEVBREVSU0VDUkVU\r\n"));
  s.ReadAnswer();
  EXPECT_THAT(One(Get("/none")), StartsWith("HTTP/1.1 404 "));
  server_->Stop();
  auto log = Log();
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].server, "est");
  EXPECT_EQ(log[0].method, "GET");
  EXPECT_EQ(log[0].path, "/t/a");
  EXPECT_EQ(log[0].status, 200);
  EXPECT_THAT(log[0].address, StartsWith("127.0.0.1:"));
  EXPECT_EQ(log[1].status, 404);
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("birthmark_http_requests_total{server=\"est\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("birthmark_http_requests_total{server=\"est\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("birthmark_http_connections{server=\"est\"} 0\n"));
}

TEST(HttpServerStart, SaysWhyItCannotListen) {
  EXPECT_EQ(HttpServer::Start({.address = "nowhere"}, {}).error().code, "server.address");
  auto first = HttpServer::Start({}, {});
  ASSERT_TRUE(first);
  auto second = HttpServer::Start({.port = (*first)->port()}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "server.address");
  EXPECT_EQ(HttpServer::Start({.tls = TlsOptions{}}, {}).error().code, "server.tls");
}

}  // namespace
}  // namespace birthmark::server
