// SPDX-License-Identifier: Apache-2.0
// Files: bounded reading, atomic and durable writing, a lock that names its holder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark {

namespace fs = std::filesystem;

// ReadFile reads a whole file, refusing one larger than max_bytes before allocating for it.
// Errors: file.missing, file.too-large, file.read.
Result<Bytes> ReadFile(const fs::path& path, size_t max_bytes);
Result<std::string> ReadTextFile(const fs::path& path, size_t max_bytes);

// WriteFileAtomic writes beside the target, fsyncs, renames over it and fsyncs the folder: after a
// power cut either the old file or the new one is there. Errors: file.write.
Status WriteFileAtomic(const fs::path& path, ByteView data, int mode = 0644);
inline Status WriteFileAtomic(const fs::path& path, std::string_view text, int mode = 0644) {
  return WriteFileAtomic(path, AsBytes(text), mode);
}

// MakeDirs creates a folder and its parents with this mode for the last one.
Status MakeDirs(const fs::path& path, int mode = 0755);
// SyncDir makes renames and creations in a folder durable.
Status SyncDir(const fs::path& path);

// FileLock holds an exclusive advisory lock on a file until it is destroyed.
class FileLock {
 public:
  // Take fails at once with `code` when another process holds the lock, naming its pid.
  static Result<FileLock> Take(const fs::path& path, std::string code);
  FileLock(FileLock&& o) noexcept : fd_(o.fd_) { o.fd_ = -1; }
  FileLock& operator=(FileLock&& o) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace birthmark
