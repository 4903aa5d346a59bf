// SPDX-License-Identifier: Apache-2.0
#include "scan/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace birthmark::scan {
namespace {

constexpr size_t kInMemory = 8 << 20;  // Units: bytes.

class FdSource : public Source {
 public:
  FdSource(int fd, uint64_t size) : fd_(fd), size_(size) {}
  ~FdSource() override { close(fd_); }
  uint64_t size() const override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const override {
    // A file that grows while it is read ends where it ended before.
    if (offset >= size_) return size_t{0};
    out = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - offset)));
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n =
          pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(FromErrno("scan.read", "reading", errno));
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

 private:
  int fd_;
  uint64_t size_;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(Bytes data) : data_(std::move(data)) {}
  uint64_t size() const override { return data_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const override {
    if (offset >= data_.size()) return size_t{0};
    const size_t n = std::min(out.size(), data_.size() - static_cast<size_t>(offset));
    std::copy_n(data_.begin() + static_cast<ptrdiff_t>(offset), n, out.begin());
    return n;
  }

 private:
  Bytes data_;
};

class SliceSource : public Source {
 public:
  SliceSource(SourcePtr whole, uint64_t offset, uint64_t size)
      : whole_(std::move(whole)), offset_(offset), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const override {
    if (offset >= size_) return size_t{0};
    const auto n = static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - offset));
    return whole_->ReadAt(offset_ + offset, out.first(n));
  }

 private:
  SourcePtr whole_;
  uint64_t offset_, size_;
};

Status WriteAll(int fd, ByteView data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return std::unexpected(
          FromErrno("scan.spool", "keeping an unpacked file for a while", errno));
    }
    data = data.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<int> UnnamedFile() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == 0) folder = "/var/tmp";
  const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(FromErrno("scan.spool", folder, errno));
  return fd;
}

}  // namespace

SourcePtr FromFd(int fd, uint64_t size) { return std::make_shared<FdSource>(fd, size); }
SourcePtr FromMemory(Bytes data) { return std::make_shared<MemorySource>(std::move(data)); }
SourcePtr Slice(SourcePtr whole, uint64_t offset, uint64_t size) {
  const uint64_t all = whole->size();
  offset = std::min(offset, all);
  return std::make_shared<SliceSource>(std::move(whole), offset, std::min(size, all - offset));
}

Result<Bytes> ReadPart(const Source& source, uint64_t offset, size_t size) {
  if (offset > source.size() || size > source.size() - offset) {
    return Refused("scan.truncated", fmt::format("ends before octet {}", offset + size));
  }
  Bytes out(size);
  BM_TRY(const size_t got, source.ReadAt(offset, out));
  if (got != size) return Refused("scan.truncated", "became shorter while it was read");
  return out;
}

Result<Bytes> ReadWhole(const Source& source, size_t max) {
  if (source.size() > max) {
    return Refused("scan.too-large",
                   fmt::format("has {} octets; {} are read of its kind", source.size(), max));
  }
  return ReadPart(source, 0, static_cast<size_t>(source.size()));
}

Spool::~Spool() {
  if (fd_ >= 0) close(fd_);
}

Status Spool::Room(uint64_t more) {
  if (fd_ >= 0 || (more <= kInMemory && memory_.size() + more <= kInMemory)) return {};
  BM_TRY(fd_, UnnamedFile());
  BM_CHECK(WriteAll(fd_, memory_));
  Bytes().swap(memory_);
  return {};
}

Status Spool::Append(ByteView data) {
  BM_CHECK(Room(data.size()));
  if (fd_ >= 0) {
    BM_CHECK(WriteAll(fd_, data));
  } else {
    memory_.insert(memory_.end(), data.begin(), data.end());
  }
  size_ += data.size();
  return {};
}

Status Spool::Zeros(uint64_t count) {
  BM_CHECK(Room(count));
  if (fd_ < 0) {
    memory_.resize(memory_.size() + static_cast<size_t>(count));
  } else if (ftruncate(fd_, static_cast<off_t>(size_ + count)) != 0 ||
             lseek(fd_, 0, SEEK_END) < 0) {
    // The hole takes no room on the disk either.
    return std::unexpected(FromErrno("scan.spool", "keeping an unpacked file for a while", errno));
  }
  size_ += count;
  return {};
}

SourcePtr Spool::Finish() {
  if (fd_ < 0) return FromMemory(std::move(memory_));
  const int fd = fd_;
  fd_ = -1;
  return FromFd(fd, size_);
}

}  // namespace birthmark::scan
