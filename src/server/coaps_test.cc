// SPDX-License-Identifier: Apache-2.0
// EST-coaps over real DTLS with libcoap's clients, one over OpenSSL and one over GnuTLS, and with
// datagrams that are nothing at all.
#include "server/coaps.h"

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "base/files.h"
#include "cbor/codec.h"
#include "enroll/est/codec.h"
#include "enroll/est/test_requests.h"
#include "enroll/test_desk.h"
#include "pki/csr.h"
#include "tests/support/temp_dir.h"

namespace birthmark::server {
namespace {

using enroll::TestDesk;
using testing::HasSubstr;

class CoapsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    credential_ = desk_.TlsServer();
    auto started = CoapsServer::Start(desk_, Options());
    ASSERT_TRUE(started) << started.error().ToString();
    server_ = std::move(*started);
    Write("root.pem", AsBytes(desk_.root().ToPem()));
    desk_.Station("st-1").Write(dir_.path(), "station");
    desk_.Device("SN-D").Write(dir_.path(), "device");
    desk_.Foreign("st-1").Write(dir_.path(), "foreign");
    desk_.Expired("st-1").Write(dir_.path(), "expired");
  }
  void TearDown() override { server_.reset(); }

  CoapsOptions Options() {
    CoapsOptions o;
    o.tls.chain = {credential_->certificate, desk_.issuer()};
    o.tls.key = credential_->key.get();
    o.tls.anchors = {desk_.root()};
    o.tls.intermediates = {desk_.issuer()};
    o.products = {"bulb"};
    o.log = [this](const HttpEvent& e) {
      std::lock_guard lock(mutex_);
      log_.push_back(e);
    };
    return o;
  }
  void Write(const std::string& name, ByteView data) {
    std::ofstream(dir_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(data.data()), static_cast<long>(data.size()));
  }
  Bytes Read(const std::string& name) {
    auto data = ReadFile(dir_ / name, 1 << 20);
    return data ? *data : Bytes();
  }
  int Run(const std::string& line) {
    const std::string whole = "cd '" + dir_.path().string() + "' && { " + line + "; } >said 2>&1";
    const int status = std::system(whole.c_str());
    said_ = AsText(Read("said"));
    return status;
  }
  // A client's exchange; what it got is in "out".
  Bytes Client(const std::string& rest, const std::string& path,
               const std::string& who = "-c station.pem -j station.key") {
    fs::remove(dir_ / "out");
    Run("timeout 40 coap-client-" + GetParam() + " -B 30 -C root.pem " + who + " -o out " + rest +
        " '" + server_->url() + path + "'");
    return Read("out");
  }
  void Request(const std::string& serial) {
    auto key = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
    Write("csr",
          *pki::BuildCsr(*pki::Name::Make({{"O", "Acme Light"}, {"serialNumber", serial}}), *key));
  }
  static std::string SerialIn(const Bytes& certs_only) {
    auto all = enroll::est::ReadCertsOnly(certs_only);
    if (!all || all->empty()) return "no certificates";
    return all->front().subject_serial_number().value_or("none");
  }

  test::TempDir dir_;
  TestDesk desk_;
  std::optional<TestDesk::Credential> credential_;
  std::mutex mutex_;
  std::vector<HttpEvent> log_;
  std::unique_ptr<CoapsServer> server_;
  std::string said_;
};

TEST_P(CoapsTest, EveryOperation) {
  EXPECT_THAT(std::string(AsText(Client("-m get", "/.well-known/core?rt=ace.est*"))),
              HasSubstr("ace.est.skg"));
  for (const char* size : {"", "-b 64 ", "-b 256 "}) {
    const Bytes crts = Client(std::string(size) + "-m get -A 281", "/.well-known/est/crts");
    auto all = enroll::est::ReadCertsOnly(crts);
    ASSERT_TRUE(all) << said_;
    EXPECT_EQ(all->size(), 2u);
  }
  const Bytes root = Client("-m get -A 287", "/.well-known/est/bulb/crts");
  EXPECT_TRUE(std::ranges::equal(root, desk_.root().der())) << said_;
  EXPECT_FALSE(Client("-m get -A 285", "/.well-known/est/att").empty()) << said_;
  for (const char* size : {"64", "128", "1024"}) {
    const std::string serial = std::string("SN-") + size;
    Request(serial);
    EXPECT_EQ(SerialIn(Client("-m post -t 286 -A 281 -f csr -b " + std::string(size),
                              "/.well-known/est/bulb/sen")),
              serial)
        << said_;
  }
  Request("SN-D");
  const Bytes renewed = Client("-m post -t 286 -A 287 -f csr -b 64", "/.well-known/est/sren",
                               "-c device.pem -j device.key");
  auto certificate = crypto::Certificate::FromDer(renewed);
  ASSERT_TRUE(certificate) << said_;
  EXPECT_EQ(certificate->subject_serial_number(), "SN-D");
  for (const char* op : {"skg", "skc"}) {
    Request(std::string("SN-") + op);
    const Bytes both =
        Client("-m post -t 286 -A 62 -f csr -b 128", std::string("/.well-known/est/") + op);
    auto value = cbor::Decode(both);
    ASSERT_TRUE(value) << said_;
    auto key = crypto::SoftwareSigner::FromPkcs8(
        SecretBytes::Take(Bytes(*value->AsArray()->at(1).AsBytes())));
    EXPECT_TRUE(key);
  }
}

// A desk that takes its time: the answer comes as a message of its own (RFC 7252 section 5.2.2).
TEST_P(CoapsTest, ASlowDesk) {
  std::mutex mutex;
  std::condition_variable come;
  std::vector<std::function<void()>> queue;
  desk_.later = [&](std::function<void()> f) {
    std::lock_guard lock(mutex);
    queue.push_back(std::move(f));
    come.notify_one();
  };
  std::thread desk([&] {
    for (int i = 0; i < 2; ++i) {
      std::unique_lock lock(mutex);
      come.wait(lock, [&] { return !queue.empty(); });
      auto f = std::move(queue.front());
      queue.clear();
      lock.unlock();
      f();
    }
  });
  Request("SN-1");
  EXPECT_EQ(SerialIn(Client("-m post -t 286 -f csr -b 64", "/.well-known/est/sen")), "SN-1")
      << said_;
  desk_.wait = 1;
  Request("SN-2");
  Client("-v 7 -m post -t 286 -f csr -b 64", "/.well-known/est/sen");
  EXPECT_THAT(said_, testing::AllOf(HasSubstr("5.03"), HasSubstr("Max-Age:10")));
  desk.join();
}

TEST_P(CoapsTest, Refusals) {
  Request("SN-1");
  auto refused = [&](const std::string& rest, const std::string& path, const char* code) {
    Client(rest, path);
    EXPECT_THAT(said_, HasSubstr(code));
  };
  refused("-m post -t 0 -f csr", "/.well-known/est/sen", "4.15");
  refused("-m get", "/.well-known/est/sen", "4.05");
  refused("-m get", "/.well-known/est/lamp/crts", "4.04");
  refused("-m get", "/elsewhere", "4.04");
  refused("-m get -A 60", "/.well-known/est/crts", "4.06");
  Write("big", Bytes(20'000, 0x30));
  refused("-m post -t 286 -f big", "/.well-known/est/sen", "4.13");
  Write("junk", Bytes(2'000, 0x30));
  refused("-m post -t 286 -f junk -b 64", "/.well-known/est/sen", "4.00");
  // An upload whose beginning never came.
  refused("-m post -t 286 -f csr -b 2,64", "/.well-known/est/sen", "4.08");
  EXPECT_TRUE(desk_.enrolments.size() == 1);  // the device made in SetUp
}

TEST_P(CoapsTest, StrangersAreRefusedInTheHandshake) {
  for (const char* who : {"-c foreign.pem -j foreign.key", "-c expired.pem -j expired.key"}) {
    EXPECT_TRUE(Client("-m get", "/.well-known/est/crts", who).empty());
  }
  fs::remove(dir_ / "out");
  Run("timeout 40 coap-client-" + GetParam() + " -B 30 -R root.pem -o out -m get " +
      server_->url() + "/.well-known/est/crts");
  EXPECT_TRUE(Read("out").empty());
  server_->Stop();
  EXPECT_EQ(log_.size(), 3u);
  for (const HttpEvent& e : log_) EXPECT_EQ(e.status, 0) << e.note;
}

// The client forgets to send some of its datagrams: it repeats them, and one certificate is made.
TEST_P(CoapsTest, ALossyWire) {
  Request("SN-1");
  EXPECT_EQ(SerialIn(Client("-l 7,9 -m post -t 286 -f csr -b 64", "/.well-known/est/sen")), "SN-1")
      << said_;
  EXPECT_EQ(desk_.enrolments.size(), 2u);  // one is the device made in SetUp
}

INSTANTIATE_TEST_SUITE_P(Clients, CoapsTest, testing::Values("openssl", "gnutls"));

using CoapsDatagrams = CoapsTest;

TEST_P(CoapsDatagrams, NoiseHarmsNobody) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(server_->port());
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::minstd_rand random(1);
  for (int i = 0; i < 5000; ++i) {
    Bytes noise(random() % 300);
    for (uint8_t& b : noise) b = static_cast<uint8_t>(random());
    // Every other one looks like the beginning of a handshake.
    if (i % 2 == 0 && noise.size() > 25) {
      constexpr uint8_t kHead[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0};
      std::copy(std::begin(kHead), std::end(kHead), noise.begin());
      noise[13] = 1;  // ClientHello
    }
    sendto(fd, noise.data(), noise.size(), 0, reinterpret_cast<sockaddr*>(&a), sizeof a);
  }
  close(fd);
  EXPECT_FALSE(Client("-m get -A 281", "/.well-known/est/crts").empty()) << said_;
}

INSTANTIATE_TEST_SUITE_P(OneClient, CoapsDatagrams, testing::Values("openssl"));

// A client of our own on libcoap, for what its command line cannot do: see the inside of DTLS.
class OwnClient {
 public:
  OwnClient(const std::string& folder, uint16_t port) : context_(coap_new_context(nullptr)) {
    const std::string ca = folder + "/root.pem", cert = folder + "/station.pem",
                      key = folder + "/station.key";
    coap_dtls_pki_t pki{};
    pki.version = COAP_DTLS_PKI_SETUP_VERSION;
    pki.verify_peer_cert = 1;
    pki.check_common_ca = 1;
    pki.pki_key.key_type = COAP_PKI_KEY_PEM;
    pki.pki_key.key.pem = {ca.c_str(), cert.c_str(), key.c_str()};
    coap_address_t to;
    coap_address_init(&to);
    to.addr.sin.sin_family = AF_INET;
    to.addr.sin.sin_port = htons(port);
    to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.size = sizeof to.addr.sin;
    session_ = coap_new_client_session_pki(context_, nullptr, &to, COAP_PROTO_DTLS, &pki);
    coap_set_app_data(context_, this);
    coap_register_response_handler(context_, [](coap_session_t* s, const coap_pdu_t*,
                                                const coap_pdu_t* got, const coap_mid_t) {
      static_cast<OwnClient*>(coap_get_app_data(coap_session_get_context(s)))->code_ =
          coap_pdu_get_code(got);
      return COAP_RESPONSE_OK;
    });
  }
  ~OwnClient() { coap_free_context(context_); }

  SSL* Tls() {
    coap_tls_library_t library;
    return static_cast<SSL*>(coap_session_get_tls(session_, &library));
  }
  // The code of the answer, 0 when there is none in 20 seconds.
  int Ask(coap_pdu_code_t method, const std::string& operation, ByteView body) {
    coap_pdu_t* pdu = coap_new_pdu(COAP_MESSAGE_CON, method, session_);
    const uint8_t token[] = {++token_};
    coap_add_token(pdu, sizeof token, token);
    for (const std::string& part : {std::string(".well-known"), std::string("est"), operation}) {
      coap_add_option(pdu, COAP_OPTION_URI_PATH, part.size(), AsBytes(part).data());
    }
    if (!body.empty()) {
      const uint8_t format[] = {286 >> 8, 286 & 0xff};
      coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, sizeof format, format);
      coap_add_data(pdu, body.size(), body.data());
    }
    code_ = 0;
    coap_send(session_, pdu);
    for (int i = 0; i < 200 && code_ == 0; ++i) coap_io_process(context_, 100);
    return (code_ >> 5) * 100 + (code_ & 0x1f);
  }

 private:
  coap_context_t* context_;
  coap_session_t* session_ = nullptr;
  uint8_t token_ = 0;
  int code_ = 0;
};

// RFC 9148 section 3: proof of possession tied to the session by tls-unique.
TEST_P(CoapsDatagrams, ChannelBinding) {
  namespace est = enroll::est;
  OwnClient client(dir_.path().string(), server_->port());
  ASSERT_EQ(client.Ask(COAP_REQUEST_CODE_GET, "att", {}), 205);
  std::array<uint8_t, 64> finished;
  const size_t n = SSL_get_finished(client.Tls(), finished.data(), finished.size());
  auto key = est::test::NewSigner();
  est::test::RequestWish wish{.serial = "SN-1"};
  wish.challenge = ToBase64(Bytes(n, 0x11));
  EXPECT_EQ(client.Ask(COAP_REQUEST_CODE_POST, "sen", est::test::MakeRequest(*key, wish)), 400);
  wish.challenge = ToBase64({finished.data(), n});
  EXPECT_EQ(client.Ask(COAP_REQUEST_CODE_POST, "sen", est::test::MakeRequest(*key, wish)), 204);
}

TEST(CoapsServer, WantsAnchorsAndAnAddress) {
  TestDesk desk;
  auto credential = desk.TlsServer();
  CoapsOptions o;
  o.tls.chain = {credential.certificate};
  o.tls.key = credential.key.get();
  auto none = CoapsServer::Start(desk, o);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "server.tls");
  o.tls.anchors = {desk.root()};
  o.address = "somewhere";
  EXPECT_EQ(CoapsServer::Start(desk, o).error().code, "server.address");
  o.address = "::1";
  auto v6 = CoapsServer::Start(desk, o);
  if (!v6) GTEST_SKIP() << v6.error().ToString();  // a machine without IPv6
  EXPECT_THAT((*v6)->url(), testing::StartsWith("coaps://[::1]:"));
}

}  // namespace
}  // namespace birthmark::server
