// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace birthmark {
namespace {

struct Fd {
  int fd = -1;
  ~Fd() {
    if (fd >= 0) close(fd);
  }
};

Status WriteAll(int fd, ByteView data, const fs::path& path) {
  for (size_t done = 0; done < data.size();) {
    ssize_t n = write(fd, data.data() + done, data.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(FromErrno("file.write", path.string(), errno));
    done += static_cast<size_t>(n);
  }
  return {};
}

}  // namespace

Result<Bytes> ReadFile(const fs::path& path, size_t max_bytes) {
  Fd f{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (f.fd < 0) {
    return std::unexpected(
        FromErrno(errno == ENOENT ? "file.missing" : "file.read", path.string(), errno));
  }
  struct stat st{};
  if (fstat(f.fd, &st) != 0) return std::unexpected(FromErrno("file.read", path.string(), errno));
  if (S_ISDIR(st.st_mode)) return Environment("file.read", path.string() + ": is a folder");
  auto too_large = [&] {
    return Refused("file.too-large", fmt::format("{}: larger than the {} bytes allowed here",
                                                 path.string(), max_bytes));
  };
  if (S_ISREG(st.st_mode) && static_cast<uint64_t>(st.st_size) > max_bytes) return too_large();
  Bytes out;
  out.reserve(S_ISREG(st.st_mode) ? static_cast<size_t>(st.st_size) : 0);
  uint8_t buf[65536];
  for (;;) {
    ssize_t n = read(f.fd, buf, sizeof buf);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(FromErrno("file.read", path.string(), errno));
    if (n == 0) break;
    if (out.size() + static_cast<size_t>(n) > max_bytes) return too_large();
    out.insert(out.end(), buf, buf + n);
  }
  return out;
}

Result<std::string> ReadTextFile(const fs::path& path, size_t max_bytes) {
  BM_TRY(Bytes b, ReadFile(path, max_bytes));
  return std::string(b.begin(), b.end());
}

Status WriteFileAtomic(const fs::path& path, ByteView data, int mode) {
  fs::path tmp = path;
  tmp += fmt::format(".{}.tmp", getpid());
  {
    Fd f{open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (f.fd < 0) return std::unexpected(FromErrno("file.write", path.string(), errno));
    Status s = WriteAll(f.fd, data, path);
    if (s && fsync(f.fd) != 0) s = std::unexpected(FromErrno("file.write", path.string(), errno));
    if (!s) {
      unlink(tmp.c_str());
      return s;
    }
  }
  if (rename(tmp.c_str(), path.c_str()) != 0) {
    int err = errno;
    unlink(tmp.c_str());
    return std::unexpected(FromErrno("file.write", path.string(), err));
  }
  return SyncDir(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

Status MakeDirs(const fs::path& path, int mode) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec) return std::unexpected(FromErrno("file.write", path.string(), ec.value()));
  if (chmod(path.c_str(), mode) != 0) {
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  }
  return {};
}

Status SyncDir(const fs::path& path) {
  Fd f{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (f.fd < 0 || fsync(f.fd) != 0) {
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  }
  return {};
}

Result<FileLock> FileLock::Take(const fs::path& path, std::string code) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(FromErrno(std::move(code), path.string(), errno));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    close(fd);
    return Environment(std::move(code),
                       fmt::format("{}: held by process {}", path.string(),
                                   n > 0 ? std::string(holder, strcspn(holder, "\n")) : "?"),
                       "wait for that command to end, then run this one again");
  }
  std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    // The pid is only a help for people; the lock itself is held.
  }
  return FileLock(fd);
}

FileLock& FileLock::operator=(FileLock&& o) noexcept {
  if (this != &o) {
    if (fd_ >= 0) close(fd_);
    fd_ = o.fd_;
    o.fd_ = -1;
  }
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace birthmark
