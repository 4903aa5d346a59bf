// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

Result<Digest> DigestOf(const Source& file) {
  crypto::Sha256Hasher hash;
  Bytes buffer(1 << 20);
  for (uint64_t at = 0; at < file.size();) {
    BM_TRY(const size_t got, file.ReadAt(at, buffer));
    if (got == 0) break;
    hash.Update(ByteView(buffer).first(got));
    at += got;
  }
  return hash.Finish();
}

}  // namespace

Report ScanOctets(const std::string& name, SourcePtr file, const Options& options) {
  Report report;
  report.target = name;
  report.what = "file";
  report.at = options.at;
  Scanner scanner(options, report);
  Where where;
  where.path = name.substr(name.rfind('/') + 1);
  where.top = true;
  scanner.File(where, file, {});
  scanner.Looked(file->size());
  scanner.Finish();
  return report;
}

Result<Report> Scan(const fs::path& path, const Options& options) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) {
    const int err = errno;
    if (err == ENOENT) {
      return Environment("scan.missing", fmt::format("{} is not there", path.string()),
                         "name a folder, an image or an archive");
    }
    return std::unexpected(
        FromErrno(err == EACCES ? "scan.permission" : "scan.read", path.string(), err));
  }
  struct stat st{};
  if (fstat(fd, &st) != 0) {
    close(fd);
    return std::unexpected(FromErrno("scan.read", path.string(), errno));
  }
  if (S_ISDIR(st.st_mode)) {
    Report report;
    report.target = path.string();
    report.what = "folder";
    report.at = options.at;
    Scanner scanner(options, report);
    std::error_code error;
    std::string root = fs::canonical(path, error).string();
    if (root == "/") root.clear();
    scanner.set_root(root);
    WalkFolder(scanner, fd, Where{"", "/", 0, nullptr, false}, {});
    scanner.FinishLinks("");
    scanner.Finish();
    return report;
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return Usage("scan.kind", fmt::format("{} is no file and no folder", path.string()),
                 "copy a device into a file first");
  }
  const SourcePtr file = FromFd(fd, static_cast<uint64_t>(st.st_size));
  Report report = ScanOctets(path.string(), file, options);
  if (options.hash_image) {
    BM_TRY(report.image, DigestOf(*file));
  }
  return report;
}

}  // namespace birthmark::scan
