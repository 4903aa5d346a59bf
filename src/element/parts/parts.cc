// SPDX-License-Identifier: Apache-2.0
#include "element/parts/parts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "crypto/cert.h"
#include "element/parts/internal.h"
#include "element/tpm/tpm_element.h"

extern char** environ;

namespace birthmark::element {
namespace {

constexpr size_t kMaxPem = 64 * 1024;

fs::path InPath(const char* program) {
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path != nullptr ? path : "/usr/bin:/bin"; !rest.empty();) {
    size_t end = rest.find(':');
    fs::path file = fs::path(rest.substr(0, end)) / program;
    if (access(file.c_str(), X_OK) == 0) return file;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

std::vector<char*> Pointers(std::vector<std::string>& args) {
  std::vector<char*> out;
  for (std::string& a : args) out.push_back(a.data());
  out.push_back(nullptr);
  return out;
}

// RunTool runs a program to its end; what it wrote is told when it fails.
Status RunTool(std::vector<std::string> args, const fs::path& log) {
  const int out = open(log.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (out < 0) return std::unexpected(FromErrno("element.failed", log.string(), errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
  std::vector<char*> argv = Pointers(args);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out);
  if (failed != 0) return std::unexpected(FromErrno("element.failed", "start " + args[0], failed));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  auto said = ReadTextFile(log, 256 * 1024);
  std::string tail = said ? said->substr(said->size() > 600 ? said->size() - 600 : 0) : "";
  return Environment("element.failed", fs::path(args[0]).filename().string() + " failed: " + tail,
                     "look into " + log.string());
}

std::unexpected<Error> NoTpmTools() {
  return Environment("element.missing", "swtpm and swtpm_setup are not on this machine",
                     "install the packages swtpm and swtpm-tools");
}

constexpr const char* kSoftHsm[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
std::string SoftHsmModule() {
  for (const char* path : kSoftHsm) {
    if (access(path, R_OK) == 0) return path;
  }
  return "";
}

Result<std::string> UseToken(const fs::path& folder) {
  setenv("SOFTHSM2_CONF", fs::absolute(folder / "softhsm2.conf").c_str(), 1);
  return fmt::format("pkcs11:token=birthmark?module-path={}&pin-source=file:{}", SoftHsmModule(),
                     fs::absolute(folder / "pin").string());
}

// Listens connects once: a socket is in the file system before anybody listens at it.
bool Listens(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) return false;
  std::copy(text.begin(), text.end(), address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool up = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return up;
}

// Spawn starts swtpm, which ends when the thread ends that started it: a device whose power is cut
// takes its TPM with it.
Result<pid_t> Spawn(char* const* argv) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return std::unexpected(FromErrno("element.failed", "start swtpm", errno));
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDWR);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  closefrom(3);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

bool TpmToolsHere() {
  return !InPath("swtpm").empty() && !InPath("swtpm_setup").empty() &&
         !InPath("swtpm_localca").empty();
}

bool TokenToolsHere() { return !SoftHsmModule().empty(); }

Status MakeTpm(const fs::path& folder, const fs::path& maker, const std::string& serial) {
  if (!TpmToolsHere()) return NoTpmTools();
  const fs::path done = folder / "made";
  if (fs::exists(done)) return {};
  std::error_code ec;
  fs::remove_all(folder, ec);  // one that was only half made
  BM_CHECK(MakeDirs(folder, 0700));
  BM_CHECK(MakeMaker(maker));
  BM_CHECK(WriteSetup(maker, InPath("swtpm_localca")));
  BM_CHECK(
      RunTool({InPath("swtpm_setup").string(), "--tpm2", "--tpm-state",
               fs::absolute(folder).string(), "--create-ek-cert", "--vmid", serial, "--config",
               fs::absolute(maker / "setup.conf").string(), "--overwrite", "--pcr-banks", "sha256"},
              folder / "setup.log"));
  BM_TRY(std::string pem, ReadTextFile(maker / "issuercert.pem", kMaxPem));
  BM_TRY(crypto::Certificate issuer, crypto::Certificate::FromPem(pem));
  const Bytes chain[] = {Bytes(issuer.der().begin(), issuer.der().end())};
  {
    BM_TRY(RunningTpm running, RunningTpm::Start(folder));
    BM_CHECK(tpm::StoreEkChain(running.tcti(), chain));
  }
  return WriteFileAtomic(done, serial + "\n");
}

Status MakeToken(const fs::path& folder) {
  if (!TokenToolsHere()) {
    return Environment("element.missing", "SoftHSM2 is not on this machine",
                       "install the package softhsm2");
  }
  const fs::path done = folder / "made";
  if (fs::exists(done)) return {};
  std::error_code ec;
  fs::remove_all(folder, ec);
  BM_CHECK(MakeDirs(folder / "tokens", 0700));
  BM_CHECK(WriteFileAtomic(folder / "softhsm2.conf",
                           fmt::format("directories.tokendir = {}\nobjectstore.backend = file\n"
                                       "log.level = ERROR\nslots.removable = false\n",
                                       fs::absolute(folder / "tokens").string()),
                           0600));
  BM_CHECK(InitialiseToken(SoftHsmModule(), folder));
  return WriteFileAtomic(done, "token\n");
}

Result<RunningTpm> RunningTpm::Start(const fs::path& folder) {
  const fs::path program = InPath("swtpm");
  if (program.empty()) return NoTpmTools();
  RunningTpm t;
  // In the folder itself, where what a killed one left is found again; a socket's path has 108
  // octets at most.
  std::string run = fs::absolute(folder).string();
  if (run.size() > 90) {
    run = (fs::temp_directory_path() / "bt-XXXXXX").string();
    if (mkdtemp(run.data()) == nullptr)
      return std::unexpected(FromErrno("element.failed", run, errno));
    t.run_ = run;
  }
  t.socket_ = run + "/tpm";
  for (const char* end : {"", ".ctrl"}) unlink((t.socket_.string() + end).c_str());
  // The TCTI looks for the control socket beside the other, with ".ctrl" behind its name.
  std::vector<std::string> args = {program.string(),
                                   "socket",
                                   "--tpm2",
                                   "--tpmstate",
                                   "dir=" + fs::absolute(folder).string(),
                                   "--server",
                                   "type=unixio,path=" + t.socket_.string(),
                                   "--ctrl",
                                   "type=unixio,path=" + t.socket_.string() + ".ctrl",
                                   "--flags",
                                   "not-need-init,startup-clear"};
  std::vector<char*> argv = Pointers(args);
  // One whose device lost its power may take a moment to end and to let go of the folder.
  constexpr int kTries = 40;
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries > 0) poll(nullptr, 0, 50);
    BM_TRY(t.pid_, Spawn(argv.data()));
    BM_TRY(bool listens, t.WaitUntilItListens());
    if (listens) return t;
  }
  return Environment("element.failed", "swtpm did not start on " + folder.string(),
                     "check the folder's state; another swtpm may be using it");
}

Result<bool> RunningTpm::WaitUntilItListens() {
  for (int waited = 0; waited < 2000; ++waited) {
    if (Listens(socket_) && Listens(socket_.string() + ".ctrl")) return true;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    poll(nullptr, 0, 5);
  }
  return Environment("element.failed", "swtpm does not listen at " + socket_.string(),
                     "the machine may be overloaded: try again");
}

std::string RunningTpm::tcti() const { return "swtpm:path=" + socket_.string(); }

void RunningTpm::End() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  if (run_.empty()) return;
  std::error_code ec;
  fs::remove_all(run_, ec);
  run_.clear();
}

RunningTpm::RunningTpm(RunningTpm&& o) noexcept
    : pid_(std::exchange(o.pid_, -1)), socket_(o.socket_), run_(std::exchange(o.run_, {})) {}

RunningTpm& RunningTpm::operator=(RunningTpm&& o) noexcept {
  if (this == &o) return *this;
  End();
  pid_ = std::exchange(o.pid_, -1);
  socket_ = o.socket_;
  run_ = std::exchange(o.run_, {});
  return *this;
}

RunningTpm::~RunningTpm() { End(); }

Result<Part> OpenPart(const std::string& uri) {
  Part part;
  if (uri.starts_with("swtpm:")) {
    BM_TRY(RunningTpm running, RunningTpm::Start(uri.substr(6)));
    part.process = std::make_unique<RunningTpm>(std::move(running));
    BM_TRY(part.element, tpm::Open(part.process->tcti()));
    return part;
  }
  std::string real = uri;
  if (uri.starts_with("softhsm:")) {
    BM_TRY(real, UseToken(uri.substr(8)));
  }
  BM_TRY(part.element, Open(real));
  return part;
}

}  // namespace birthmark::element
