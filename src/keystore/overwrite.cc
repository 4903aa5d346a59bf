// SPDX-License-Identifier: Apache-2.0
#include "keystore/overwrite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"

namespace birthmark::keystore {

Status OverwriteFile(const fs::path& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::unexpected(FromErrno("file.write", path.string(), errno));
  struct stat st{};
  int err = fstat(fd, &st) == 0 ? 0 : errno;
  const Bytes zeros(4096);
  for (off_t at = 0; err == 0 && at < st.st_size;) {
    ssize_t n =
        pwrite(fd, zeros.data(), std::min(zeros.size(), static_cast<size_t>(st.st_size - at)), at);
    if (n < 0 && errno != EINTR) err = errno;
    if (n > 0) at += n;
  }
  if (err == 0 && fsync(fd) != 0) err = errno;
  close(fd);
  if (err != 0) return std::unexpected(FromErrno("file.write", path.string(), err));
  return {};
}

}  // namespace birthmark::keystore
