// SPDX-License-Identifier: Apache-2.0
#include "line/qemu_device.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/ids.h"
#include "device/core/jtag.h"
#include "link/board.h"
#include "link/stream.h"

extern "C" {
#include "device/firmware/nvm.h"
}

extern char** environ;

namespace birthmark::line {
namespace {

constexpr const char* kProgram = "qemu-system-arm";
constexpr size_t kUidSize = 8;
constexpr size_t kMaxLog = 65536;
// QEMU wants the whole memory in the file; what the firmware does not use stays a hole.
constexpr off_t kVirtBank = 64 << 20;
constexpr off_t kMps2Psram = 16 << 20;

// In the child the sockets and pipes have these numbers.
enum ChildFd { kConsoleFd = 3, kOwnerFd, kLogFd, kFirstOtherFd };
constexpr int kChildFds = kFirstOtherFd - kConsoleFd;

fs::path FindProgram() {
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path != nullptr ? path : "/usr/bin"; !rest.empty();) {
    size_t end = rest.find(':');
    fs::path file = fs::path(rest.substr(0, end)) / kProgram;
    if (access(file.c_str(), X_OK) == 0) return file;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

fs::path ElfOf(const QemuOptions& o) {
  fs::path folder = o.firmware.empty() ? QemuDevice::FirmwareFolder() : o.firmware;
  return folder / (o.machine == QemuOptions::Machine::kVirt ? "virt.elf" : "mps2.elf");
}

// MakeMemory writes a blank memory beside its name and renames it: all ones, and a chip id as a
// chip's maker gives it.
Status MakeMemory(const fs::path& file, off_t size) {
  Bytes blank(NVM_SIZE, 0xff);
  blank[NVM_UID_SIZE_AT] = kUidSize;
  SystemRng rng;
  rng.Fill(std::span(blank).subspan(NVM_UID_AT, kUidSize));
  fs::path fresh = file.string() + ".new";
  BM_CHECK(WriteFileAtomic(fresh, blank, 0600));
  if (truncate(fresh.c_str(), size) != 0 || rename(fresh.c_str(), file.c_str()) != 0) {
    return std::unexpected(FromErrno("qemu.state", "make " + file.string(), errno));
  }
  return {};
}

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
  static Result<Pipe> Open() {
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
      return std::unexpected(FromErrno("qemu.start", "make a pipe", errno));
    return Pipe{Fd(fd[0]), Fd(fd[1])};
  }
};

// ListenAt opens the UART's socket here, so that a station can connect before the machine is up.
Result<Fd> ListenAt(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Usage("qemu.start", "the socket's path is too long: " + path, "use a shorter TMPDIR");
  std::ranges::copy(path, address.sun_path);
  unlink(path.c_str());
  if (fd.get() < 0 || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 1) != 0) {
    return std::unexpected(FromErrno("qemu.start", "listen at " + path, errno));
  }
  return fd;
}

// Keep is the child: it starts the machine and ends it when its owner is gone or lets go, whatever
// thread of the owner that was. Only async-signal-safe calls from here on (POSIX fork).
[[noreturn]] void Keep(char* const argv[], const int (&fds)[kChildFds]) {
  // High numbers first, so that no source is overwritten before it is copied.
  int high[kChildFds];
  for (int i = 0; i < kChildFds; ++i) high[i] = fcntl(fds[i], F_DUPFD, 64);
  for (int i = 0; i < kChildFds; ++i) dup2(high[i], kConsoleFd + i);
  int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(kLogFd, STDOUT_FILENO);
  dup2(kLogFd, STDERR_FILENO);
  // The owner's locks and sockets must not live on in here.
  close_range(kFirstOtherFd, ~0U, 0);
  int alive[2];
  if (pipe(alive) != 0) _exit(127);
  pid_t machine = fork();
  if (machine == 0) {
    close(kOwnerFd);
    execve(argv[0], argv, environ);
    _exit(127);
  }
  close(alive[1]);
  close(kConsoleFd);
  pollfd watched[2] = {{kOwnerFd, POLLIN, 0}, {alive[0], POLLIN, 0}};
  while (machine > 0 && poll(watched, 2, -1) < 0 && errno == EINTR) {
  }
  if (machine > 0) {
    kill(machine, SIGKILL);
    while (waitpid(machine, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  _exit(0);
}

}  // namespace

class QemuDevice::Machine {
 public:
  Machine(QemuOptions options, fs::path run)
      : options_(std::move(options)), elf_(ElfOf(options_)), run_(std::move(run)) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
    Off();
    std::error_code ec;
    fs::remove_all(run_, ec);
  }

  fs::path memory() const { return options_.state / "nvm.img"; }
  std::string socket() const { return run_ / "console"; }
  off_t size() const {
    return options_.machine == QemuOptions::Machine::kVirt ? kVirtBank : kMps2Psram;
  }

  Status On() {
    if (Running()) return {};
    Off();
    BM_TRY(Fd console, ListenAt(socket()));
    BM_TRY(Pipe owner, Pipe::Open());
    Fd log(open((options_.state / "qemu.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                0600));
    if (log.get() < 0) return std::unexpected(FromErrno("qemu.start", "open qemu.log", errno));
    std::vector<std::string> args = Arguments();
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    const int fds[kChildFds] = {console.get(), owner.read.get(), log.get()};
    keeper_ = fork();
    if (keeper_ == 0) Keep(argv.data(), fds);
    if (keeper_ < 0) return std::unexpected(FromErrno("qemu.start", "start the machine", errno));
    owner_ = std::move(owner.write);
    return {};
  }

  void Off() {
    owner_.Close();
    if (keeper_ <= 0) return;
    while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
    }
    keeper_ = -1;
  }

  bool Running() {
    if (keeper_ > 0 && waitpid(keeper_, nullptr, WNOHANG) == keeper_) keeper_ = -1;
    return keeper_ > 0;
  }

  // Ends waits a moment for a machine that is about to end.
  bool Ends() {
    if (!Running()) return true;
    Fd keeper(static_cast<int>(syscall(SYS_pidfd_open, keeper_, 0)));
    pollfd end = {keeper.get(), POLLIN, 0};
    return poll(&end, 1, 1000) > 0 && !Running();
  }

  // LastWords is what the machine said when it ended.
  std::string LastWords() const {
    Result<Bytes> log = ReadFile(options_.state / "qemu.log", kMaxLog);
    std::string text = log ? std::string(log->begin(), log->end()) : "";
    while (text.ends_with('\n')) text.pop_back();
    return text.empty() ? "it said nothing" : text.substr(text.rfind('\n') + 1);
  }

 private:
  std::vector<std::string> Arguments() const {
    std::string file = memory().string();
    // A comma ends a value in the machine's options; two stand for one.
    for (size_t at = 0; (at = file.find(',', at)) != std::string::npos; at += 2)
      file.insert(at, 1, ',');
    std::vector<std::string> a = {
        FindProgram().string(),
        "-no-user-config",
        "-nodefaults",
        "-nic",
        "none",
        "-display",
        "none",
        "-kernel",
        elf_.string(),
        "-chardev",
        fmt::format("socket,id=uart,fd={},server=on,wait=off", static_cast<int>(kConsoleFd)),
        "-serial",
        "chardev:uart"};
    if (options_.machine == QemuOptions::Machine::kVirt) {
      a.insert(a.end(), {"-M", "virt,gic-version=2", "-cpu", "cortex-a15", "-m", "64", "-global",
                         "virtio-mmio.force-legacy=false", "-drive",
                         "if=pflash,unit=1,format=raw,file=" + file, "-object",
                         "rng-random,id=source,filename=/dev/urandom", "-device",
                         "virtio-rng-device,rng=source"});
    } else {
      a.insert(a.end(), {"-M", "mps2-an385,memory-backend=nvm", "-object",
                         "memory-backend-file,id=nvm,size=16M,share=on,mem-path=" + file});
    }
    return a;
  }

  QemuOptions options_;
  fs::path elf_;
  fs::path run_;  // the socket's folder: its path has 107 bytes at most
  pid_t keeper_ = -1;
  Fd owner_;  // its end is the machine's end
};

// Clip is a programmer's clip on the flash chip of a device without power.
class QemuDevice::Clip : public link::ProbePort {
 public:
  Clip(Machine& machine, uint32_t flash_size) : machine_(machine), flash_size_(flash_size) {
    machine_.Off();
    chip_ = Fd(open(machine_.memory().c_str(), O_RDWR | O_CLOEXEC));
  }
  ~Clip() override {
    // A device that cannot be switched on shows when it is talked to.
    (void)machine_.On();
  }

  Result<link::DebugAnswer> Run(uint8_t op, uint32_t address, uint32_t length,
                                ByteView data) override {
    if (op != BM_DEBUG_READ && op != BM_DEBUG_ERASE && op != BM_DEBUG_PROGRAM) {
      return link::DebugAnswer{.status = BM_DEBUG_UNKNOWN, .data = {}};
    }
    bool whole = address % BM_BLOCK == 0 && length % BM_BLOCK == 0;
    if (address > flash_size_ || length > flash_size_ - address ||
        (op == BM_DEBUG_ERASE ? !whole : length > link::kMaxDebugData) ||
        (op == BM_DEBUG_PROGRAM && data.size() != length)) {
      return link::DebugAnswer{.status = BM_DEBUG_RANGE, .data = {}};
    }
    Bytes cells(length, 0xff);
    auto size = static_cast<ssize_t>(length);
    auto at = static_cast<off_t>(NVM_FLASH_AT + address);
    bool good = op == BM_DEBUG_ERASE || pread(chip_.get(), cells.data(), length, at) == size;
    if (op == BM_DEBUG_PROGRAM) {
      for (size_t i = 0; i < data.size(); ++i) cells[i] &= data[i];
    }
    if (good && op != BM_DEBUG_READ) good = pwrite(chip_.get(), cells.data(), length, at) == size;
    if (!good) return std::unexpected(FromErrno("qemu.state", "reach the flash chip", errno));
    if (op != BM_DEBUG_READ) cells.clear();
    return link::DebugAnswer{.status = BM_DEBUG_DONE, .data = std::move(cells)};
  }

 private:
  Machine& machine_;
  uint32_t flash_size_;
  Fd chip_;
};

fs::path QemuDevice::FirmwareFolder() {
  if (const char* folder = std::getenv("BIRTHMARK_FIRMWARE")) return folder;
  std::error_code ec;
  return fs::read_symlink("/proc/self/exe", ec).parent_path().parent_path() / "firmware";
}

std::string QemuDevice::Missing(const QemuOptions& options) {
  if (FindProgram().empty()) return fmt::format("no {} in PATH", kProgram);
  fs::path elf = ElfOf(options);
  return fs::exists(elf) ? "" : fmt::format("no firmware at {}", elf.string());
}

QemuDevice::QemuDevice(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
QemuDevice::QemuDevice(QemuDevice&& o) noexcept = default;
QemuDevice& QemuDevice::operator=(QemuDevice&& o) noexcept = default;
QemuDevice::~QemuDevice() = default;

Result<QemuDevice> QemuDevice::Start(const QemuOptions& options) {
  if (std::string missing = Missing(options); !missing.empty()) {
    return Environment("qemu.missing", "the firmware cannot run here: " + missing,
                       "install qemu-system-arm and run device/firmware/build.sh build/firmware");
  }
  BM_CHECK(MakeDirs(options.state, 0700));
  std::string run = (fs::temp_directory_path() / "bm-XXXXXX").string();
  if (mkdtemp(run.data()) == nullptr) return std::unexpected(FromErrno("qemu.start", run, errno));
  QemuDevice device(std::make_unique<Machine>(options, run));
  const fs::path& memory = device.machine_->memory();
  if (!fs::exists(memory)) BM_CHECK(MakeMemory(memory, device.machine_->size()));
  if (fs::file_size(memory) != static_cast<uintmax_t>(device.machine_->size())) {
    return Refused("qemu.state", memory.string() + " is of another machine, or damaged",
                   "give each device a folder of its own");
  }
  BM_CHECK(device.machine_->On());
  return device;
}

link::Uri QemuDevice::Uri() const {
  return {.scheme = link::Uri::Scheme::kUnix, .target = machine_->socket()};
}

Result<link::DeviceConsole> QemuDevice::Console(const link::SerialOptions& options) {
  auto open = [&]() -> Result<link::DeviceConsole> {
    BM_TRY(auto stream, link::OpenStream(Uri()));
    return link::DeviceConsole::Over(std::move(stream), options);
  };
  Result<link::DeviceConsole> console = open();
  bool cut_off =
      !console && (console.error().code == "link.unplugged" || console.error().code == "link.open");
  if (cut_off && machine_->Ends()) {
    return Environment("qemu.start", "the emulated machine has ended: " + machine_->LastWords(),
                       "check its state folder and the firmware");
  }
  return console;
}

void QemuDevice::CutPower() { machine_->Off(); }
Status QemuDevice::PowerOn() { return machine_->On(); }
Status QemuDevice::PowerCycle() {
  machine_->Off();
  return machine_->On();
}
bool QemuDevice::Running() const { return machine_->Running(); }

link::Programmer QemuDevice::ClipOn() {
  uint32_t flash_size = link::FindBoard("bmc")->flash_size;
  return link::Programmer(std::make_unique<Clip>(*machine_, flash_size));
}

}  // namespace birthmark::line
