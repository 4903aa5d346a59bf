// SPDX-License-Identifier: Apache-2.0
// The server that carries EST-coaps: DTLS 1.2 with client certificates, CoAP, and nothing of what
// the requests mean (enroll/coaps). libcoap wants all its calls on one thread: this object has one,
// which never waits for the desk. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "enroll/desk.h"
#include "server/http_server.h"
#include "server/tls.h"

namespace birthmark::server {

struct CoapsOptions {
  std::string name = "coaps";         // in logs
  std::string address = "127.0.0.1";  // an IP address
  uint16_t port = 0;                  // 0: the kernel's choice; 5684 is CoAP's own
  // A peer without a certificate that leads to one of the anchors is refused in its handshake.
  TlsOptions tls;
  std::vector<std::string> products;  // those that discovery names beside the only one
  std::chrono::seconds retry_after{10};
  std::chrono::seconds session_timeout{300};
  unsigned max_sessions = 1000;               // idle ones above this make room
  unsigned max_handshakes = 100;              // half-made ones
  std::function<void(const HttpEvent&)> log;  // from the server's thread; status is 205 for 2.05
};

class CoapsServer {
 public:
  // Start listens and returns. The desk outlives the server and its own callbacks.
  // Errors: server.address, server.tls.
  static Result<std::unique_ptr<CoapsServer>> Start(enroll::Desk& desk, CoapsOptions options);
  ~CoapsServer();
  CoapsServer(const CoapsServer&) = delete;
  CoapsServer& operator=(const CoapsServer&) = delete;

  uint16_t port() const;
  // url is "coaps://127.0.0.1:5684", without a slash at its end.
  std::string url() const;
  // Stop ends the thread; what the desk answers later is dropped.
  void Stop();

 private:
  struct Impl;
  explicit CoapsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::server
