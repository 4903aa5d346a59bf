// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/floor_stats.h"

namespace birthmark::ledger {
namespace {

// Prefix bounds select units "<product>/…" by the index of their names.
struct Bounds {
  std::string low, high;
};
Bounds BoundsOf(std::string_view product) {
  if (product.empty()) return {"", "\x7f"};
  return {std::string(product) + "/", std::string(product) + "0"};  // "0" follows "/"
}

}  // namespace

Result<FloorStats> ReadFloorStats(const Db& db, std::string_view product, int64_t since) {
  FloorStats out;
  Bounds b = BoundsOf(product);
  BM_TRY(Stmt units, db.Prepare("SELECT state, count(*), sum(last_at >= ?3) FROM unit "
                                "WHERE unit >= ?1 AND unit < ?2 GROUP BY state"));
  units.Bind(1, std::string_view(b.low)).Bind(2, std::string_view(b.high)).Bind(3, since);
  for (;;) {
    BM_TRY(bool more, units.Step());
    if (!more) break;
    std::string state(units.Text(0));
    out.units[state] = units.Uint(1);
    if (state == "packed" || state == "shipped") out.good_since += units.Uint(2);
    if (state == "scrapped") out.scrapped_since += units.Uint(2);
  }
  BM_TRY(Stmt identities, db.Prepare("SELECT state, count(*), sum(issued_at >= ?3) FROM identity "
                                     "WHERE unit >= ?1 AND unit < ?2 GROUP BY state"));
  identities.Bind(1, std::string_view(b.low)).Bind(2, std::string_view(b.high)).Bind(3, since);
  for (;;) {
    BM_TRY(bool more, identities.Step());
    if (!more) break;
    out.identities[std::string(identities.Text(0))] = identities.Uint(1);
    out.issued_since += identities.Uint(2);
  }
  BM_TRY(Stmt stations, db.Prepare("SELECT station, sum(closed_at IS NULL), max(opened_at) "
                                   "FROM session GROUP BY station ORDER BY station"));
  for (;;) {
    BM_TRY(bool more, stations.Step());
    if (!more) break;
    out.stations.push_back({std::string(stations.Text(0)), stations.Uint(1), stations.Int(2)});
  }
  return out;
}

}  // namespace birthmark::ledger
