// SPDX-License-Identifier: Apache-2.0
// The server that carries every HTTP protocol: connections, TLS, limits, and nothing of what the
// protocols mean (enroll). One listener an object. Thread-safe; handlers are called on the server's
// threads and may answer from any.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/message.h"
#include "server/metrics.h"
#include "server/tls.h"

namespace birthmark::server {

// HttpEvent is one answer, or one connection that came to none. It never holds a secret.
struct HttpEvent {
  std::string server;   // HttpOptions::name
  std::string address;  // the other end
  std::string method, path;
  int status = 0;  // 0: the connection failed, `note` says how
  std::chrono::microseconds took{};
  size_t octets_in = 0, octets_out = 0;  // bodies
  std::string note;
};

struct HttpOptions {
  std::string name = "http";          // in logs and metrics
  std::string address = "127.0.0.1";  // an IP address
  uint16_t port = 0;                  // 0: the kernel's choice
  int threads = 1;
  std::optional<TlsOptions> tls;  // absent: plain HTTP

  size_t header_limit = 16 * 1024;
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds request_timeout = std::chrono::seconds(20);  // first octet to last
  std::chrono::milliseconds write_timeout = std::chrono::seconds(20);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(120);
  // When so many are open, the connection that waits longest for its peer makes room.
  size_t max_connections = 4096;
  size_t requests_per_connection = 100'000;
  std::chrono::milliseconds stop_grace = std::chrono::seconds(5);

  std::function<void(const HttpEvent&)> log;  // from any of the server's threads; may be empty
  Metrics* metrics = nullptr;                 // outlives the server; may be null
};

class HttpServer {
 public:
  // Start listens and returns. Handlers outlive the server and every reply that they still owe.
  // Errors: server.address, server.tls.
  static Result<std::unique_ptr<HttpServer>> Start(HttpOptions options, std::vector<Route> routes);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  // url is "https://127.0.0.1:8443", without a slash at its end.
  std::string url() const;
  size_t connections() const;

  // SetTls takes another certificate or other anchors for the connections to come. Errors:
  // server.tls.
  Status SetTls(const TlsOptions& tls);

  // Stop takes no more connections, lets requests that are being answered finish within the grace,
  // and ends the threads. Not from a handler.
  void Stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::server
