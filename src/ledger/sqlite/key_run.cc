// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/key_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

namespace birthmark::ledger {
namespace {

static_assert(std::endian::native == std::endian::little,
              "runs are little-endian and mapped as they are");

struct Header {
  char magic[8];
  uint64_t entries;
  uint64_t blocks;  // of the Bloom filter, 64 octets each
  uint64_t reserved;
};
constexpr char kMagic[8] = {'B', 'M', 'K', 'E', 'Y', 'S', '0', '1'};
constexpr size_t kBlockWords = 8;
__extension__ using Wide = unsigned __int128;

// FilterPlace aligns the filter so that a block is one cache line.
uint64_t FilterPlace(uint64_t entries) {
  return (sizeof(Header) + entries * sizeof(KeyEntry) + 63) / 64 * 64;
}
constexpr int kProbes = 6;

uint64_t Word(const Key16& k, size_t at) {
  uint64_t w;
  std::memcpy(&w, k.data() + at, 8);
  return w;
}

// The first half of a key chooses the block, the second its six bits of 512. Keys are digests, so
// their bits need no further mixing.
size_t Block(const Key16& k, size_t blocks) {
  return static_cast<size_t>(static_cast<Wide>(Word(k, 0)) * blocks >> 64);
}
template <class F>
bool Probe(const Key16& k, F&& bit) {
  uint64_t w = Word(k, 8);
  for (int i = 0; i < kProbes; ++i, w >>= 9) {
    if (!bit((w & 511) >> 6, uint64_t{1} << (w & 63))) return false;
  }
  return true;
}

// Place is where a uniformly distributed key would stand.
size_t Place(const Key16& k, size_t n) {
  return static_cast<size_t>(static_cast<Wide>(KeyHalf(k, 0)) * n >> 64);
}

Error IndexError(const fs::path& path, std::string_view what) {
  return {ErrorKind::kEnvironment, "ledger.key-index", fmt::format("{}: {}", path.string(), what),
          "run `birthmark ledger rebuild`"};
}
Error WriteError(const fs::path& path) {
  int err = errno;
  bool full = err == ENOSPC || err == EFBIG || err == EDQUOT;
  return FromErrno(full ? "ledger.full" : "ledger.key-index", path.string(), err);
}

// Output is a buffered file that remembers its first failure.
class Output {
 public:
  explicit Output(const fs::path& path)
      : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    ok_ = fd_ >= 0;
    buffer_.reserve(kBuffer);
  }
  ~Output() {
    if (fd_ >= 0) close(fd_);
  }
  void Write(const void* p, size_t n) {
    if (buffer_.size() + n > kBuffer) Flush();
    auto* b = static_cast<const uint8_t*>(p);
    if (n > kBuffer) {
      Put(b, n);
    } else {
      buffer_.insert(buffer_.end(), b, b + n);
    }
  }
  bool Finish() {
    Flush();
    return ok_ && fsync(fd_) == 0;
  }

 private:
  static constexpr size_t kBuffer = 1 << 18;
  void Flush() {
    Put(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  void Put(const uint8_t* p, size_t n) {
    while (ok_ && n > 0) {
      ssize_t w = write(fd_, p, n);
      if (w < 0 && errno == EINTR) continue;
      if (w < 0) {
        ok_ = false;
        return;
      }
      p += w;
      n -= static_cast<size_t>(w);
    }
  }
  int fd_;
  bool ok_;
  Bytes buffer_;
};

}  // namespace

Result<std::shared_ptr<const KeyRun>> KeyRun::Open(const fs::path& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(IndexError(path, std::strerror(errno)));
  struct stat st{};
  std::shared_ptr<KeyRun> run(new KeyRun());
  if (fstat(fd, &st) == 0 && static_cast<size_t>(st.st_size) >= sizeof(Header)) {
    run->map_size_ = static_cast<size_t>(st.st_size);
    run->map_ = mmap(nullptr, run->map_size_, PROT_READ, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (run->map_ == nullptr || run->map_ == MAP_FAILED) {
    run->map_ = nullptr;
    return std::unexpected(IndexError(path, "cannot be mapped"));
  }
  auto* base = static_cast<const uint8_t*>(run->map_);
  Header h;
  std::memcpy(&h, base, sizeof h);
  if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0 || h.blocks == 0 ||
      h.blocks > run->map_size_ / 64 || h.entries > run->map_size_ / sizeof(KeyEntry) ||
      FilterPlace(h.entries) + h.blocks * 64 != run->map_size_) {
    return std::unexpected(IndexError(path, "is no run of keys or was cut short"));
  }
  run->entries_ = {reinterpret_cast<const KeyEntry*>(base + sizeof h), h.entries};
  run->bloom_ = {reinterpret_cast<const uint64_t*>(base + FilterPlace(h.entries)),
                 h.blocks * kBlockWords};
  // Look-ups jump about: reading ahead would fill memory with what nobody asked for.
  madvise(run->map_, run->map_size_, MADV_RANDOM);
  return run;
}

KeyRun::~KeyRun() {
  if (map_ != nullptr) munmap(map_, map_size_);
}

void KeyRun::Find(const Key16& key, std::vector<uint64_t>& out) const {
  const uint64_t* block = &bloom_[Block(key, bloom_.size() / kBlockWords) * kBlockWords];
  if (!Probe(key, [&](size_t word, uint64_t bit) { return (block[word] & bit) != 0; })) return;
  // Digests are uniform: the place is within a few square roots of n, which touches few pages.
  size_t n = entries_.size();
  size_t guess = Place(key, n);
  auto reach = static_cast<size_t>(2 * std::sqrt(static_cast<double>(n))) + 8;
  size_t lo = guess > reach ? guess - reach : 0;
  size_t hi = std::min(n, guess + reach);
  if (lo > 0 && !(entries_[lo].key < key)) lo = 0;
  if (hi < n && entries_[hi].key < key) hi = n;
  auto it = std::lower_bound(entries_.begin() + static_cast<ptrdiff_t>(lo),
                             entries_.begin() + static_cast<ptrdiff_t>(hi), key,
                             [](const KeyEntry& e, const Key16& k) { return e.key < k; });
  for (; it != entries_.end() && it->key == key; ++it) out.push_back(it->seq);
}

Status WriteRun(const fs::path& path, std::vector<std::span<const KeyEntry>> sorted) {
  uint64_t total = 0;
  for (auto s : sorted) total += s.size();
  std::vector<uint64_t> bloom((total * 10 / 512 + 1) * kBlockWords);
  fs::path tmp = path;
  tmp += ".tmp";
  Status status;
  {
    Output out(tmp);
    Header h{};
    std::memcpy(h.magic, kMagic, sizeof kMagic);
    h.entries = total;
    h.blocks = bloom.size() / kBlockWords;
    out.Write(&h, sizeof h);
    std::vector<size_t> at(sorted.size());
    for (uint64_t i = 0; i < total; ++i) {
      size_t best = sorted.size();
      for (size_t s = 0; s < sorted.size(); ++s) {
        if (at[s] < sorted[s].size() &&
            (best == sorted.size() || sorted[s][at[s]] < sorted[best][at[best]])) {
          best = s;
        }
      }
      const KeyEntry& e = sorted[best][at[best]++];
      out.Write(&e, sizeof e);
      uint64_t* block = &bloom[Block(e.key, h.blocks) * kBlockWords];
      Probe(e.key, [&](size_t word, uint64_t bit) {
        block[word] |= bit;
        return true;
      });
    }
    const uint8_t padding[64] = {};
    out.Write(padding, FilterPlace(total) - sizeof h - total * sizeof(KeyEntry));
    out.Write(bloom.data(), bloom.size() * sizeof(uint64_t));
    if (!out.Finish()) status = std::unexpected(WriteError(path));
  }
  if (status && rename(tmp.c_str(), path.c_str()) != 0) status = std::unexpected(WriteError(path));
  if (!status) unlink(tmp.c_str());
  return status;
}

}  // namespace birthmark::ledger
