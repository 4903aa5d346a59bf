// SPDX-License-Identifier: Apache-2.0
// ext2, ext3 and ext4 images, through libext2fs, read-only; the only file that knows it.
#include <ext2fs/ext2fs.h>
#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <memory>
#include <set>
#include <unordered_map>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

// The library hands nothing but a name to whoever opens its channel.
thread_local const Source* opening = nullptr;

const Source& SourceOf(io_channel channel) {
  return *static_cast<const Source*>(channel->private_data);
}

errcode_t CloseChannel(io_channel channel) {
  if (--channel->refcount > 0) return 0;
  delete[] channel->name;
  delete channel;
  return 0;
}
errcode_t ReadBlocks(io_channel channel, unsigned long long block, int count, void* data) {
  const auto size = count < 0
                        ? static_cast<size_t>(-static_cast<int64_t>(count))
                        : static_cast<size_t>(count) * static_cast<size_t>(channel->block_size);
  const auto step = static_cast<unsigned long long>(channel->block_size);
  if (block > UINT64_MAX / step) return EXT2_ET_SHORT_READ;
  const std::span<uint8_t> out(static_cast<uint8_t*>(data), size);
  const auto got = SourceOf(channel).ReadAt(block * step, out);
  if (!got || *got != size) {
    if (got) std::fill(out.begin() + static_cast<ptrdiff_t>(*got), out.end(), uint8_t{0});
    return EXT2_ET_SHORT_READ;
  }
  return 0;
}

io_manager Manager();

errcode_t OpenChannel(const char* name, int, io_channel* out) {
  auto* channel = new struct_io_channel{};
  const size_t n = std::strlen(name) + 1;
  channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->manager = Manager();
  channel->name = new char[n];
  std::memcpy(channel->name, name, n);
  channel->block_size = 1024;
  channel->refcount = 1;
  channel->private_data = const_cast<Source*>(opening);
  *out = channel;
  return 0;
}

io_manager Manager() {
  static struct_io_manager manager = [] {
    struct_io_manager m{};
    m.magic = EXT2_ET_MAGIC_IO_MANAGER;
    m.name = "birthmark, read-only";
    m.open = OpenChannel;
    m.close = CloseChannel;
    m.set_blksize = [](io_channel channel, int size) -> errcode_t {
      channel->block_size = size;
      return 0;
    };
    m.read_blk = [](io_channel channel, unsigned long block, int count, void* data) {
      return ReadBlocks(channel, block, count, data);
    };
    m.read_blk64 = ReadBlocks;
    m.write_blk = [](io_channel, unsigned long, int, const void*) -> errcode_t {
      return EXT2_ET_RO_FILSYS;
    };
    m.write_blk64 = [](io_channel, unsigned long long, int, const void*) -> errcode_t {
      return EXT2_ET_RO_FILSYS;
    };
    m.flush = [](io_channel) -> errcode_t { return 0; };
    return m;
  }();
  return &manager;
}

struct CloseFs {
  void operator()(ext2_filsys fs) const { ext2fs_close_free(&fs); }
};
struct CloseFile {
  void operator()(ext2_file_t f) const { ext2fs_file_close(f); }
};

class ExtFile : public Source {
 public:
  ExtFile(ext2_file_t file, uint64_t size) : file_(file), size_(size) {}
  uint64_t size() const override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const override {
    size_t done = 0;
    if (offset >= size_) return done;
    __u64 now = 0;
    if (ext2fs_file_llseek(file_.get(), offset, EXT2_SEEK_SET, &now) != 0)
      return Refused("scan.ext4", "its blocks cannot be found");
    while (done < out.size()) {
      unsigned int got = 0;
      const auto want = static_cast<unsigned int>(std::min<size_t>(out.size() - done, 1 << 20));
      if (const errcode_t e = ext2fs_file_read(file_.get(), out.data() + done, want, &got); e != 0)
        return Refused("scan.ext4",
                       fmt::format("its blocks cannot be read ({})", error_message(e)));
      if (got == 0) break;
      done += got;
    }
    return done;
  }

 private:
  std::unique_ptr<ext2_file, CloseFile> file_;
  uint64_t size_;
};

struct ExtEntry {
  std::string name;
  ext2_ino_t inode;
};

// Owners is which blocks belong to a file that was seen: two files of one block are made, not
// found.
class Owners {
 public:
  Owners(ext2_filsys fs, uint64_t image)
      : fs_(fs), blocks_(image / fs->blocksize), shared_(SharedBlocks(fs)) {
    // Nobody's file holds the superblock: an image inside itself would never end.
    for (blk64_t b = 0; b <= fs->super->s_first_data_block; ++b) Take(b);
  }
  // Claims gives why these blocks cannot all be the file's; empty when they can.
  std::string Claims(ext2_ino_t inode, const ext2_inode& i) {
    if (shared_ || (i.i_flags & EXT4_INLINE_DATA_FL) != 0) return "";
    why_.clear();
    auto each = [](ext2_filsys, blk64_t* block, e2_blkcnt_t, blk64_t, int, void* self) -> int {
      auto* owners = static_cast<Owners*>(self);
      if (*block >= owners->blocks_) {
        owners->why_ = fmt::format("block {} lies outside of the image", *block);
      } else if (!owners->Take(*block)) {
        owners->why_ = fmt::format("block {} is another file's too", *block);
      }
      return owners->why_.empty() ? 0 : BLOCK_ABORT;
    };
    const errcode_t e = ext2fs_block_iterate3(
        fs_, inode, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, nullptr, each, this);
    if (e != 0 && why_.empty()) why_ = error_message(e);
    return why_;
  }

 private:
  static constexpr size_t kChunk = 32768;
  // Android's images let equal blocks be one, and say so (EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS).
  static bool SharedBlocks(ext2_filsys fs) {
    return (fs->super->s_feature_ro_compat & 0x4000) != 0;
  }
  bool Take(blk64_t block) {
    auto& chunk = taken_[block / kChunk];
    if (chunk.test(block % kChunk)) return false;
    chunk.set(block % kChunk);
    return true;
  }

  ext2_filsys fs_;
  uint64_t blocks_;
  bool shared_;
  std::unordered_map<blk64_t, std::bitset<kChunk>> taken_;
  std::string why_;
};

class ExtWalk {
 public:
  ExtWalk(Scanner& scanner, const Meta& meta, ext2_filsys fs, uint64_t image)
      : scanner_(scanner),
        meta_(meta),
        fs_(fs),
        image_(image),
        owners_(fs, image),
        ratio_(scanner, image) {}

  void Into(ext2_ino_t folder, const Where& where, int depth) {
    if (!seen_.insert(folder).second)
      return Named(where, "scan.loop", "this folder is also one of those around it, or elsewhere");
    if (depth > scanner_.options().limits.folders)
      return Named(where, "scan.depth", "folders too deep inside each other");
    std::vector<ExtEntry> entries;
    auto each = [](ext2_ino_t, int kind, ext2_dir_entry* e, int, int, char*, void* self) -> int {
      if (kind != DIRENT_OTHER_FILE || e->inode == 0) return 0;
      auto* out = static_cast<std::vector<ExtEntry>*>(self);
      const auto n = static_cast<size_t>(ext2fs_dirent_name_len(e));
      out->push_back({std::string(e->name, n), e->inode});
      return out->size() > kMaxFolder ? DIRENT_ABORT : 0;
    };
    if (const errcode_t e = ext2fs_dir_iterate2(fs_, folder, 0, nullptr, each, &entries); e != 0)
      Named(where, "scan.ext4", error_message(e));
    if (entries.size() > kMaxFolder)
      Named(where, "scan.full", "too many files; the rest of this folder is left out");
    std::ranges::sort(entries, {}, &ExtEntry::name);
    for (const ExtEntry& e : entries) {
      if (++count_ > scanner_.options().limits.entries)
        return Named(where, "scan.full", "too many files; the rest is left out");
      One(e, where, depth);
    }
  }

 private:
  static constexpr size_t kMaxFolder = 1'000'000;

  void Named(const Where& where, std::string code, std::string reason) {
    scanner_.Unreadable(where, {ErrorKind::kNegative, std::move(code), std::move(reason), ""});
  }

  void One(const ExtEntry& e, const Where& where, int depth) {
    Where at = where;
    at.path += "/" + e.name;
    ext2_inode inode{};
    if (const errcode_t err = ext2fs_read_inode(fs_, e.inode, &inode); err != 0)
      return Named(at, "scan.ext4", error_message(err));
    if (LINUX_S_ISDIR(inode.i_mode)) return Into(e.inode, at, depth + 1);
    if (LINUX_S_ISLNK(inode.i_mode)) return LinkOf(e.inode, inode, at);
    if (!LINUX_S_ISREG(inode.i_mode)) return scanner_.CountSpecial();
    // Another name of the same file.
    if (inode.i_links_count > 1 && !seen_.insert(e.inode).second) return;
    if ((inode.i_flags & EXT4_ENCRYPT_FL) != 0)
      return Named(at, "scan.encrypted", "is encrypted (fscrypt)");
    const uint64_t size = EXT2_I_SIZE(&inode);
    // A sparse file may be larger than its image, but not by any amount.
    if (size > std::max<uint64_t>(image_, 1 << 20) * 4)
      return Named(at, "scan.absurd", fmt::format("claims {} octets", size));
    if (const std::string why = owners_.Claims(e.inode, inode); !why.empty())
      return Named(at, "scan.overlap", why);
    if (const Status room = ratio_.Take(size); !room) return scanner_.Unreadable(at, room.error());
    Meta meta = meta_;
    meta.mode = inode.i_mode;
    meta.uid = inode_uid(inode);
    if ((inode.i_flags & EXT4_VERITY_FL) != 0) meta.extra = "fs-verity";
    if (auto file = Opened(e.inode, size, at)) scanner_.File(at, file, meta);
  }

  SourcePtr Opened(ext2_ino_t inode, uint64_t size, const Where& at) {
    ext2_file_t file = nullptr;
    if (const errcode_t err = ext2fs_file_open(fs_, inode, 0, &file); err != 0) {
      Named(at, "scan.ext4", error_message(err));
      return nullptr;
    }
    return std::make_shared<ExtFile>(file, size);
  }

  void LinkOf(ext2_ino_t number, ext2_inode& inode, const Where& at) {
    const uint64_t size = EXT2_I_SIZE(&inode);
    if (size == 0 || size > 4096) return;
    if (ext2fs_is_fast_symlink(&inode) != 0) {
      scanner_.Link(at, std::string_view(reinterpret_cast<const char*>(inode.i_block),
                                         std::min<size_t>(size, sizeof inode.i_block)));
    } else if (const auto file = Opened(number, size, at)) {
      if (const auto target = ReadPart(*file, 0, static_cast<size_t>(size)))
        scanner_.Link(at, AsText(*target));
    }
  }

  Scanner& scanner_;
  const Meta& meta_;
  ext2_filsys fs_;
  uint64_t image_;
  Owners owners_;
  Ratio ratio_;
  std::set<ext2_ino_t> seen_;
  uint64_t count_ = 0;
};

}  // namespace

void WalkExt(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta) {
  initialize_ext2_error_table();
  auto named = [&](std::string code, std::string reason) {
    scanner.Unreadable(where, {ErrorKind::kNegative, std::move(code), std::move(reason), ""});
  };
  opening = file.get();
  ext2_filsys raw = nullptr;
  const errcode_t e = ext2fs_open2("image", nullptr, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES,
                                   0, 0, Manager(), &raw);
  opening = nullptr;
  if (e != 0) return named("scan.ext4", fmt::format("cannot be opened: {}", error_message(e)));
  const std::unique_ptr<struct_ext2_filsys, CloseFs> fs(raw);
  const uint64_t end = ext2fs_blocks_count(fs->super) * fs->blocksize;
  if (end > file->size()) {
    named("scan.truncated",
          fmt::format("has {} octets and says that it has {}", file->size(), end));
  }
  Meta inside = meta;
  inside.guard += "; " + ImageGuard(*file, end);
  ExtWalk(scanner, inside, fs.get(), file->size()).Into(EXT2_ROOT_INO, scanner.Inner(where), 0);
}

}  // namespace birthmark::scan
