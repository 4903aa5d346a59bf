// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/issue_scan.h"

namespace birthmark::ledger {

Status ForEachIssue(const Db& registry, uint64_t from, uint64_t to,
                    const std::function<Status(const IssueView&)>& fn) {
  BM_TRY(Stmt s, registry.Prepare("SELECT seq, unit, slot, ca, state, method, station, via, "
                                  "issued_at, state_at FROM identity WHERE seq >= ? AND seq < ? "
                                  "ORDER BY seq"));
  s.Bind(1, from).Bind(2, to);
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return {};
    BM_CHECK(fn({s.Uint(0), s.Text(1), s.Text(2), s.Text(3), s.Text(4), s.Text(5), s.Text(6),
                 s.Text(7), s.Int(8), s.Int(9)}));
  }
}

Result<int64_t> FirstUnitAt(const Db& registry, std::string_view product) {
  BM_TRY(Stmt s, registry.Prepare("SELECT coalesce(min(first_at), 0) FROM unit WHERE product = ?"));
  s.Bind(1, product);
  BM_TRY([[maybe_unused]] bool more, s.Step());
  return s.Int(0);
}

Result<std::vector<uint64_t>> RevocationEvents(const Db& registry, uint64_t from, uint64_t to,
                                               uint64_t limit) {
  BM_TRY(Stmt s, registry.Prepare("SELECT event FROM revocation WHERE event >= ? AND event < ? "
                                  "AND reason <> 8 ORDER BY event LIMIT ?"));
  s.Bind(1, from).Bind(2, to).Bind(3, limit);
  std::vector<uint64_t> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(s.Uint(0));
  }
}

}  // namespace birthmark::ledger
