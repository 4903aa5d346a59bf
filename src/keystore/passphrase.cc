// SPDX-License-Identifier: Apache-2.0
#include "keystore/passphrase.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/files.h"

namespace birthmark::keystore {
namespace {

struct Fd {
  int fd = -1;
  ~Fd() {
    if (fd >= 0) close(fd);
  }
};

// Trim checks what was read into a buffer of kMaxPassphrase + 2 and drops one newline.
Result<SecretBytes> Trim(const SecretBytes& read, size_t n) {
  ByteView b = read.Read(SecretAccess{}).first(n);
  if (!b.empty() && b.back() == '\n') b = b.first(b.size() - 1);
  if (b.empty()) return Refused("passphrase.empty", "the passphrase is empty");
  if (b.size() > kMaxPassphrase) {
    return Refused("passphrase.too-long",
                   fmt::format("a passphrase has at most {} octets", kMaxPassphrase));
  }
  SecretBytes out(b.size());
  std::copy(b.begin(), b.end(), out.Write(SecretAccess{}).begin());
  return out;
}

volatile sig_atomic_t g_signal = 0;
void NoteSignal(int s) { g_signal = s; }

// SignalWatch notes the signals that would end or stop the process, so that the terminal is mended
// first.
class SignalWatch {
 public:
  SignalWatch() {
    g_signal = 0;
    struct sigaction note{};
    note.sa_handler = NoteSignal;  // without SA_RESTART: the read below must return
    sigemptyset(&note.sa_mask);
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &note, &old_[i]);
  }
  ~SignalWatch() {
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &old_[i], nullptr);
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                          SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM};
  std::array<struct sigaction, kSignals.size()> old_{};
};

// ReadLine reads one line from the terminal without echo. *signal is what interrupted it, or 0.
Result<SecretBytes> ReadLine(int tty, const std::string& prompt, int* signal) {
  SecretBytes line(kMaxPassphrase + 2);
  std::span<uint8_t> buf = line.Write(SecretAccess{});
  size_t n = 0;
  bool failed = false;
  {
    SignalWatch watch;
    termios before{};
    if (tcgetattr(tty, &before) != 0)
      return Environment("passphrase.no-terminal", "/dev/tty is no terminal");
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    failed = tcsetattr(tty, TCSAFLUSH, &quiet) != 0 || write(tty, prompt.data(), prompt.size()) < 0;
    while (!failed && g_signal == 0 && n < buf.size()) {
      ssize_t got = read(tty, buf.data() + n, buf.size() - n);
      if (got < 0 && errno == EINTR) continue;
      failed = got < 0;
      if (got <= 0) break;
      n += static_cast<size_t>(got);
      if (buf[n - 1] == '\n') break;
    }
    // From the background this raises SIGTTOU, which is noted; the terminal is its new owner's
    // then.
    while (tcsetattr(tty, TCSANOW, &before) != 0 && errno == EINTR && g_signal != SIGTTOU) {
    }
    if (write(tty, "\n", 1) < 0) failed = true;
    *signal = g_signal;
  }
  if (*signal != 0) return Environment("passphrase.read", "interrupted");
  if (failed) return Environment("passphrase.read", "the terminal does not read");
  return Trim(line, n);
}

Result<SecretBytes> AskOnce(int tty, const std::string& prompt) {
  for (;;) {
    int signal = 0;
    auto line = ReadLine(tty, prompt, &signal);
    if (signal == 0) return line;
    raise(signal);  // under the old handler: ends, stops, or is ignored
    if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU) return line;
  }
}

}  // namespace

Result<SecretBytes> PassphraseFromFd(int fd) {
  SecretBytes all(kMaxPassphrase + 2);
  std::span<uint8_t> buf = all.Write(SecretAccess{});
  size_t n = 0;
  while (n < buf.size()) {
    ssize_t got = read(fd, buf.data() + n, buf.size() - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return std::unexpected(FromErrno("passphrase.read", fmt::format("descriptor {}", fd), errno));
    }
    if (got == 0) break;
    n += static_cast<size_t>(got);
  }
  return Trim(all, n);
}

Result<SecretBytes> PassphraseFromFile(const fs::path& path) {
  Fd f{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (f.fd < 0) {
    return std::unexpected(
        FromErrno(errno == ENOENT ? "file.missing" : "file.read", path.string(), errno));
  }
  struct stat st{};
  if (fstat(f.fd, &st) != 0) return std::unexpected(FromErrno("file.read", path.string(), errno));
  if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
    return Environment(
        "passphrase.permissions",
        fmt::format("{} may be used by others (mode {:03o})", path.string(), st.st_mode & 0777),
        fmt::format("chmod 600 {}", path.string()));
  }
  auto read = PassphraseFromFd(f.fd);
  if (!read) return std::unexpected(std::move(read).error().Context(path.string()));
  return read;
}

Result<SecretBytes> PassphraseFromTerminal(const std::string& prompt, bool twice) {
  Fd tty{open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)};
  if (tty.fd < 0) {
    return Environment("passphrase.no-terminal", "there is no terminal to ask for the passphrase",
                       "give --passphrase-file, --passphrase-fd or BIRTHMARK_PASSPHRASE_FILE");
  }
  BM_TRY(SecretBytes first, AskOnce(tty.fd, prompt));
  if (twice) {
    BM_TRY(SecretBytes second, AskOnce(tty.fd, "Again: "));
    if (!(first == second)) return Refused("passphrase.mismatch", "the two passphrases differ");
  }
  return first;
}

Result<SecretBytes> ReadPassphrase(const PassphraseSource& source) {
  if (source.file) return PassphraseFromFile(*source.file);
  if (source.fd) return PassphraseFromFd(*source.fd);
  if (const char* file = std::getenv(source.variable.c_str()); file != nullptr && *file != '\0') {
    return PassphraseFromFile(file);
  }
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder != nullptr && !source.credential.empty()) {
    fs::path path = fs::path(folder) / source.credential;
    if (fs::exists(path)) return PassphraseFromFile(path);
  }
  return PassphraseFromTerminal(source.prompt, source.twice);
}

}  // namespace birthmark::keystore
