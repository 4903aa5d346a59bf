// SPDX-License-Identifier: Apache-2.0
#include "line/pool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/seal.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "line/serials.h"

namespace birthmark::line {
namespace {

constexpr std::string_view kMagic = "BIRTHMARK-POOL-1";  // 16 octets
constexpr size_t kScalar = 32;
constexpr size_t kId = 36;  // a UUID as text
constexpr size_t kHead = 64;
constexpr size_t kEntry = kScalar + crypto::kSealOverhead;
constexpr size_t kBatch = 1000;

// EntryAad binds an entry to its batch, its place and its unit: no entry serves for another.
Bytes EntryAad(std::string_view id, uint64_t pos, std::string_view unit) {
  return ToBytes(fmt::format("birthmark pool entry 1\n{}\n{}\n{}", id, pos, unit));
}

Error Damaged(const fs::path& file) {
  return {ErrorKind::kNegative, "pool.damaged",
          file.string() + ": is not the batch that was filled",
          "birthmark cert revoke ends its identities; then fill the pool anew"};
}

class File {
 public:
  static Result<File> Open(const fs::path& path, int flags) {
    File f;
    f.fd_ = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW);
    if (f.fd_ >= 0) return f;
    if (errno == ENOENT) return Environment("file.missing", path.string() + ": is not there");
    return std::unexpected(FromErrno("file.open", path.string(), errno));
  }
  File(File&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  Result<size_t> Size() const {
    struct stat st{};
    if (fstat(fd_, &st) != 0) return std::unexpected(FromErrno("file.read", "pool", errno));
    return static_cast<size_t>(st.st_size);
  }
  bool ReadAt(std::span<uint8_t> out, size_t offset) const {
    return pread(fd_, out.data(), out.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(out.size());
  }

 private:
  File() = default;
  int fd_ = -1;
};

Status Overwrite(const File& f, const fs::path& path, size_t offset, size_t size) {
  Bytes zeros(size);
  if (pwrite(f.fd(), zeros.data(), size, static_cast<off_t>(offset)) !=
          static_cast<ssize_t>(size) ||
      fdatasync(f.fd()) != 0) {
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  }
  return {};
}

}  // namespace

Result<Bytes> SealBatch(const SecretBytes& station_key, std::string_view id,
                        const std::vector<SealedKey>& keys) {
  Bytes out(kHead);
  std::ranges::copy(AsBytes(kMagic), out.begin());
  if (id.size() != kId) return Internal("pool.damaged", "a batch's id has another size");
  std::ranges::copy(AsBytes(id), out.begin() + kMagic.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    BM_TRY(Bytes sealed, crypto::Seal(station_key, keys[i].scalar.Read(SecretAccess()),
                                      EntryAad(id, i, keys[i].unit)));
    if (sealed.size() != kEntry) return Internal("pool.damaged", "a key has another size");
    out.insert(out.end(), sealed.begin(), sealed.end());
  }
  return out;
}

Result<SecretBytes> OpenEntry(const SecretBytes& station_key, const fs::path& path,
                              std::string_view id, uint64_t pos, const std::string& unit) {
  BM_TRY(File file, File::Open(path, O_RDONLY));
  BM_TRY(size_t size, file.Size());
  Bytes head(kHead), entry(kEntry);
  bool fits = size >= kHead && (size - kHead) % kEntry == 0 && pos < (size - kHead) / kEntry;
  if (!fits || !file.ReadAt(head, 0) || !file.ReadAt(entry, kHead + pos * kEntry) ||
      !std::ranges::equal(ByteView(head).first(kMagic.size()), AsBytes(kMagic)) ||
      !std::ranges::equal(ByteView(head).subspan(kMagic.size(), kId), AsBytes(id))) {
    return std::unexpected(Damaged(path));
  }
  auto scalar = crypto::Open(station_key, entry, EntryAad(id, pos, unit));
  if (!scalar || scalar->size() != kScalar) return std::unexpected(Damaged(path));
  return scalar;
}

Status EraseEntry(const fs::path& path, uint64_t pos) {
  auto file = File::Open(path, O_WRONLY);
  if (!file && file.error().code == "file.missing") return {};
  if (!file) return std::unexpected(std::move(file).error());
  BM_TRY(size_t size, file->Size());
  if (size < kHead + (pos + 1) * kEntry) return std::unexpected(Damaged(path));
  return Overwrite(*file, path, kHead + pos * kEntry, kEntry);
}

Status EraseBatch(const fs::path& path) {
  {
    BM_TRY(File file, File::Open(path, O_WRONLY));
    BM_TRY(size_t size, file.Size());
    BM_CHECK(Overwrite(file, path, 0, size));
  }
  if (unlink(path.c_str()) != 0)
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  return SyncDir(path.parent_path());
}

Status Pool::DropOrphans() {
  std::error_code ec;
  std::vector<fs::path> files;
  for (const auto& f : fs::directory_iterator(s_.folder, ec)) files.push_back(f.path());
  for (const fs::path& f : files) {
    // A batch whose commit never came: nobody was told of its keys.
    BM_TRY(bool known, ledger::PoolHasBatch(s_.log.registry().db(), f.filename().string()));
    if (!known) BM_CHECK(EraseBatch(f));
  }
  return {};
}

Status Pool::Fill(IssuingDesk& desk, const plan::Plan& plan, const std::string& slot,
                  uint64_t count, Rng& rng, const std::function<void(uint64_t)>& made) {
  BM_CHECK(MakeDirs(s_.folder, 0700));
  BM_CHECK(DropOrphans());
  SerialNumbers serials(s_.log.registry(), plan);
  for (uint64_t done = 0; done < count;) {
    size_t size = static_cast<size_t>(std::min<uint64_t>(kBatch, count - done));
    ledger::PoolFilled filled{.id = FormatUuid(NewUuid(s_.clock.Now(), rng)),
                              .file = {},
                              .product = s_.product,
                              .serials = {},
                              .station = s_.station};
    std::vector<SealedKey> keys;
    std::optional<Error> stopped;
    ledger::Submission all;
    for (size_t i = 0; i < size; ++i) {
      BM_TRY(std::string serial, serials.Next());
      BM_TRY(auto signer, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
      SealedKey key{.unit = s_.product + "/" + serial, .scalar = {}};
      BM_TRY(key.scalar, signer->ToP256Scalar());
      auto body =
          desk.Certify({.job = {.unit = key.unit, .serial = serial, .slot = slot, .subject = ""},
                        .key = signer->public_key(),
                        .method = "bamboo",
                        .proof = "made-by-us"});
      if (!body) {  // an authority at its end: what it still gave is kept
        stopped = std::move(body).error();
        break;
      }
      BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(),
                                                                   "unit:" + key.unit, *body)));
      all.push_back(std::move(e));
      filled.serials.push_back(serial);
      keys.push_back(std::move(key));
    }
    if (keys.empty()) return std::unexpected(*stopped);
    BM_TRY(Bytes file, SealBatch(s_.station_key, filled.id, keys));
    filled.file = crypto::Sha256(file);
    // The file comes first: an identity without its key would be a loss, a file without its event
    // is erased by the next filling.
    BM_CHECK(WriteFileAtomic(FileOf(filled.id), file, 0600));
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(),
                                                                 "station:" + s_.station, filled)));
    all.push_back(std::move(e));
    if (auto r = s_.log.Append(std::move(all)); !r) {
      BM_CHECK(EraseBatch(FileOf(filled.id)));
      return std::unexpected(std::move(r).error());
    }
    done += keys.size();
    if (made) made(done);
    if (stopped) return std::unexpected(*stopped);
  }
  return {};
}

Result<std::optional<std::string>> Pool::NextSerial() {
  for (;;) {
    BM_TRY(std::vector<ledger::PoolRow> rows,
           ledger::PoolNext(s_.log.registry().db(), s_.station, s_.product, from_, 100));
    for (const ledger::PoolRow& row : rows) {
      BM_TRY(std::vector<ledger::IdentityRow> all, s_.log.registry().IdentitiesOf(row.unit));
      // One on hold stays where it is.
      if (std::ranges::any_of(all, [](const auto& i) { return i.state == "issued"; }))
        return row.unit.substr(s_.product.size() + 1);
      from_ = {row.seq, row.pos + 1};
    }
    if (rows.empty()) return std::nullopt;
  }
}

Result<std::optional<method::MadeAhead>> Pool::Release(const method::Job& job) {
  BM_TRY(std::optional<ledger::PoolRow> row, ledger::PoolEntry(s_.log.registry().db(), job.unit));
  if (!row || row->station != s_.station) return std::nullopt;
  method::MadeAhead out{
      .scalar = {}, .made = TimeFromMillis(row->filled_at), .released = TimeFromMillis(row->at)};
  if (row->state == "left") {
    out.released = s_.clock.Now();
    // The event comes before the key: a power cut in between loses this key and no other, and no
    // key is ever handed out twice.
    ledger::PoolReleased released{.id = row->id, .unit = job.unit, .station = s_.station};
    BM_CHECK(
        s_.log.Append(ledger::MakeEvent(s_.context, out.released, "unit:" + job.unit, released)));
    BM_TRY(out.scalar, OpenEntry(s_.station_key, FileOf(row->id), row->id, row->pos, job.unit));
  }
  BM_TRY(uint64_t left, ledger::PoolBatchLeft(s_.log.registry().db(), row->id));
  if (left > 0) {
    BM_CHECK(EraseEntry(FileOf(row->id), row->pos));
  } else if (fs::exists(FileOf(row->id))) {
    BM_CHECK(EraseBatch(FileOf(row->id)));
  }
  return out;
}

}  // namespace birthmark::line
