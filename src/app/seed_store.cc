// SPDX-License-Identifier: Apache-2.0
#include "app/seed_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "crypto/seal.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kSeedMagic = "BIRTHMARK-SEED-1";  // 16 octets
constexpr size_t kSeedHead = 64;
constexpr size_t kRecordHead = 3;  // lengths of chip, serial and box
constexpr size_t kSeedChunk = 256 * 1024;
constexpr size_t kLeastSeed = 32, kMostSeed = 64;

// RecordAad binds a seed to its batch, its place, its chip and its unit.
Bytes RecordAad(std::string_view id, uint64_t pos, std::string_view chip, std::string_view serial) {
  return ToBytes(fmt::format("birthmark seed 1\n{}\n{}\n{}\n{}", id, pos, chip, serial));
}

Error WriteError(const fs::path& path) { return FromErrno("file.write", path.string(), errno); }

Status WriteFully(int fd, ByteView data, const fs::path& path) {
  while (!data.empty()) {
    ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::unexpected(WriteError(path));
    data = data.subspan(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

bool IsSerialText(std::string_view s) {
  auto good = [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("/\\:,\"").find(c) == std::string_view::npos;
  };
  return !s.empty() && s.size() <= kMaxSerial && std::ranges::all_of(s, good);
}

Result<SeedFileWriter> SeedFileWriter::Create(const fs::path& path, const SecretBytes& key,
                                              std::string_view id) {
  SeedFileWriter w;
  w.path_ = path;
  w.part_ = path.string() + ".part";
  w.id_ = id;
  w.key_ = SecretBytes(key.size());
  std::ranges::copy(key.Read(SecretAccess()), w.key_.Write(SecretAccess()).begin());
  if (id.size() != kBatchId) return Internal("seed.store", "a batch's id has another size");
  w.fd_ = open(w.part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (w.fd_ < 0) return std::unexpected(WriteError(w.part_));
  w.buffer_.resize(kSeedHead);
  std::ranges::copy(AsBytes(kSeedMagic), w.buffer_.begin());
  std::ranges::copy(AsBytes(id), w.buffer_.begin() + kSeedMagic.size());
  return w;
}

SeedFileWriter::SeedFileWriter(SeedFileWriter&& o) noexcept
    : path_(std::move(o.path_)),
      part_(std::move(o.part_)),
      key_(std::move(o.key_)),
      id_(std::move(o.id_)),
      buffer_(std::move(o.buffer_)),
      count_(o.count_),
      fd_(std::exchange(o.fd_, -1)) {}

SeedFileWriter::~SeedFileWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(part_.c_str());
}

Status SeedFileWriter::Add(std::string_view chip, std::string_view serial,
                           const SecretBytes& seed) {
  if (chip.empty() || chip.size() > kMaxChipName || serial.size() > kMaxSerial ||
      seed.size() < kLeastSeed || seed.size() > kMostSeed) {
    return Internal("seed.store", "an entry that does not fit");
  }
  BM_TRY(Bytes box,
         crypto::Seal(key_, seed.Read(SecretAccess()), RecordAad(id_, count_, chip, serial)));
  for (size_t n : {chip.size(), serial.size(), box.size()})
    buffer_.push_back(static_cast<uint8_t>(n));
  for (ByteView part : {AsBytes(chip), AsBytes(serial), ByteView(box)})
    buffer_.insert(buffer_.end(), part.begin(), part.end());
  ++count_;
  return buffer_.size() >= kSeedChunk ? Flush() : Status();
}

Status SeedFileWriter::Flush() {
  BM_CHECK(WriteFully(fd_, buffer_, part_));
  buffer_.clear();
  return {};
}

Status SeedFileWriter::Finish() {
  BM_CHECK(Flush());
  if (fsync(fd_) != 0 || close(std::exchange(fd_, -1)) != 0 ||
      rename(part_.c_str(), path_.c_str()) != 0) {
    return std::unexpected(WriteError(part_));
  }
  return SyncDir(path_.parent_path());
}

bool KeptSeed::Erased() const {
  return std::ranges::all_of(box, [](uint8_t b) { return b == 0; });
}

Result<SeedFile> SeedFile::Open(const fs::path& path, SecretBytes key, std::string_view id) {
  SeedFile f;
  f.path_ = path;
  f.key_ = std::move(key);
  f.id_ = id;
  f.fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (f.fd_ < 0) {
    if (errno == ENOENT) return Environment("file.missing", path.string() + ": is not there");
    return std::unexpected(FromErrno("file.open", path.string(), errno));
  }
  BM_TRY(ByteView head, f.Take(kSeedHead));
  if (head.size() != kSeedHead || AsText(head.first(kSeedMagic.size())) != kSeedMagic ||
      AsText(head.subspan(kSeedMagic.size(), kBatchId)) != id) {
    return std::unexpected(f.Damaged());
  }
  return f;
}

SeedFile::SeedFile(SeedFile&& o) noexcept
    : path_(std::move(o.path_)),
      key_(std::move(o.key_)),
      id_(std::move(o.id_)),
      buffer_(std::move(o.buffer_)),
      used_(o.used_),
      read_to_(o.read_to_),
      next_pos_(o.next_pos_),
      fd_(std::exchange(o.fd_, -1)) {}

SeedFile::~SeedFile() {
  if (fd_ >= 0) close(fd_);
}

Error SeedFile::Damaged() const {
  return {ErrorKind::kNegative, "seed.store",
          path_.string() + ": is not the file that this batch was sealed in",
          "import the silicon maker's file again; what was issued stays"};
}

// Take gives the next n octets, fewer at the end of the file.
Result<ByteView> SeedFile::Take(size_t n) {
  while (buffer_.size() - used_ < n) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(used_));
    used_ = 0;
    size_t have = buffer_.size();
    buffer_.resize(have + kSeedChunk);
    ssize_t got = pread(fd_, buffer_.data() + have, kSeedChunk, static_cast<off_t>(read_to_));
    if (got < 0) return std::unexpected(FromErrno("file.read", path_.string(), errno));
    buffer_.resize(have + static_cast<size_t>(got));
    read_to_ += static_cast<uint64_t>(got);
    if (got == 0) break;
  }
  n = std::min(n, buffer_.size() - used_);
  ByteView out = ByteView(buffer_).subspan(used_, n);
  used_ += n;
  return out;
}

Result<std::optional<KeptSeed>> SeedFile::Next() {
  BM_TRY(ByteView head, Take(kRecordHead));
  if (head.empty()) return std::nullopt;
  if (head.size() != kRecordHead) return std::unexpected(Damaged());
  size_t chip = head[0], serial = head[1], box = head[2];
  if (chip == 0 || chip > kMaxChipName || serial > kMaxSerial ||
      box < kLeastSeed + crypto::kSealOverhead || box > kMostSeed + crypto::kSealOverhead) {
    return std::unexpected(Damaged());
  }
  BM_TRY(ByteView rest, Take(chip + serial + box));
  if (rest.size() != chip + serial + box) return std::unexpected(Damaged());
  KeptSeed out;
  out.pos = next_pos_++;
  out.chip = AsText(rest.first(chip));
  out.serial = AsText(rest.subspan(chip, serial));
  ByteView sealed = rest.last(box);
  out.box.assign(sealed.begin(), sealed.end());
  out.at = read_to_ - (buffer_.size() - used_) - box;
  return out;
}

Result<SecretBytes> SeedFile::Unseal(const KeptSeed& k) const {
  auto seed = crypto::Open(key_, k.box, RecordAad(id_, k.pos, k.chip, k.serial));
  if (!seed) return std::unexpected(Damaged());
  return seed;
}

Status SeedFile::Erase(std::span<const KeptSeed> seeds) {
  const Bytes zeros(kMostSeed + crypto::kSealOverhead);
  for (const KeptSeed& k : seeds) {
    if (pwrite(fd_, zeros.data(), k.box.size(), static_cast<off_t>(k.at)) !=
        static_cast<ssize_t>(k.box.size())) {
      return std::unexpected(WriteError(path_));
    }
  }
  if (!seeds.empty() && fdatasync(fd_) != 0) return std::unexpected(WriteError(path_));
  return {};
}

Status EraseSeedFile(const fs::path& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(WriteError(path));
  }
  struct stat st{};
  Status done;
  if (fstat(fd, &st) != 0) done = std::unexpected(WriteError(path));
  const Bytes zeros(kSeedChunk);
  for (uint64_t left = static_cast<uint64_t>(st.st_size); done && left > 0;) {
    size_t n = static_cast<size_t>(std::min<uint64_t>(left, zeros.size()));
    done = WriteFully(fd, ByteView(zeros).first(n), path);
    left -= n;
  }
  if (done && fdatasync(fd) != 0) done = std::unexpected(WriteError(path));
  close(fd);
  BM_CHECK(done);
  if (unlink(path.c_str()) != 0) return std::unexpected(WriteError(path));
  return SyncDir(path.parent_path());
}

}  // namespace birthmark::app
