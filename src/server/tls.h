// SPDX-License-Identifier: Apache-2.0
// TLS as our servers speak it: 1.2 and 1.3, our own certificate, client certificates wanted but not
// needed. Leaves out sockets, and who a certificate belongs to (desk). Thread-safe after making.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <vector>

#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/openssl.h"
#include "enroll/http.h"

namespace birthmark::server {

using SslCtxPtr = crypto::Owned<SSL_CTX, SSL_CTX_free>;

struct TlsOptions {
  std::vector<crypto::Certificate> chain;  // our own first
  EVP_PKEY* key = nullptr;                 // a reference is taken
  // A client's certificate must lead to one of these, or its handshake is refused. Empty: none is
  // asked for.
  std::vector<crypto::Certificate> anchors;
  // Authorities of ours below them, which a client need not send; believed as they stand here.
  std::vector<crypto::Certificate> intermediates;
  // More of them, found by the key identifier that a client's certificate names (its
  // authorityKeyIdentifier): what is above it, without the anchor. Any thread; may be empty.
  std::function<std::vector<crypto::Certificate>(ByteView key_id)> find_above;
};

// MakeTls prepares a server's context. Errors: server.tls.
Result<SslCtxPtr> MakeTls(const TlsOptions& options);

// PeerOf reads the other end after a handshake. A resumed session brings its certificate along,
// without what stood above it; one that is past its time by now is refused. Errors: server.peer.
Result<enroll::Peer> PeerOf(SSL* ssl, Time now);

}  // namespace birthmark::server
