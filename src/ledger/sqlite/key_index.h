// SPDX-License-Identifier: Apache-2.0
// KeyIndex: from a digest (of a public key, a serial, a unit) to the events that carry it, at a
// flat cost and in flat memory however many there are. A B-tree in random order costs more than the
// signature. Recent keys stand in memory and are rebuilt from the registry's tail at start; older
// ones in runs that a thread of its own writes and merges. Everything here is derived: if the
// folder is lost or does not fit the log it is built again. Leaves out comparing whole values: that
// is its user's. KeyIndex belongs to the writer's thread; KeyRuns is immutable and thread-safe.
#pragma once

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/sqlite/key_run.h"

namespace birthmark::ledger {

// KeyRuns is what the manifest says: runs that cover the events [0, covers) of the log whose event
// covers - 1 has the leaf hash `tip`.
struct KeyRuns {
  uint64_t covers = 0;
  Digest tip{};
  uint64_t next_id = 1;
  struct Named {
    std::string name;
    std::shared_ptr<const KeyRun> run;
  };
  std::vector<Named> runs;  // the oldest and largest first

  // Load reads the manifest and maps its runs; a folder without one covers nothing.
  // Errors: ledger.key-index.
  static Result<std::shared_ptr<const KeyRuns>> Load(const fs::path& dir);
  void Find(const Key16& key, std::vector<uint64_t>& out) const {
    for (const Named& r : runs) r.run->Find(key, out);
  }
};

// KeyTable is an open hash table of recent keys.
class KeyTable {
 public:
  // `expected` keys fit without growing.
  explicit KeyTable(size_t expected = 0)
      : slots_(std::max(kLeast, std::bit_ceil(2 * (expected + 1)))) {}
  void Insert(const Key16& key, uint64_t seq);
  void Find(const Key16& key, std::vector<uint64_t>& out) const;
  size_t size() const { return size_; }
  void Clear();
  std::vector<KeyEntry> Sorted() const;

 private:
  static constexpr size_t kLeast = 1 << 10;
  static constexpr uint64_t kFree = UINT64_MAX;
  struct Slot : KeyEntry {
    Slot() { seq = kFree; }
  };
  size_t Home(const Key16& k) const;
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

class KeyIndex {
 public:
  // LeafFn gives the leaf hash of an event of the log; TailFn calls back with every key of the
  // events from `from` on, in their order. Both are kept and called on the writer's thread.
  using LeafFn = std::function<Result<Digest>(uint64_t seq)>;
  using KeyFn = std::function<Status(const Key16&, uint64_t seq)>;
  using TailFn = std::function<Status(uint64_t from, const KeyFn&)>;

  // Open takes the runs that fit the log of `size` events, removes what no manifest names, and
  // reads the rest from the tail. `limit` is how many recent keys stay in memory.
  static Result<std::unique_ptr<KeyIndex>> Open(fs::path dir, uint64_t size, LeafFn leaf,
                                                TailFn tail, size_t limit = 49'152);
  ~KeyIndex();
  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  // Find appends the sequences of a key.
  void Find(const Key16& key, std::vector<uint64_t>& out) const;
  void Insert(const Key16& key, uint64_t seq) {
    recent_->Insert(key, seq);
    last_seq_ = seq;
  }
  // Committed tells that the log is durable up to `size` and starts writing a run when it is time.
  void Committed(uint64_t size, const Digest& tip);
  // Reload forgets the keys of a batch that was not committed and reads the tail again, writing
  // runs on the way when the tail is long.
  Status Reload();
  // Drop empties the index and its folder. Errors: ledger.key-index.
  Status Drop();
  // Flush waits for the thread and puts all recent keys into a run, so that the next start is
  // short.
  Status Flush(uint64_t size, const Digest& tip);

 private:
  struct Job {
    std::shared_ptr<const KeyTable> table;
    uint64_t covers = 0;
    Digest tip{};
  };
  KeyIndex(fs::path dir, LeafFn leaf, TailFn tail, size_t limit)
      : dir_(std::move(dir)), leaf_(std::move(leaf)), tail_(std::move(tail)), limit_(limit) {
    recent_ = NewTable();
  }
  void Work();
  Status WriteJob(const Job& job);
  Status MergeTiers();
  Status Publish(KeyRuns next);
  // NewTable has room for what comes in while the one before is being written.
  std::shared_ptr<KeyTable> NewTable() const { return std::make_shared<KeyTable>(limit_ * 5 / 4); }
  void CollectLocked();
  void StartLocked(uint64_t covers, const Digest& tip);
  void WaitLocked(std::unique_lock<std::mutex>& lock) {
    idle_.wait(lock, [&] { return !busy_ && !job_; });
  }

  fs::path dir_;
  LeafFn leaf_;
  TailFn tail_;
  size_t limit_;
  uint64_t last_seq_ = 0;
  std::shared_ptr<KeyTable> recent_;
  std::shared_ptr<KeyTable> frozen_;  // being written: read by both threads, changed by none
  std::shared_ptr<const KeyRuns> runs_ = std::make_shared<KeyRuns>();

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  std::optional<Job> job_;
  bool busy_ = false, stop_ = false, written_ = false;
  std::shared_ptr<const KeyRuns> published_ = runs_;
  Status last_;
  std::thread thread_;
};

}  // namespace birthmark::ledger
