// SPDX-License-Identifier: Apache-2.0
#include "link/openocd.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

extern "C" {
#include <sys/pidfd.h>  // this header of glibc 2.36 does not say so itself
}

#include "device/core/jtag.h"

extern char** environ;

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTimeout = std::chrono::seconds(20);  // a loaded machine, not a slow probe
constexpr auto kEndMs = 2000;
constexpr size_t kMaxAnswer = 1 << 20;
constexpr uint8_t kEnd = 0x1a;  // ends a command and an answer of the Tcl port

// What the session defines in OpenOCD. The TAP is found by its IDCODE, so that a chain may hold
// others and a station's own configuration may call it what it likes. Values come and go as
// arguments, so that none stays in a variable of OpenOCD.
constexpr std::string_view kProcedures = R"tcl(
proc bm_find {idcode} {
  foreach t [jtag names] {
    if {[format 0x%08x [jtag cget $t -idcode]] eq $idcode} { return $t }
  }
  return {}
}
proc bm_scan {tap instruction bits values} {
  if {[catch {
    set out {}
    irscan $tap $instruction
    foreach v $values { lappend out [drscan $tap $bits 0x$v] }
  } why]} { return "!$why" }
  return $out
}
proc bm_reset {} {
  if {[catch {adapter assert srst; adapter deassert srst} why]} { return "!$why" }
  return {}
}
)tcl";

// Hex gives register bytes, lowest first, as the number that Tcl reads.
void AppendHex(Bytes* out, ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = bytes.size(); i-- > 0;) {
    out->push_back(static_cast<uint8_t>(kDigits[bytes[i] >> 4]));
    out->push_back(static_cast<uint8_t>(kDigits[bytes[i] & 15]));
  }
}

int Nibble(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// ReadHex takes exactly `size` bytes from the number's digits; false for anything else.
bool ReadHex(ByteView digits, size_t size, Bytes* out) {
  if (digits.size() != 2 * size) return false;
  out->resize(size);
  for (size_t i = 0; i < size; i++) {
    int high = Nibble(digits[2 * i]);
    int low = Nibble(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    (*out)[size - 1 - i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

}  // namespace

OpenOcd::OpenOcd(OpenOcd&& o) noexcept
    : to_(std::exchange(o.to_, -1)),
      from_(std::exchange(o.from_, -1)),
      log_(std::exchange(o.log_, -1)),
      pid_(std::exchange(o.pid_, -1)),
      version_(std::move(o.version_)),
      scans_(o.scans_) {}

OpenOcd::~OpenOcd() {
  if (to_ >= 0) close(to_);
  if (from_ >= 0 && from_ != to_) close(from_);
  if (pid_ > 0) {
    // The end of its input is its end; one that hangs is not waited for.
    int watch = pidfd_open(pid_, 0);
    pollfd p = {watch, POLLIN, 0};
    if (watch < 0 || poll(&p, 1, kEndMs) <= 0) kill(pid_, SIGKILL);
    if (watch >= 0) close(watch);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (log_ >= 0) close(log_);
}

std::string OpenOcd::LastWords() const {
  std::string text(4096, '\0');
  off_t size = log_ >= 0 ? lseek(log_, 0, SEEK_END) : 0;
  ssize_t n = log_ >= 0 ? pread(log_, text.data(), text.size(),
                                std::max<off_t>(0, size - static_cast<off_t>(text.size())))
                        : 0;
  text.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  std::string last;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.starts_with("Error") || last.empty()) last = line;
    at = end + 1;
  }
  return last;
}

std::unexpected<Error> OpenOcd::Ended() const {
  std::string words = LastWords();
  return Environment("link.unplugged",
                     "OpenOCD ended" + (words.empty() ? std::string() : ": " + words),
                     "check the probe and the device, then retry the unit");
}

Result<SecretBytes> OpenOcd::Ask(SecretBytes command) {
  auto deadline = Clock::now() + kTimeout;
  auto wait = [&](int fd, short what) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd p = {fd, what, 0};
    int ready = poll(&p, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    return ready > 0 || (ready < 0 && errno == EINTR);
  };
  auto late = [&] {
    return Environment("link.timeout", "OpenOCD does not answer",
                       "check the probe and the device, then retry the unit");
  };
  for (ByteView rest = command.Read(SecretAccess()); !rest.empty();) {
    ssize_t n = write(to_, rest.data(), rest.size());
    if (n > 0) {
      rest = rest.subspan(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait(to_, POLLOUT)) return late();
    } else if (errno != EINTR) {
      return Ended();
    }
  }
  Bytes answer;
  answer.reserve(2 * command.size() + 4096);
  for (;;) {
    size_t had = answer.size();
    if (had + 4096 > answer.capacity()) {
      // Grown by hand, so that no copy of a secret stays behind.
      Bytes larger;
      larger.reserve(2 * answer.capacity());
      larger.assign(answer.begin(), answer.end());
      Wipe(answer.data(), answer.size());
      answer.swap(larger);
    }
    answer.resize(had + 4096);
    ssize_t n = read(from_, answer.data() + had, 4096);
    answer.resize(had + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return Ended();
    if (n < 0) {
      if (!wait(from_, POLLIN)) return late();
      continue;
    }
    if (answer.back() == kEnd) break;
    if (answer.size() > kMaxAnswer) return late();
  }
  answer.pop_back();
  return SecretBytes::Take(std::move(answer));
}

Result<std::string> OpenOcd::AskText(std::string_view command) {
  Bytes bytes(command.begin(), command.end());
  bytes.push_back(kEnd);
  BM_TRY(SecretBytes answer, Ask(SecretBytes::Take(std::move(bytes))));
  ByteView view = answer.Read(SecretAccess());
  return std::string(view.begin(), view.end());
}

Status OpenOcd::Attach() {
  // OpenOCD prints each command's result into its log, and results will hold what is read back.
  BM_TRY(version_, AskText("debug_level -3; version"));
  BM_TRY(std::string none, AskText(kProcedures));
  BM_TRY(std::string tap, AskText(fmt::format("bm_find 0x{:08x}", +BM_TAP_IDCODE_VALUE)));
  bool name = !tap.empty() && std::ranges::all_of(tap, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (!name) {
    return Environment(
        "openocd.no-device",
        fmt::format("no TAP with IDCODE 0x{:08x} is on the scan chain", +BM_TAP_IDCODE_VALUE),
        "check power and cable, and that OpenOCD's configuration has `jtag newtap` for it");
  }
  BM_TRY(none, AskText("set bm_tap " + tap));
  return {};
}

Result<OpenOcd> OpenOcd::Start(const OpenOcdOptions& options) {
  // A path in an argument of Tcl: nothing that Tcl would read as its own.
  if (options.socket.find_first_of("{}[]$\"\\;# \n\t") != std::string::npos) {
    return Usage("openocd.start", "the socket's path has characters that Tcl reads as its own",
                 "use letters, digits, slashes and dashes");
  }
  std::vector<std::string> args = {options.program, "-d0"};
  for (const std::string& command : {
           std::string("bindto 127.0.0.1"),
           std::string("gdb_port disabled"),
           std::string("telnet_port disabled"),
           std::string("tcl_port pipe"),
           std::string("adapter driver remote_bitbang"),
           "remote_bitbang host " + options.socket,
           std::string("remote_bitbang port 0"),
           std::string("transport select jtag"),
           std::string("adapter speed 10000"),
           std::string("reset_config srst_only srst_nogate"),
           std::string("adapter srst delay 0"),
           fmt::format("jtag newtap dut tap -irlen {} -ircapture 0x{:x} -irmask 0x3 "
                       "-expected-id 0x{:08x}",
                       +BM_TAP_IR_BITS, +BM_TAP_IR_CAPTURE, +BM_TAP_IDCODE_VALUE),
           std::string("init"),
       }) {
    args.insert(args.end(), {"-c", command});
  }
  std::vector<char*> argv;
  for (std::string& a : args) argv.push_back(a.data());
  argv.push_back(nullptr);

  OpenOcd o;
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return std::unexpected(FromErrno("openocd.start", "pipe", errno));
  o.to_ = in[1];
  if (pipe2(out, O_CLOEXEC) != 0) {
    close(in[0]);
    return std::unexpected(FromErrno("openocd.start", "pipe", errno));
  }
  o.from_ = out[0];
  o.log_ = memfd_create("openocd", MFD_CLOEXEC);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, o.log_, STDERR_FILENO);
  int failed = posix_spawnp(&o.pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (failed != 0) {
    o.pid_ = -1;
    if (failed == ENOENT) {
      return Environment("openocd.missing", options.program + " is not installed",
                         "apt install openocd");
    }
    return std::unexpected(FromErrno("openocd.start", "start " + options.program, failed));
  }
  fcntl(o.to_, F_SETFL, O_NONBLOCK);
  fcntl(o.from_, F_SETFL, O_NONBLOCK);
  Status attached = o.Attach();
  if (attached) return o;
  if (attached.error().code != "link.unplugged") return std::unexpected(attached.error());
  return Environment("openocd.start", attached.error().message,
                     "check that the device has power and its probe is free");
}

Result<OpenOcd> OpenOcd::Connect(const std::string& host, uint16_t port) {
  if (host != "127.0.0.1" && host != "localhost") {
    return Usage("link.uri", "OpenOCD is reached on this machine only", "use 127.0.0.1");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  OpenOcd o;
  o.to_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  o.from_ = o.to_;
  if (o.to_ < 0 || connect(o.to_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      fcntl(o.to_, F_SETFL, O_NONBLOCK) != 0) {
    return std::unexpected(
        FromErrno("link.open", fmt::format("connect to OpenOCD at 127.0.0.1:{}", port), errno));
  }
  BM_CHECK(o.Attach());
  return o;
}

Result<std::vector<Bytes>> OpenOcd::Scan(uint8_t instruction, const std::vector<Bytes>& values) {
  size_t size = values.at(0).size();
  std::string head = fmt::format("bm_scan $bm_tap 0x{:x} {} {{", instruction, 8 * size);
  Bytes command;
  command.reserve(head.size() + values.size() * (2 * size + 1) + 2);
  command.assign(head.begin(), head.end());
  for (const Bytes& value : values) {
    AppendHex(&command, value);
    command.push_back(' ');
  }
  command.push_back('}');
  command.push_back(kEnd);
  BM_TRY(SecretBytes answer, Ask(SecretBytes::Take(std::move(command))));
  scans_ += values.size();
  ByteView text = answer.Read(SecretAccess());
  std::vector<Bytes> out;
  bool good = true;
  for (size_t at = 0; good && at < text.size();) {
    size_t end = at;
    while (end < text.size() && text[end] != ' ') end++;
    good = ReadHex(text.subspan(at, end - at), size, &out.emplace_back());
    at = end + 1;
  }
  if (good && out.size() == values.size()) return out;
  return Environment("link.unplugged", "OpenOCD could not scan the device's registers",
                     "check the probe and the device, then retry the unit");
}

Status OpenOcd::PulseReset() {
  BM_TRY(std::string said, AskText("bm_reset"));
  if (said.empty()) return {};
  return Environment("openocd.no-reset", "OpenOCD cannot work the reset line",
                     "give its configuration `reset_config srst_only`");
}

}  // namespace birthmark::link
