// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/log_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::ledger {
namespace {

// Large pages: events are near a kilobyte, and each page of the write-ahead log costs two system
// calls.
constexpr const char* kLogSchema = R"(
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE log(seq INTEGER PRIMARY KEY, event BLOB NOT NULL) STRICT;
CREATE TABLE tiles(id INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
INSERT INTO meta VALUES('format', '1');
)";
constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
    "PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864";
constexpr int kPageBytes = 16384;
// From this size on the write-ahead log is copied back.
constexpr int kWalPages = (32 << 20) / kPageBytes;

int CountPages(void* pages, sqlite3*, const char*, int n) {
  *static_cast<int*>(pages) = n;
  return SQLITE_OK;
}

}  // namespace

WalCopier::WalCopier(std::string path) : path_(std::move(path)), thread_([this] { Work(); }) {}

WalCopier::~WalCopier() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool WalCopier::Committed(int pages) {
  if (pages < kWalPages) next_at_ = kWalPages;
  if (pages < next_at_) return false;
  std::lock_guard lock(mutex_);
  if (wanted_) return false;  // at work
  if (copied_) {
    copied_ = false;
    // A reader of an old snapshot may hold the copy up: try again only after as much again.
    next_at_ = pages + kWalPages;
    return true;
  }
  wanted_ = true;
  wake_.notify_all();
  return false;
}

void WalCopier::Work() {
  auto db = Db::Open(path_, Db::Mode::kWrite);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || wanted_; });
    if (stop_) return;
    lock.unlock();
    // A failure (a full disk, say) leaves the write-ahead log as it is: nothing is lost, and the
    // writer meets the same error in its own time.
    if (db)
      sqlite3_wal_checkpoint_v2(db->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    lock.lock();
    wanted_ = false;
    copied_ = true;
  }
}

Result<std::unique_ptr<LogWriter>> LogWriter::Create(const fs::path& dir, const Event& genesis,
                                                     const Clock& clock) {
  BM_CHECK(MakeDirs(dir));
  BM_TRY(FileLock lock, FileLock::Take(dir / kLockFile, "ledger.locked"));
  fs::path file = dir / kLogFile;
  std::error_code ec;
  if (fs::exists(file, ec)) {
    return Usage("ledger.exists", fmt::format("{}: a ledger is already there", file.string()),
                 "choose a new folder; a ledger is never overwritten");
  }
  if (genesis.type != Genesis::kType) {
    return Internal("ledger.genesis", "the first event of a log is log.genesis");
  }
  BM_TRY(NewEvent first, Prepare(genesis));
  // Made beside its name, so that a crash leaves no half of a ledger.
  fs::path fresh = file;
  fresh += ".new";
  for (const char* tail : {"", "-wal", "-shm"}) fs::remove(fresh.string() + tail, ec);
  {
    BM_TRY(Db db, Db::Open(fresh.string(), Db::Mode::kCreate));
    BM_CHECK(db.Exec(fmt::format("PRAGMA page_size={}", kPageBytes).c_str()));
    BM_CHECK(db.Exec(kPragmas));
    BM_CHECK(db.Exec(kLogSchema));
    BM_CHECK(Registry::CreateTables(db));
  }
  std::unique_ptr<LogWriter> w(new LogWriter(std::move(lock)));
  w->clock_ = &clock;
  BM_TRY(w->db_, Db::Open(fresh.string(), Db::Mode::kWrite));
  BM_CHECK(w->db_.Exec(kPragmas));
  BM_TRY(w->keys_, KeyIndex::Open(
                       dir / kKeysDir, 0, [](uint64_t) { return Digest{}; },
                       [](uint64_t, const KeyIndex::KeyFn&) { return Status(); }));
  BM_CHECK(w->PrepareStatements());
  Receipt receipt;
  BM_CHECK(w->begin_.Run());
  Submission only;
  only.push_back(std::move(first));
  BM_CHECK(w->Write(only, receipt, Millis(clock.Now())));
  BM_CHECK(w->Commit());
  lock = std::move(w->lock_);
  w.reset();
  fs::rename(fresh, file, ec);
  if (ec) return Environment("file.write", fmt::format("{}: {}", file.string(), ec.message()));
  BM_CHECK(SyncDir(dir));
  return OpenFile(dir, file, clock, std::move(lock));
}

Result<std::unique_ptr<LogWriter>> LogWriter::Open(const fs::path& dir, const Clock& clock,
                                                   Fence fence) {
  std::error_code ec;
  if (!fs::exists(dir / kLogFile, ec)) {
    return Environment("ledger.missing",
                       fmt::format("{}: there is no ledger", (dir / kLogFile).string()),
                       "name the workspace's folder, or make one with `birthmark init`");
  }
  BM_TRY(FileLock lock, FileLock::Take(dir / kLockFile, "ledger.locked"));
  if (fence == Fence::kKeepOut && fs::exists(dir / kFenceFile, ec)) {
    return Refused("ledger.fenced",
                   fmt::format("{}: was restored from a backup and is fenced", dir.string()),
                   "compare it with checkpoints kept elsewhere: birthmark backup restore --unfence "
                   "WS CHECKPOINT");
  }
  return OpenFile(dir, dir / kLogFile, clock, std::move(lock));
}

Status LogWriter::PrepareStatements() {
  BM_TRY(begin_, db_.Prepare("BEGIN IMMEDIATE"));
  BM_TRY(commit_, db_.Prepare("COMMIT"));
  // Without a number SQLite takes the next one, and need not search for its place.
  BM_TRY(put_event_, db_.Prepare("INSERT INTO log(event) VALUES(?)"));
  BM_TRY(put_first_, db_.Prepare("INSERT INTO log(seq, event) VALUES(0, ?)"));
  BM_TRY(put_tile_, db_.Prepare(TileWriter::kPutSql));
  BM_TRY(put_checkpoint_, db_.Prepare("INSERT INTO checkpoints VALUES(?,?)"));
  KeyIndex* keys = keys_.get();
  BM_TRY(Registry registry, Registry::Open(db_, [keys](const Key16& k, std::vector<uint64_t>& out) {
           keys->Find(k, out);
           return Status();
         }));
  registry_ = std::make_unique<Registry>(std::move(registry));
  sqlite3_wal_hook(db_.get(), CountPages, &wal_pages_);
  return {};
}

Result<std::unique_ptr<LogWriter>> LogWriter::OpenFile(const fs::path& dir, const fs::path& file,
                                                       const Clock& clock, FileLock lock) {
  std::unique_ptr<LogWriter> w(new LogWriter(std::move(lock)));
  w->clock_ = &clock;
  BM_TRY(w->db_, Db::Open(file.string(), Db::Mode::kWrite));
  BM_CHECK(w->db_.Exec(kPragmas));
  BM_CHECK(CheckFormat(w->db_, file));
  BM_TRY(bool old, Registry::IsOld(w->db_));
  if (old) {
    // Empty tables that still count as old: Rebuild fills them below, or the next writer does.
    BM_CHECK(w->db_.Exec("BEGIN IMMEDIATE"));
    BM_CHECK(Registry::DropTables(w->db_));
    BM_CHECK(Registry::CreateTables(w->db_));
    BM_CHECK(Registry::Forget(w->db_));
    BM_CHECK(w->db_.Exec("COMMIT"));
  }
  BM_CHECK(w->LoadState());
  LogWriter* self = w.get();
  auto leaf = [self](uint64_t seq) -> Result<Digest> {
    BM_TRY(Stmt s, self->db_.Prepare("SELECT event FROM log WHERE seq=?"));
    BM_TRY(bool found, s.Bind(1, seq).Step());
    if (!found) return Refused("ledger.corrupt", fmt::format("event {} is missing", seq));
    return LeafHash(s.Blob(0));
  };
  auto tail = [self](uint64_t from, const KeyIndex::KeyFn& fn) -> Status {
    return self->registry_ ? self->registry_->ForEachKey(from, fn) : Status();
  };
  {
    // The tail is read through a registry that looks nothing up itself.
    BM_TRY(Registry plain,
           Registry::Open(w->db_, [](const Key16&, std::vector<uint64_t>&) { return Status(); }));
    w->registry_ = std::make_unique<Registry>(std::move(plain));
    BM_TRY(w->keys_, KeyIndex::Open(dir / kKeysDir, w->size(), leaf, tail));
  }
  BM_CHECK(w->PrepareStatements());
  if (old) BM_CHECK(w->Rebuild());
  w->copier_ = std::make_unique<WalCopier>(file.string());
  return w;
}

Status LogWriter::LoadState() {
  uint64_t size = 0;
  {
    BM_TRY(Stmt s, db_.Prepare("SELECT ifnull(max(seq) + 1, 0) FROM log"));
    BM_CHECK(s.Step());
    size = s.Uint(0);
  }
  auto event = [&](uint64_t seq) -> Result<Bytes> {
    BM_TRY(Stmt s, db_.Prepare("SELECT event FROM log WHERE seq=?"));
    BM_TRY(bool found, s.Bind(1, seq).Step());
    if (!found)
      return Refused("ledger.corrupt", fmt::format("event {} is missing", seq),
                     "run `birthmark ledger verify`");
    ByteView raw = s.Blob(0);
    return Bytes(raw.begin(), raw.end());
  };
  BM_TRY(Bytes first, event(0));
  BM_TRY(Event genesis, DecodeEvent(first));
  BM_TRY(genesis_, BodyOf<Genesis>(genesis));
  BM_TRY(Bytes last, event(size - 1));
  BM_TRY(state_.last, ReadStamp(last));
  state_.tip = LeafHash(last);
  BM_TRY(TileReader reader, TileReader::Open(db_));
  BM_TRY(state_.tiles, TileWriter::Restore(size, reader));
  // The hash of the last event is on hand: appending to hashes that do not fit the events would
  // make good checkpoints over a bad log.
  BM_TRY(Digest stored, reader.Node(0, size - 1));
  if (stored != state_.tip) {
    return Refused("ledger.corrupt", "the last event does not fit its stored hash",
                   "run `birthmark ledger verify`, then restore the workspace from a copy");
  }
  return {};
}

LogWriter::~LogWriter() {
  copier_.reset();
  if (keys_ && size() > 0 && !broken_) (void)keys_->Flush(size(), state_.tip);
  if (db_.get() != nullptr) {
    sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }
}

EventStamp LogWriter::NextStamp(int64_t now) {
  EventStamp s{NewUuid(TimeFromMillis(now), rng_), now};
  s.id[8] &= 0xdf;  // head room in the random part, so that adding to it below cannot overflow
  if (now == state_.last.recorded) {
    // RFC 9562 section 6.2, method 2: within a millisecond the random part grows by a random step.
    uint64_t low = 0, step = 0;
    for (size_t i = 8; i < 16; ++i) low = low << 8 | state_.last.id[i];
    for (size_t i = 12; i < 16; ++i) step = step << 8 | s.id[i];
    low += step + 1;
    s.id = state_.last.id;
    for (size_t i = 16; i-- > 8; low >>= 8) s.id[i] = static_cast<uint8_t>(low);
  }
  state_.last = s;
  return s;
}

Result<Receipt> LogWriter::Append(Submission submission) {
  return std::move(AppendAll(std::span(&submission, 1)).front());
}

Result<Receipt> LogWriter::Append(const Event& event) {
  Submission s(1);
  BM_TRY(s[0], Prepare(event));
  return Append(std::move(s));
}

std::vector<Result<Receipt>> LogWriter::AppendAll(std::span<Submission> submissions) {
  std::vector<Result<Receipt>> out;
  auto fail_all = [&](const Error& e) {
    out.assign(submissions.size(), std::unexpected(e));
    return out;
  };
  if (broken_) {
    return fail_all({ErrorKind::kEnvironment, "ledger.io",
                     "an earlier write could not be undone in memory",
                     "run the command again; what was acknowledged before is committed"});
  }
  int64_t now = Millis(clock_->Now());
  if (now < state_.last.recorded) {
    return fail_all(
        {ErrorKind::kNegative, "ledger.clock-back",
         fmt::format("the clock says {}, the last event was recorded at {}",
                     FormatTime(TimeFromMillis(now)),
                     FormatTime(TimeFromMillis(state_.last.recorded))),
         "set the machine's clock right; if it was ahead before, wait until it has caught up"});
  }
  before_ = state_;
  if (Status s = begin_.Run(); !s) return fail_all(s.error());
  out.reserve(submissions.size());
  for (Submission& submission : submissions) {
    Receipt receipt;
    if (Status s = Admit(submission, receipt); !s) {
      out.emplace_back(std::unexpected(std::move(s).error()));
      continue;
    }
    if (Status s = Write(submission, receipt, now); !s) {
      Undo();
      return fail_all(s.error());
    }
    out.emplace_back(std::move(receipt));
  }
  // Retries and refusals alone leave nothing to make durable.
  bool changed = size() != before_.tiles.frontier().size();
  if (Status s = changed ? Commit() : db_.Exec("ROLLBACK"); !s) {
    Undo();
    return fail_all(s.error());
  }
  return out;
}

Status LogWriter::Admit(const Submission& submission, Receipt& receipt) {
  receipt.seqs.assign(submission.size(), 0);
  ended_.clear();
  issues_.clear();
  foreign_next_.clear();
  if (submission.size() > 1) within_.Clear();
  for (size_t i = 0; i < submission.size(); ++i) {
    std::optional<uint64_t> existing;
    for (const Change& c : submission[i].changes) {
      if (auto* row = std::get_if<IdentityRow>(&c)) {
        Keys keys = KeysOf(*row);
        BM_CHECK(AdmitIdentity(*row, keys, existing));
        if (submission.size() > 1 && !existing) {
          for (const Key16& k : {keys.spki, keys.serial, keys.unit})
            within_.Insert(k, issues_.size());
          issues_.push_back(row);
        }
      } else if (auto* change = std::get_if<IdentityStateChange>(&c)) {
        BM_CHECK(AdmitState(*change));
      } else if (auto* entry = std::get_if<ForeignEntry>(&c)) {
        BM_CHECK(AdmitForeign(*entry));
        // A retry's certificate stands in our own event; this one would be lost without a word.
        if (existing) {
          return Refused("ledger.key-seen",
                         fmt::format("entry {} of {} issues to a unit, slot and key that have a "
                                     "live certificate already",
                                     entry->seq, entry->origin));
        }
      } else if (auto* notable = std::get_if<Notable>(&c);
                 notable && notable->type == Genesis::kType) {
        return Refused("ledger.genesis", "a log has one log.genesis event, its first");
      }
    }
    receipt.seqs[i] = existing.value_or(UINT64_MAX);
  }
  return {};
}

Status LogWriter::AdmitIdentity(const IdentityRow& row, const Keys& keys,
                                std::optional<uint64_t>& existing) {
  auto key_seen = [&](const std::string& owner) {
    return Refused(
        "ledger.key-seen",
        fmt::format("the public key of {} ({}) is already that of {}", row.unit, row.slot, owner),
        "make a new key; if two devices made the same one, look at their random generator");
  };
  auto slot_live = [&](const std::string& serial) {
    return Refused("ledger.slot-live",
                   fmt::format("{} already has a live identity in slot {}, certificate {}",
                               row.unit, row.slot, serial),
                   "supersede, void or revoke that identity first");
  };
  auto serial_seen = [&] {
    return Refused("ledger.serial-seen",
                   fmt::format("the certificate serial {} was issued before", ToHex(row.serial)),
                   "issue again: serials carry 96 random bits, so look at the random generator if "
                   "this returns");
  };
  auto ended = [&](const IdentityRow& r) {
    return !IsLive(r.state) || std::ranges::find(ended_, r.serial) != ended_.end();
  };
  // Within the submission any clash is refused: it has no order in which one could come first.
  if (!issues_.empty()) {
    hits_.clear();
    within_.Find(keys.spki, hits_);
    within_.Find(keys.serial, hits_);
    within_.Find(keys.unit, hits_);
    for (uint64_t i : hits_) {
      const IdentityRow& other = *issues_[i];
      if (other.spki == row.spki) return key_seen(other.unit);
      if (other.serial == row.serial) return serial_seen();
      if (other.unit == row.unit && other.slot == row.slot && IsLive(other.state) &&
          IsLive(row.state))
        return slot_live(ToHex(other.serial));
    }
  }
  hits_.clear();
  keys_->Find(keys.spki, hits_);
  keys_->Find(keys.serial, hits_);
  keys_->Find(keys.unit, hits_);
  if (hits_.empty()) return {};

  BM_TRY(auto same_key, registry_->IdentitiesByKey(row.spki));
  for (const IdentityRow& r : same_key) {
    if (r.unit != row.unit || r.slot != row.slot)
      return key_seen(fmt::format("{} ({})", r.unit, r.slot));
    if (!ended(r)) {
      existing = r.seq;
      return {};
    }
    if (r.state == "revoked" || r.state == "destroyed")
      return key_seen(fmt::format("its identity that is {}", r.state));
  }
  BM_TRY(auto own, registry_->KeyBySpki(row.spki));
  if (own) return key_seen(fmt::format("the manufacturer's own key {}", own->id));
  BM_TRY(auto of_unit, registry_->IdentitiesOf(row.unit));
  for (const IdentityRow& r : of_unit) {
    if (r.slot == row.slot && !ended(r) && IsLive(row.state)) return slot_live(ToHex(r.serial));
  }
  BM_TRY(auto same_serial, registry_->IdentityBySerial(row.serial));
  if (same_serial) return serial_seen();
  return {};
}

Status LogWriter::AdmitState(const IdentityStateChange& change) {
  BM_TRY(auto row, registry_->IdentityBySerial(change.serial));
  bool own = std::ranges::any_of(issues_,
                                 [&](const IdentityRow* r) { return r->serial == change.serial; });
  if (!row && !own) {
    return Refused("ledger.identity-unknown",
                   fmt::format("no identity has the certificate serial {}", ToHex(change.serial)));
  }
  if (row && !IsLive(row->state) && IsLive(change.state)) {
    return Refused("ledger.identity-ended",
                   fmt::format("the identity {} of {} is {} and cannot become {}",
                               ToHex(change.serial), row->unit, row->state, change.state),
                   "issue a new identity");
  }
  if (!IsLive(change.state)) ended_.push_back(change.serial);
  return {};
}

Status LogWriter::AdmitForeign(const ForeignEntry& entry) {
  auto it = foreign_next_.find(entry.origin);
  if (it == foreign_next_.end()) {
    BM_TRY(std::optional<ForeignRow> row, registry_->Foreign(entry.origin));
    it = foreign_next_.emplace(entry.origin, row ? row->next : 0).first;
  }
  if (entry.seq < it->second) {
    return Refused("ledger.entry-seen",
                   fmt::format("entry {} of {} is here already", entry.seq, entry.origin));
  }
  if (entry.seq > it->second) {
    return Refused(
        "ledger.entry-gap",
        fmt::format("entry {} of {} comes before {}", it->second, entry.origin, entry.seq),
        "import the entries in their order");
  }
  ++it->second;
  return {};
}

Status LogWriter::Write(Submission& submission, Receipt& receipt, int64_t now) {
  receipt.first = size();
  receipt.seqs.resize(submission.size(), UINT64_MAX);
  for (size_t i = 0; i < submission.size(); ++i) {
    if (receipt.seqs[i] != UINT64_MAX) continue;
    NewEvent& e = submission[i];
    uint64_t seq = size();
    BM_CHECK(StampEvent(e.encoded, NextStamp(now)));
    BM_CHECK((seq == 0 ? put_first_ : put_event_).Bind(1, ByteView(e.encoded)).Run());
    if (sqlite3_last_insert_rowid(db_.get()) != static_cast<sqlite3_int64>(seq)) {
      return Refused("ledger.corrupt", "the events are not numbered without gaps",
                     "run `birthmark ledger verify`");
    }
    state_.tip = LeafHash(e.encoded);
    BM_CHECK(state_.tiles.Append(state_.tip, put_tile_));
    BM_CHECK(registry_->Apply(seq, e.changes));
    InsertKeys(seq, e.changes);
    receipt.seqs[i] = seq;
  }
  return {};
}

LogWriter::Keys LogWriter::KeysOf(const IdentityRow& row) {
  return {SpkiKey(row.spki), SerialKey(row.serial), UnitKey(row.unit)};
}

void LogWriter::InsertKeys(uint64_t seq, const Changes& changes) {
  ForEachKeyOf(changes, [&](const Key16& key) { keys_->Insert(key, seq); });
}

Status LogWriter::Commit() {
  BM_CHECK(registry_->EndBatch());
  BM_CHECK(state_.tiles.WritePartial(put_tile_));
  BM_CHECK(commit_.Run());
  keys_->Committed(size(), state_.tip);
  if (copier_ && copier_->Committed(wal_pages_)) {
    sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  return {};
}

void LogWriter::Undo() {
  // SQLite has rolled back by itself after some errors.
  Status s = sqlite3_get_autocommit(db_.get()) ? Status() : db_.Exec("ROLLBACK");
  registry_->CancelBatch();
  state_ = before_;
  if (s) s = keys_->Reload();
  if (!s) broken_ = true;
}

Result<std::string> LogWriter::MakeCheckpoint(crypto::Signer& signer) {
  if (!std::ranges::equal(signer.public_key().spki(), genesis_.log_key)) {
    return Refused("note.key", "the key is not the one that the log's first event names");
  }
  {
    BM_TRY(Stmt get, db_.Prepare("SELECT note FROM checkpoints WHERE size=?"));
    BM_TRY(bool found, get.Bind(1, size()).Step());
    if (found) return std::string(get.Text(0));
  }
  BM_TRY(std::string note, SignCheckpoint({genesis_.origin, size(), Root(), {}}, signer));
  BM_CHECK(put_checkpoint_.Bind(1, size()).Bind(2, std::string_view(note)).Run());
  return note;
}

Status LogWriter::Rebuild(const std::function<void(uint64_t)>& progress) {
  auto rebuild = [&]() -> Status {
    BM_CHECK(Registry::DropTables(db_));
    BM_CHECK(Registry::CreateTables(db_));
    BM_TRY(Stmt events, db_.Prepare("SELECT seq, event FROM log ORDER BY seq"));
    for (;;) {
      BM_TRY(bool more, events.Step());
      if (!more) break;
      uint64_t seq = events.Uint(0);
      ByteView raw = events.Blob(1);
      auto context = [&](Error e) {
        return std::unexpected(std::move(e).Context(fmt::format("event {}", seq)));
      };
      auto event = DecodeEvent(raw);
      if (!event) return context(std::move(event).error());
      auto changes = Fold(*event);
      if (!changes) return context(std::move(changes).error());
      BM_CHECK(registry_->Apply(seq, *changes));
      InsertKeys(seq, *changes);
      // The index depends on the log alone, which is committed: it may run ahead of the tables.
      keys_->Committed(seq + 1, LeafHash(raw));
      if (progress) progress(seq + 1);
    }
    BM_CHECK(registry_->EndBatch());
    return commit_.Run();
  };
  BM_CHECK(keys_->Drop());
  BM_CHECK(begin_.Run());
  before_ = state_;
  Status s = rebuild();
  if (!s) Undo();
  return s;
}

}  // namespace birthmark::ledger
