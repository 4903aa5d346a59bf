// SPDX-License-Identifier: Apache-2.0
// A backup's file: a POSIX tar archive of plain files and folders, so that any system can open it
// in decades, with a manifest of every entry's SHA-256 and a seal, which is a note signed by the
// log's key. Written and read as a stream in bounded memory; what is read must be exactly what the
// writer would write. Leaves out what goes into it (backup.h). Not thread-safe. Source:
// POSIX.1-2017 pax, "ustar Interchange Format"; docs/backup.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "ledger/checkpoint.h"

namespace birthmark::app {

// kMaxBackupEntries bounds what is remembered of a backup while it is read: a digest an entry.
inline constexpr uint64_t kMaxBackupEntries = 2'000'000;

// BackupEntry is a file or a folder in a backup. Names start with "ws/" or "offline/"; those of
// "birthmark-backup/" are the archive's own.
struct BackupEntry {
  std::string name;
  bool folder = false;
  int mode = 0600;
  uint64_t size = 0;
};

// IsBackupName takes relative paths of printable ASCII under one of the three folders, at most 255
// octets, whose parts are neither empty nor "." nor "..".
bool IsBackupName(std::string_view name);

// BackupSeal is what the log's key signs.
struct BackupSeal {
  std::string origin;
  std::string made;     // RFC 3339
  std::string program;  // "birthmark 0.3.0"
  uint64_t events = 0;
  Digest root{};
  uint64_t entries = 0, octets = 0;
  bool offline = false;  // the offline side is in it
  Digest manifest{};
  bool operator==(const BackupSeal&) const = default;
};
std::string FormatSeal(const BackupSeal& seal);
// ParseSeal reads a seal's text; FormatSeal of the result is that text. Errors: backup.seal.
Result<BackupSeal> ParseSeal(std::string_view text);

// BackupWriter writes the entries one after the other; every entry's line of the manifest is kept
// in a spool file.
class BackupWriter {
 public:
  using Sink = std::function<Status(ByteView)>;
  // `spool` is a name for a file that is unlinked at once.
  static Result<BackupWriter> Start(Sink sink, const fs::path& spool, Time made);
  BackupWriter(BackupWriter&& o) noexcept;
  ~BackupWriter();

  Status AddFolder(const std::string& name, int mode);
  // AddFile copies a file's present size. Errors: backup.name, backup.changing, file.read.
  Status AddFile(const std::string& name, int mode, const fs::path& from);
  Status AddText(const std::string& name, std::string_view text);
  // Finish writes manifest, seal and end. The seal's entries, octets, manifest and time are filled
  // in here; it is signed under its origin. Errors: those of the signer and the sink.
  Result<BackupSeal> Finish(BackupSeal seal, crypto::Signer& log_key);

 private:
  BackupWriter(Sink sink, int spool, Time made)
      : sink_(std::move(sink)), spool_(spool), made_(made) {}
  Status Header(const BackupEntry& entry);
  Status Pad(uint64_t size);
  Status Line(const BackupEntry& entry, const Digest& digest);
  Sink sink_;
  int spool_ = -1;
  Time made_;
  uint64_t entries_ = 0, octets_ = 0, lines_size_ = 0;
  crypto::Sha256Hasher lines_;
};

// BackupTarget takes what is read, as it is read: nothing of it is proven until ReadBackup returns.
class BackupTarget {
 public:
  virtual ~BackupTarget() = default;
  virtual Status Folder(const BackupEntry& entry) = 0;
  virtual Status Begin(const BackupEntry& entry) = 0;
  virtual Status Data(ByteView part) = 0;
  virtual Status End() = 0;
};

// BackupContents is a whole backup that was read and is intact.
struct BackupContents {
  BackupSeal seal;
  ledger::NoteKey key;     // that signed it: whose that is, the caller knows
  std::string checkpoint;  // signed note of the log as it is in here
  uint64_t files = 0;
};

// ReadFn fills a part of the buffer and says how much; 0 is the end.
using ReadFn = std::function<Result<size_t>(std::span<uint8_t>)>;

// ReadBackup reads it to its end and checks every octet: the archive's form, each entry against the
// manifest, the manifest against the seal, the seal under `key` or, without one, under the key that
// the backup itself holds. Errors: backup.not-one, backup.damaged, backup.changed,
// backup.cut-short, backup.seal, backup.large, note.signature; those of the target.
Result<BackupContents> ReadBackup(const ReadFn& read, const std::optional<ledger::NoteKey>& key,
                                  BackupTarget* target);

}  // namespace birthmark::app
