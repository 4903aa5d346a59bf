// SPDX-License-Identifier: Apache-2.0
// A client that says exactly what a test wants, over a socket or TLS. Tests only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "crypto/openssl.h"
#include "enroll/test_desk.h"

namespace birthmark::server::test {

// Socket is a connection to a port of this machine.
class Socket {
 public:
  explicit Socket(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    // A test that waits for ever says nothing.
    timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Socket(Socket&& o) noexcept : fd_(std::exchange(o.fd_, -1)), connected_(o.connected_) {}
  Socket(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool connected() const { return connected_; }

  bool Send(std::string_view s) {
    return ::send(fd_, s.data(), s.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(s.size());
  }
  // ReadToEnd reads until the other side closes.
  std::string ReadToEnd() {
    std::string out;
    char b[4096];
    for (ssize_t n; (n = ::recv(fd_, b, sizeof b, 0)) > 0;) out.append(b, static_cast<size_t>(n));
    return out;
  }
  // ReadAnswer reads one answer by its Content-Length.
  std::string ReadAnswer() {
    std::string out;
    char c;
    while (!out.ends_with("\r\n\r\n")) {
      if (::recv(fd_, &c, 1, 0) != 1) return out;
      out += c;
    }
    size_t left = 0;
    if (const size_t at = out.find("Content-Length: "); at != std::string::npos) {
      left = std::stoul(out.substr(at + 16));
    }
    for (; left > 0 && ::recv(fd_, &c, 1, 0) == 1; --left) out += c;
    return out;
  }
  // Ended tells whether the other side has closed by now.
  bool Ended(std::chrono::milliseconds within) {
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    char c;
    return ::poll(&p, 1, static_cast<int>(within.count())) == 1 &&
           ::recv(fd_, &c, 1, MSG_PEEK) <= 0;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// TlsClient speaks TLS of one version, with or without a certificate and an earlier session.
class TlsClient {
 public:
  struct Wish {
    const enroll::TestDesk::Credential* credential = nullptr;
    int version = TLS1_3_VERSION;
    SSL_SESSION* session = nullptr;
  };
  TlsClient(uint16_t port, const Wish& wish)
      : socket_(port), ctx_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
    SSL_CTX_set_security_level(ctx_.get(), 0);
    SSL_CTX_set_min_proto_version(ctx_.get(), wish.version);
    SSL_CTX_set_max_proto_version(ctx_.get(), wish.version);
    if (wish.credential != nullptr) {
      SSL_CTX_use_certificate(ctx_.get(), wish.credential->certificate.x509());
      SSL_CTX_use_PrivateKey(ctx_.get(), wish.credential->key.get());
      for (const auto& c : wish.credential->above) SSL_CTX_add1_chain_cert(ctx_.get(), c.x509());
    }
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_fd(ssl_.get(), socket_.fd());
    if (wish.session != nullptr) SSL_set_session(ssl_.get(), wish.session);
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  SSL* ssl() const { return ssl_.get(); }
  bool connected() const { return connected_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

  // Ask sends one request and gives the whole answer; empty when the connection ended.
  std::string Ask(const std::string& request) {
    if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return "";
    std::string out;
    char b[4096];
    for (;;) {
      const int n = SSL_read(ssl_.get(), b, sizeof b);
      if (n <= 0) return out;
      out.append(b, static_cast<size_t>(n));
      const size_t head = out.find("\r\n\r\n"), at = out.find("Content-Length: ");
      if (head == std::string::npos || at == std::string::npos) continue;
      if (out.size() >= head + 4 + std::stoul(out.substr(at + 16))) return out;
    }
  }
  // Session is for the next connection; TLS 1.3 has one only after an answer was read.
  crypto::Owned<SSL_SESSION, SSL_SESSION_free> Session() {
    return crypto::Owned<SSL_SESSION, SSL_SESSION_free>(SSL_get1_session(ssl_.get()));
  }
  void Close() { SSL_shutdown(ssl_.get()); }

 private:
  Socket socket_;
  crypto::Owned<SSL_CTX, SSL_CTX_free> ctx_;
  crypto::Owned<SSL, SSL_free> ssl_;
  bool connected_ = false;
};

}  // namespace birthmark::server::test
