// SPDX-License-Identifier: Apache-2.0
// The debug port behind the emulated device's socket.
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "link/programmer.h"

extern "C" {
#include "device/core/span.h"
}

namespace birthmark::link {
namespace {

constexpr int kTimeoutSeconds = 10;

std::unexpected<Error> Lost(const std::string& path, int err) {
  if (err == EAGAIN || err == EWOULDBLOCK) {
    return Environment("link.timeout", "the programmer's port " + path + " does not answer",
                       "check that the device has power");
  }
  return Environment("link.unplugged", "the programmer's port " + path + " is gone",
                     "connect the device again and retry the unit");
}

Status ReadAll(int fd, const std::string& path, std::span<uint8_t> out) {
  while (!out.empty()) {
    ssize_t n = recv(fd, out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Lost(path, n == 0 ? 0 : errno);
    out = out.subspan(static_cast<size_t>(n));
  }
  return {};
}

class SocketPort : public ProbePort {
 public:
  SocketPort(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  SocketPort(const SocketPort&) = delete;
  SocketPort& operator=(const SocketPort&) = delete;
  ~SocketPort() override { close(fd_); }

  Result<DebugAnswer> Run(uint8_t op, uint32_t address, uint32_t length, ByteView data) override {
    uint8_t head[9] = {op};
    bm_put_u32(head + 1, address);
    bm_put_u32(head + 5, length);
    BM_CHECK(SendAll(head));
    BM_CHECK(SendAll(data));
    uint8_t answer[5];
    BM_CHECK(ReadAll(fd_, path_, answer));
    uint32_t size = bm_get_u32(answer + 1);
    if (size > kMaxDebugData) return Lost(path_, 0);
    DebugAnswer out{.status = answer[0], .data = Bytes(size)};
    BM_CHECK(ReadAll(fd_, path_, out.data));
    return out;
  }

 private:
  Status SendAll(ByteView rest) {
    while (!rest.empty()) {
      ssize_t n = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Lost(path_, errno);
      rest = rest.subspan(static_cast<size_t>(n));
    }
    return {};
  }

  std::string path_;
  int fd_;
};

}  // namespace

Result<Programmer> Programmer::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Usage("link.open", "the socket path " + path + " is too long",
                 "use a path of at most 107 bytes");
  }
  std::ranges::copy(path, address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval limit{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    int err = errno;
    if (fd >= 0) close(fd);
    return std::unexpected(FromErrno("link.open", "connect to " + path, err));
  }
  return Programmer(std::make_unique<SocketPort>(path, fd));
}

}  // namespace birthmark::link
