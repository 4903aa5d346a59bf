// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "ledger/sqlite/registry_revocations.h"

namespace birthmark::ledger {
namespace {

// Rows that grow with production stand in the order of their events, so that appending touches the
// last page only; the random order of serials and keys is the key index's concern.
constexpr const char* kSchema = R"(
CREATE TABLE identity(seq INTEGER PRIMARY KEY, serial BLOB NOT NULL, spki BLOB NOT NULL,
  unit TEXT NOT NULL, slot TEXT NOT NULL, ca TEXT NOT NULL, method TEXT NOT NULL, state TEXT NOT NULL,
  issued_at INTEGER NOT NULL, state_at INTEGER NOT NULL, station TEXT NOT NULL, via TEXT NOT NULL)
  STRICT;
CREATE TABLE unit(unit TEXT PRIMARY KEY, product TEXT NOT NULL, state TEXT NOT NULL,
  site TEXT NOT NULL, visits INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE visit(station TEXT NOT NULL, unit TEXT NOT NULL, chip TEXT NOT NULL,
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY(station, unit))
  STRICT, WITHOUT ROWID;
CREATE TABLE pool(unit TEXT PRIMARY KEY, seq INTEGER NOT NULL, pos INTEGER NOT NULL, id TEXT NOT NULL,
  station TEXT NOT NULL, product TEXT NOT NULL, state TEXT NOT NULL,
  filled_at INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX pool_of ON pool(station, product, state, seq, pos);
CREATE INDEX pool_batch ON pool(id, state);
CREATE TABLE ca(seq INTEGER PRIMARY KEY, id TEXT NOT NULL, pki TEXT NOT NULL, name TEXT NOT NULL,
  issuer TEXT NOT NULL, level INTEGER NOT NULL, offline INTEGER NOT NULL, max_count INTEGER,
  issues_until INTEGER, issued INTEGER NOT NULL, state TEXT NOT NULL, state_at INTEGER NOT NULL,
  state_seq INTEGER NOT NULL, reason INTEGER NOT NULL, serial BLOB NOT NULL, key_id BLOB NOT NULL)
  STRICT;
CREATE INDEX ca_id ON ca(id, seq);
CREATE INDEX ca_of ON ca(pki, level);
CREATE INDEX ca_issuer ON ca(issuer, serial);
CREATE INDEX ca_key ON ca(key_id);
CREATE TABLE key(seq INTEGER PRIMARY KEY, id TEXT NOT NULL, spki BLOB NOT NULL, store TEXT NOT NULL,
  purpose TEXT NOT NULL, algorithm TEXT NOT NULL, offline INTEGER NOT NULL,
  created_at INTEGER NOT NULL, destroyed_at INTEGER) STRICT;
CREATE TABLE credential(seq INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL, kind TEXT NOT NULL,
  role TEXT NOT NULL, issued_at INTEGER NOT NULL) STRICT;
CREATE TABLE plan(seq INTEGER PRIMARY KEY, product TEXT NOT NULL, version INTEGER NOT NULL,
  digest BLOB NOT NULL, adopted_at INTEGER NOT NULL) STRICT;
CREATE TABLE session(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, pseudonym TEXT NOT NULL,
  role TEXT NOT NULL, station TEXT NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER)
  STRICT, WITHOUT ROWID;
CREATE TABLE notable(type TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(type, seq))
  STRICT, WITHOUT ROWID;
)";
// Tables that came with a later release. No event of the release before says anything to them.
constexpr const char* kAddedSchema = R"(
CREATE TABLE IF NOT EXISTS foreign_log(origin TEXT PRIMARY KEY, next INTEGER NOT NULL,
  sealed INTEGER NOT NULL, set_aside INTEGER NOT NULL, tree BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS credential_end(seq INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL,
  ended_at INTEGER NOT NULL) STRICT;
)";

constexpr const char* kTables[] = {
    "identity",   "unit",       "ca",       "key",         "credential",
    "plan",       "session",    "notable",  "foreign_log", "credential_end",
    "visit",      "pool",       "element",  "element_run", "element_use",
    "reel",       "seed_batch", "seed_run", "secret",      "secret_group",
    "revocation", "crl"};
// kVersion grows with every change to the tables that existing events would have filled.
constexpr int kVersion = 4;

constexpr const char* kIdentityColumns =
    "seq, serial, spki, unit, slot, ca, method, state, issued_at, state_at, station, via";

Digest DigestColumn(const Stmt& s, int c) {
  Digest d{};
  ByteView b = s.Blob(c);
  std::copy_n(b.begin(), std::min(b.size(), d.size()), d.begin());
  return d;
}
std::string TextColumn(const Stmt& s, int c) { return std::string(s.Text(c)); }
std::optional<int64_t> OptionalColumn(const Stmt& s, int c) {
  if (s.IsNull(c)) return std::nullopt;
  return s.Int(c);
}

IdentityRow ReadIdentity(const Stmt& s) {
  IdentityRow r;
  r.seq = s.Uint(0);
  ByteView serial = s.Blob(1);
  r.serial.assign(serial.begin(), serial.end());
  r.spki = DigestColumn(s, 2);
  r.unit = TextColumn(s, 3);
  r.slot = TextColumn(s, 4);
  r.ca = TextColumn(s, 5);
  r.method = TextColumn(s, 6);
  r.state = TextColumn(s, 7);
  r.issued_at = s.Int(8);
  r.state_at = s.Int(9);
  r.station = TextColumn(s, 10);
  r.via = TextColumn(s, 11);
  return r;
}
UnitRow ReadUnit(const Stmt& s) {
  UnitRow r;
  r.unit = TextColumn(s, 0);
  r.product = TextColumn(s, 1);
  r.state = TextColumn(s, 2);
  r.site = TextColumn(s, 3);
  r.visits = s.Uint(4);
  r.first_at = s.Int(5);
  r.last_at = s.Int(6);
  return r;
}
CaRow ReadCa(const Stmt& s) {
  CaRow r;
  r.seq = s.Uint(0);
  r.id = TextColumn(s, 1);
  r.pki = TextColumn(s, 2);
  r.name = TextColumn(s, 3);
  r.issuer = TextColumn(s, 4);
  r.level = static_cast<uint32_t>(s.Uint(5));
  r.offline = s.Int(6) != 0;
  if (!s.IsNull(7)) r.max_count = s.Uint(7);
  r.issues_until = OptionalColumn(s, 8);
  r.issued = s.Uint(9);
  r.state = TextColumn(s, 10);
  r.state_at = s.Int(11);
  r.state_seq = s.Uint(12);
  r.reason = static_cast<uint8_t>(s.Uint(13));
  ByteView serial = s.Blob(14), key_id = s.Blob(15);
  r.serial.assign(serial.begin(), serial.end());
  r.key_id.assign(key_id.begin(), key_id.end());
  return r;
}
KeyRow ReadKey(const Stmt& s) {
  KeyRow r;
  r.seq = s.Uint(0);
  r.id = TextColumn(s, 1);
  r.spki = DigestColumn(s, 2);
  r.store = TextColumn(s, 3);
  r.purpose = TextColumn(s, 4);
  r.algorithm = TextColumn(s, 5);
  r.offline = s.Int(6) != 0;
  r.created_at = s.Int(7);
  r.destroyed_at = OptionalColumn(s, 8);
  return r;
}

// Where builds a WHERE clause of equalities and keeps the values bound to it.
class Where {
 public:
  void Equal(const char* column, const std::optional<std::string>& value) {
    if (!value) return;
    sql_ += fmt::format("{} {} = ?", sql_.empty() ? " WHERE" : " AND", column);
    values_.push_back(*value);
  }
  void After(const char* column, const std::optional<std::string>& value) {
    if (!value) return;
    sql_ += fmt::format("{} {} > ?", sql_.empty() ? " WHERE" : " AND", column);
    values_.push_back(*value);
  }
  // Is adds a condition as it stands; its values are numbers.
  void Is(const std::string& condition) {
    sql_ += fmt::format("{} {}", sql_.empty() ? " WHERE" : " AND", condition);
  }
  // With adds a condition with one value for its "?".
  void With(const std::string& condition, std::string value) {
    Is(condition);
    values_.push_back(std::move(value));
  }
  void AfterSeq(const std::optional<uint64_t>& seq) {
    if (seq) sql_ += fmt::format("{} seq > {}", sql_.empty() ? " WHERE" : " AND", *seq);
  }
  const std::string& sql() const { return sql_; }
  void BindTo(Stmt& s) const {
    for (size_t i = 0; i < values_.size(); ++i)
      s.Bind(static_cast<int>(i) + 1, std::string_view(values_[i]));
  }

 private:
  std::string sql_;
  std::vector<std::string> values_;
};

Where WhereOf(const IdentityFilter& f) {
  Where w;
  w.Equal("unit", f.unit);
  w.Equal("slot", f.slot);
  w.Equal("ca", f.ca);
  w.Equal("state", f.state);
  w.Equal("station", f.station);
  if (f.product) {  // "/" ends the product's id and "0" is the character after it
    w.With("unit >= ?", *f.product + "/");
    w.With("unit < ?", *f.product + "0");
  }
  if (f.since) w.Is(fmt::format("issued_at >= {}", *f.since));
  if (f.until) w.Is(fmt::format("issued_at < {}", *f.until));
  return w;
}
Where WhereOf(const UnitFilter& f) {
  Where w;
  w.Equal("product", f.product);
  w.Equal("state", f.state);
  w.Equal("site", f.site);
  if (f.ca) w.With("unit IN (SELECT unit FROM identity WHERE ca = ?)", *f.ca);
  std::string period;
  if (f.since) period += fmt::format(" AND last_at >= {}", *f.since);
  if (f.until) period += fmt::format(" AND first_at < {}", *f.until);
  if (f.station) {
    w.With("unit IN (SELECT unit FROM visit WHERE station = ?" + period + ")", *f.station);
  } else if (!period.empty()) {
    w.Is(period.substr(5));
  }
  return w;
}

template <class Row, class Read>
Result<std::vector<Row>> All(const Db& db, const std::string& sql, const Where& where,
                             Read&& read) {
  BM_TRY(Stmt s, db.Prepare(sql));
  where.BindTo(s);
  std::vector<Row> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(read(s));
  }
}

// One gives the row of a statement already bound, and resets it.
template <class Row, class Read>
Result<std::optional<Row>> One(Stmt& s, Read&& read) {
  BM_TRY(bool found, s.Step());
  std::optional<Row> out;
  if (found) out = read(s);
  s.Reset();
  return out;
}

}  // namespace

Key16 SpkiKey(const Digest& spki) {
  Key16 k;
  std::copy_n(spki.begin(), k.size(), k.begin());
  return k;
}
Key16 SerialKey(ByteView serial) {
  constexpr std::string_view kLabel = "serial:";
  return SpkiKey(crypto::Sha256(AsBytes(kLabel), serial));
}
Key16 UnitKey(std::string_view unit) {
  constexpr std::string_view kLabel = "unit:";
  return SpkiKey(crypto::Sha256(AsBytes(kLabel), AsBytes(unit)));
}

Key16 ElementKey(std::string_view uid) {
  constexpr std::string_view kLabel = "element:";
  return SpkiKey(crypto::Sha256(AsBytes(kLabel), AsBytes(uid)));
}
Key16 ElementSpkiKey(const Digest& spki) {
  constexpr std::string_view kLabel = "element-key:";
  return SpkiKey(crypto::Sha256(AsBytes(kLabel), ByteView(spki)));
}

Status Registry::CreateTables(const Db& db) {
  BM_CHECK(db.Exec(kSchema));
  BM_CHECK(db.Exec(kElementsSchema));
  BM_CHECK(db.Exec(kSeedsSchema));
  BM_CHECK(db.Exec(kSecretsSchema));
  BM_CHECK(db.Exec(kRevocationsSchema));
  BM_CHECK(AddTables(db));
  return db.Exec(fmt::format("PRAGMA user_version={}", kVersion).c_str());
}

Result<bool> Registry::IsOld(const Db& db) {
  BM_TRY(Stmt s, db.Prepare("PRAGMA user_version"));
  BM_CHECK(s.Step());
  return s.Int(0) != kVersion;
}

Status Registry::AddTables(const Db& db) { return db.Exec(kAddedSchema); }

Status Registry::DropTables(const Db& db) {
  for (const char* t : kTables)
    BM_CHECK(db.Exec(fmt::format("DROP TABLE IF EXISTS {}", t).c_str()));
  return {};
}

Result<Registry> Registry::Open(const Db& db, KeyFinder finder) {
  Registry r(db, std::move(finder));
  struct {
    Stmt& stmt;
    std::string sql;
  } all[] = {
      {r.put_identity_, "INSERT INTO identity VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"},
      {r.set_identity_, "UPDATE identity SET state=?2, state_at=?3 WHERE seq=?1"},
      {r.put_unit_,
       "INSERT INTO unit VALUES(?1,?2,ifnull(?3,'started'),ifnull(?4,''),?5,?6,?6) "
       "ON CONFLICT(unit) DO UPDATE SET state=ifnull(?3,state), site=ifnull(?4,site), "
       "visits=visits+?5, last_at=max(last_at,?6)"},
      {r.put_visit_,
       "INSERT INTO visit VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET "
       "chip=iif(?3='',chip,?3), first_at=min(first_at,?4), last_at=max(last_at,?5)"},
      {r.put_pool_, "INSERT OR REPLACE INTO pool VALUES(?,?,?,?,?,?,?,?,?)"},
      {r.end_pool_, "UPDATE pool SET state=?2, at=?3 WHERE unit=?1 AND state='left'"},
      {r.put_ca_,
       "INSERT INTO ca VALUES(?,?,?,?,?,?,?,?,?,0,'active',0,0,0,ifnull(?,x''),ifnull(?,x''))"},
      {r.count_ca_,
       "UPDATE ca SET issued=issued+?2 WHERE seq=(SELECT max(seq) FROM ca WHERE id=?1)"},
      {r.put_key_, "INSERT INTO key VALUES(?,?,?,?,?,?,?,?,NULL)"},
      {r.end_key_, "UPDATE key SET destroyed_at=?2 WHERE spki=?1 AND destroyed_at IS NULL"},
      {r.put_credential_, "INSERT INTO credential VALUES(?,?,?,?,?)"},
      {r.put_plan_, "INSERT INTO plan VALUES(?,?,?,?,?)"},
      {r.put_session_, "INSERT OR REPLACE INTO session VALUES(?,?,?,?,?,?,NULL)"},
      {r.end_session_, "UPDATE session SET closed_at=?2 WHERE id=?1 AND closed_at IS NULL"},
      {r.put_notable_, "INSERT INTO notable VALUES(?,?)"},
      {r.get_identity_, fmt::format("SELECT {} FROM identity WHERE seq=?", kIdentityColumns)},
      {r.get_key_, "SELECT * FROM key WHERE seq=?"},
      {r.get_unit_, "SELECT * FROM unit WHERE unit=?"},
  };
  for (auto& [stmt, sql] : all) {
    BM_TRY(stmt, db.Prepare(sql));
  }
  return r;
}

Status Registry::Apply(uint64_t seq, const Changes& changes) {
  for (const Change& c : changes) BM_CHECK(ApplyOne(seq, c));
  return {};
}

Status Registry::ApplyOne(uint64_t seq, const Change& change) {
  if (auto* r = std::get_if<IdentityRow>(&change)) {
    if (auto it = issued_.find(r->ca); it != issued_.end()) {
      ++it->second;
    } else {
      issued_.emplace(r->ca, 1);
    }
    if (r->state == "revoked" || r->state == "held") {  // adopted so
      IdentityRow row = *r;
      row.seq = seq;
      BM_CHECK(ApplyRevocation(*db_, seq, row, {r->serial, r->state, r->state_at, 0}));
    }
    return put_identity_.Bind(1, seq)
        .Bind(2, ByteView(r->serial))
        .Bind(3, ByteView(r->spki))
        .Bind(4, r->unit)
        .Bind(5, r->slot)
        .Bind(6, r->ca)
        .Bind(7, r->method)
        .Bind(8, r->state)
        .Bind(9, r->issued_at)
        .Bind(10, r->state_at)
        .Bind(11, r->station)
        .Bind(12, r->via)
        .Run();
  }
  if (auto* s = std::get_if<IdentityStateChange>(&change)) {
    BM_TRY(auto row, IdentityBySerial(s->serial));
    if (!row) return {};
    // What ends in the pool is no longer to be had there.
    if (!IsLive(s->state) && IsLive(row->state))
      BM_CHECK(end_pool_.Bind(1, row->unit).Bind(2, "ended").Bind(3, s->at).Run());
    BM_CHECK(ApplyRevocation(*db_, seq, *row, *s));
    return set_identity_.Bind(1, row->seq).Bind(2, std::string_view(s->state)).Bind(3, s->at).Run();
  }
  if (auto* u = std::get_if<UnitChange>(&change)) {
    std::string_view unit = u->unit;
    put_unit_.Bind(1, unit).Bind(2, unit.substr(0, unit.find('/')));
    u->state ? put_unit_.Bind(3, std::string_view(*u->state)) : put_unit_.BindNull(3);
    u->site ? put_unit_.Bind(4, std::string_view(*u->site)) : put_unit_.BindNull(4);
    return put_unit_.Bind(5, uint64_t{u->visit}).Bind(6, u->at).Run();
  }
  if (auto* r = std::get_if<VisitRow>(&change)) {
    return put_visit_.Bind(1, r->station)
        .Bind(2, r->unit)
        .Bind(3, r->chip)
        .Bind(4, r->first_at)
        .Bind(5, r->last_at)
        .Run();
  }
  if (auto* r = std::get_if<PoolRow>(&change)) {
    return put_pool_.Bind(1, r->unit)
        .Bind(2, seq)
        .Bind(3, r->pos)
        .Bind(4, r->id)
        .Bind(5, r->station)
        .Bind(6, r->product)
        .Bind(7, r->state)
        .Bind(8, r->filled_at)
        .Bind(9, r->at)
        .Run();
  }
  if (auto* e = std::get_if<PoolEnd>(&change))
    return end_pool_.Bind(1, e->unit).Bind(2, "released").Bind(3, e->at).Run();
  if (auto* r = std::get_if<CaRow>(&change)) {
    return put_ca_.Bind(1, seq)
        .Bind(2, r->id)
        .Bind(3, r->pki)
        .Bind(4, r->name)
        .Bind(5, r->issuer)
        .Bind(6, uint64_t{r->level})
        .Bind(7, uint64_t{r->offline})
        .BindOptional(8, r->max_count)
        .BindOptional(9, r->issues_until)
        .Bind(10, ByteView(r->serial))
        .Bind(11, ByteView(r->key_id))
        .Run();
  }
  if (auto* c = std::get_if<CaStateChange>(&change)) {
    BM_TRY(Stmt s, db_->Prepare("UPDATE ca SET state=?2, state_at=?3, state_seq=?4, reason=?5, "
                                "issues_until=ifnull(?6,issues_until) WHERE seq=(SELECT max(seq) "
                                "FROM ca WHERE id=?1)"));
    return s.Bind(1, std::string_view(c->id))
        .Bind(2, std::string_view(c->state))
        .Bind(3, c->at)
        .Bind(4, seq)
        .Bind(5, uint64_t{c->reason})
        .BindOptional(6, c->until)
        .Run();
  }
  if (auto* r = std::get_if<CrlRow>(&change)) return ApplyCrl(*db_, seq, *r);
  if (auto* r = std::get_if<KeyRow>(&change)) {
    return put_key_.Bind(1, seq)
        .Bind(2, r->id)
        .Bind(3, ByteView(r->spki))
        .Bind(4, r->store)
        .Bind(5, r->purpose)
        .Bind(6, r->algorithm)
        .Bind(7, uint64_t{r->offline})
        .Bind(8, r->created_at)
        .Run();
  }
  if (auto* e = std::get_if<KeyEnd>(&change))
    return end_key_.Bind(1, ByteView(e->spki)).Bind(2, e->at).Run();
  if (auto* r = std::get_if<CredentialRow>(&change)) {
    return put_credential_.Bind(1, seq)
        .Bind(2, r->pseudonym)
        .Bind(3, r->kind)
        .Bind(4, r->role)
        .Bind(5, r->issued_at)
        .Run();
  }
  if (auto* e = std::get_if<CredentialEnd>(&change)) {
    BM_TRY(Stmt s, db_->Prepare("INSERT INTO credential_end VALUES(?,?,?)"));
    return s.Bind(1, seq).Bind(2, e->pseudonym).Bind(3, e->at).Run();
  }
  if (auto* e = std::get_if<ForeignEntry>(&change)) return ApplyForeign(*e);
  if (auto* r = std::get_if<SeedBatchRow>(&change)) return ApplySeeds(*db_, seq, *r);
  if (auto* r = std::get_if<SeedStep>(&change)) return ApplySeeds(*db_, *r);
  if (auto* r = std::get_if<SecretRow>(&change)) return ApplySecrets(*db_, seq, *r);
  if (auto* r = std::get_if<GroupRow>(&change)) return ApplySecrets(*db_, seq, *r);
  if (auto* r = std::get_if<SeedRun>(&change)) return ApplySeeds(*db_, seq, *r);
  if (auto* r = std::get_if<ElementRun>(&change)) return elements_.Apply(*db_, seq, *r);
  if (auto* r = std::get_if<ElementUse>(&change)) return elements_.Apply(*db_, *r);
  if (auto* r = std::get_if<ReelChange>(&change)) return elements_.Apply(*db_, *r);
  if (auto* e = std::get_if<ForeignEnd>(&change)) {
    if (end_foreign_.get() == nullptr) {
      BM_TRY(end_foreign_,
             db_->Prepare("UPDATE foreign_log SET sealed=?2, set_aside=0 WHERE origin=?1"));
    }
    return end_foreign_.Bind(1, std::string_view(e->origin)).Bind(2, e->to).Run();
  }
  if (auto* r = std::get_if<PlanRow>(&change)) {
    return put_plan_.Bind(1, seq)
        .Bind(2, r->product)
        .Bind(3, uint64_t{r->version})
        .Bind(4, ByteView(r->digest))
        .Bind(5, r->adopted_at)
        .Run();
  }
  if (auto* r = std::get_if<SessionRow>(&change)) {
    return put_session_.Bind(1, r->id)
        .Bind(2, seq)
        .Bind(3, r->pseudonym)
        .Bind(4, r->role)
        .Bind(5, r->station)
        .Bind(6, r->opened_at)
        .Run();
  }
  if (auto* e = std::get_if<SessionEnd>(&change)) {
    return end_session_.Bind(1, std::string_view(e->id)).Bind(2, e->at).Run();
  }
  return put_notable_.Bind(1, std::string_view(std::get<Notable>(change).type)).Bind(2, seq).Run();
}

Status Registry::ApplyForeign(const ForeignEntry& entry) {
  if (put_foreign_.get() == nullptr) {
    BM_TRY(put_foreign_, db_->Prepare("INSERT OR REPLACE INTO foreign_log VALUES(?,?,?,?,?)"));
  }
  BM_TRY(std::optional<ForeignRow> row, Foreign(entry.origin));
  if (!row) row.emplace().origin = entry.origin;
  row->tree.Append(entry.leaf);
  Bytes tree;
  for (const Digest& d : row->tree.hashes()) tree.insert(tree.end(), d.begin(), d.end());
  return put_foreign_.Bind(1, std::string_view(row->origin))
      .Bind(2, entry.seq + 1)
      .Bind(3, row->sealed)
      .Bind(4, row->set_aside + entry.set_aside)
      .Bind(5, ByteView(tree))
      .Run();
}

Result<bool> Registry::Has(std::string_view table) {
  BM_TRY(Stmt s, db_->Prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?"));
  return s.Bind(1, table).Step();
}

Status Registry::EndBatch() {
  for (const auto& [ca, n] : issued_)
    BM_CHECK(count_ca_.Bind(1, std::string_view(ca)).Bind(2, n).Run());
  issued_.clear();
  return {};
}

Result<std::vector<uint64_t>> Registry::Seqs(const Key16& key) {
  std::vector<uint64_t> seqs;
  BM_CHECK(find_(key, seqs));
  std::ranges::sort(seqs);
  // While a run is being published a key may stand both in it and in memory.
  seqs.erase(std::unique(seqs.begin(), seqs.end()), seqs.end());
  return seqs;
}

Result<std::optional<IdentityRow>> Registry::IdentityAt(uint64_t seq) {
  return One<IdentityRow>(get_identity_.Bind(1, seq), ReadIdentity);
}

Result<std::optional<IdentityRow>> Registry::IdentityBySerial(ByteView serial) {
  BM_TRY(auto seqs, Seqs(SerialKey(serial)));
  for (uint64_t seq : seqs) {
    BM_TRY(auto row, IdentityAt(seq));
    if (row && std::ranges::equal(row->serial, serial)) return row;
  }
  return std::nullopt;
}

Result<std::vector<IdentityRow>> Registry::IdentitiesByKey(const Digest& spki) {
  BM_TRY(auto seqs, Seqs(SpkiKey(spki)));
  std::vector<IdentityRow> out;
  for (uint64_t seq : seqs) {
    BM_TRY(auto row, IdentityAt(seq));
    if (row && row->spki == spki) out.push_back(std::move(*row));
  }
  return out;
}

Result<std::vector<IdentityRow>> Registry::IdentitiesOf(std::string_view unit) {
  BM_TRY(auto seqs, Seqs(UnitKey(unit)));
  std::vector<IdentityRow> out;
  for (uint64_t seq : seqs) {
    BM_TRY(auto row, IdentityAt(seq));
    if (row && row->unit == unit) out.push_back(std::move(*row));
  }
  return out;
}

Result<std::optional<ElementRow>> Registry::FindElement(const Key16& key, std::string_view uid,
                                                        const Digest* spki) {
  BM_TRY(auto seqs, Seqs(key));
  if (seqs.empty()) return std::nullopt;
  if (find_element_.get() == nullptr) {
    BM_TRY(find_element_,
           db_->Prepare("SELECT e.seq, e.pos, e.uid, e.spki, r.product, r.reel, r.manifest, r.at "
                        "FROM element e JOIN element_run r ON r.seq = e.seq "
                        "WHERE e.seq = ?1 AND (e.uid = ?2 OR e.spki = ?3)"));
  }
  for (uint64_t seq : seqs) {
    find_element_.Bind(1, seq).Bind(2, uid);
    spki == nullptr ? find_element_.BindNull(3) : find_element_.Bind(3, ByteView(*spki));
    BM_TRY(std::optional<ElementRow> row, One<ElementRow>(find_element_, ReadElement));
    if (row) return row;
  }
  return std::nullopt;
}

Result<std::optional<ElementRow>> Registry::Element(std::string_view uid) {
  return FindElement(ElementKey(uid), uid, nullptr);
}

Result<std::optional<ElementRow>> Registry::ElementByKey(const Digest& spki) {
  return FindElement(ElementSpkiKey(spki), "", &spki);
}

Result<std::optional<KeyRow>> Registry::KeyBySpki(const Digest& spki) {
  BM_TRY(auto seqs, Seqs(SpkiKey(spki)));
  for (uint64_t seq : seqs) {
    BM_TRY(auto row, One<KeyRow>(get_key_.Bind(1, seq), ReadKey));
    if (row && row->spki == spki) return row;
  }
  return std::nullopt;
}

Result<std::optional<UnitRow>> Registry::Unit(std::string_view unit) {
  return One<UnitRow>(get_unit_.Bind(1, unit), ReadUnit);
}

Result<std::vector<IdentityRow>> Registry::Identities(const IdentityFilter& f, const Page& page) {
  if (f.unit) {
    // The unit has its own way in; the rest of the filter sifts its few identities.
    BM_TRY(auto rows, IdentitiesOf(*f.unit));
    std::erase_if(rows, [&](const IdentityRow& r) {
      return (f.slot && r.slot != *f.slot) || (f.ca && r.ca != *f.ca) ||
             (f.state && r.state != *f.state) || (f.station && r.station != *f.station) ||
             (f.product && !r.unit.starts_with(*f.product + "/")) ||
             (f.since && r.issued_at < *f.since) || (f.until && r.issued_at >= *f.until) ||
             (page.after_seq && r.seq <= *page.after_seq);
    });
    if (rows.size() > page.limit) rows.resize(page.limit);
    return rows;
  }
  Where w = WhereOf(f);
  w.AfterSeq(page.after_seq);
  return All<IdentityRow>(*db_,
                          fmt::format("SELECT {} FROM identity{} ORDER BY seq LIMIT {}",
                                      kIdentityColumns, w.sql(), page.limit),
                          w, ReadIdentity);
}

Result<std::vector<UnitRow>> Registry::Units(const UnitFilter& f, const Page& page) {
  Where w = WhereOf(f);
  w.After("unit", page.after_unit);
  return All<UnitRow>(
      *db_, fmt::format("SELECT * FROM unit{} ORDER BY unit LIMIT {}", w.sql(), page.limit), w,
      ReadUnit);
}

Result<std::vector<CaRow>> Registry::Cas() {
  return All<CaRow>(*db_, "SELECT * FROM ca ORDER BY seq", {}, ReadCa);
}

Result<std::vector<CaRow>> Registry::CasOf(std::string_view pki, uint32_t level) {
  Where w;
  w.Equal("pki", std::string(pki));
  w.Is(fmt::format("level = {}", level));
  return All<CaRow>(*db_, "SELECT * FROM ca" + w.sql() + " ORDER BY seq", w, ReadCa);
}

Result<std::optional<CaRow>> Registry::Ca(std::string_view id) {
  BM_TRY(Stmt s, db_->Prepare("SELECT * FROM ca WHERE id=? ORDER BY seq DESC LIMIT 1"));
  return One<CaRow>(s.Bind(1, id), ReadCa);
}

Result<std::optional<CaRow>> Registry::CaByKeyId(ByteView key_id) {
  BM_TRY(Stmt s, db_->Prepare("SELECT * FROM ca WHERE key_id=? ORDER BY seq DESC LIMIT 1"));
  return One<CaRow>(s.Bind(1, key_id), ReadCa);
}

Result<std::optional<CaRow>> Registry::CaBySerial(std::string_view issuer, ByteView serial) {
  BM_TRY(Stmt s, db_->Prepare("SELECT * FROM ca WHERE issuer=? AND serial=? ORDER BY seq LIMIT 1"));
  return One<CaRow>(s.Bind(1, issuer).Bind(2, serial), ReadCa);
}

Result<std::vector<KeyRow>> Registry::Keys() {
  return All<KeyRow>(*db_, "SELECT * FROM key ORDER BY seq", {}, ReadKey);
}

Result<std::vector<CredentialRow>> Registry::Credentials() {
  BM_TRY(bool ends, Has("credential_end"));
  // What was issued after the revocation is another credential of the same pseudonym.
  std::string sql = fmt::format(
      "SELECT c.*, {} FROM credential c ORDER BY seq",
      ends ? "(SELECT min(ended_at) FROM credential_end e WHERE e.pseudonym = c.pseudonym AND "
             "e.seq > c.seq)"
           : "NULL");
  return All<CredentialRow>(*db_, sql, {}, [](const Stmt& s) {
    return CredentialRow{s.Uint(0),        TextColumn(s, 1), TextColumn(s, 2),
                         TextColumn(s, 3), s.Int(4),         OptionalColumn(s, 5)};
  });
}

Result<std::vector<PlanRow>> Registry::Plans() {
  return All<PlanRow>(*db_, "SELECT * FROM plan ORDER BY seq", {}, [](const Stmt& s) {
    return PlanRow{s.Uint(0), TextColumn(s, 1), static_cast<uint32_t>(s.Uint(2)),
                   DigestColumn(s, 3), s.Int(4)};
  });
}

Result<std::vector<SessionRow>> Registry::Sessions(bool open_only, uint64_t limit) {
  std::string sql = fmt::format("SELECT * FROM session{} ORDER BY seq DESC LIMIT {}",
                                open_only ? " WHERE closed_at IS NULL" : "", limit);
  return All<SessionRow>(*db_, sql, {}, [](const Stmt& s) {
    SessionRow r;
    r.id = TextColumn(s, 0);
    r.seq = s.Uint(1);
    r.pseudonym = TextColumn(s, 2);
    r.role = TextColumn(s, 3);
    r.station = TextColumn(s, 4);
    r.opened_at = s.Int(5);
    r.closed_at = OptionalColumn(s, 6);
    return r;
  });
}

namespace {
constexpr const char* kForeignSql = "SELECT origin, next, sealed, set_aside, tree FROM foreign_log";

Result<ForeignRow> ReadForeign(const Stmt& s) {
  ForeignRow r;
  r.origin = TextColumn(s, 0);
  r.next = s.Uint(1);
  r.sealed = s.Uint(2);
  r.set_aside = s.Uint(3);
  ByteView blob = s.Blob(4);
  std::vector<Digest> hashes(blob.size() / sizeof(Digest));
  for (size_t i = 0; i < hashes.size(); ++i)
    std::copy_n(blob.begin() + static_cast<ptrdiff_t>(i * sizeof(Digest)), sizeof(Digest),
                hashes[i].begin());
  BM_TRY(r.tree, Frontier::From(r.next, std::move(hashes)));
  return r;
}
}  // namespace

Result<std::optional<ForeignRow>> Registry::Foreign(std::string_view origin) {
  if (get_foreign_.get() == nullptr) {
    BM_TRY(bool there, Has("foreign_log"));
    if (!there) return std::nullopt;
    BM_TRY(get_foreign_, db_->Prepare(fmt::format("{} WHERE origin=?", kForeignSql)));
  }
  BM_TRY(bool found, get_foreign_.Bind(1, origin).Step());
  std::optional<ForeignRow> out;
  if (found) {
    BM_TRY(out, ReadForeign(get_foreign_));
  }
  get_foreign_.Reset();
  return out;
}

Result<std::vector<ForeignRow>> Registry::ForeignLogs() {
  std::vector<ForeignRow> out;
  BM_TRY(bool there, Has("foreign_log"));
  if (!there) return out;
  BM_TRY(Stmt s, db_->Prepare(fmt::format("{} ORDER BY origin", kForeignSql)));
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    BM_TRY(ForeignRow row, ReadForeign(s));
    out.push_back(std::move(row));
  }
}

Result<std::vector<uint64_t>> Registry::EventsOfType(std::string_view type) {
  Where w;
  w.Equal("type", std::string(type));
  return All<uint64_t>(*db_, "SELECT seq FROM notable" + w.sql() + " ORDER BY seq", w,
                       [](const Stmt& s) { return s.Uint(0); });
}

Result<uint64_t> Registry::CountUnits(const UnitFilter& f) {
  Where w = WhereOf(f);
  BM_TRY(auto n, All<uint64_t>(*db_, "SELECT count(*) FROM unit" + w.sql(), w,
                               [](const Stmt& s) { return s.Uint(0); }));
  return n.at(0);
}

Result<uint64_t> Registry::CountIdentities(const IdentityFilter& f) {
  Where w = WhereOf(f);
  BM_TRY(auto n, All<uint64_t>(*db_, "SELECT count(*) FROM identity" + w.sql(), w,
                               [](const Stmt& s) { return s.Uint(0); }));
  return n.at(0);
}

Status Registry::ForEachKey(uint64_t from, const KeyIndex::KeyFn& fn) {
  BM_TRY(Stmt s,
         db_->Prepare("SELECT seq, spki, serial, unit, 'identity' FROM identity WHERE seq >= ?1 "
                      "UNION ALL SELECT seq, spki, NULL, NULL, 'key' FROM key WHERE seq >= ?1 "
                      "UNION ALL SELECT seq, spki, NULL, uid, 'element' FROM element WHERE seq >= "
                      "?1 UNION ALL SELECT seq, keys, NULL, NULL, 'seeds' FROM seed_run WHERE "
                      "seq >= ?1 ORDER BY seq"));
  s.Bind(1, from);
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return {};
    uint64_t seq = s.Uint(0);
    if (s.Text(4) == "seeds") {
      for (ByteView keys = s.Blob(1); keys.size() >= sizeof(Key16);
           keys = keys.subspan(sizeof(Key16))) {
        Key16 key;
        std::copy_n(keys.begin(), key.size(), key.begin());
        BM_CHECK(fn(key, seq));
      }
      continue;
    }
    if (s.Text(4) == "element") {
      BM_CHECK(fn(ElementKey(s.Text(3)), seq));
      if (Digest spki = DigestColumn(s, 1); spki != Digest{})
        BM_CHECK(fn(ElementSpkiKey(spki), seq));
      continue;
    }
    BM_CHECK(fn(SpkiKey(DigestColumn(s, 1)), seq));
    if (s.IsNull(2)) continue;
    BM_CHECK(fn(SerialKey(s.Blob(2)), seq));
    BM_CHECK(fn(UnitKey(s.Text(3)), seq));
  }
}

Status CompareRegistries(const Db& found, const Db& meant, size_t limit, Findings& out) {
  for (const char* table : kTables) {
    // Every table is ordered by its key, which comes first in its columns.
    std::string sql = fmt::format("SELECT * FROM {} ORDER BY 1, 2", table);
    // A reader of an older release's log finds fewer tables; they would be empty.
    BM_TRY(Stmt there, found.Prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?"));
    BM_TRY(bool has, there.Bind(1, std::string_view(table)).Step());
    BM_TRY(Stmt a, found.Prepare(has ? sql : "SELECT 1 WHERE 0"));
    BM_TRY(Stmt b, meant.Prepare(sql));
    auto row_text = [](const Stmt& s) {
      std::string t;
      for (int c = 0; c < sqlite3_column_count(s.get()); ++c) {
        bool blob = sqlite3_column_type(s.get(), c) == SQLITE_BLOB;
        t += c ? ", " : "";
        t += s.IsNull(c) ? "null" : blob ? ToHex(s.Blob(c)) : std::string(s.Text(c));
      }
      return t;
    };
    for (uint64_t row = 0;; ++row) {
      BM_TRY(bool more_a, a.Step());
      BM_TRY(bool more_b, b.Step());
      if (!more_a && !more_b) break;
      std::string is = more_a ? row_text(a) : "nothing";
      std::string meant_row = more_b ? row_text(b) : "nothing";
      if (is == meant_row) continue;
      if (out.all().size() >= limit) return {};
      out.Error(
          "ledger.registry",
          fmt::format("table {}, row {}: is ({}), the events say ({})", table, row, is, meant_row),
          "run `birthmark ledger rebuild`");
      // One row too many or too few would shift all that follow.
      break;
    }
  }
  return {};
}

}  // namespace birthmark::ledger
