// SPDX-License-Identifier: Apache-2.0
// Backups of a workspace as one file: made while others may look on, checked, restored. A restored
// copy starts fenced: it can be read and not written to, until it was compared with what the world
// saw (backup_fence.h). Leaves out the file's form (backup_file.h). Not thread-safe.
#pragma once

#include <optional>
#include <string>

#include "app/backup_file.h"
#include "app/keys.h"
#include "app/layout.h"
#include "base/clock.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::app {

// CopyLog copies a reader's snapshot of the log into a file of its own, beside whoever writes.
Status CopyLog(const ledger::LogReader& reader, const fs::path& to);

struct BackupOptions {
  fs::path workspace;
  fs::path file;
  bool offline = false;  // with the offline side, where it is on this machine
  std::string as;        // empty: the local credential
  bool dry_run = false;
};

struct BackupMadeResult {
  BackupSeal seal;
  uint64_t files = 0;
  std::string checkpoint;  // worth keeping elsewhere: a restore is compared with it
  uint64_t size = 0;       // of the file, in octets; a dry run: about
};

// CreateBackup writes beside `file` and renames at the end. The log is copied by SQLite's online
// backup from a snapshot; whoever else writes waits only while the other files are read. What was
// done stands in the log as backup.made. Errors: backup.exists, backup.not-a-file, ledger.locked,
// ledger.fenced, keys.log (the log's key is not in the online store); those of BackupWriter.
Result<BackupMadeResult> CreateBackup(const BackupOptions& options, const KeySource& keys,
                                      const Clock& clock);

// CheckBackup reads a whole backup. Errors: those of ReadBackup, file.missing.
Result<BackupContents> CheckBackup(const fs::path& file, const std::optional<ledger::NoteKey>& key);

// RestoreBackup makes `workspace` from a backup, fenced. Nothing stands there unless everything is
// there. Errors: restore.exists, restore.log (the log inside is not what was sealed); those of
// ReadBackup.
Result<BackupContents> RestoreBackup(const fs::path& file, const fs::path& workspace,
                                     const std::optional<ledger::NoteKey>& key, const Clock& clock);

// FenceMark is what stands in the file that fences a restored log.
struct FenceMark {
  Digest manifest{};
  uint64_t events = 0;
  std::string restored;  // RFC 3339
};
std::string FormatFence(const FenceMark& mark);
// ParseFence. Errors: restore.fence.
Result<FenceMark> ParseFence(std::string_view text);

}  // namespace birthmark::app
