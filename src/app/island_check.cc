// SPDX-License-Identifier: Apache-2.0
// How a station tests itself: server, clock, device's port, disk.
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "app/factory.h"
#include "app/island.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr int64_t kClockLimit = 5'000;       // milliseconds between station and server
constexpr uint64_t kDiskLimit = 1ULL << 30;  // octets: a week of a busy line's log
constexpr const char* kOk = "ok";

struct Fd {
  int fd = -1;
  ~Fd() {
    if (fd >= 0) close(fd);
  }
};

std::string Errno(std::string_view what) {
  return fmt::format("{}: {}", what, std::strerror(errno));
}

void CheckLink(const StationFile& file, const Dial& dial, const Clock& clock, StationCheck& out) {
  out.clock = "not known: the server did not answer";
  auto ask = [&]() -> Result<Bytes> {
    BM_TRY(auto link, dial(file.server, file.pin, std::nullopt));
    // The first call makes the connection, the second one is timed.
    BM_CHECK(Answered(link->Call("GET", "/station/time", "", "", {})));
    Time before = clock.Now();
    BM_TRY(Bytes body, Answered(link->Call("GET", "/station/time", "", "", {})));
    out.clock_ms = Millis(before + (clock.Now() - before) / 2);
    return body;
  };
  auto body = ask();
  if (!body) {
    out.link = body.error().message;
    return;
  }
  std::string_view text = AsText(*body);
  int64_t server = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), server);
  if (error != std::errc() || end + 1 != text.data() + text.size() || *end != '\n') {
    out.link = "what answers there is no server of ours";
    return;
  }
  out.link = kOk;
  out.clock_ms -= server;
  out.clock = std::abs(out.clock_ms) <= kClockLimit
                  ? kOk
                  : fmt::format("{} ms away from the server's", out.clock_ms);
}

std::string CheckSerial(const std::string& path) {
  Fd port{open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
  if (port.fd < 0) return Errno(path);
  return isatty(port.fd) ? kOk : path + " is no serial port";
}

std::string CheckTcp(const std::string& place) {
  size_t colon = place.rfind(':');
  if (colon == place.npos) return place + " has no port number";
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (int e = getaddrinfo(place.substr(0, colon).c_str(), place.substr(colon + 1).c_str(), &hints,
                          &found);
      e != 0) {
    return place + ": " + gai_strerror(e);
  }
  std::string result = place + " does not answer";
  for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
    Fd s{socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol)};
    if (s.fd >= 0 && connect(s.fd, a->ai_addr, a->ai_addrlen) == 0) {
      result = kOk;
      break;
    }
    result = Errno(place);
  }
  freeaddrinfo(found);
  return result;
}

std::string CheckProbe(const std::string& link) {
  size_t colon = link.find(':');
  std::string scheme = link.substr(0, colon);
  std::string rest = colon == link.npos ? "" : link.substr(colon + 1);
  if (scheme == "emulator") return kOk;
  if (scheme == "serial") return CheckSerial(rest);
  if (scheme == "openocd" || scheme == "tcp") return CheckTcp(rest);
  return "nothing here knows how to test " + scheme;
}

void CheckDisk(const fs::path& folder, StationCheck& out) {
  struct statvfs v{};
  if (statvfs(folder.c_str(), &v) != 0) {
    out.disk = Errno(folder.string());
    return;
  }
  out.disk_free = static_cast<uint64_t>(v.f_bavail) * v.f_frsize;
  fs::path probe = folder / ".check";
  // Written and synced as a log is; a disk that only pretends shows itself here or never.
  Status s = WriteFileAtomic(probe, "station check\n", 0600);
  std::error_code ec;
  fs::remove(probe, ec);
  if (!s) {
    out.disk = s.error().message;
  } else if (out.disk_free < kDiskLimit) {
    out.disk = fmt::format("{} MiB are left", out.disk_free >> 20);
  } else {
    out.disk = kOk;
  }
}

}  // namespace

Result<StationCheck> CheckStation(const fs::path& folder, const Dial& dial, const Clock& clock) {
  BM_TRY(StationFile file, ReadStationFile(folder));
  StationCheck out;
  CheckLink(file, dial, clock, out);
  out.probe = CheckProbe(file.link);
  if (out.probe == kOk && !file.port.empty()) out.probe = CheckProbe(file.port);
  CheckDisk(folder, out);
  BM_TRY(auto log, ledger::LogWriter::Open(Layout(folder).ledger(), clock));
  ledger::EventContext context{
      .actor = "birthmark", .clock = "system", .plan = std::nullopt, .station = file.station};
  BM_CHECK(log->Append(ledger::MakeEvent(context, clock.Now(), "station:" + file.station,
                                         ledger::StationChecked{.link = out.link,
                                                                .probe = out.probe,
                                                                .station = file.station,
                                                                .clock_ms = out.clock_ms,
                                                                .disk_free = out.disk_free})));
  return out;
}

}  // namespace birthmark::app
