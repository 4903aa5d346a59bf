// SPDX-License-Identifier: Apache-2.0
// The server over TLS: who gets in, and that both ends see the same channel.
#include "server/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "server/http_server.h"
#include "server/test_client.h"

namespace birthmark::server {
namespace {

using enroll::TestDesk;
using test::TlsClient;
using testing::StartsWith;

// Witness keeps the peer of the last request.
class Witness : public enroll::Handler {
 public:
  void Handle(enroll::HttpRequest r, enroll::Reply reply) override {
    {
      std::lock_guard lock(mutex_);
      peer_ = std::move(r.peer);
    }
    reply({});
  }
  enroll::Peer peer() {
    std::lock_guard lock(mutex_);
    return peer_;
  }

 private:
  std::mutex mutex_;
  enroll::Peer peer_;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    HttpOptions o;
    o.name = "est";
    o.metrics = &metrics_;
    o.log = [this](const HttpEvent& e) {
      std::lock_guard lock(mutex_);
      notes_.push_back(e.note);
    };
    own_ = desk_.TlsServer();
    o.tls = Tls(own_);
    server_ = std::move(*HttpServer::Start(std::move(o), {{"/t", &witness_}}));
  }
  TlsOptions Tls(const TestDesk::Credential& own) {
    return {.chain = {own.certificate, desk_.issuer()},
            .key = own.key.get(),
            .anchors = {desk_.root()},
            .intermediates = {desk_.issuer()}};
  }
  std::string Get(TlsClient& c) { return c.Ask("GET /t HTTP/1.1\r\nHost: x\r\n\r\n"); }

  TestDesk desk_;
  Metrics metrics_;
  Witness witness_;
  std::mutex mutex_;
  std::vector<std::string> notes_;
  TestDesk::Credential own_;
  std::unique_ptr<HttpServer> server_;
};

Bytes Exporter(SSL* ssl) {
  Bytes out(32);
  SSL_export_keying_material(ssl, out.data(), out.size(), "EXPORTER-Channel-Binding", 24, nullptr,
                             0, 0);
  return out;
}

TEST_F(TlsTest, ServesWithAndWithoutACertificate) {
  EXPECT_THAT(server_->url(), StartsWith("https://127.0.0.1:"));
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient nobody(server_->port(), {.version = version});
    EXPECT_THAT(Get(nobody), StartsWith("HTTP/1.1 200 "));
    EXPECT_FALSE(witness_.peer().certificate);
    EXPECT_TRUE(witness_.peer().encrypted);
    auto station = desk_.Station("st-1");
    TlsClient somebody(server_->port(), {.credential = &station, .version = version});
    EXPECT_THAT(Get(somebody), StartsWith("HTTP/1.1 200 "));
    ASSERT_TRUE(witness_.peer().certificate);
    EXPECT_EQ(witness_.peer().certificate->digest(), station.certificate.digest());
    ASSERT_EQ(witness_.peer().others.size(), 1u);
    EXPECT_EQ(witness_.peer().others[0].digest(), desk_.issuer().digest());
  }
}

TEST_F(TlsTest, ACertificateComesAloneAsWell) {
  auto station = desk_.Station("st-1");
  station.above.clear();
  TlsClient c(server_->port(), {.credential = &station});
  EXPECT_THAT(Get(c), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TlsTest, AuthoritiesAreFoundWhenTheyAreNeeded) {
  TlsOptions tls = Tls(own_);
  tls.intermediates.clear();
  std::atomic<int> asked{0};
  tls.find_above = [&](ByteView key_id) -> std::vector<crypto::Certificate> {
    ++asked;
    if (!std::ranges::equal(key_id, *desk_.issuer().ski())) return {};
    return {desk_.issuer()};
  };
  ASSERT_TRUE(server_->SetTls(tls));
  auto station = desk_.Station("st-1");
  station.above.clear();
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient c(server_->port(), {.credential = &station, .version = version});
    EXPECT_THAT(Get(c), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(asked, 2);
  auto foreign = desk_.Foreign("st-1");
  TlsClient stranger(server_->port(), {.credential = &foreign});
  EXPECT_EQ(Get(stranger), "");
}

TEST_F(TlsTest, ForeignAndExpiredCertificatesEndTheHandshake) {
  auto foreign = desk_.Foreign("st-1"), expired = desk_.Expired("st-2");
  for (const auto* credential : {&foreign, &expired}) {
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      TlsClient c(server_->port(), {.credential = credential, .version = version});
      EXPECT_EQ(Get(c), "");
    }
  }
  server_->Stop();
  EXPECT_THAT(
      metrics_.Text(),
      testing::HasSubstr("birthmark_tls_handshakes_total{server=\"est\",result=\"refused\"} 4\n"));
  std::lock_guard lock(mutex_);
  EXPECT_THAT(notes_, testing::Contains(testing::HasSubstr("expired")));
}

TEST_F(TlsTest, OldVersionsAreRefused) {
  TlsClient c(server_->port(), {.version = TLS1_1_VERSION});
  EXPECT_FALSE(c.connected());
}

// RFC 5929: the client's Finished in a full handshake, the server's in a resumed one.
TEST_F(TlsTest, BothEndsSeeTheSameTlsUnique) {
  auto station = desk_.Station("st-1");
  const TlsClient::Wish wish{.credential = &station, .version = TLS1_2_VERSION};
  TlsClient first(server_->port(), wish);
  ASSERT_THAT(Get(first), StartsWith("HTTP/1.1 200 "));
  uint8_t finished[64];
  size_t n = SSL_get_finished(first.ssl(), finished, sizeof finished);
  EXPECT_EQ(witness_.peer().tls_unique, Bytes(finished, finished + n));
  EXPECT_TRUE(witness_.peer().tls_exporter.empty());
  auto session = first.Session();
  first.Close();
  TlsClient again(server_->port(),
                  {.credential = &station, .version = TLS1_2_VERSION, .session = session.get()});
  ASSERT_THAT(Get(again), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(again.resumed());
  n = SSL_get_peer_finished(again.ssl(), finished, sizeof finished);
  EXPECT_EQ(witness_.peer().tls_unique, Bytes(finished, finished + n));
  ASSERT_TRUE(witness_.peer().certificate) << "a resumed session brings its certificate";
  EXPECT_EQ(witness_.peer().certificate->digest(), station.certificate.digest());
}

TEST_F(TlsTest, BothEndsSeeTheSameExporter) {
  auto station = desk_.Station("st-1");
  TlsClient first(server_->port(), {.credential = &station});
  ASSERT_THAT(Get(first), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(witness_.peer().tls_exporter, Exporter(first.ssl()));
  EXPECT_TRUE(witness_.peer().tls_unique.empty());
  auto session = first.Session();
  first.Close();
  TlsClient again(server_->port(), {.credential = &station, .session = session.get()});
  ASSERT_THAT(Get(again), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(again.resumed());
  EXPECT_EQ(witness_.peer().tls_exporter, Exporter(again.ssl()));
  ASSERT_TRUE(witness_.peer().certificate);
  EXPECT_EQ(witness_.peer().certificate->digest(), station.certificate.digest());
}

TEST_F(TlsTest, AnotherCertificateOfOursIsTaken) {
  auto next = desk_.TlsServer("new.factory.example");
  ASSERT_TRUE(server_->SetTls(Tls(next)));
  TlsClient c(server_->port(), {});
  ASSERT_THAT(Get(c), StartsWith("HTTP/1.1 200 "));
  crypto::X509Ptr shown(SSL_get1_peer_certificate(c.ssl()));
  EXPECT_EQ(X509_cmp(shown.get(), next.certificate.x509()), 0);
  EXPECT_EQ(server_->SetTls({}).error().code, "server.tls");
}

TEST_F(TlsTest, PlainHttpAndNoiseAreRefused) {
  for (const char* noise :
       {"GET /t HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff\x01", "\n"}) {
    test::Socket s(server_->port());
    s.Send(noise);
    ::shutdown(s.fd(), SHUT_WR);
    EXPECT_THAT(s.ReadToEnd(), testing::Not(testing::HasSubstr("200 OK")));
  }
}

}  // namespace
}  // namespace birthmark::server
