// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "link/stream.h"

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;

speed_t Speed(unsigned baud) {
  switch (baud) {
    case 9600:
      return B9600;
    case 19200:
      return B19200;
    case 38400:
      return B38400;
    case 57600:
      return B57600;
    case 230400:
      return B230400;
    case 460800:
      return B460800;
    case 921600:
      return B921600;
    case 1000000:
      return B1000000;
    default:
      return B115200;
  }
}

int WaitMs(Deadline deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

Result<int> OpenTty(const Uri& uri) {
  int fd = open(uri.target.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    return std::unexpected(
        FromErrno(errno == EBUSY ? "link.busy" : "link.open", "open " + uri.target, errno));
  }
  auto fail = [&](const char* code, const std::string& what) {
    int err = errno;
    close(fd);
    return std::unexpected(FromErrno(code, what, err));
  };
  // Two stations on one console would answer each other's questions. TIOCEXCL keeps everybody but
  // root out, the advisory lock keeps root's second station out.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return Environment("link.busy", uri.target + " is in use by another program",
                       "end the other program, or give this station another port");
  }
  if (ioctl(fd, TIOCEXCL) != 0) return fail("link.open", uri.target + " is no serial line");
  termios raw{};
  if (tcgetattr(fd, &raw) != 0) return fail("link.open", uri.target + " is no serial line");
  cfmakeraw(&raw);
  raw.c_cflag |= CLOCAL | CREAD;
  cfsetspeed(&raw, Speed(uri.baud));
  if (tcsetattr(fd, TCSANOW, &raw) != 0 || tcflush(fd, TCIOFLUSH) != 0) {
    return fail("link.open", "set up " + uri.target);
  }
  return fd;
}

Result<int> OpenSocket(const Uri& uri) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(uri.target, address.sun_path);  // the parser has measured it
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
    int err = errno;
    if (fd >= 0) close(fd);
    return std::unexpected(FromErrno("link.open", "connect to " + uri.target, err));
  }
  return fd;
}

class FdStream : public ByteStream {
 public:
  explicit FdStream(Uri uri) : uri_(std::move(uri)) {}
  FdStream(const FdStream&) = delete;
  FdStream& operator=(const FdStream&) = delete;
  ~FdStream() override { Close(); }

  Status Reopen() override {
    Close();
    BM_TRY(fd_, uri_.scheme == Uri::Scheme::kSerial ? OpenTty(uri_) : OpenSocket(uri_));
    return {};
  }

  Status Write(ByteView data, Deadline deadline) override {
    while (!data.empty()) {
      size_t n = data.size();
      if (uri_.pace > 0) n = std::min<size_t>(n, WaitForRoom());
      ssize_t written = write(fd_, data.data(), n);
      if (written > 0) {
        data = data.subspan(static_cast<size_t>(written));
        filled_ += static_cast<size_t>(written);
        continue;
      }
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno != EAGAIN) return Gone();
      pollfd p = {fd_, POLLOUT, 0};
      if (poll(&p, 1, WaitMs(deadline)) <= 0 && Clock::now() >= deadline) return {};
      if ((p.revents & (POLLHUP | POLLERR)) != 0) return Gone();
    }
    return {};
  }

  Result<size_t> Read(std::span<uint8_t> out, Deadline deadline) override {
    for (;;) {
      ssize_t n = read(fd_, out.data(), out.size());
      if (n > 0) return static_cast<size_t>(n);
      // A pty whose device died gives EIO, a tty that was pulled off an end of file.
      if (n == 0 || (errno != EAGAIN && errno != EINTR)) return Gone();
      pollfd p = {fd_, POLLIN, 0};
      int ready = poll(&p, 1, WaitMs(deadline));
      if (ready == 0 || (ready < 0 && errno != EINTR)) return size_t{0};
      if ((p.revents & POLLHUP) != 0 && (p.revents & POLLIN) == 0) return Gone();
    }
  }

  std::chrono::milliseconds WireTime(size_t bytes) const override {
    // Ten bits a byte on a serial line; a socket is as fast as its pace.
    size_t ms = uri_.scheme == Uri::Scheme::kSerial ? bytes * 10'000 / uri_.baud : 0;
    if (uri_.pace > 0) ms = std::max(ms, bytes / uri_.pace);
    return std::chrono::milliseconds(ms);
  }

  const std::string& name() const override { return uri_.target; }

 private:
  std::unexpected<Error> Gone() const {
    return Environment("link.unplugged", "the device behind " + uri_.target + " is gone",
                       "connect it again and retry the unit");
  }

  // WaitForRoom waits until the far FIFO, filled by us and emptied at the pace, takes bytes.
  size_t WaitForRoom() {
    Drain();
    while (filled_ >= uri_.fifo) {
      auto ms = std::chrono::milliseconds((filled_ - uri_.fifo) / uri_.pace + 1);
      std::this_thread::sleep_for(ms);
      Drain();
    }
    return uri_.fifo - filled_;
  }

  // Drain subtracts what the pace has emptied since, whole milliseconds at a time.
  void Drain() {
    auto now = Clock::now();
    auto ms = std::chrono::floor<std::chrono::milliseconds>(now - drained_);
    auto emptied = static_cast<size_t>(std::min<int64_t>(ms.count(), 1 << 20)) * uri_.pace;
    filled_ -= std::min(filled_, emptied);
    drained_ = filled_ == 0 ? now : drained_ + ms;
  }

  void Close() {
    if (fd_ < 0) return;
    if (uri_.scheme == Uri::Scheme::kSerial) ioctl(fd_, TIOCNXCL);
    close(std::exchange(fd_, -1));
  }

  Uri uri_;
  int fd_ = -1;
  size_t filled_ = 0;
  Clock::time_point drained_ = Clock::now();
};

}  // namespace

Result<std::unique_ptr<ByteStream>> OpenStream(const Uri& uri) {
  if (uri.scheme != Uri::Scheme::kSerial && uri.scheme != Uri::Scheme::kUnix) {
    return Usage("link.scheme", ToText(uri) + " is no stream of bytes", "use serial: or unix:");
  }
  auto stream = std::make_unique<FdStream>(uri);
  BM_CHECK(stream->Reopen());
  return stream;
}

}  // namespace birthmark::link
