// SPDX-License-Identifier: Apache-2.0
#include "server/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

namespace birthmark::server {
namespace {

using FindAbove = std::function<std::vector<crypto::Certificate>(ByteView)>;

void FreeFind(void*, void* find, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<FindAbove*>(find);
}

// FindIndex is where a context keeps, and in the end frees, what finds issuers for it.
int FindIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeFind);
  return index;
}

// VerifyClient is OpenSSL's own check with more certificates to build a path from.
int VerifyClient(X509_STORE_CTX* ctx, void* find) {
  const ASN1_OCTET_STRING* aki = X509_get0_authority_key_id(X509_STORE_CTX_get0_cert(ctx));
  if (aki == nullptr) return X509_verify_cert(ctx);
  const auto found = (*static_cast<FindAbove*>(find))(
      {ASN1_STRING_get0_data(aki), static_cast<size_t>(ASN1_STRING_length(aki))});
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(ctx);
  std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> all(
      sent == nullptr ? sk_X509_new_null() : sk_X509_dup(sent),
      [](STACK_OF(X509) * s) { sk_X509_free(s); });
  if (all == nullptr) return 0;
  for (const crypto::Certificate& c : found) {
    if (sk_X509_push(all.get(), c.x509()) == 0) return 0;
  }
  X509_STORE_CTX_set0_untrusted(ctx, all.get());
  const int good = X509_verify_cert(ctx);
  X509_STORE_CTX_set0_untrusted(ctx, sent);
  return good;
}

constexpr char kCiphers12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kSessionContext = "birthmark";
constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";  // RFC 9266 section 2
constexpr long kSessionSeconds = 3600;

Status Fill(SSL_CTX* ctx, const TlsOptions& o) {
  auto fail = [](std::string_view doing) {
    return std::unexpected(crypto::OpenSslError("server.tls", doing));
  };
  if (o.chain.empty() || o.key == nullptr) {
    return Usage("server.tls", "a TLS server needs its certificate and key");
  }
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  if (SSL_CTX_set_cipher_list(ctx, kCiphers12) != 1) return fail("choosing ciphers");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A connection that waits gives its buffers back.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate(ctx, o.chain.front().x509()) != 1) return fail("our certificate");
  for (size_t i = 1; i < o.chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(ctx, o.chain[i].x509()) != 1) return fail("our chain");
  }
  if (SSL_CTX_use_PrivateKey(ctx, o.key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return fail("our key");
  }
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const uint8_t*>(kSessionContext.data()),
                                 kSessionContext.size());
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets alone: no memory a client
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_timeout(ctx, kSessionSeconds);
  if (o.anchors.empty()) return {};

  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  for (const crypto::Certificate& c : o.anchors) {
    if (X509_STORE_add_cert(store, c.x509()) != 1) return fail("an anchor of clients");
  }
  // An anchor need not be a root, and an authority of ours needs no second look upwards.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  for (const crypto::Certificate& c : o.intermediates) {
    if (X509_STORE_add_cert(store, c.x509()) != 1) return fail("an authority of clients");
  }
  // Some clients choose their certificate by these names.
  for (const auto* list : {&o.anchors, &o.intermediates}) {
    for (const crypto::Certificate& c : *list) {
      if (SSL_CTX_add_client_CA(ctx, c.x509()) != 1) return fail("names of authorities");
    }
  }
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(ctx, 8);
  if (o.find_above) {
    auto find = std::make_unique<FindAbove>(o.find_above);
    if (SSL_CTX_set_ex_data(ctx, FindIndex(), find.get()) != 1) return fail("how to find issuers");
    SSL_CTX_set_cert_verify_callback(ctx, VerifyClient, find.release());
  }
  return {};
}

Result<crypto::Certificate> FromX509(X509* x) {
  uint8_t* out = nullptr;
  const int n = i2d_X509(x, &out);
  if (n <= 0) return std::unexpected(crypto::OpenSslError("server.peer", "a certificate"));
  auto c = crypto::Certificate::FromDer({out, static_cast<size_t>(n)});
  OPENSSL_free(out);
  return c;
}

// RFC 5929 section 3.1: the first Finished, which is the client's in a full handshake and ours in a
// resumed one.
Bytes TlsUnique(SSL* ssl) {
  const int version = SSL_version(ssl);
  if (version != TLS1_2_VERSION && version != DTLS1_2_VERSION) return {};
  const bool resumed = SSL_session_reused(ssl) == 1;
  // Without an extended master secret two resumed connections can be made to have the same one
  // (RFC 7627 section 1).
  if (resumed && SSL_get_extms_support(ssl) != 1) return {};
  std::array<uint8_t, EVP_MAX_MD_SIZE> finished{};
  const size_t n = resumed ? SSL_get_finished(ssl, finished.data(), finished.size())
                           : SSL_get_peer_finished(ssl, finished.data(), finished.size());
  return Bytes(finished.begin(), finished.begin() + static_cast<long>(n));
}

Bytes TlsExporter(SSL* ssl) {
  // DTLS counts its versions downwards; there is none above 1.2 here.
  if (SSL_is_dtls(ssl) == 1 || SSL_version(ssl) < TLS1_3_VERSION) return {};
  Bytes out(32);
  // RFC 9266 section 2: no context is given.
  if (SSL_export_keying_material(ssl, out.data(), out.size(), kExporterLabel.data(),
                                 kExporterLabel.size(), nullptr, 0, 0) != 1) {
    ERR_clear_error();
    return {};
  }
  return out;
}

}  // namespace

Result<SslCtxPtr> MakeTls(const TlsOptions& options) {
  SslCtxPtr ctx(SSL_CTX_new(TLS_server_method()));
  if (!ctx) return std::unexpected(crypto::OpenSslError("server.tls", "a context"));
  BM_CHECK(Fill(ctx.get(), options));
  return ctx;
}

Result<enroll::Peer> PeerOf(SSL* ssl, Time now) {
  enroll::Peer peer;
  peer.tls_unique = TlsUnique(ssl);
  peer.tls_exporter = TlsExporter(ssl);
  X509* x = SSL_get0_peer_certificate(ssl);
  if (x == nullptr) return peer;
  BM_TRY(peer.certificate, FromX509(x));
  if (now > peer.certificate->not_after()) {
    return Refused("server.peer", "the certificate of a resumed session is past its time");
  }
  // A server's list has what stands above the peer's certificate, and the peer's itself first.
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* other = sk_X509_value(chain, i);
    if (X509_cmp(other, x) == 0) continue;
    BM_TRY(crypto::Certificate c, FromX509(other));
    peer.others.push_back(std::move(c));
  }
  return peer;
}

}  // namespace birthmark::server
