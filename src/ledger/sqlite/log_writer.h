// SPDX-License-Identifier: Apache-2.0
// LogWriter: the one writer of a log. What Append returns is committed and durable. Leaves out
// waiting for others (writer_queue) and reading (log_reader). One thread an object; threads of its
// own copy the write-ahead log back and write the key index.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::ledger {

// kFenceFile stands in the folder of a log that was restored from a backup.
inline constexpr std::string_view kFenceFile = "fence";
enum class Fence { kKeepOut, kLift };

// Submission is a number of events that enter the log together or not at all.
using Submission = std::vector<NewEvent>;

// Receipt says where the events of a submission stand. An identity that was issued before to the
// same unit and slot for the same key is not issued again: its place is the old event's.
struct Receipt {
  uint64_t first = 0;          // the size of the log before this submission
  std::vector<uint64_t> seqs;  // one an event
  bool Existing(size_t i) const { return seqs[i] < first; }
};

// WalCopier copies the write-ahead log back into the database on a thread with a connection of its
// own, so that no commit waits for it.
class WalCopier {
 public:
  explicit WalCopier(std::string path);
  ~WalCopier();
  // Committed tells the number of pages in the write-ahead log after a commit. It is true when the
  // writer should finish the copy itself, because nearly all is done and it is between two commits.
  bool Committed(int pages);

 private:
  void Work();
  std::string path_;
  int next_at_ = 0;  // pages; of the writer's thread
  std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false, stop_ = false, copied_ = false;
  std::thread thread_;  // last: it uses all of the above
};

class LogWriter {
 public:
  // Create makes the folder and a log whose first event is `genesis`.
  // Errors: ledger.exists, ledger.locked, file.write, ledger.full.
  static Result<std::unique_ptr<LogWriter>> Create(const fs::path& dir, const Event& genesis,
                                                   const Clock& clock);
  // Open takes the lock of an existing log. A restored copy is fenced until somebody has compared
  // it with what the world saw: only what lifts the fence opens it before.
  // Errors: ledger.missing, ledger.locked, ledger.format, ledger.corrupt, ledger.fenced.
  static Result<std::unique_ptr<LogWriter>> Open(const fs::path& dir, const Clock& clock,
                                                 Fence fence = Fence::kKeepOut);
  // The destructor puts the recent keys into a run and the write-ahead log back, as far as it can.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Append commits one submission.
  // An entry of another log is taken once and in its order (ledger.entry-seen, ledger.entry-gap).
  // Errors: ledger.clock-back, ledger.key-seen, ledger.slot-live, ledger.serial-seen,
  // ledger.identity-unknown, ledger.genesis, ledger.full, ledger.io.
  Result<Receipt> Append(Submission submission);
  Result<Receipt> Append(const Event& event);
  // AppendAll commits many submissions in one transaction; a refused one leaves the others alone.
  // When the commit itself fails, all of them fail with its error and the log is as before.
  std::vector<Result<Receipt>> AppendAll(std::span<Submission> submissions);

  uint64_t size() const { return state_.tiles.frontier().size(); }
  Digest Root() const { return state_.tiles.frontier().Root(); }
  // MakeCheckpoint signs the log as it is and stores the note in it. Errors: note.key when the
  // signer's key is not the log's, the signer's errors, ledger.full.
  Result<std::string> MakeCheckpoint(crypto::Signer& signer);
  // Rebuild drops the registry and the key index and derives them again; `progress` is called with
  // each number of events done. Errors: those of decoding and folding, ledger.full.
  Status Rebuild(const std::function<void(uint64_t)>& progress = {});

  // registry sees what is committed (and, inside a batch, what is being appended).
  Registry& registry() { return *registry_; }

 private:
  // State is what a batch changes in memory; a copy of it undoes the batch.
  struct State {
    TileWriter tiles;
    Digest tip{};     // leaf hash of the last event
    EventStamp last;  // its stamp
  };
  // Keys are the index keys of one identity.
  struct Keys {
    Key16 spki, serial, unit;
  };

  explicit LogWriter(FileLock lock) : lock_(std::move(lock)) {}
  static Result<std::unique_ptr<LogWriter>> OpenFile(const fs::path& dir, const fs::path& file,
                                                     const Clock& clock, FileLock lock);
  Status PrepareStatements();
  Status LoadState();
  // Admit decides on a submission and changes nothing.
  Status Admit(const Submission& submission, Receipt& receipt);
  Status AdmitIdentity(const IdentityRow& row, const Keys& keys, std::optional<uint64_t>& existing);
  Status AdmitState(const IdentityStateChange& change);
  Status AdmitForeign(const ForeignEntry& entry);
  Status Write(Submission& submission, Receipt& receipt, int64_t now);
  Status Commit();
  void Undo();
  static Keys KeysOf(const IdentityRow& row);
  void InsertKeys(uint64_t seq, const Changes& changes);
  EventStamp NextStamp(int64_t now);

  FileLock lock_;
  const Clock* clock_ = nullptr;
  SystemRng rng_;
  Db db_;
  Stmt begin_, commit_, put_first_, put_event_, put_tile_, put_checkpoint_;
  std::unique_ptr<KeyIndex> keys_;
  std::unique_ptr<Registry> registry_;
  State state_, before_;
  std::unique_ptr<WalCopier> copier_;
  Genesis genesis_;
  int wal_pages_ = 0;
  bool broken_ = false;  // undoing a batch failed; only opening the log anew helps

  // Of the submission being admitted:
  KeyTable within_;  // keys of its own identities, to their place in `issues_`
  std::vector<const IdentityRow*> issues_;
  std::vector<Bytes> ended_;                                   // serials that it ends
  std::map<std::string, uint64_t, std::less<>> foreign_next_;  // of other logs, by origin
  std::vector<uint64_t> hits_;
};

}  // namespace birthmark::ledger
