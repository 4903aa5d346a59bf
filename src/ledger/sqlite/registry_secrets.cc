// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry_secrets.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::ledger {
namespace {

constexpr const char* kSecretColumns =
    "SELECT unit, slot, seq, how, bits, batch, key_check, at FROM secret";
constexpr const char* kGroupColumns =
    "SELECT id, seq, product, slot, size, spki, (SELECT count(*) FROM secret s WHERE s.batch=g.id) "
    "FROM secret_group g";

Digest DigestIn(ByteView b) {
  Digest d{};
  std::copy_n(b.begin(), std::min(b.size(), d.size()), d.begin());
  return d;
}

SecretRow ReadSecret(const Stmt& s) {
  SecretRow r;
  r.unit = s.Text(0);
  r.slot = s.Text(1);
  r.seq = s.Uint(2);
  r.how = s.Text(3);
  r.bits = s.Uint(4);
  r.batch = s.Text(5);
  if (!s.IsNull(6)) r.check = DigestIn(s.Blob(6));
  r.at = s.Int(7);
  return r;
}

GroupRow ReadGroup(const Stmt& s) {
  GroupRow r;
  r.id = s.Text(0);
  r.seq = s.Uint(1);
  r.product = s.Text(2);
  r.slot = s.Text(3);
  r.size = s.Uint(4);
  r.spki = DigestIn(s.Blob(5));
  r.units = s.Uint(6);
  return r;
}

template <class Row>
Result<std::vector<Row>> AllRows(Stmt& s, Row (*read)(const Stmt&)) {
  std::vector<Row> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(read(s));
  }
}

template <class Row>
Result<std::optional<Row>> OneRow(Stmt& s, Row (*read)(const Stmt&)) {
  BM_TRY(bool found, s.Step());
  if (!found) return std::nullopt;
  return read(s);
}

}  // namespace

Status ApplySecrets(const Db& db, uint64_t seq, const SecretRow& r) {
  BM_TRY(Stmt s, db.Prepare("INSERT OR REPLACE INTO secret VALUES(?,?,?,?,?,?,?,?)"));
  s.Bind(1, std::string_view(r.unit))
      .Bind(2, std::string_view(r.slot))
      .Bind(3, seq)
      .Bind(4, std::string_view(r.how))
      .Bind(5, r.bits)
      .Bind(6, std::string_view(r.batch));
  r.check ? s.Bind(7, ByteView(*r.check)) : s.BindNull(7);
  return s.Bind(8, r.at).Run();
}

Status ApplySecrets(const Db& db, uint64_t seq, const GroupRow& r) {
  BM_TRY(Stmt s, db.Prepare("INSERT OR REPLACE INTO secret_group VALUES(?,?,?,?,?,?)"));
  return s.Bind(1, std::string_view(r.id))
      .Bind(2, seq)
      .Bind(3, std::string_view(r.product))
      .Bind(4, std::string_view(r.slot))
      .Bind(5, r.size)
      .Bind(6, ByteView(r.spki))
      .Run();
}

Result<std::optional<SecretRow>> SecretOf(const Db& db, std::string_view unit,
                                          std::string_view slot) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} WHERE unit=? AND slot=?", kSecretColumns)));
  s.Bind(1, unit).Bind(2, slot);
  return OneRow(s, ReadSecret);
}

Result<std::vector<SecretRow>> SecretsOf(const Db& db, std::string_view unit) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} WHERE unit=? ORDER BY slot", kSecretColumns)));
  s.Bind(1, unit);
  return AllRows(s, ReadSecret);
}

Result<std::vector<SecretRow>> SecretsBehind(const Db& db, std::string_view product,
                                             std::string_view slot, std::string_view after,
                                             uint64_t limit) {
  // "/" and "0" are neighbours: all names that begin with the product and a slash.
  const std::string from = std::max(std::string(product) + "/", std::string(after));
  const std::string to = std::string(product) + "0";
  BM_TRY(Stmt s,
         db.Prepare(fmt::format("{} WHERE unit > ? AND unit < ? AND slot=? ORDER BY unit LIMIT ?",
                                kSecretColumns)));
  s.Bind(1, std::string_view(from)).Bind(2, std::string_view(to)).Bind(3, slot).Bind(4, limit);
  return AllRows(s, ReadSecret);
}

Result<std::vector<GroupRow>> Groups(const Db& db, std::string_view product,
                                     std::string_view slot) {
  BM_TRY(Stmt s,
         db.Prepare(fmt::format("{} WHERE product=? AND slot=? ORDER BY seq", kGroupColumns)));
  s.Bind(1, product).Bind(2, slot);
  return AllRows(s, ReadGroup);
}

Result<std::vector<GroupRow>> AllGroups(const Db& db) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} ORDER BY seq", kGroupColumns)));
  return AllRows(s, ReadGroup);
}

Result<std::optional<GroupRow>> GroupOf(const Db& db, std::string_view id) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} WHERE id=?", kGroupColumns)));
  s.Bind(1, id);
  return OneRow(s, ReadGroup);
}

}  // namespace birthmark::ledger
