// SPDX-License-Identifier: Apache-2.0
// One HTTP exchange as a value, so that protocols are tested without sockets. `server` fills and
// sends it. Leaves out connections, TLS and limits (server).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/cert.h"

namespace birthmark::enroll {

// Peer is the other end of a connection, as TLS saw it.
struct Peer {
  std::optional<crypto::Certificate>
      certificate;                          // its key is proved; its path is not checked here
  std::vector<crypto::Certificate> others;  // what else it sent
  Bytes tls_unique;                         // RFC 5929; empty under TLS 1.3, which has none
  Bytes tls_exporter;                       // RFC 9266; empty under TLS 1.2 and without TLS
  bool encrypted = true;
  std::string address;  // for logs
};

struct HttpRequest {
  std::string method;  // "GET", "POST"
  std::string path;    // decoded, without the query
  std::string query;   // as it came, without "?"
  std::string content_type;
  std::string transfer_encoding;  // Content-Transfer-Encoding
  std::string accept;
  SecretBytes authorization;  // the header's value
  Bytes body;
  Peer peer;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  Bytes body;
  // A body that many answers share and nobody copies stands in place of `body`; `keep` holds it.
  ByteView shared;
  std::shared_ptr<const void> keep;
  bool secret = false;               // the body holds a secret: it is wiped when it was sent
  std::shared_ptr<const void> copy;  // of GrantedKey: let go of once the body is wiped
  std::string note;                  // for the log, never sent: an error's code and message
};

using Reply = std::function<void(HttpResponse)>;

// Handler serves everything under a path. Thread-safe; it replies once, from any thread.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void Handle(HttpRequest request, Reply reply) = 0;
};

}  // namespace birthmark::enroll
