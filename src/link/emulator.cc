// SPDX-License-Identifier: Apache-2.0
#include "link/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <utility>

extern char** environ;

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kReadyTimeout = std::chrono::seconds(20);  // a loaded machine, not a slow device

std::filesystem::path Beside() {
  std::error_code ec;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  return self.parent_path() / "birthmark-device";
}

// ReadLine reads up to the first newline or the end.
std::string ReadLine(int fd, Clock::time_point deadline) {
  std::string line;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd p = {fd, POLLIN, 0};
    if (left.count() <= 0) return line;
    int ready = poll(&p, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return line;
    char c;
    ssize_t n = read(fd, &c, 1);
    if (n <= 0 || c == '\n') return line;
    line += c;
    if (line.size() > 4096) return line;
  }
}

struct Pipe {
  int read = -1;
  int write = -1;
  bool Open() {
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0) return false;
    read = fd[0];
    write = fd[1];
    return true;
  }
  void CloseRead() {
    if (read >= 0) close(std::exchange(read, -1));
  }
  void CloseWrite() {
    if (write >= 0) close(std::exchange(write, -1));
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
};

}  // namespace

Result<Emulator> Emulator::Start(const EmulatorOptions& options) {
  Emulator e;
  e.options_ = options;
  if (e.options_.program.empty()) e.options_.program = Beside();
  BM_CHECK(e.Launch());
  return e;
}

Status Emulator::Launch() {
  std::vector<std::string> args = {options_.program.string(),
                                   "--board",
                                   options_.board,
                                   "--state",
                                   options_.state.string(),
                                   "--lifetime-seconds",
                                   std::to_string(options_.lifetime_seconds)};
  if (!options_.uid_hex.empty()) args.insert(args.end(), {"--uid", options_.uid_hex});
  if (!options_.programmer_socket.empty()) {
    args.insert(args.end(), {"--programmer", "unix:" + options_.programmer_socket});
  }
  if (!options_.jtag_socket.empty()) {
    args.insert(args.end(), {"--jtag", "unix:" + options_.jtag_socket});
  }
  if (!options_.element.empty()) args.insert(args.end(), {"--element", options_.element});
  args.insert(args.end(), options_.faults.begin(), options_.faults.end());
  std::vector<char*> argv;
  for (std::string& a : args) argv.push_back(a.data());
  argv.push_back(nullptr);

  Pipe in;
  Pipe out;
  Pipe err;
  if (!in.Open() || !out.Open() || !err.Open()) {
    return std::unexpected(FromErrno("emulator.start", "make pipes", errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  int failed = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    pid_ = -1;
    return std::unexpected(FromErrno("emulator.start", "start " + args[0], failed));
  }
  stdin_ = std::exchange(in.write, -1);
  out.CloseWrite();
  err.CloseWrite();
  auto deadline = Clock::now() + kReadyTimeout;
  std::string line = ReadLine(out.read, deadline);
  constexpr std::string_view kReady = "ready console=";
  auto space = line.find(' ', kReady.size());
  if (!line.starts_with(kReady) || space == std::string::npos) {
    std::string why = ReadLine(err.read, Clock::now() + std::chrono::seconds(1));
    End(SIGKILL);
    return Environment("emulator.ready",
                       "the emulated device did not start: " + (why.empty() ? "no answer" : why),
                       "check its board and state folder " + options_.state.string());
  }
  console_ = line.substr(kReady.size(), space - kReady.size());
  return {};
}

void Emulator::End(int signal) {
  if (pid_ > 0) {
    kill(pid_, signal);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  if (stdin_ >= 0) close(std::exchange(stdin_, -1));
}

void Emulator::Stop() { End(SIGTERM); }

void Emulator::CutPower() { End(SIGKILL); }

Status Emulator::PowerCycle(std::vector<std::string> faults) {
  CutPower();
  options_.faults = std::move(faults);
  return Launch();
}

bool Emulator::Running() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

Emulator::Emulator(Emulator&& o) noexcept { *this = std::move(o); }

Emulator& Emulator::operator=(Emulator&& o) noexcept {
  if (this == &o) return *this;
  Stop();
  options_ = std::move(o.options_);
  console_ = std::move(o.console_);
  pid_ = std::exchange(o.pid_, -1);
  stdin_ = std::exchange(o.stdin_, -1);
  return *this;
}

Emulator::~Emulator() { Stop(); }

}  // namespace birthmark::link
