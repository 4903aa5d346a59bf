// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/pool_table.h"

#include <fmt/format.h>

namespace birthmark::ledger {
namespace {

constexpr const char* kColumns = "unit, seq, pos, id, station, product, state, filled_at, at";

PoolRow Read(const Stmt& s) {
  auto text = [&](int c) { return std::string(s.Text(c)); };
  PoolRow r;
  r.unit = text(0);
  r.seq = s.Uint(1);
  r.pos = s.Uint(2);
  r.id = text(3);
  r.station = text(4);
  r.product = text(5);
  r.state = text(6);
  r.filled_at = s.Int(7);
  r.at = s.Int(8);
  return r;
}

Result<uint64_t> Number(Stmt& s) {
  BM_CHECK(s.Step());
  return s.Uint(0);
}

}  // namespace

Result<std::optional<PoolRow>> PoolEntry(const Db& db, std::string_view unit) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("SELECT {} FROM pool WHERE unit=?", kColumns)));
  BM_TRY(bool found, s.Bind(1, unit).Step());
  if (!found) return std::nullopt;
  return Read(s);
}

Result<std::vector<PoolRow>> PoolNext(const Db& db, std::string_view station,
                                      std::string_view product, const PoolPlace& from,
                                      uint64_t limit) {
  BM_TRY(Stmt s, db.Prepare(fmt::format(
                     "SELECT {} FROM pool WHERE station=?1 AND product=?2 AND state='left' AND "
                     "(seq, pos) >= (?3, ?4) AND NOT EXISTS (SELECT 1 FROM unit u WHERE "
                     "u.unit=pool.unit) ORDER BY seq, pos LIMIT ?5",
                     kColumns)));
  s.Bind(1, station).Bind(2, product).Bind(3, from.seq).Bind(4, from.pos).Bind(5, limit);
  std::vector<PoolRow> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(Read(s));
  }
}

Result<uint64_t> PoolAhead(const Db& db, std::string_view product) {
  BM_TRY(Stmt s, db.Prepare("SELECT count(*) FROM pool p WHERE product=? AND NOT EXISTS (SELECT 1 "
                            "FROM unit u WHERE u.unit=p.unit)"));
  return Number(s.Bind(1, product));
}

Result<uint64_t> PoolLeft(const Db& db) {
  BM_TRY(Stmt s, db.Prepare("SELECT count(*) FROM pool WHERE state='left'"));
  return Number(s);
}

Result<bool> PoolHasBatch(const Db& db, std::string_view id) {
  BM_TRY(Stmt s, db.Prepare("SELECT 1 FROM pool WHERE id=? LIMIT 1"));
  return s.Bind(1, id).Step();
}

Result<uint64_t> PoolBatchLeft(const Db& db, std::string_view id) {
  BM_TRY(Stmt s, db.Prepare("SELECT count(*) FROM pool WHERE id=? AND state='left'"));
  return Number(s.Bind(1, id));
}

Result<std::vector<PoolLevel>> PoolLevels(const Db& db, int64_t since) {
  BM_TRY(Stmt s, db.Prepare("SELECT station, product, sum(state='left'), "
                            "sum(state='released' AND at >= ?1), "
                            "min(iif(state='released' AND at >= ?1, at, NULL)) "
                            "FROM pool GROUP BY station, product ORDER BY station, product"));
  s.Bind(1, since);
  std::vector<PoolLevel> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    PoolLevel l{std::string(s.Text(0)), std::string(s.Text(1)), s.Uint(2), s.Uint(3), std::nullopt};
    if (!s.IsNull(4)) l.first_release = s.Int(4);
    out.push_back(std::move(l));
  }
}

}  // namespace birthmark::ledger
