// SPDX-License-Identifier: Apache-2.0
// A file seen as octets without reading it into memory: the kernel brings in what is looked at.
// For files that nobody changes while they are mapped. Immutable; thread-safe.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/files.h"

namespace birthmark {

class MappedFile {
 public:
  // Open maps a whole file. Errors: file.missing, file.read, file.too-large.
  static Result<std::shared_ptr<const MappedFile>> Open(const fs::path& path, size_t max_bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteView view() const { return {data_, size_}; }

 private:
  MappedFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  const uint8_t* data_;
  size_t size_;
};

}  // namespace birthmark
