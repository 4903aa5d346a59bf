// SPDX-License-Identifier: Apache-2.0
#include "link/programmer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace birthmark::link {
namespace {

// Operations and answers, docs/formats/station-protocol.md section 6.
enum Op : uint8_t { kInfo = 1, kRead, kErase, kProgram, kBlow, kReadFuses, kReset };
constexpr uint32_t kMaxData = 65536;
constexpr int kTimeoutSeconds = 10;

void Put32(Bytes& out, uint32_t v) {
  for (int i = 0; i < 4; i++) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

uint32_t Get32(const uint8_t* p) {
  return p[0] | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
}

std::unexpected<Error> Lost(const std::string& path, int err) {
  if (err == EAGAIN || err == EWOULDBLOCK) {
    return Environment("link.timeout", "the programmer's port " + path + " does not answer",
                       "check that the device has power");
  }
  return Environment("link.unplugged", "the programmer's port " + path + " is gone",
                     "connect the device again and retry the unit");
}

Status Refusal(uint8_t status) {
  switch (status) {
    case 0:
      return {};
    case 1:
      return Refused("port.closed", "the programmer's port is closed by fuse",
                     "nothing can be programmed from outside any more");
    case 2:
      return Refused("port.range", "the range is outside the flash or not whole blocks");
    case 3:
      return Refused("port.protected", "the fuse or flash range is write-protected");
    case 4:
      return Refused("port.failed", "the flash reads back wrong", "erase it first");
    default:
      return Refused("port.unknown", "the port does not know this operation");
  }
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

}  // namespace

Result<Programmer> Programmer::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Usage("link.open", "the socket path " + path + " is too long",
                 "use a path of at most 107 bytes");
  }
  std::ranges::copy(path, address.sun_path);
  Programmer p;
  p.path_ = path;
  p.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval limit{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
  if (p.fd_ < 0 || setsockopt(p.fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      setsockopt(p.fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      connect(p.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return std::unexpected(FromErrno("link.open", "connect to " + path, errno));
  }
  return p;
}

Programmer::Programmer(Programmer&& o) noexcept { *this = std::move(o); }

Programmer& Programmer::operator=(Programmer&& o) noexcept {
  if (this == &o) return *this;
  if (fd_ >= 0) close(fd_);
  path_ = std::move(o.path_);
  fd_ = std::exchange(o.fd_, -1);
  return *this;
}

Programmer::~Programmer() {
  if (fd_ >= 0) close(fd_);
}

Result<Bytes> Programmer::Call(uint8_t op, uint32_t address, uint32_t length, ByteView data) {
  Bytes request{op};
  Put32(request, address);
  Put32(request, length);
  request.insert(request.end(), data.begin(), data.end());
  for (ByteView rest = request; !rest.empty();) {
    ssize_t n = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int err = errno;
      Wipe(request.data(), request.size());
      return Lost(path_, err);
    }
    rest = rest.subspan(static_cast<size_t>(n));
  }
  Wipe(request.data(), request.size());  // it may have carried a bamboo device's key
  uint8_t head[5];
  BM_CHECK(ReadAll(fd_, path_, head));
  uint32_t size = Get32(head + 1);
  if (size > kMaxData) return Lost(path_, 0);
  Bytes answer(size);
  BM_CHECK(ReadAll(fd_, path_, answer));
  BM_CHECK(Refusal(head[0]));
  return answer;
}

Result<PortInfo> Programmer::Info() {
  BM_TRY(Bytes a, Call(kInfo, 0, 0));
  size_t uid = a.empty() ? 0 : a[0];
  if (a.size() < 1 + uid + 4) return Lost(path_, 0);
  return PortInfo{Bytes(a.begin() + 1, a.begin() + 1 + static_cast<ptrdiff_t>(uid)),
                  Get32(a.data() + 1 + uid), std::string(a.begin() + 1 + uid + 4, a.end())};
}

Result<Bytes> Programmer::Read(uint32_t address, uint32_t size) {
  Bytes all;
  while (all.size() < size) {
    uint32_t n = std::min<uint32_t>(kMaxData, size - static_cast<uint32_t>(all.size()));
    BM_TRY(Bytes part, Call(kRead, address + static_cast<uint32_t>(all.size()), n));
    if (part.size() != n) return Lost(path_, 0);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Status Programmer::Erase(uint32_t address, uint32_t size) {
  BM_TRY(Bytes none, Call(kErase, address, size));
  return {};
}

Status Programmer::Program(uint32_t address, ByteView data) {
  for (size_t at = 0; at < data.size();) {
    size_t n = std::min<size_t>(kMaxData, data.size() - at);
    BM_TRY(Bytes none, Call(kProgram, address + static_cast<uint32_t>(at), static_cast<uint32_t>(n),
                            data.subspan(at, n)));
    at += n;
  }
  return {};
}

Status Programmer::Install(uint32_t address, ByteView data) {
  auto blocks = static_cast<uint32_t>((data.size() + kEraseBlock - 1) / kEraseBlock);
  BM_CHECK(Erase(address, blocks * kEraseBlock));
  BM_CHECK(Program(address, data));
  BM_TRY(Bytes back, Read(address, static_cast<uint32_t>(data.size())));
  bool same = EqualSecret(back, data);
  Wipe(back.data(), back.size());
  if (!same) return Refusal(4);
  return {};
}

Result<Bytes> Programmer::ReadFuses() {
  BM_TRY(Bytes fuses, Call(kReadFuses, 0, 0));
  if (fuses.size() != kFuseBytes) return Lost(path_, 0);
  return fuses;
}

Status Programmer::Blow(uint32_t bit) {
  BM_TRY(Bytes none, Call(kBlow, bit, 0));
  return {};
}

Status Programmer::BlowNamed(const std::string& fuse, const Digest& digest) {
  if (fuse == "boot-anchor") {
    for (uint32_t bit : BootAnchorBits(digest)) BM_CHECK(Blow(bit));
    return {};
  }
  auto bit = FuseBit(fuse);
  if (!bit) return Usage("link.fuse", "there is no fuse \"" + fuse + "\"");
  return Blow(*bit);
}

Status Programmer::Reset() {
  BM_TRY(Bytes none, Call(kReset, 0, 0));
  return {};
}

}  // namespace birthmark::link
