// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry_elements.h"

#include <algorithm>

namespace birthmark::ledger {

// Elements stand in the order of their events, as all that grows does; which event lists a part is
// the key index's concern.
const char* const kElementsSchema = R"(
CREATE TABLE element(seq INTEGER NOT NULL, pos INTEGER NOT NULL, uid TEXT NOT NULL,
  spki BLOB NOT NULL, PRIMARY KEY(seq, pos)) STRICT, WITHOUT ROWID;
CREATE TABLE element_run(seq INTEGER PRIMARY KEY, product TEXT NOT NULL, reel TEXT NOT NULL,
  manifest TEXT NOT NULL, parts INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE element_use(uid TEXT PRIMARY KEY, product TEXT NOT NULL, reel TEXT NOT NULL,
  unit TEXT NOT NULL, slot TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX element_use_of ON element_use(product, reel, uid);
CREATE TABLE reel(product TEXT NOT NULL, reel TEXT NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, received INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(product, reel)) STRICT, WITHOUT ROWID;
)";

namespace {

constexpr const char* kReelColumns =
    "SELECT product, reel, state, reason, received, (SELECT count(*) FROM element_use u WHERE "
    "u.product = r.product AND u.reel = r.reel), at FROM reel r";

Status ReadyStmt(const Db& db, Stmt& stmt, const char* sql) {
  if (stmt.get() != nullptr) return {};
  BM_TRY(stmt, db.Prepare(sql));
  return {};
}

ReelRow ReadReel(const Stmt& s) {
  ReelRow r;
  r.product = s.Text(0);
  r.reel = s.Text(1);
  r.state = s.Text(2);
  r.reason = s.Text(3);
  r.received = s.Uint(4);
  r.used = s.Uint(5);
  r.at = s.Int(6);
  return r;
}

ElementUse ReadUse(const Stmt& s) {
  return {std::string(s.Text(0)), std::string(s.Text(1)), std::string(s.Text(2)),
          std::string(s.Text(3)), s.Int(4)};
}

}  // namespace

ElementRow ReadElement(const Stmt& s) {
  ElementRow r;
  r.seq = s.Uint(0);
  r.pos = s.Uint(1);
  r.uid = s.Text(2);
  ByteView spki = s.Blob(3);
  std::copy_n(spki.begin(), std::min(spki.size(), r.spki.size()), r.spki.begin());
  r.product = s.Text(4);
  r.reel = s.Text(5);
  r.manifest = s.Text(6);
  r.at = s.Int(7);
  return r;
}

Result<std::optional<ElementUse>> ElementUseOf(const Db& db, std::string_view uid) {
  BM_TRY(Stmt s, db.Prepare("SELECT uid, reel, unit, slot, at FROM element_use WHERE uid=?"));
  BM_TRY(bool found, s.Bind(1, uid).Step());
  if (!found) return std::nullopt;
  return ReadUse(s);
}

Result<std::vector<ReelRow>> Reels(const Db& db, const std::string& product) {
  std::string sql = kReelColumns;
  if (!product.empty()) sql += " WHERE product = ?1";
  BM_TRY(Stmt s, db.Prepare(sql + " ORDER BY product, reel"));
  if (!product.empty()) s.Bind(1, std::string_view(product));
  std::vector<ReelRow> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(ReadReel(s));
  }
}

Result<std::optional<ReelRow>> ReelOf(const Db& db, std::string_view product,
                                      std::string_view reel) {
  BM_TRY(Stmt s, db.Prepare(std::string(kReelColumns) + " WHERE product = ?1 AND reel = ?2"));
  BM_TRY(bool found, s.Bind(1, product).Bind(2, reel).Step());
  if (!found) return std::nullopt;
  return ReadReel(s);
}

Result<std::vector<ElementUse>> UsesOf(const Db& db, std::string_view product,
                                       std::string_view reel, std::string_view after,
                                       uint64_t limit) {
  BM_TRY(Stmt s, db.Prepare("SELECT uid, reel, unit, slot, at FROM element_use WHERE product = ?1 "
                            "AND reel = ?2 AND uid > ?3 ORDER BY uid LIMIT ?4"));
  s.Bind(1, product).Bind(2, reel).Bind(3, after).Bind(4, limit);
  std::vector<ElementUse> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(ReadUse(s));
  }
}

Status ForEachElementOf(const Db& db, std::string_view product, std::string_view reel,
                        const std::function<Status(std::string_view, const Digest&)>& fn) {
  BM_TRY(Stmt s, db.Prepare("SELECT e.uid, e.spki FROM element_run r JOIN element e ON e.seq = "
                            "r.seq WHERE r.product = ?1 AND r.reel = ?2"));
  s.Bind(1, product).Bind(2, reel);
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return {};
    Digest spki{};
    ByteView blob = s.Blob(1);
    std::copy_n(blob.begin(), std::min(blob.size(), spki.size()), spki.begin());
    BM_CHECK(fn(s.Text(0), spki));
  }
}

Status ElementTables::Apply(const Db& db, uint64_t seq, const ElementRun& run) {
  BM_CHECK(ReadyStmt(db, put_element_, "INSERT INTO element VALUES(?,?,?,?)"));
  BM_CHECK(ReadyStmt(db, put_run_, "INSERT INTO element_run VALUES(?,?,?,?,?,?)"));
  BM_CHECK(ReadyStmt(db, count_reel_,
                     "INSERT INTO reel VALUES(?1,?2,'received','',?3,?4) ON CONFLICT DO UPDATE SET "
                     "received=received+?3"));
  for (size_t pos = 0; pos < run.parts.size(); ++pos) {
    BM_CHECK(put_element_.Bind(1, seq)
                 .Bind(2, uint64_t{pos})
                 .Bind(3, std::string_view(run.parts[pos].uid))
                 .Bind(4, ByteView(run.parts[pos].spki))
                 .Run());
  }
  uint64_t n = run.parts.size();
  std::string_view product = run.product, reel = run.reel;
  BM_CHECK(put_run_.Bind(1, seq)
               .Bind(2, product)
               .Bind(3, reel)
               .Bind(4, std::string_view(run.manifest))
               .Bind(5, n)
               .Bind(6, run.at)
               .Run());
  return count_reel_.Bind(1, product).Bind(2, reel).Bind(3, n).Bind(4, run.at).Run();
}

Status ElementTables::Apply(const Db& db, const ElementUse& use) {
  // A part stays where it was first found: a second unit that shows it is refused at the line, and
  // an event that says otherwise counts it once.
  BM_CHECK(ReadyStmt(db, put_use_,
                     "INSERT INTO element_use VALUES(?,?,?,?,?,?) ON CONFLICT DO NOTHING"));
  std::string_view unit = use.unit;
  return put_use_.Bind(1, std::string_view(use.uid))
      .Bind(2, unit.substr(0, unit.find('/')))
      .Bind(3, std::string_view(use.reel))
      .Bind(4, unit)
      .Bind(5, std::string_view(use.slot))
      .Bind(6, use.at)
      .Run();
}

Status ElementTables::Apply(const Db& db, const ReelChange& change) {
  BM_CHECK(
      ReadyStmt(db, put_reel_,
                "INSERT INTO reel VALUES(?1,?2,?3,?4,0,?5) ON CONFLICT DO UPDATE SET state=?3, "
                "reason=?4, at=?5"));
  return put_reel_.Bind(1, std::string_view(change.product))
      .Bind(2, std::string_view(change.reel))
      .Bind(3, std::string_view(change.state))
      .Bind(4, std::string_view(change.reason))
      .Bind(5, change.at)
      .Run();
}

}  // namespace birthmark::ledger
