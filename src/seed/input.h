// SPDX-License-Identifier: Apache-2.0
// Where the octets of a seed file come from: a file, or memory in tests and fuzz targets. Readers
// go over it more than once, so it is read by position. Private to this room. One thread.
#pragma once

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/files.h"

namespace birthmark::seed {

class Input {
 public:
  virtual ~Input() = default;
  virtual uint64_t size() const = 0;
  // ReadAt fills as much of `out` as there is; 0 only at the end. Errors: file.read.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) = 0;
};

class MemoryInput : public Input {
 public:
  explicit MemoryInput(ByteView data) : data_(data) {}
  uint64_t size() const override { return data_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) override;

 private:
  ByteView data_;
};

class FileInput : public Input {
 public:
  // Open refuses what is no regular file. Errors: file.missing, file.read.
  static Result<std::unique_ptr<FileInput>> Open(const fs::path& path);
  ~FileInput() override;
  uint64_t size() const override { return static_cast<uint64_t>(before_.st_size); }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) override;
  // Unchanged refuses a file that was written to since it was opened. Errors: seed.changed.
  Status Unchanged() const;

 private:
  FileInput(int fd, fs::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  fs::path path_;
  struct stat before_{};
};

// DigestOf hashes all of an input.
Result<Digest> DigestOf(Input& in);

}  // namespace birthmark::seed
