// SPDX-License-Identifier: Apache-2.0
// The device as a TLS client: which servers it takes under which anchor, what goes through a
// session, and the owner's certificates fetched by EST. The other side is OpenSSL.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/pkcs7.h>

#include "anchors/trial_server.h"
#include "device/tests/station.h"
#include "voucher/message.h"

extern "C" {
#include "device/core/certs_only.h"
}

namespace birthmark::device {
namespace {

using anchors::TrialServerOptions;
using anchors::TrialTlsServer;

constexpr const char* kHost = "api.acme.example";
constexpr uint64_t kClock = 1'790'000'000;

struct Made {
  Key key;
  std::vector<Bytes> chain;
};

// Cloud is a sealed device with an anchor in each form, and the PKI above its servers.
struct Cloud {
  Key root = NewKey(), sub = NewKey(), pinned = NewKey(), owner = NewKey(), masa = NewKey();
  Bytes root_cert = MakeCertificate({.cn = "Cloud", .ca = true}, *root, *root, "Cloud");
  Bytes sub_cert =
      MakeCertificate({.cn = "Cloud CA", .ca = true, .path_length = 0, .key_usage = "keyCertSign"},
                      *sub, *root, "Cloud");
  Bytes owner_cert = MakeCertificate({.cn = "Owner", .ca = true}, *owner, *owner, "Owner");
  Bytes masa_cert = MakeCertificate({.cn = "MASA", .ca = true}, *masa, *masa, "MASA");
  Station station{MakeFirmware()};
  Sim sim{"bmc"};

  static Bytes Spki(const Key& k) {
    const ByteView spki = k->public_key().spki();
    return Bytes(spki.begin(), spki.end());
  }
  explicit Cloud(std::optional<uint64_t> clock = {}) {
    const Digest digest = root->public_key().spki_digest();
    auto anchor = [](std::string id, std::string form, Bytes data, link::AnchorPolicy policy) {
      return link::StageAnchor{std::move(id),   "private-cloud", "tls-server",
                               std::move(form), std::move(data), std::move(policy)};
    };
    link::Stage application{.code = Bytes(500, 0x44), .anchors = {}};
    application.anchors = {anchor("any", "certificate", root_cert, {}),
                           anchor("two", "certificate", root_cert, {.levels = {2}}),
                           anchor("one", "certificate", root_cert, {.levels = {1}}),
                           anchor("names", "certificate", root_cert, {.dns = {"acme.example"}}),
                           anchor("sub", "certificate", root_cert, {.subordinate = "Cloud CA"}),
                           anchor("eku", "certificate", root_cert, {.eku = "1.3.6.1.5.5.7.3.1"}),
                           anchor("p384", "certificate", root_cert, {.algorithms = {"ES384"}}),
                           anchor("key", "spki", Spki(root), {}),
                           anchor("pin", "spki", Spki(pinned), {.levels = {1}}),
                           anchor("digest", "digest", Bytes(digest.begin(), digest.end()), {}),
                           {"masa", "onboarding", "voucher", "certificate", masa_cert, {}}};
    Firmware& f = station.firmware;
    f.application =
        MustImage({"application", "product", 1, false}, link::EncodeStage(application), *f.update);
    sim.Install("test-image", f.test_image);
    sim.clock = clock;
    sim.PowerOn();
    if (!station.Work(sim)) ADD_FAILURE() << station.refusal;
  }

  Made Server(const CertificateOptions& o, bool deep = false,
              crypto::Algorithm a = crypto::Algorithm::kEcdsaP256) {
    Made out{NewKey(a), {}};
    out.chain.push_back(
        MakeCertificate(o, *out.key, deep ? *sub : *root, deep ? "Cloud CA" : "Cloud"));
    if (deep) out.chain.push_back(sub_cert);
    return out;
  }
  Made Self(const Key& key, const std::string& dns = kHost) {
    return {key, {MakeCertificate({.cn = "self", .dns = dns}, *key, *key, "self")}};
  }
  // Shake goes on from the device's first words until one side has nothing to say.
  Answer Shake(TrialTlsServer& server, Answer a) {
    while (a.Done() && a.Text("state") == "handshake") {
      const Bytes back = server.Feed(a.Octets("out")).value();
      if (back.empty()) break;
      a = sim.Call(BM_CMD_TLS_PUMP, {{"in", back}});
    }
    return a;
  }
  Answer Open(const std::string& anchor, const std::string& host) {
    return sim.Call(BM_CMD_TLS_OPEN, {{"anchor", anchor}, {"host", host}});
  }
  std::unique_ptr<TrialTlsServer> Offer(const Made& m, TrialServerOptions o = {}) {
    o.chain = m.chain;
    o.key = m.key->evp();
    return TrialTlsServer::Make(o).value();
  }
  // Try is the verdict's number, and the level, as "0 at 2".
  std::string Try(const std::string& anchor, const Made& m, TrialServerOptions o = {},
                  const std::string& host = kHost) {
    auto server = Offer(m, std::move(o));
    Answer a = Shake(*server, Open(anchor, host));
    EXPECT_EQ(a.True("accepted"), a.Text("state") == "open") << a.Text("text");
    return fmt::format("{} at {}", a.Number("verdict"), a.Number("level"));
  }
};

TEST(TlsOnDevice, WhichServersItTakes) {
  Cloud c;
  const CertificateOptions good{.cn = "api", .dns = kHost};
  Made two = c.Server(good);
  Made three = c.Server(good, true);
  EXPECT_EQ(c.Try("any", two), "0 at 2");
  EXPECT_EQ(c.Try("any", three), "0 at 3");
  EXPECT_EQ(c.Try("key", two), "0 at 2") << "a bare key that signed the last certificate";
  EXPECT_EQ(c.Try("key", three), "0 at 3");
  Made with_root = three;
  with_root.chain.push_back(c.root_cert);
  EXPECT_EQ(c.Try("digest", with_root), "0 at 3");
  EXPECT_EQ(c.Try("digest", three), fmt::format("{} at 0", int{BM_REFUSED_CHAIN}))
      << "the key did not travel";
  EXPECT_EQ(c.Try("pin", c.Self(c.pinned)), "0 at 1");
  Key forger = NewKey();
  EXPECT_EQ(c.Try("pin", c.Self(forger)), fmt::format("{} at 0", int{BM_REFUSED_CHAIN}));
  // Levels.
  EXPECT_EQ(c.Try("two", two), "0 at 2");
  EXPECT_EQ(c.Try("two", three), fmt::format("{} at 3", int{BM_REFUSED_LEVEL}));
  EXPECT_EQ(c.Try("two", two, {.shown = {c.root_cert}}),
            fmt::format("{} at 1", int{BM_REFUSED_LEVEL}));
  // A chain that looks the same and ends in another key.
  Bytes theirs = MakeCertificate(good, *two.key, *forger, "Cloud");
  EXPECT_EQ(c.Try("any", {two.key, {theirs}}), fmt::format("{} at 0", int{BM_REFUSED_CHAIN}));
  EXPECT_EQ(c.Try("any", two, {.flip = true}), fmt::format("{} at 2", int{BM_REFUSED_HANDSHAKE}));
  // Names.
  EXPECT_EQ(c.Try("any", two, {}, "other.acme.example"),
            fmt::format("{} at 2", int{BM_REFUSED_HOST}));
  EXPECT_EQ(c.Try("names", two), "0 at 2");
  for (const char* outside : {"api.evilacme.example", "api.example"}) {
    EXPECT_EQ(c.Try("names", c.Server({.cn = "api", .dns = outside}), {}, outside),
              fmt::format("{} at 2", int{BM_REFUSED_NAMES}))
        << outside;
  }
  EXPECT_EQ(c.Try("names", c.Server({.cn = kHost})), fmt::format("{} at 2", int{BM_REFUSED_NAMES}))
      << "no DNS name, only a common name";
  EXPECT_EQ(c.Try("sub", three), "0 at 3");
  EXPECT_EQ(c.Try("sub", two), fmt::format("{} at 2", int{BM_REFUSED_SUBORDINATE}));
  // The library's own rule, and the anchor's: a usage for something else, or none at all.
  CertificateOptions signer = good;
  signer.eku = "1.3.6.1.5.5.7.3.3";
  EXPECT_EQ(c.Try("any", c.Server(signer)), fmt::format("{} at 2", int{BM_REFUSED_EKU}));
  EXPECT_EQ(c.Try("eku", two), fmt::format("{} at 2", int{BM_REFUSED_EKU}));
  signer.eku = "1.3.6.1.5.5.7.3.1";
  EXPECT_EQ(c.Try("eku", c.Server(signer)), "0 at 2");
  EXPECT_EQ(c.Try("p384", two), fmt::format("{} at 2", int{BM_REFUSED_ALGORITHM}));
  EXPECT_EQ(c.Try("p384", c.Server(good, false, crypto::Algorithm::kEcdsaP384)), "0 at 2");
  // What mbedTLS does not know, or not any more.
  EXPECT_EQ(c.Try("any", c.Server(good, false, crypto::Algorithm::kEd25519)),
            fmt::format("{} at 0", int{BM_REFUSED_HANDSHAKE}));
  CertificateOptions sha1 = good;
  sha1.sha1 = true;
  EXPECT_EQ(c.Try("any", c.Server(sha1)), fmt::format("{} at 0", int{BM_REFUSED_WEAK}));
  EXPECT_EQ(c.Try("any", two, {.signature = "ECDSA+SHA1"}),
            fmt::format("{} at 0", int{BM_REFUSED_HANDSHAKE}));
  // Without a clock a date says nothing.
  CertificateOptions old = good;
  old.expired = true;
  EXPECT_EQ(c.Try("any", c.Server(old)), "0 at 2");
  EXPECT_EQ(c.Open("masa", kHost).refusal, uint64_t{BM_E_NOT_FOUND}) << "it verifies vouchers";
  EXPECT_EQ(c.Open("nosuch", kHost).refusal, uint64_t{BM_E_NOT_FOUND});
  EXPECT_EQ(c.Open("any", "").refusal, uint64_t{BM_E_BAD_REQUEST});
  EXPECT_EQ(c.Open("any", std::string(256, 'a')).refusal, uint64_t{BM_E_BAD_REQUEST});
  Answer none = c.sim.Call(BM_CMD_TLS_OPEN, {{"owner", true}, {"host", kHost}});
  EXPECT_EQ(none.refusal, uint64_t{BM_E_NOT_READY});
  EXPECT_TRUE(c.sim.Call(BM_CMD_HELLO).Text("tls").ends_with(" tls"));
  EXPECT_EQ(c.Open("any", kHost).Text("verifier"), c.sim.Call(BM_CMD_HELLO).Text("tls"));
}

TEST(TlsOnDevice, AClockLooksAtDates) {
  const auto now =
      static_cast<uint64_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  Cloud c(now);
  CertificateOptions o{.cn = "api", .dns = kHost};
  Made fresh = c.Server(o);
  o.expired = true;
  const std::string refused = fmt::format("{} at 0", int{BM_REFUSED_DATE});
  EXPECT_EQ(c.Try("any", c.Server(o)), refused);
  EXPECT_EQ(c.Try("any", fresh), "0 at 2");
  c.sim.clock = now + 7 * 86400;
  EXPECT_EQ(c.Try("any", fresh), refused) << "the device's clock, not this machine's";
  c.sim.clock = now - 7 * 86400;
  EXPECT_EQ(c.Try("any", fresh), refused) << "not valid yet";
}

TEST(TlsOnDevice, OctetsGoBothWaysAndASessionEnds) {
  Cloud c;
  Made m = c.Server({.cn = "api", .dns = kHost});
  auto server = c.Offer(m);
  EXPECT_EQ(c.sim.Call(BM_CMD_TLS_PUMP).refusal, uint64_t{BM_E_NOT_READY});
  Answer a = c.Shake(*server, c.Open("any", kHost));
  ASSERT_EQ(a.Text("state"), "open") << a.Text("text");
  a = c.sim.Call(BM_CMD_TLS_SEND, {{"data", ToBytes("hello")}});
  ASSERT_TRUE(a.Done()) << a.text;
  ASSERT_TRUE(server->Feed(a.Octets("out")));
  EXPECT_EQ(server->Received(), ToBytes("hello"));
  EXPECT_EQ(c.sim.Call(BM_CMD_TLS_SEND, {{"data", Bytes(4097, 1)}}).refusal,
            uint64_t{BM_E_BAD_REQUEST});
  // More than the device keeps: what it did not take is brought again.
  Bytes much(40000);
  for (size_t i = 0; i < much.size(); ++i) much[i] = static_cast<uint8_t>(i * 7);
  ASSERT_TRUE(server->Send(much, true));
  Bytes wire = server->Feed({}).value(), got;
  bool full = false;
  for (int round = 0; round < 100 && got.size() < much.size(); ++round) {
    const size_t n = std::min<size_t>(wire.size(), 8000);
    a = c.sim.Call(BM_CMD_TLS_PUMP,
                   {{"in", Bytes(wire.begin(), wire.begin() + static_cast<long>(n))}});
    ASSERT_TRUE(a.Done()) << a.text;
    full |= a.Number("left") > 0;
    wire.erase(wire.begin(), wire.begin() + static_cast<long>(n - a.Number("left")));
    const Bytes part = c.sim.Call(BM_CMD_TLS_RECEIVE).Octets("data");
    got.insert(got.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(full) << "the device's buffer is bounded";
  EXPECT_EQ(got, much);
  a = c.sim.Call(BM_CMD_TLS_PUMP, {{"in", wire}});
  EXPECT_EQ(a.Text("state"), "closed");
  EXPECT_EQ(c.sim.Call(BM_CMD_TLS_SEND, {{"data", ToBytes("x")}}).refusal,
            uint64_t{BM_E_NOT_READY});
  // A restart forgets.
  c.Shake(*c.Offer(m), c.Open("any", kHost));
  c.sim.PowerOff();
  c.sim.PowerOn();
  EXPECT_EQ(c.sim.Call(BM_CMD_TLS_PUMP).refusal, uint64_t{BM_E_NOT_READY});
  // Noise in place of a server.
  a = c.Open("any", kHost);
  a = c.sim.Call(BM_CMD_TLS_PUMP, {{"in", Bytes(100, 0x55)}});
  EXPECT_EQ(a.Text("state"), "refused");
  EXPECT_FALSE(a.True("accepted"));
}

Bytes CertsOnly(const std::vector<Bytes>& certificates) {
  std::unique_ptr<PKCS7, decltype(&PKCS7_free)> p7(PKCS7_new(), PKCS7_free);
  PKCS7_set_type(p7.get(), NID_pkcs7_signed);
  PKCS7_content_new(p7.get(), NID_pkcs7_data);
  PKCS7_set_detached(p7.get(), 1);
  for (const Bytes& der : certificates) {
    const uint8_t* p = der.data();
    crypto::X509Ptr x(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    PKCS7_add_certificate(p7.get(), x.get());
  }
  uint8_t* out = nullptr;
  const int n = i2d_PKCS7(p7.get(), &out);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  return der;
}

std::string Http(const std::string& body, const std::string& status = "200 OK",
                 const std::string& type = "application/pkcs7-mime; smime-type=certs-only") {
  return fmt::format("HTTP/1.0 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", status,
                     type, body.size(), body);
}

TEST(EstOnDevice, TheOwnersServerExchangesItsCertificates) {
  Cloud c;
  auto ask = [&] { return c.sim.Call(BM_CMD_OWNER_CACERTS, {{"host", kHost}}); };
  EXPECT_EQ(ask().refusal, uint64_t{BM_E_NOT_READY}) << "nobody's yet";
  voucher::Statement s;
  s.created_on = TimeFromMillis(static_cast<int64_t>(kClock) * 1000);
  s.serial_number = "BM-0001";
  s.nonce = c.sim.Call(BM_CMD_VOUCHER_REQUEST).Octets("nonce");
  s.pinned_domain_cert = c.owner_cert;
  Answer given =
      c.sim.Call(BM_CMD_VOUCHER,
                 {{"voucher", voucher::Sign(s, voucher::Form::kCose, {}, {}, *c.masa).value()}});
  ASSERT_TRUE(given.True("accepted")) << given.Text("why");

  Key next = NewKey(), other = NewKey();
  const Bytes next_cert = MakeCertificate({.cn = "Next", .ca = true}, *next, *next, "Next");
  auto server_of = [&](const Key& above, const std::string& name) {
    Key k = NewKey();
    return Made{k, {MakeCertificate({.cn = "est", .dns = kHost}, *k, *above, name)}};
  };
  // fetch lets a server answer with `text`; it gives the device's word.
  auto fetch = [&](const Made& m, const std::string& text, bool ends = true) {
    auto server = c.Offer(m);
    Answer a = c.Shake(*server, ask());
    if (a.Text("state") == "refused") return fmt::format("verdict {}", a.Number("verdict"));
    EXPECT_TRUE(server->Feed(a.Octets("out")));
    const Bytes request = server->Received();
    EXPECT_EQ(std::string(request.begin(), request.end()),
              fmt::format("GET /.well-known/est/cacerts HTTP/1.0\r\nHost: {}\r\n\r\n", kHost));
    EXPECT_TRUE(server->Send(AsBytes(text), ends));
    const Bytes wire = server->Feed({}).value();
    for (size_t at = 0; at < wire.size(); at += 8000) {
      const size_t n = std::min<size_t>(8000, wire.size() - at);
      a = c.sim.Call(BM_CMD_TLS_PUMP, {{"in", Bytes(wire.begin() + static_cast<long>(at),
                                                    wire.begin() + static_cast<long>(at + n))}});
      if (!a.Done()) return a.text;
    }
    const std::string why = a["cacerts"].Find("why") ? *a["cacerts"].Find("why")->AsText() : "none";
    EXPECT_EQ(a.Text("state"), why == "waiting" ? "open" : "closed");
    return why;
  };
  auto owner = [&] {
    Answer a = c.sim.Call(BM_CMD_OWNER);
    return a.Text("means") + fmt::format(" {}", a["certificates"].AsArray()->size());
  };
  const Made est = server_of(c.owner, "Owner");
  const Made foreign = server_of(other, "Owner");
  const std::string good = ToBase64(CertsOnly({next_cert, c.owner_cert}));
  EXPECT_EQ(fetch(foreign, Http(good)), fmt::format("verdict {}", int{BM_REFUSED_CHAIN}));
  EXPECT_EQ(fetch(est, Http("", "404 Not Found")), "status");
  EXPECT_EQ(fetch(est, Http(good, "200 OK", "text/html")), "malformed");
  EXPECT_EQ(fetch(est, Http("not base64!")), "malformed");
  EXPECT_EQ(fetch(est, Http(ToBase64(next_cert))), "malformed") << "a certificate is no CMS";
  EXPECT_EQ(fetch(est, Http(ToBase64(CertsOnly({})))), "malformed");
  EXPECT_EQ(fetch(est, Http(ToBase64(CertsOnly(std::vector<Bytes>(5, next_cert))))), "malformed");
  EXPECT_EQ(fetch(est, Http(good) + "more"), "malformed");
  EXPECT_EQ(fetch(est, "SSH-2.0-x\r\n\r\n"), "malformed");
  const std::string whole = Http(good);
  EXPECT_EQ(fetch(est, whole.substr(0, whole.size() - 9)), "cut");
  EXPECT_EQ(fetch(est, whole.substr(0, whole.size() - 9), false), "waiting");
  EXPECT_EQ(fetch(est, "HTTP/1.0 200 OK\r\nX: " + std::string(17000, 'x')), "malformed");
  EXPECT_EQ(owner(), "voucher 1") << "nothing of this was kept";
  // Lines of base64, no length: the end of the session is the end of the body.
  std::string lines;
  for (size_t i = 0; i < good.size(); i += 64) lines += good.substr(i, 64) + "\r\n";
  EXPECT_EQ(fetch(est, "HTTP/1.1 200 OK\r\ncontent-type: application/pkcs7-mime\r\n\r\n" + lines),
            "accepted");
  EXPECT_EQ(owner(), "est-cacerts 2");
  EXPECT_EQ(fetch(server_of(next, "Next"), Http(ToBase64(CertsOnly({next_cert})))), "accepted");
  EXPECT_EQ(owner(), "est-cacerts 1");
  EXPECT_EQ(fetch(est, Http(good)), fmt::format("verdict {}", int{BM_REFUSED_CHAIN}))
      << "the key before counts no more";
  EXPECT_EQ(c.sim.Call(BM_CMD_OWNER_CACERTS, {{"host", kHost}, {"path", "no slash"}}).refusal,
            uint64_t{BM_E_BAD_REQUEST});
}

TEST(CertsOnlyOnDevice, IsReadStrictly) {
  Key k = NewKey();
  const Bytes one = MakeCertificate({.cn = "One", .ca = true}, *k, *k, "One");
  const Bytes good = CertsOnly({one, one});
  bm_span found[4];
  size_t n = 0;
  auto read = [&](ByteView b) {
    return bm_certs_only(bm_span_of(b.data(), b.size()), found, 4, &n);
  };
  ASSERT_TRUE(read(good));
  ASSERT_EQ(n, 2u);
  EXPECT_EQ(Bytes(found[1].p, found[1].p + found[1].n), one);
  for (size_t i = 0; i < good.size(); ++i) EXPECT_FALSE(read(ByteView(good).first(i))) << i;
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(read(longer));
  EXPECT_FALSE(read(one));
}

}  // namespace
}  // namespace birthmark::device
