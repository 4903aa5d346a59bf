// SPDX-License-Identifier: Apache-2.0
// squashfs images, through libsquashfs; the only file that knows it.
#include <fmt/format.h>
#include <sqfs/compressor.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

#include <algorithm>
#include <memory>
#include <set>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

struct DestroySquash {
  template <class T>
  void operator()(T* p) const {
    sqfs_destroy(p);
  }
};
struct FreeSquash {
  template <class T>
  void operator()(T* p) const {
    sqfs_free(p);
  }
};
template <class T>
using Squash = std::unique_ptr<T, DestroySquash>;
using Inode = std::unique_ptr<sqfs_inode_generic_t, FreeSquash>;

// SquashInput is libsquashfs's view of a source.
struct SquashInput {
  sqfs_file_t file{};
  const Source* source = nullptr;

  explicit SquashInput(const Source& s) : source(&s) {
    file.read_at = [](sqfs_file_t* f, sqfs_u64 offset, void* buffer, size_t size) -> int {
      const auto* self = reinterpret_cast<const SquashInput*>(f);
      const auto got = self->source->ReadAt(offset, {static_cast<uint8_t*>(buffer), size});
      if (!got) return SQFS_ERROR_IO;
      return *got == size ? 0 : SQFS_ERROR_OUT_OF_BOUNDS;
    };
    file.write_at = [](sqfs_file_t*, sqfs_u64, const void*, size_t) -> int {
      return SQFS_ERROR_UNSUPPORTED;
    };
    file.get_size = [](const sqfs_file_t* f) -> sqfs_u64 {
      return reinterpret_cast<const SquashInput*>(f)->source->size();
    };
    file.truncate = [](sqfs_file_t*, sqfs_u64) -> int { return SQFS_ERROR_UNSUPPORTED; };
  }
};

class SquashFile : public Source {
 public:
  SquashFile(sqfs_data_reader_t* data, const sqfs_inode_generic_t* inode, uint64_t size)
      : data_(data), inode_(inode), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const override {
    size_t done = 0;
    while (done < out.size() && offset + done < size_) {
      const auto want = static_cast<sqfs_u32>(std::min<size_t>(out.size() - done, 1 << 20));
      const sqfs_s32 n =
          sqfs_data_reader_read(data_, inode_, offset + done, out.data() + done, want);
      if (n < 0) return Refused("scan.squashfs", fmt::format("its blocks cannot be read ({})", n));
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

 private:
  sqfs_data_reader_t* data_;
  const sqfs_inode_generic_t* inode_;
  uint64_t size_;
};

class SquashWalk {
 public:
  SquashWalk(Scanner& scanner, const Meta& meta, sqfs_dir_reader_t* dirs, sqfs_data_reader_t* data,
             const sqfs_id_table_t* ids, uint64_t image)
      : scanner_(scanner),
        meta_(meta),
        dirs_(dirs),
        data_(data),
        ids_(ids),
        ratio_(scanner, image) {}

  void Into(const sqfs_inode_generic_t& folder, const Where& where, int depth) {
    // A folder inside itself would never end.
    if (!seen_.insert(folder.base.inode_number).second) {
      return Named(where, "scan.loop", "this folder is also one of those around it, or elsewhere");
    }
    if (depth > scanner_.options().limits.folders) {
      return Named(where, "scan.depth", "folders too deep inside each other");
    }
    if (const int r = sqfs_dir_reader_open_dir(dirs_, &folder, 0); r != 0) {
      return Named(where, "scan.squashfs", fmt::format("cannot be listed ({})", r));
    }
    std::vector<std::pair<std::string, Inode>> folders;
    for (;;) {
      sqfs_dir_entry_t* raw = nullptr;
      const int r = sqfs_dir_reader_read(dirs_, &raw);
      if (r > 0) break;
      if (r < 0) {
        Named(where, "scan.squashfs", fmt::format("its list breaks off ({})", r));
        break;
      }
      const std::unique_ptr<sqfs_dir_entry_t, FreeSquash> entry(raw);
      Where at = where;
      at.path += "/" + std::string(reinterpret_cast<const char*>(raw->name), size_t{raw->size} + 1);
      if (++entries_ > scanner_.options().limits.entries) {
        return Named(where, "scan.full", "too many files; the rest is left out");
      }
      sqfs_inode_generic_t* found = nullptr;
      if (const int i = sqfs_dir_reader_get_inode(dirs_, &found); i != 0) {
        Named(at, "scan.squashfs", fmt::format("cannot be read ({})", i));
        continue;
      }
      Inode inode(found);
      if (auto type = inode->base.type; type == SQFS_INODE_DIR || type == SQFS_INODE_EXT_DIR) {
        folders.emplace_back(std::move(at.path), std::move(inode));
      } else {
        One(*inode, at);
      }
    }
    for (auto& [path, inode] : folders) {
      Where at = where;
      at.path = path;
      Into(*inode, at, depth + 1);
      inode.reset();
    }
  }

 private:
  void Named(const Where& where, std::string code, std::string reason) {
    scanner_.Unreadable(where, {ErrorKind::kNegative, std::move(code), std::move(reason), ""});
  }

  void One(const sqfs_inode_generic_t& inode, const Where& at) {
    switch (inode.base.type) {
      case SQFS_INODE_SLINK:
      case SQFS_INODE_EXT_SLINK:
        scanner_.Link(at, std::string_view(reinterpret_cast<const char*>(inode.extra),
                                           inode.data.slink.target_size));
        return;
      case SQFS_INODE_FILE:
      case SQFS_INODE_EXT_FILE: {
        sqfs_u64 size = 0;
        sqfs_inode_get_file_size(&inode, &size);
        Meta meta = meta_;
        meta.mode = inode.base.mode;
        sqfs_u32 uid = 0;
        if (sqfs_id_table_index_to_id(ids_, inode.base.uid_idx, &uid) == 0) meta.uid = uid;
        if (const Status room = ratio_.Take(size); !room)
          return scanner_.Unreadable(at, room.error());
        scanner_.File(at, std::make_shared<SquashFile>(data_, &inode, size), meta);
        return;
      }
      default:
        scanner_.CountSpecial();
    }
  }

  Scanner& scanner_;
  const Meta& meta_;
  sqfs_dir_reader_t* dirs_;
  sqfs_data_reader_t* data_;
  const sqfs_id_table_t* ids_;
  Ratio ratio_;
  std::set<sqfs_u32> seen_;
  uint64_t entries_ = 0;
};

}  // namespace

void WalkSquash(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta) {
  auto named = [&](std::string_view what, int code) {
    scanner.Unreadable(
        where, {ErrorKind::kNegative, "scan.squashfs", fmt::format("{} ({})", what, code), ""});
  };
  SquashInput input(*file);
  sqfs_super_t super{};
  if (const int r = sqfs_super_read(&super, &input.file); r != 0)
    return named("its superblock is broken or cut off", r);
  if (super.bytes_used > file->size()) named("it is shorter than its superblock says", 0);
  sqfs_compressor_config_t config{};
  sqfs_compressor_t* raw = nullptr;
  sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(super.compression_id),
                              super.block_size, SQFS_COMP_FLAG_UNCOMPRESS);
  if (const int r = sqfs_compressor_create(&config, &raw); r != 0)
    return named("its compression is not known here", r);
  const Squash<sqfs_compressor_t> compressor(raw);
  const Squash<sqfs_id_table_t> ids(sqfs_id_table_create(0));
  const Squash<sqfs_dir_reader_t> dirs(
      sqfs_dir_reader_create(&super, compressor.get(), &input.file, 0));
  const Squash<sqfs_data_reader_t> data(
      sqfs_data_reader_create(&input.file, super.block_size, compressor.get(), 0));
  if (!ids || !dirs || !data) return named("there is no memory for it", 0);
  if (const int r = sqfs_id_table_read(ids.get(), &input.file, &super, compressor.get()); r != 0)
    return named("its table of users is broken", r);
  if (const int r = sqfs_data_reader_load_fragment_table(data.get(), &super); r != 0)
    return named("its table of fragments is broken", r);
  sqfs_inode_generic_t* found = nullptr;
  if (const int r = sqfs_dir_reader_get_root_inode(dirs.get(), &found); r != 0)
    return named("its root folder is broken", r);
  const Inode root(found);
  Meta inside = meta;
  inside.guard += "; " + ImageGuard(*file, super.bytes_used);
  SquashWalk(scanner, inside, dirs.get(), data.get(), ids.get(), file->size())
      .Into(*root, scanner.Inner(where), 0);
}

}  // namespace birthmark::scan
