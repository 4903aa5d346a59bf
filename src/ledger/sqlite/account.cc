// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ledger/fold.h"

namespace birthmark::ledger {
namespace {

// kLive is IsLive for SQL, kGood a unit that left the line well.
constexpr const char* kLive = "state NOT IN ('superseded','revoked','void','destroyed','expired')";
constexpr const char* kGood = "state IN ('packed','shipped')";

class Accountant {
 public:
  Accountant(const Db& db, const AccountOptions& o)
      : db_(db), o_(o), from_(o.product + "/"), to_(o.product + "0") {}

  Result<Account> Run() {
    BM_CHECK(FindDuplicateKeys());
    BM_CHECK(FindTwoKeys());
    BM_CHECK(FindSwapped());
    BM_CHECK(Identities());
    BM_CHECK(Units());
    BM_CHECK(Overbuild());
    return std::move(a_);
  }

 private:
  // Rows runs a statement whose first two values bound the product's units.
  template <class Fn>
  Status Rows(const std::string& sql, Fn&& fn) {
    BM_TRY(Stmt s, db_.Prepare(sql));
    s.Bind(1, std::string_view(from_)).Bind(2, std::string_view(to_));
    for (;;) {
      BM_TRY(bool more, s.Step());
      if (!more) return {};
      BM_CHECK(fn(s));
    }
  }
  void Mark(ByteView serial, const char* why) { marked_.emplace(std::string(AsText(serial)), why); }
  void Odd(const char* why, std::string_view unit, std::optional<ByteView> serial = {}) {
    Unexplained u{.why = why, .unit = std::string(unit), .serial = std::nullopt};
    if (serial) u.serial = Bytes(serial->begin(), serial->end());
    a_.odd.push_back(std::move(u));
  }

  // The other unit may be of another product, so keys are compared over all of them.
  Status FindDuplicateKeys() {
    auto shared = [&](std::string_view slot) {
      return std::ranges::find(o_.shared_slots, slot) != o_.shared_slots.end();
    };
    return Rows(
        fmt::format("SELECT serial, slot FROM identity WHERE unit >= ? AND unit < ? AND {0} AND "
                    "spki IN (SELECT spki FROM identity WHERE {0} GROUP BY spki "
                    "HAVING count(*) > 1 AND min(unit) < max(unit))",
                    kLive),
        [&](const Stmt& s) -> Status {
          if (!shared(s.Text(1))) Mark(s.Blob(0), "duplicate-key");
          return {};
        });
  }

  Status FindTwoKeys() {
    return Rows(
        fmt::format("SELECT serial FROM identity WHERE unit >= ?1 AND unit < ?2 AND {0} AND "
                    "(unit, slot) IN (SELECT unit, slot FROM identity WHERE unit >= ?1 AND "
                    "unit < ?2 AND {0} GROUP BY unit, slot HAVING count(*) > 1)",
                    kLive),
        [&](const Stmt& s) -> Status {
          Mark(s.Blob(0), "two-keys");
          return {};
        });
  }

  // One chip in two units is a board that took another number, unless both have a live identity.
  Status FindSwapped() {
    return Rows(
        fmt::format("WITH twice AS (SELECT chip FROM visit WHERE chip != '' AND unit >= ?1 AND "
                    "unit < ?2 GROUP BY chip HAVING min(unit) < max(unit)), "
                    "owner AS (SELECT DISTINCT v.chip, i.serial, i.unit FROM visit v "
                    "JOIN identity i ON i.unit = v.unit AND i.{0} "
                    "WHERE v.chip IN (SELECT chip FROM twice)) "
                    "SELECT serial FROM owner WHERE chip IN (SELECT chip FROM owner GROUP BY chip "
                    "HAVING min(unit) < max(unit))",
                    kLive),
        [&](const Stmt& s) -> Status {
          Mark(s.Blob(0), "swapped");
          return {};
        });
  }

  Status Identities() {
    return Rows(
        "SELECT i.serial, i.unit, i.method, i.state, i.via, u.state, u.visits, u.last_at, p.state "
        "FROM identity i LEFT JOIN unit u ON u.unit = i.unit LEFT JOIN pool p ON p.unit = i.unit "
        "WHERE i.unit >= ? AND i.unit < ? ORDER BY i.seq",
        [&](const Stmt& s) -> Status {
          One(s);
          return {};
        });
  }

  void One(const Stmt& s) {
    if (s.Text(2).empty()) {  // adopted: nothing of how it was made is known here
      ++a_.adopted;
      return;
    }
    ++a_.generated;
    std::string_view unit = s.Text(1), state = s.Text(3), unit_state = s.Text(5);
    bool on_line = !s.IsNull(5) && !IsFinished(unit_state);
    if (on_line) with_identity_.emplace(unit);
    if (state == "void") return void(++a_.voided);
    if (state == "destroyed") return void(++a_.destroyed);
    if (state == "superseded" || state == "expired") return void(++a_.superseded);
    if (state == "revoked") return void(++a_.revoked);
    if (const char* why = Why(s, on_line)) {
      ++a_.unexplained;
      Odd(why, unit, s.Blob(0));
    } else if (state == "held") {
      ++a_.held;
    } else if (state != "issued") {
      ++a_.installed;
    } else if (s.Text(8) == "left" || (s.IsNull(5) && FromSeed(s))) {
      ++a_.pool;
    } else if (!s.Text(4).empty()) {
      ++a_.delivered;
    } else {
      ++a_.on_line;
    }
  }

  // FromSeed is an identity that waits for the chip that computes its key (4.1.1.3).
  static bool FromSeed(const Stmt& s) { return s.Text(2) == "carrot"; }

  // Why says what is odd about a live identity, or nothing.
  const char* Why(const Stmt& s, bool on_line) const {
    if (!marked_.empty()) {
      if (auto it = marked_.find(std::string(AsText(s.Blob(0)))); it != marked_.end())
        return it->second;
    }
    std::string_view state = s.Text(3);
    if (state == "lost-at-station") return "lost-at-station";
    bool in_pool = s.Text(8) == "left", over_network = !s.Text(4).empty();
    if (s.IsNull(5)) {
      if (in_pool || FromSeed(s)) return nullptr;
      return s.Text(8) == "released" ? "released-never-installed" : "ghost";
    }
    if (s.Text(5) == "scrapped") return "scrapped-unit-live";
    if (state == "held") return nullptr;
    if (state != "issued") return s.Uint(6) == 0 && !over_network ? "ghost" : nullptr;
    if (over_network || (in_pool && on_line)) return nullptr;
    if (on_line && s.Int(7) + o_.stale > o_.now) return nullptr;
    return s.Text(8) == "released" ? "released-never-installed" : "never-installed";
  }

  Status Units() {
    BM_TRY(Stmt s, db_.Prepare("SELECT state, count(*) FROM unit WHERE product=? GROUP BY state"));
    s.Bind(1, std::string_view(o_.product));
    for (;;) {
      BM_TRY(bool more, s.Step());
      if (!more) break;
      std::string_view state = s.Text(0);
      if (state == "packed" || state == "shipped") a_.units_good += s.Uint(1);
      if (state == "scrapped") a_.units_scrapped += s.Uint(1);
      if (!IsFinished(state)) a_.units_on_line += s.Uint(1);
    }
    a_.reserved = a_.units_on_line - std::min<uint64_t>(with_identity_.size(), a_.units_on_line);
    a_.on_line += a_.reserved;
    if (!o_.has_identity) return {};
    // A unit whose identity was revoked in the field has had one; that it ended is no riddle.
    return Rows(fmt::format("SELECT unit FROM unit WHERE unit >= ?1 AND unit < ?2 AND {} EXCEPT "
                            "SELECT unit FROM identity WHERE unit >= ?1 AND unit < ?2 AND "
                            "state NOT IN ('superseded','void','destroyed')",
                            kGood),
                [&](const Stmt& row) -> Status {
                  Odd("unit-without-identity", row.Text(0));
                  return {};
                });
  }

  Status Overbuild() {
    if (!o_.order || a_.units_good <= *o_.order) return {};
    return Rows(fmt::format("SELECT unit FROM unit WHERE unit >= ? AND unit < ? AND {} "
                            "ORDER BY last_at DESC, unit DESC LIMIT {}",
                            kGood, a_.units_good - *o_.order),
                [&](const Stmt& s) -> Status {
                  Odd("overbuild", s.Text(0));
                  return {};
                });
  }

  const Db& db_;
  const AccountOptions& o_;
  std::string from_, to_;
  Account a_;
  std::unordered_map<std::string, const char*> marked_;  // by the certificate's serial
  std::unordered_set<std::string> with_identity_;        // units in work; few at a time
};

}  // namespace

Result<Account> AccountOf(const Db& registry, const AccountOptions& options) {
  return Accountant(registry, options).Run();
}

Result<uint64_t> InNoDevice(const Db& registry) {
  BM_TRY(Stmt s, registry.Prepare("SELECT count(*) FROM identity i WHERE state='issued' AND via='' "
                                  "AND NOT EXISTS (SELECT 1 FROM pool p WHERE p.unit=i.unit AND "
                                  "p.state='left') AND NOT (method='carrot' AND NOT EXISTS "
                                  "(SELECT 1 FROM unit u WHERE u.unit=i.unit))"));
  BM_CHECK(s.Step());
  return s.Uint(0);
}

Result<std::optional<int64_t>> FirstIssuedFrom(const Db& registry, uint64_t seq) {
  BM_TRY(Stmt s,
         registry.Prepare("SELECT issued_at FROM identity WHERE seq >= ? ORDER BY seq LIMIT 1"));
  s.Bind(1, seq);
  BM_TRY(bool there, s.Step());
  return there ? std::optional<int64_t>(s.Int(0)) : std::nullopt;
}

}  // namespace birthmark::ledger
