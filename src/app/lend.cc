// SPDX-License-Identifier: Apache-2.0
#include "app/lend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace birthmark::app {
namespace {

constexpr char kGo = 'G';

// A socket's path has 108 octets at most; a workspace may lie deeper. The folder's descriptor gives
// a short way to it.
struct Address {
  explicit Address(const Layout& layout) {
    folder = open(layout.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    name.sun_family = AF_UNIX;
    std::string path = fmt::format("/proc/self/fd/{}/writer.sock", folder);
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  }
  ~Address() {
    if (folder >= 0) close(folder);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
  int folder = -1;
  sockaddr_un name{};
};

}  // namespace

bool Lends(const Layout& layout) { return fs::is_socket(layout.root / "writer.sock"); }

Result<Loan> Loan::Ask(const Layout& layout) {
  auto nobody = [&] {
    return Environment("ledger.locked",
                       fmt::format("{}: another command is writing to it", layout.root.string()),
                       "wait until it has finished");
  };
  Address address(layout);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || address.folder < 0 || connect(fd, address.get(), sizeof address.name) != 0) {
    if (fd >= 0) close(fd);
    return nobody();
  }
  Loan loan(fd);
  char answer = 0;
  ssize_t got = 0;
  do {
    got = read(fd, &answer, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1 || answer != kGo) return nobody();
  return loan;
}

Loan& Loan::operator=(Loan&& o) noexcept {
  std::swap(fd_, o.fd_);
  return *this;
}

Loan::~Loan() {
  if (fd_ < 0) return;
  // The lender hangs up when it has taken in what was changed: the next command and the next client
  // see it.
  shutdown(fd_, SHUT_WR);
  char ignored = 0;
  while (read(fd_, &ignored, 1) > 0 || errno == EINTR) errno = 0;
  close(fd_);
}

Result<std::unique_ptr<Lender>> Lender::Start(const Layout& layout, ledger::WriterQueue& queue,
                                              const Clock& clock,
                                              std::function<void(Status)> returned) {
  std::unique_ptr<Lender> lender(new Lender(layout, queue, clock, std::move(returned)));
  Address address(layout);
  // Whoever holds the log's lock owns the name: a socket left by a killed server is stale.
  unlink((layout.root / "writer.sock").c_str());
  lender->listen_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0077);
  bool bound = lender->listen_ >= 0 && address.folder >= 0 &&
               bind(lender->listen_, address.get(), sizeof address.name) == 0 &&
               listen(lender->listen_, 16) == 0;
  umask(mask);
  lender->stop_ = eventfd(0, EFD_CLOEXEC);
  if (!bound || lender->stop_ < 0) {
    return Environment("lend.socket",
                       fmt::format("{}: no socket can be made there: {}", layout.root.string(),
                                   std::strerror(errno)),
                       "check the folder's permissions");
  }
  lender->thread_ = std::thread([raw = lender.get()] { raw->Work(); });
  return lender;
}

Lender::~Lender() {
  if (stop_ >= 0) {
    uint64_t one = 1;
    (void)!write(stop_, &one, sizeof one);
  }
  if (thread_.joinable()) thread_.join();
  if (listen_ >= 0) {
    close(listen_);
    unlink((layout_.root / "writer.sock").c_str());
  }
  if (stop_ >= 0) close(stop_);
}

void Lender::Work() {
  for (;;) {
    pollfd wait[] = {{.fd = listen_, .events = POLLIN, .revents = 0},
                     {.fd = stop_, .events = POLLIN, .revents = 0}};
    if (poll(wait, 2, -1) < 0 && errno != EINTR) return;
    if (wait[1].revents != 0) return;
    if (wait[0].revents == 0) continue;
    int fd = accept4(listen_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Status status = queue_.Lend(layout_.ledger(), clock_, [&] {
      if (write(fd, &kGo, 1) != 1) return;
      // The borrower says nothing; the end of the connection is the end of the loan, be it by
      // finishing, by Ctrl-C or by kill -9.
      char ignored = 0;
      while (read(fd, &ignored, 1) > 0 || errno == EINTR) errno = 0;
    });
    returned_(std::move(status));
    close(fd);
  }
}

}  // namespace birthmark::app
