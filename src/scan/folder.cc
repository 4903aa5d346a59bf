// SPDX-License-Identifier: Apache-2.0
// Walking a folder by descriptors: links are never followed, so no loop and no way out exists, and
// nothing is waited for.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

// File systems that the kernel makes up: nothing is stored in them. Source: linux/magic.h.
constexpr std::array<long, 14> kMadeUp = {
    0x9fa0,     0x62656572, 0x1cd1,     0x27e0eb,   0x63677270, 0x64626720, 0x74726163,
    0xcafe4a11, 0x73636673, 0x6e736673, 0x50494e45, 0x19800202, 0x42494e4d, 0x958458f6};

struct CloseFolder {
  void operator()(DIR* d) const { closedir(d); }
};

struct Entry {
  std::string name;
  unsigned char type;
};

class FolderWalk {
 public:
  FolderWalk(Scanner& scanner, const Meta& meta) : scanner_(scanner), meta_(meta) {}

  // Into takes the descriptor over.
  void Into(int fd, const Where& where, int depth) {
    struct stat st{};
    if (fstat(fd, &st) != 0 || depth > scanner_.options().limits.folders) {
      Named(where, "scan.depth", "folders too deep inside each other");
      close(fd);
      return;
    }
    if (depth == 0) device_ = st.st_dev;
    if (st.st_dev != device_ && !MayEnter(fd, where)) {
      close(fd);
      return;
    }
    const std::unique_ptr<DIR, CloseFolder> dir(fdopendir(fd));
    if (!dir) {
      close(fd);
      return Named(where, "scan.read", "cannot be listed");
    }
    std::vector<Entry> entries;
    errno = 0;
    while (const dirent* e = readdir(dir.get())) {
      const std::string_view name = e->d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), e->d_type});
      if (entries.size() + seen_ > scanner_.options().limits.entries) {
        Named(where, "scan.full", "too many files; the rest of this folder is left out");
        break;
      }
    }
    if (errno != 0) Named(where, "scan.read", std::strerror(errno));
    // In order, so that two scans of the same files give the same report and digest.
    std::ranges::sort(entries, {}, &Entry::name);
    seen_ += entries.size();
    for (const Entry& e : entries) One(dirfd(dir.get()), e, where, depth);
  }

 private:
  void Named(const Where& where, std::string code, std::string reason) {
    scanner_.Unreadable(where, {ErrorKind::kNegative, std::move(code), std::move(reason), ""});
  }

  bool MayEnter(int fd, const Where& where) {
    struct statfs fs{};
    const bool made_up = fstatfs(fd, &fs) == 0 &&
                         std::ranges::find(kMadeUp, static_cast<long>(fs.f_type)) != kMadeUp.end();
    if (!made_up && scanner_.options().other_file_systems) return true;
    Named(where, "scan.other-file-system",
          made_up ? "a file system that the kernel makes up; nothing is stored in it"
                  : "another file system; --other-file-systems looks into it");
    return false;
  }

  void One(int folder, const Entry& e, const Where& where, int depth) {
    Where at = where;
    at.path = (where.path == "/" ? "" : where.path) + "/" + e.name;
    struct stat st{};
    if (fstatat(folder, e.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) Named(at, "scan.read", std::strerror(errno));
      return;
    }
    scanner_.Listed(fmt::format("{:o} {} {} {} {}", static_cast<unsigned>(st.st_mode), st.st_uid,
                                st.st_gid, S_ISREG(st.st_mode) ? st.st_size : 0, at.path));
    if (S_ISLNK(st.st_mode)) {
      std::array<char, 4096> target{};
      const ssize_t n = readlinkat(folder, e.name.c_str(), target.data(), target.size());
      if (n > 0) scanner_.Link(at, std::string_view(target.data(), static_cast<size_t>(n)));
      return;
    }
    if (S_ISDIR(st.st_mode)) {
      const int fd =
          openat(folder, e.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0) return Named(at, Code(), std::strerror(errno));
      return Into(fd, at, depth + 1);
    }
    if (!S_ISREG(st.st_mode)) return scanner_.CountSpecial();
    // Another name of the same file.
    if (st.st_nlink > 1 && !inodes_.insert({st.st_dev, st.st_ino}).second) return;
    const int fd =
        openat(folder, e.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return Named(at, Code(), std::strerror(errno));
    Meta meta = meta_;
    meta.mode = st.st_mode;
    meta.uid = st.st_uid;
    struct statx sx{};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0) {
      if ((sx.stx_attributes & STATX_ATTR_VERITY) != 0) meta.extra = "fs-verity";
      if ((sx.stx_attributes & STATX_ATTR_IMMUTABLE) != 0) {
        meta.extra += std::string(meta.extra.empty() ? "" : "; ") + "marked immutable";
      }
    }
    const auto size = static_cast<uint64_t>(st.st_size);
    scanner_.File(at, FromFd(fd, size), meta);
    scanner_.Looked(size);
  }

  static std::string Code() {
    return errno == EACCES || errno == EPERM ? "scan.permission" : "scan.read";
  }

  Scanner& scanner_;
  const Meta& meta_;
  dev_t device_ = 0;
  uint64_t seen_ = 0;
  std::set<std::pair<dev_t, ino_t>> inodes_;
};

}  // namespace

void WalkFolder(Scanner& scanner, int fd, const Where& where, const Meta& meta) {
  FolderWalk(scanner, meta).Into(fd, where, 0);
}

}  // namespace birthmark::scan
