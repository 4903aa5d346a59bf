// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>

namespace birthmark::anchors {
namespace {

using SslCtxPtr = crypto::Owned<SSL_CTX, SSL_CTX_free>;
using SslPtr = crypto::Owned<SSL, SSL_free>;

constexpr uint8_t kHandshake = 22;    // RFC 5246 section 6.2.1
constexpr uint8_t kCertificate = 11;  // section 7.4
constexpr uint8_t kServerKeyExchange = 12;
constexpr size_t kRecordHead = 5;
constexpr size_t kMessageHead = 4;
constexpr size_t kMaxRecord = 16384;

std::unexpected<Error> NoServer(std::string_view what) {
  return std::unexpected(crypto::OpenSslError("trial.server", what));
}

Result<crypto::X509Ptr> Parse(ByteView der) {
  const uint8_t* p = der.data();
  crypto::X509Ptr x(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
  if (!x) return NoServer("a trial server's certificate");
  return x;
}

void Put24(Bytes& out, size_t n) {
  for (int shift = 16; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(n >> shift));
}

size_t Get24(ByteView b) { return size_t{b[0]} << 16 | size_t{b[1]} << 8 | b[2]; }

Bytes CertificateMessage(const std::vector<Bytes>& chain) {
  Bytes list;
  for (const Bytes& c : chain) {
    Put24(list, c.size());
    list.insert(list.end(), c.begin(), c.end());
  }
  Bytes out{kCertificate};
  Put24(out, list.size() + 3);
  Put24(out, list.size());
  out.insert(out.end(), list.begin(), list.end());
  return out;
}

// Rewrite changes the server's first flight, which is in the clear (RFC 5246 section 7.3). What
// does not look like one is left alone.
Bytes Rewrite(const Bytes& flight, const TrialServerOptions& o) {
  Bytes messages;
  Bytes out;
  for (size_t at = 0; at < flight.size();) {
    if (flight.size() - at < kRecordHead || flight[at] != kHandshake) return flight;
    const size_t size = size_t{flight[at + 3]} << 8 | flight[at + 4];
    if (flight.size() - at - kRecordHead < size) return flight;
    const auto begin = flight.begin() + static_cast<long>(at + kRecordHead);
    messages.insert(messages.end(), begin, begin + static_cast<long>(size));
    at += kRecordHead + size;
  }
  Bytes changed;
  for (size_t at = 0; at < messages.size();) {
    if (messages.size() - at < kMessageHead) return flight;
    const size_t size = kMessageHead + Get24(ByteView(messages).subspan(at + 1, 3));
    if (messages.size() - at < size) return flight;
    Bytes one(messages.begin() + static_cast<long>(at),
              messages.begin() + static_cast<long>(at + size));
    if (one[0] == kCertificate && !o.shown.empty()) one = CertificateMessage(o.shown);
    if (one[0] == kServerKeyExchange && o.flip) one.back() ^= 1;  // the signature is its end
    changed.insert(changed.end(), one.begin(), one.end());
    at += size;
  }
  for (size_t at = 0; at < changed.size(); at += kMaxRecord) {
    const size_t n = std::min(kMaxRecord, changed.size() - at);
    out.insert(out.end(),
               {kHandshake, 3, 3, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)});
    out.insert(out.end(), changed.begin() + static_cast<long>(at),
               changed.begin() + static_cast<long>(at + n));
  }
  return out;
}

}  // namespace

struct TrialTlsServer::State {
  TrialServerOptions options;
  SslCtxPtr ctx;
  SslPtr ssl;
  BIO* in = nullptr;  // belong to ssl
  BIO* out = nullptr;
  bool began = false;
};

TrialTlsServer::TrialTlsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrialTlsServer::~TrialTlsServer() = default;

Result<std::unique_ptr<TrialTlsServer>> TrialTlsServer::Make(const TrialServerOptions& o) {
  auto s = std::make_unique<State>();
  s->options = o;
  s->ctx.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = s->ctx.get();
  if (!ctx || o.chain.empty()) return NoServer("a trial server");
  // Level 0 lets OpenSSL use what it would refuse: that is the client's to say here.
  SSL_CTX_set_security_level(ctx, 0);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx, "kECDHE:!aNULL") != 1) {
    return NoServer("a trial server's ways");
  }
  for (size_t i = 0; i < o.chain.size(); ++i) {
    BM_TRY(const crypto::X509Ptr x, Parse(o.chain[i]));
    const long good =
        i == 0 ? SSL_CTX_use_certificate(ctx, x.get()) : SSL_CTX_add1_chain_cert(ctx, x.get());
    if (good != 1) return NoServer("a trial server's certificate");
  }
  if (SSL_CTX_use_PrivateKey(ctx, o.key) != 1) return NoServer("a trial server's key");
  if (!o.signature.empty() && SSL_CTX_set1_sigalgs_list(ctx, o.signature.c_str()) != 1) {
    return NoServer("a trial server's signature");
  }
  s->ssl.reset(SSL_new(ctx));
  s->in = BIO_new(BIO_s_mem());
  s->out = BIO_new(BIO_s_mem());
  if (!s->ssl) {
    BIO_free(s->in);
    BIO_free(s->out);
    return NoServer("a trial server's session");
  }
  SSL_set_bio(s->ssl.get(), s->in, s->out);
  SSL_set_accept_state(s->ssl.get());
  return std::unique_ptr<TrialTlsServer>(new TrialTlsServer(std::move(s)));
}

Result<Bytes> TrialTlsServer::Feed(ByteView from_client) {
  State& s = *state_;
  if (!from_client.empty() &&
      BIO_write(s.in, from_client.data(), static_cast<int>(from_client.size())) !=
          static_cast<int>(from_client.size())) {
    return NoServer("what a client sent");
  }
  if (!established()) SSL_do_handshake(s.ssl.get());
  ERR_clear_error();  // a handshake that fails is an answer, told by an alert
  Bytes out(static_cast<size_t>(BIO_ctrl_pending(s.out)));
  if (!out.empty() && BIO_read(s.out, out.data(), static_cast<int>(out.size())) <= 0) out.clear();
  if (!s.began && !out.empty()) {
    s.began = true;
    if (s.options.flip || !s.options.shown.empty()) out = Rewrite(out, s.options);
  }
  return out;
}

bool TrialTlsServer::established() const { return SSL_is_init_finished(state_->ssl.get()) == 1; }

Bytes TrialTlsServer::Received() {
  Bytes out;
  std::array<uint8_t, 4096> piece{};
  int n = 0;
  while ((n = SSL_read(state_->ssl.get(), piece.data(), piece.size())) > 0) {
    out.insert(out.end(), piece.begin(), piece.begin() + n);
  }
  ERR_clear_error();
  return out;
}

Status TrialTlsServer::Send(ByteView data, bool last) {
  if (!data.empty() &&
      SSL_write(state_->ssl.get(), data.data(), static_cast<int>(data.size())) <= 0) {
    return NoServer("an answer inside a session");
  }
  if (last) SSL_shutdown(state_->ssl.get());
  return {};
}

std::string OpenSslSignature(std::string_view algorithm) {
  if (algorithm == "ed25519" || algorithm == "ed448") return std::string(algorithm);
  std::string hash;
  for (const std::string_view h : {"sha1", "sha256", "sha384", "sha512"}) {
    if (algorithm.ends_with(h)) hash = "SHA" + std::string(h.substr(3));
  }
  if (hash.empty()) return "";
  if (algorithm.starts_with("ecdsa")) return "ECDSA+" + hash;
  const bool pss = algorithm.find("-pss-") != std::string_view::npos;
  return (pss ? "RSA-PSS+" : "RSA+") + hash;
}

}  // namespace birthmark::anchors
