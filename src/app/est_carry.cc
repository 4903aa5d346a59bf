// SPDX-License-Identifier: Apache-2.0
#include "app/est_carry.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace birthmark::app {
namespace {

constexpr int kSeconds = 20;           // a server that is silent longer is given up
constexpr size_t kMost = 1024 * 1024;  // octets of a session: certificates take a few thousand
constexpr size_t kPiece = 8192;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool Send(ByteView b) const {
    while (!b.empty()) {
      const ssize_t n = ::send(fd_, b.data(), b.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      b = b.subspan(static_cast<size_t>(n));
    }
    return true;
  }
  // Receive gives what came; nothing at the end, or when the server was silent too long.
  Bytes Receive() const {
    Bytes out(kPiece);
    const ssize_t n = ::recv(fd_, out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
  }

 private:
  int fd_;
};

Result<Socket> ConnectTo(const EstPlace& place) {
  const std::string& name = place.address.empty() ? place.host : place.address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(name.c_str(), place.port.c_str(), &hints, &found);
  std::string why = failed != 0 ? ::gai_strerror(failed) : "";
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    Socket s(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol));
    const int fd = s.fd();
    const timeval limit{.tv_sec = kSeconds, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
      ::freeaddrinfo(found);
      return s;
    }
    why = std::strerror(errno);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  return Environment("est.connect",
                     fmt::format("no connection to {}:{}: {}", name, place.port, why),
                     "is the server there? --connect ADDRESS:PORT says where its name leads");
}

}  // namespace

Result<EstPlace> ReadEstPlace(const std::string& url, const std::string& connect) {
  constexpr std::string_view kScheme = "https://";
  auto bad = [&] {
    return Usage("est.url", fmt::format("\"{}\" is no https URL of an EST server", url),
                 "say https://HOST[:PORT][/PATH], and --connect ADDRESS:PORT");
  };
  if (!url.starts_with(kScheme)) return bad();
  EstPlace out;
  std::string rest = url.substr(kScheme.size());
  if (const size_t slash = rest.find('/'); slash != std::string::npos) {
    if (slash + 1 < rest.size()) out.path = rest.substr(slash);
    rest.resize(slash);
  }
  auto split = [](const std::string& text, std::string& host, std::string& port) {
    const size_t colon = text.rfind(':');
    host = text.substr(0, colon);
    if (colon != std::string::npos) port = text.substr(colon + 1);
    return !host.empty() && !port.empty() &&
           port.find_first_not_of("0123456789") == std::string::npos;
  };
  if (!split(rest, out.host, out.port)) return bad();
  if (!connect.empty() && !split(connect, out.address, out.port)) return bad();
  return out;
}

Result<link::TlsStep> CarryCacerts(link::DeviceConsole& console, const EstPlace& place) {
  BM_TRY(Socket server, ConnectTo(place));
  BM_TRY(link::TlsStep step, console.FetchCacerts(place.host, place.path));
  size_t carried = 0;
  for (;;) {
    if (!step.cacerts) step.cacerts.emplace();
    const bool sent = server.Send(step.out);
    if (step.state == "refused" || step.state == "closed") return step;
    if (step.cacerts && step.cacerts->why != "waiting") return step;
    const Bytes in = sent ? server.Receive() : Bytes{};
    carried += in.size();
    if (in.empty() || carried > kMost) {
      // The device is told that nothing follows, and says what that means.
      step.cacerts = {.why = "cut", .text = "the server ended the connection or was silent"};
      BM_CHECK(console.TlsClose());
      return step;
    }
    BM_TRY(step, console.TlsPump(in));
  }
}

}  // namespace birthmark::app
