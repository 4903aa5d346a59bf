// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/log_reader.h"

#include <fmt/format.h>

namespace birthmark::ledger {

Status CheckFormat(const Db& db, const fs::path& path) {
  auto bad = [&](const std::string& what) {
    return Refused("ledger.format", fmt::format("{}: {}", path.string(), what),
                   "use the release of Birthmark that wrote it, or a newer one");
  };
  auto s = db.Prepare("SELECT value FROM meta WHERE name='format'");
  if (!s && s.error().code == "ledger.sql") return bad("is no ledger");
  if (!s) return std::unexpected(std::move(s).error());
  BM_TRY(bool found, s->Step());
  if (!found || s->Text(0) != fmt::format("{}", kLogFormat)) {
    return bad(
        fmt::format("has format {}, this program knows {}", found ? s->Text(0) : "?", kLogFormat));
  }
  return {};
}

Result<std::unique_ptr<LogReader>> LogReader::Open(const fs::path& dir) {
  std::unique_ptr<LogReader> r(new LogReader());
  r->dir_ = dir;
  fs::path file = dir / kLogFile;
  std::error_code ec;
  if (!fs::exists(file, ec)) {
    return Environment("ledger.missing", fmt::format("{}: there is no ledger", file.string()),
                       "name the workspace's folder, or make one with `birthmark init`");
  }
  BM_TRY(r->db_, Db::Open(file.string(), Db::Mode::kRead));
  // Reading through a map would trust that nobody cuts the file short under us.
  BM_CHECK(r->db_.Exec("PRAGMA cache_size=-16384; PRAGMA query_only=1; PRAGMA temp_store=MEMORY"));
  BM_CHECK(CheckFormat(r->db_, file));
  BM_TRY(r->tiles_, TileReader::Open(r->db_));
  BM_TRY(r->get_, r->db_.Prepare("SELECT event FROM log WHERE seq=?"));
  BM_CHECK(r->Refresh());
  BM_TRY(Event first, r->EventAt(0));
  BM_TRY(r->genesis_, BodyOf<Genesis>(first));
  return r;
}

LogReader::~LogReader() = default;

Status LogReader::Refresh() {
  if (sqlite3_get_autocommit(db_.get()) == 0) BM_CHECK(db_.Exec("COMMIT"));
  BM_CHECK(db_.Exec("BEGIN"));
  // The first read fixes the snapshot.
  BM_TRY(Stmt s, db_.Prepare("SELECT ifnull(max(seq) + 1, 0) FROM log"));
  BM_CHECK(s.Step());
  size_ = s.Uint(0);
  runs_.reset();
  tail_ = KeyTable();
  return OpenRegistry();
}

Status LogReader::OpenRegistry() {
  BM_TRY(bool old, Registry::IsOld(db_));
  if (!old && registry_ && &registry_->db() == &db_) return {};
  auto finder = [this](const Key16& k, std::vector<uint64_t>& out) { return FindKey(k, out); };
  registry_.reset();
  derived_ = Db();
  if (!old) {
    BM_TRY(Registry registry, Registry::Open(db_, finder));
    registry_ = std::make_unique<Registry>(std::move(registry));
    return {};
  }
  BM_TRY(derived_, Db::Open("", Db::Mode::kCreate));
  BM_CHECK(derived_.Exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
  BM_CHECK(Registry::CreateTables(derived_));
  BM_TRY(Registry registry, Registry::Open(derived_, finder));
  registry_ = std::make_unique<Registry>(std::move(registry));
  runs_ = std::make_shared<KeyRuns>();  // all keys are in the tail
  BM_CHECK(derived_.Exec("BEGIN"));
  BM_CHECK(ForEachRaw(0, size_, [&](uint64_t seq, ByteView raw) -> Status {
    BM_TRY(Event event, DecodeEvent(raw));
    BM_TRY(Changes changes, Fold(event));
    BM_CHECK(registry_->Apply(seq, changes));
    ForEachKeyOf(changes, [&](const Key16& key) { tail_.Insert(key, seq); });
    return {};
  }));
  BM_CHECK(registry_->EndBatch());
  return derived_.Exec("COMMIT");
}

Result<NoteKey> LogReader::Key() const {
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(genesis_.log_key));
  return NoteKey::Of(genesis_.origin, key);
}

Status LogReader::ForEachRaw(uint64_t from, uint64_t to,
                             const std::function<Status(uint64_t, ByteView)>& fn) {
  BM_TRY(Stmt s, db_.Prepare("SELECT seq, event FROM log WHERE seq >= ? AND seq < ? ORDER BY seq"));
  s.Bind(1, from).Bind(2, to);
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return {};
    BM_CHECK(fn(s.Uint(0), s.Blob(1)));
  }
}

Status LogReader::ForRange(uint64_t from, uint64_t to, const EventFn& fn) {
  return ForEachRaw(from, to, [&](uint64_t seq, ByteView raw) -> Status {
    auto e = ReadEvent(raw);
    if (!e) return std::unexpected(std::move(e).error().Context(fmt::format("event {}", seq)));
    return fn(seq, *e, raw);
  });
}

Result<Bytes> LogReader::RawAt(uint64_t seq) {
  BM_TRY(bool found, get_.Bind(1, seq).Step());
  if (!found || seq >= size_) {
    get_.Reset();
    return Refused("ledger.no-event", fmt::format("the ledger has no event {}", seq));
  }
  ByteView raw = get_.Blob(0);
  Bytes out(raw.begin(), raw.end());
  get_.Reset();
  return out;
}

Result<Event> LogReader::EventAt(uint64_t seq) {
  BM_TRY(Bytes raw, RawAt(seq));
  auto e = ReadEvent(raw);
  if (!e) return std::unexpected(std::move(e).error().Context(fmt::format("event {}", seq)));
  return e;
}

namespace {
Status InLog(uint64_t size, uint64_t limit) {
  if (size <= limit) return {};
  return Refused("merkle.range", fmt::format("the ledger has {} events, not {}", limit, size));
}
}  // namespace

Result<Digest> LogReader::Root(uint64_t size) {
  BM_CHECK(InLog(size, size_));
  return RootAt(size, tiles_.Reader());
}
Result<std::vector<Digest>> LogReader::Inclusion(uint64_t seq, uint64_t size) {
  BM_CHECK(InLog(size, size_));
  return InclusionProof(seq, size, tiles_.Reader());
}
Result<std::vector<Digest>> LogReader::Consistency(uint64_t first, uint64_t second) {
  BM_CHECK(InLog(second, size_));
  return ConsistencyProof(first, second, tiles_.Reader());
}
Result<Frontier> LogReader::FrontierOf(uint64_t size) {
  BM_CHECK(InLog(size, size_));
  return FrontierAt(size, tiles_.Reader());
}

Result<std::vector<KeptCheckpoint>> LogReader::Checkpoints() {
  BM_TRY(Stmt s, db_.Prepare("SELECT size, note FROM checkpoints ORDER BY size"));
  std::vector<KeptCheckpoint> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back({s.Uint(0), std::string(s.Text(1))});
  }
}

Result<std::optional<KeptCheckpoint>> LogReader::LastCheckpoint() {
  BM_TRY(Stmt s, db_.Prepare("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"));
  BM_TRY(bool found, s.Step());
  if (!found) return std::nullopt;
  return KeptCheckpoint{s.Uint(0), std::string(s.Text(1))};
}

Status LogReader::LoadKeys() {
  // A writer may merge runs away between our reading of the manifest and of the runs: then the
  // manifest is new, so read it again.
  for (int attempt = 0; attempt < 5 && !runs_; ++attempt) {
    if (auto runs = KeyRuns::Load(dir_ / kKeysDir)) runs_ = *runs;
  }
  if (runs_ && runs_->covers > 0) {
    // The runs may already cover more than this snapshot; then their tip lies outside it.
    if (runs_->covers <= size_) {
      BM_TRY(Bytes last, RawAt(runs_->covers - 1));
      if (LeafHash(last) != runs_->tip) runs_.reset();
    }
  }
  // Without runs that fit everything is read from the registry: slow, and right.
  if (!runs_) runs_ = std::make_shared<KeyRuns>();
  return registry_->ForEachKey(runs_->covers, [&](const Key16& key, uint64_t seq) -> Status {
    tail_.Insert(key, seq);
    return {};
  });
}

Status LogReader::FindKey(const Key16& key, std::vector<uint64_t>& out) {
  if (!runs_) BM_CHECK(LoadKeys());
  tail_.Find(key, out);
  runs_->Find(key, out);
  std::erase_if(out, [&](uint64_t seq) { return seq >= size_; });
  return {};
}

}  // namespace birthmark::ledger
