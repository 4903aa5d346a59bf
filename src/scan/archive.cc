// SPDX-License-Identifier: Apache-2.0
// tar, zip and Debian packages, and what is compressed, through libarchive. Nothing is written to
// disk under an archive's names, so a path that leads out of it leads nowhere.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "scan/cpio.h"
#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

constexpr size_t kStep = 256 << 10;

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<archive, FreeArchive>;

// Feed gives libarchive a source; it must outlive the reading.
struct Feed {
  const Source* source;
  uint64_t at = 0;
  Bytes buffer = Bytes(kStep);

  static la_ssize_t Read(archive* a, void* self, const void** out) {
    auto* feed = static_cast<Feed*>(self);
    const auto got = feed->source->ReadAt(feed->at, feed->buffer);
    if (!got) {
      archive_set_error(a, EIO, "%s", got.error().message.c_str());
      return -1;
    }
    feed->at += *got;
    *out = feed->buffer.data();
    return static_cast<la_ssize_t>(*got);
  }
  static la_int64_t Skip(archive*, void* self, la_int64_t count) {
    auto* feed = static_cast<Feed*>(self);
    if (count < 0) return 0;
    const uint64_t left = feed->source->size() - std::min(feed->at, feed->source->size());
    const uint64_t n = std::min<uint64_t>(static_cast<uint64_t>(count), left);
    feed->at += n;
    return static_cast<la_int64_t>(n);
  }
  static la_int64_t Seek(archive*, void* self, la_int64_t offset, int whence) {
    auto* feed = static_cast<Feed*>(self);
    const auto size = static_cast<int64_t>(feed->source->size());
    const int64_t base = whence == SEEK_SET   ? 0
                         : whence == SEEK_CUR ? static_cast<int64_t>(feed->at)
                                              : size;
    if (offset < -base || offset > size - base) return ARCHIVE_FATAL;
    feed->at = static_cast<uint64_t>(base + offset);
    return base + offset;
  }
};

std::string Why(archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "cannot be read" : text;
}

// Filters are those that libarchive has inside: none that would start a program.
void AddFilters(archive* a) {
  archive_read_support_filter_gzip(a);
  archive_read_support_filter_bzip2(a);
  archive_read_support_filter_xz(a);
  archive_read_support_filter_lzma(a);
  archive_read_support_filter_zstd(a);
  archive_read_support_filter_lz4(a);
}

int OpenFeed(archive* a, Feed& feed) {
  archive_read_set_read_callback(a, Feed::Read);
  archive_read_set_skip_callback(a, Feed::Skip);
  archive_read_set_seek_callback(a, Feed::Seek);
  archive_read_set_callback_data(a, &feed);
  return archive_read_open1(a);
}

// Content reads one entry.
Result<SourcePtr> Content(archive* a, Ratio& ratio, uint64_t limit) {
  Spool spool;
  for (;;) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int r = archive_read_data_block(a, &data, &size, &offset);
    if (r == ARCHIVE_EOF) break;
    if (r == ARCHIVE_RETRY) continue;
    if (r < ARCHIVE_WARN) return Refused("scan.archive", Why(a));
    // A sparse file has holes between its blocks.
    const auto at = static_cast<uint64_t>(std::max<la_int64_t>(offset, 0));
    if (at > spool.size()) {
      const uint64_t hole = at - spool.size();
      BM_CHECK(ratio.Take(hole));
      BM_CHECK(spool.Zeros(hole));
    }
    BM_CHECK(ratio.Take(size));
    if (spool.size() + size > limit) return Refused("scan.too-large", "is too large");
    BM_CHECK(spool.Append({static_cast<const uint8_t*>(data), size}));
  }
  return spool.Finish();
}

// EntryPath is a path below the root, whatever the archive calls it.
std::string EntryPath(const char* name) {
  std::string_view text = name == nullptr ? "" : name;
  while (text.starts_with("./")) text.remove_prefix(2);
  while (text.starts_with('/')) text.remove_prefix(1);
  return "/" + std::string(text);
}

bool LeadsOut(std::string_view path) {
  return path.find("/../") != std::string_view::npos || path.ends_with("/..");
}

}  // namespace

void WalkArchive(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta) {
  const Archive a(archive_read_new());
  archive_read_support_format_tar(a.get());
  archive_read_support_format_gnutar(a.get());
  archive_read_support_format_zip(a.get());
  archive_read_support_format_ar(a.get());
  Feed feed{.source = file.get()};
  if (OpenFeed(a.get(), feed) != ARCHIVE_OK) {
    return scanner.Unreadable(where, {ErrorKind::kNegative, "scan.archive", Why(a.get()), ""});
  }
  const Where inner = scanner.Inner(where);
  Ratio ratio(scanner, file->size());
  for (uint64_t count = 0;; ++count) {
    if (count > scanner.options().limits.entries) {
      return scanner.Unreadable(where, {ErrorKind::kNegative, "scan.full", "too many entries", ""});
    }
    archive_entry* entry = nullptr;
    const int r = archive_read_next_header(a.get(), &entry);
    if (r == ARCHIVE_EOF) return;
    if (r == ARCHIVE_RETRY) continue;
    if (r < ARCHIVE_WARN) {
      return scanner.Unreadable(where,
                                {ErrorKind::kNegative, "scan.archive",
                                 fmt::format("after {} entries: {}", count, Why(a.get())), ""});
    }
    Where at = inner;
    at.path = EntryPath(archive_entry_pathname(entry));
    auto named = [&](std::string code, std::string reason) {
      scanner.Unreadable(at, {ErrorKind::kNegative, std::move(code), std::move(reason), ""});
    };
    if (LeadsOut(at.path)) {
      named("scan.path-traversal", "its path leads out of the archive; looked at under this name");
    }
    const auto type = archive_entry_filetype(entry);
    if (const char* target = archive_entry_symlink(entry); type == AE_IFLNK && target != nullptr) {
      scanner.Link(at, target);
      continue;
    }
    if (archive_entry_hardlink(entry) != nullptr || type == AE_IFDIR) continue;
    if (type != AE_IFREG) {
      scanner.CountSpecial();
      continue;
    }
    if (archive_entry_is_data_encrypted(entry) == 1) {
      named("scan.encrypted", "is encrypted");
      continue;
    }
    Meta inside = meta;
    // A zip made elsewhere has no owner; what it then says means nothing.
    if (archive_format(a.get()) != ARCHIVE_FORMAT_ZIP) {
      inside.mode = archive_entry_mode(entry);
      inside.uid = static_cast<uint32_t>(archive_entry_uid(entry));
    }
    const auto content = Content(a.get(), ratio, scanner.options().limits.unpacked);
    if (!content) {
      scanner.Unreadable(at, content.error());
      if (content.error().code != "scan.archive") return;
      continue;
    }
    scanner.File(at, *content, inside);
  }
}

Result<Unpacked> Unpack(Scanner& scanner, const SourcePtr& file) {
  const Archive a(archive_read_new());
  AddFilters(a.get());
  archive_read_support_format_raw(a.get());
  Feed feed{.source = file.get()};
  archive_entry* entry = nullptr;
  if (OpenFeed(a.get(), feed) != ARCHIVE_OK ||
      archive_read_next_header(a.get(), &entry) < ARCHIVE_WARN) {
    return Refused("scan.compressed", Why(a.get()));
  }
  if (archive_filter_count(a.get()) < 2) return Refused("scan.compressed", "is not compressed");
  Ratio ratio(scanner, file->size());
  Spool spool;
  Unpacked out;
  for (;;) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int r = archive_read_data_block(a.get(), &data, &size, &offset);
    if (r == ARCHIVE_EOF) break;
    if (r == ARCHIVE_RETRY) continue;
    if (r < ARCHIVE_WARN) {
      // What came out before the trouble is looked at.
      if (spool.size() == 0) return Refused("scan.compressed", Why(a.get()));
      out.broken = fmt::format("breaks off after {} octets: {}", spool.size(), Why(a.get()));
      break;
    }
    BM_CHECK(ratio.Take(size));
    BM_CHECK(spool.Append({static_cast<const uint8_t*>(data), size}));
  }
  out.content = spool.Finish();
  return out;
}

void WalkCpio(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta) {
  const Where inner = scanner.Inner(where);
  uint64_t start = 0, count = 0;
  while (start < file->size()) {
    // Archives of one buffer are apart by zeros.
    std::array<uint8_t, 4096> head{};
    const auto got = file->ReadAt(start, head);
    if (!got) return scanner.Unreadable(where, got.error());
    if (*got == 0) return;
    size_t zeros = 0;
    while (zeros < *got && head[zeros] == 0) ++zeros;
    start += zeros;
    if (zeros == *got) continue;
    if (zeros > 0) continue;
    if (!LooksLikeCpio(ByteView(head).first(*got))) {
      // The main archive is mostly compressed, behind the early one with microcode.
      const auto rest = Unpack(scanner, Slice(file, start, file->size() - start));
      if (!rest) return scanner.Unreadable(where, rest.error());
      if (!rest->broken.empty())
        scanner.Unreadable(where, {ErrorKind::kNegative, "scan.compressed", rest->broken, ""});
      Where again = where;
      if (++again.depth > scanner.options().depth + 1) {
        return scanner.Unreadable(where, {ErrorKind::kNegative, "scan.depth",
                                          "compressed archives too deep inside each other", ""});
      }
      if (rest->content->size() == 0) return;
      return WalkCpio(scanner, again, rest->content, meta);
    }
    CpioReader reader(*file, start);
    for (;;) {
      auto entry = reader.Next();
      if (!entry) return scanner.Unreadable(where, entry.error());
      if (!*entry) break;
      if (++count > scanner.options().limits.entries) {
        return scanner.Unreadable(where,
                                  {ErrorKind::kNegative, "scan.full", "too many entries", ""});
      }
      const CpioEntry& e = **entry;
      Where at = inner;
      at.path = EntryPath(e.name.c_str());
      if (LeadsOut(at.path)) {
        scanner.Unreadable(at,
                           {ErrorKind::kNegative, "scan.path-traversal",
                            "its path leads out of the archive; looked at under this name", ""});
      }
      const uint32_t type = e.mode & 0170000;
      if (type == 0120000) {
        if (const auto target = ReadPart(*file, e.offset, std::min<uint64_t>(e.size, 4096))) {
          scanner.Link(at, AsText(*target));
        }
      } else if (type == 0100000) {
        Meta inside = meta;
        inside.mode = e.mode;
        inside.uid = e.uid;
        scanner.File(at, Slice(file, e.offset, e.size), inside);
      } else if (type != 0040000) {
        scanner.CountSpecial();
      }
    }
    start = reader.at();
  }
}

}  // namespace birthmark::scan
