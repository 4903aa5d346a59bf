// SPDX-License-Identifier: Apache-2.0
#include "link/serial_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/ids.h"
#include "cbor/codec.h"
#include "device/core/protocol.h"

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;

std::unexpected<Error> Unplugged(const std::string& path) {
  return Environment("link.unplugged", "the device behind " + path + " is gone",
                     "connect it again and retry the unit");
}

speed_t Speed(unsigned baud) {
  switch (baud) {
    case 9600:
      return B9600;
    case 57600:
      return B57600;
    case 230400:
      return B230400;
    case 460800:
      return B460800;
    case 921600:
      return B921600;
    default:
      return B115200;
  }
}

int WaitMs(Clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

// The device's refusals by number; the number's meaning never changes.
constexpr const char* kRefusals[] = {nullptr,     "bad-request", "unknown-command", "not-factory",
                                     "locked",    "sealed",      "occupied",        "not-found",
                                     "mismatch",  "range",       "hardware",        "unsupported",
                                     "too-large", "private",     "no-firmware",     "not-ready"};

std::unexpected<Error> RefusedByDevice(const std::string& path, ByteView payload) {
  auto value = cbor::Decode(payload);
  const uint64_t* code = nullptr;
  const std::string* text = nullptr;
  if (value) {
    if (auto* c = value->Find("code")) code = c->AsUint();
    if (auto* t = value->Find("text")) text = t->AsText();
  }
  if (!code || !text) {
    return Environment("link.answer", "the device behind " + path + " refused unintelligibly",
                       "check that it runs firmware of this protocol version");
  }
  std::string name = *code > 0 && *code < std::size(kRefusals) ? kRefusals[*code] : "other";
  return Refused("device." + name, "the device refused: " + *text);
}

}  // namespace

bool IsRefusal(const Error& error) { return error.code.starts_with("device."); }

Result<SerialLink> SerialLink::Open(const std::string& path, const SerialOptions& options) {
  SerialLink link;
  link.path_ = path;
  link.options_ = options;
  link.fd_ = open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (link.fd_ < 0) {
    return std::unexpected(
        FromErrno(errno == EBUSY ? "link.busy" : "link.open", "open " + path, errno));
  }
  // Two stations on one console would answer each other's questions.
  if (ioctl(link.fd_, TIOCEXCL) != 0) {
    return std::unexpected(FromErrno("link.busy", "take " + path, errno));
  }
  termios raw{};
  if (tcgetattr(link.fd_, &raw) != 0) {
    return std::unexpected(FromErrno("link.open", path + " is no serial line", errno));
  }
  cfmakeraw(&raw);
  raw.c_cflag |= CLOCAL | CREAD;
  cfsetspeed(&raw, Speed(options.baud));
  if (tcsetattr(link.fd_, TCSANOW, &raw) != 0 || tcflush(link.fd_, TCIOFLUSH) != 0) {
    return std::unexpected(FromErrno("link.open", "set up " + path, errno));
  }
  // A device keeps its last answer; a random start keeps this session's numbers away from it.
  SystemRng rng;
  uint8_t start[4];
  rng.Fill(start);
  std::memcpy(&link.sequence_, start, sizeof start);
  return link;
}

SerialLink::SerialLink(SerialLink&& o) noexcept { *this = std::move(o); }

SerialLink& SerialLink::operator=(SerialLink&& o) noexcept {
  if (this == &o) return *this;
  if (fd_ >= 0) close(fd_);
  path_ = std::move(o.path_);
  options_ = o.options_;
  fd_ = std::exchange(o.fd_, -1);
  sequence_ = o.sequence_;
  reader_ = std::move(o.reader_);
  inbox_ = std::move(o.inbox_);
  inbox_at_ = o.inbox_at_;
  stats_ = o.stats_;
  return *this;
}

SerialLink::~SerialLink() {
  if (fd_ < 0) return;
  ioctl(fd_, TIOCNXCL);
  close(fd_);
}

Status SerialLink::Send(ByteView wire) {
  auto deadline = Clock::now() + options_.timeout;
  size_t since_pause = 0;
  while (!wire.empty()) {
    size_t n = wire.size();
    if (options_.pace_bytes > 0) n = std::min(n, options_.pace_bytes - since_pause);
    ssize_t written = write(fd_, wire.data(), n);
    if (written > 0) {
      wire = wire.subspan(static_cast<size_t>(written));
      since_pause += static_cast<size_t>(written);
      if (options_.pace_bytes > 0 && since_pause >= options_.pace_bytes && !wire.empty()) {
        std::this_thread::sleep_for(options_.pace_pause);
        since_pause = 0;
      }
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return Unplugged(path_);
    pollfd p = {fd_, POLLOUT, 0};
    if (poll(&p, 1, WaitMs(deadline)) <= 0 && Clock::now() >= deadline) {
      return {};  // the attempt will time out, and be counted, where answers are awaited
    }
    if ((p.revents & (POLLHUP | POLLERR)) != 0) return Unplugged(path_);
  }
  return {};
}

// Receive fills the inbox; false when the deadline passed.
Result<bool> SerialLink::Receive(Clock::time_point deadline) {
  inbox_.resize(4096);
  inbox_at_ = 0;
  for (;;) {
    ssize_t n = read(fd_, inbox_.data(), inbox_.size());
    if (n > 0) {
      inbox_.resize(static_cast<size_t>(n));
      return true;
    }
    // A pty whose device died gives EIO, a tty that was pulled off an end of file.
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) return Unplugged(path_);
    pollfd p = {fd_, POLLIN, 0};
    int ready = poll(&p, 1, WaitMs(deadline));
    if (ready == 0 || (ready < 0 && errno != EINTR)) {
      inbox_.clear();
      return false;
    }
    if ((p.revents & POLLHUP) != 0 && (p.revents & POLLIN) == 0) return Unplugged(path_);
  }
}

Result<Frame> SerialLink::Exchange(Frame frame) {
  frame.sequence = sequence_++;
  Bytes wire = EncodeFrame(frame);
  int timeouts = 0;
  int repairs = 0;
  bool send = true;
  auto deadline = Clock::now();
  for (;;) {
    if (send) {
      BM_CHECK(Send(wire));
      deadline = Clock::now() + options_.timeout;
      send = false;
    }
    if (inbox_at_ == inbox_.size()) {
      BM_TRY(bool arrived, Receive(deadline));
      if (!arrived) {
        stats_.timeouts++;
        if (++timeouts >= options_.attempts) break;
        stats_.resends++;
        reader_.Clear();
        send = true;
        continue;
      }
    }
    Frame answer;
    auto event = reader_.Push(inbox_[inbox_at_++], &answer);
    if (event == FrameReader::Event::kNone) continue;
    bool repair = false;
    if (event == FrameReader::Event::kBad) {
      stats_.bad_frames++;
      repair = true;
    } else if (answer.type == BM_CMD_BAD_FRAME) {
      stats_.bad_frames_far++;
      repair = true;
    } else if ((answer.flags & kFlagResponse) != 0 && answer.sequence == frame.sequence &&
               answer.type == frame.type) {
      return answer;
    } else {
      stats_.stale_frames++;
    }
    if (repair) {
      if (++repairs > options_.repairs) break;
      stats_.resends++;
      send = true;
    }
  }
  if (repairs > 0) {
    return Environment("link.noise", "nothing readable comes from the device behind " + path_,
                       "check cable, ground and speed, then retry the unit");
  }
  return Environment("link.timeout", "the device behind " + path_ + " does not answer",
                     "check that it has power, then retry the unit");
}

Result<Bytes> SerialLink::Call(uint8_t type, ByteView request) {
  stats_.requests++;
  Frame answer;
  size_t at = 0;
  do {
    size_t n = std::min(kMaxPayload, request.size() - at);
    auto part = request.subspan(at, n);
    Frame frame{.type = type, .payload = Bytes(part.begin(), part.end())};
    if (at == 0) frame.flags |= kFlagFirst;
    at += n;
    if (at < request.size()) frame.flags |= kFlagMore;
    BM_TRY(answer, Exchange(std::move(frame)));
    if ((answer.flags & kFlagError) != 0) return RefusedByDevice(path_, answer.payload);
  } while (at < request.size());
  Bytes all = std::move(answer.payload);
  while ((answer.flags & kFlagMore) != 0) {
    // A device's answer is bounded by its buffer; a far side that never ends is not one.
    if (all.size() > 16 * kMaxPayload) {
      return Environment("link.answer", "the device behind " + path_ + " answers without end",
                         "check that it runs firmware of this protocol version");
    }
    BM_TRY(answer, Exchange({.flags = kFlagFirst, .type = BM_CMD_CONTINUE}));
    if ((answer.flags & kFlagError) != 0) return RefusedByDevice(path_, answer.payload);
    all.insert(all.end(), answer.payload.begin(), answer.payload.end());
  }
  return all;
}

}  // namespace birthmark::link
