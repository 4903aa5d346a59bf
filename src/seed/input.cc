// SPDX-License-Identifier: Apache-2.0
#include "seed/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "crypto/digest.h"

namespace birthmark::seed {

Result<size_t> MemoryInput::ReadAt(uint64_t offset, std::span<uint8_t> out) {
  if (offset >= data_.size()) return size_t{0};
  size_t n = std::min<size_t>(out.size(), data_.size() - offset);
  std::memcpy(out.data(), data_.data() + offset, n);
  return n;
}

Result<std::unique_ptr<FileInput>> FileInput::Open(const fs::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::unexpected(FromErrno("file.missing", path.string(), errno));
  std::unique_ptr<FileInput> in(new FileInput(fd, path));
  if (::fstat(fd, &in->before_) != 0) {
    return std::unexpected(FromErrno("file.read", path.string(), errno));
  }
  if (!S_ISREG(in->before_.st_mode)) {
    return Environment("file.read", path.string() + ": not a regular file",
                       "seed files are read more than once; store the stream in a file first");
  }
  return in;
}

FileInput::~FileInput() { ::close(fd_); }

Result<size_t> FileInput::ReadAt(uint64_t offset, std::span<uint8_t> out) {
  for (;;) {
    ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) return std::unexpected(FromErrno("file.read", path_.string(), errno));
  }
}

Status FileInput::Unchanged() const {
  struct stat now{};
  if (::fstat(fd_, &now) != 0 || now.st_size != before_.st_size ||
      now.st_mtim.tv_sec != before_.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != before_.st_mtim.tv_nsec) {
    return Refused("seed.changed", path_.string() + " was written to while it was read",
                   "read it again when nobody writes to it");
  }
  return {};
}

Result<Digest> DigestOf(Input& in) {
  crypto::Sha256Hasher hash;
  Bytes chunk(1 << 18);
  for (uint64_t at = 0;;) {
    BM_TRY(size_t n, in.ReadAt(at, chunk));
    if (n == 0) return hash.Finish();
    hash.Update(ByteView(chunk).first(n));
    at += n;
  }
}

}  // namespace birthmark::seed
