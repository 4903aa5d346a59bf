// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace birthmark {

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const fs::path& path, size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const bool missing = errno == ENOENT;
    return Environment(missing ? "file.missing" : "file.read",
                       fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  struct stat st{};
  const bool known = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  const auto size = known ? static_cast<size_t>(st.st_size) : 0;
  void* data = nullptr;
  if (known && size > 0 && size <= max_bytes)
    data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (!known || data == MAP_FAILED)
    return Environment("file.read", fmt::format("{}: cannot be read", path.string()));
  if (size > max_bytes) {
    return Refused("file.too-large",
                   fmt::format("{}: {} octets; {} are allowed", path.string(), size, max_bytes));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const uint8_t*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace birthmark
