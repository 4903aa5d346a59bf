// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry_revocations.h"

#include <algorithm>

namespace birthmark::ledger {
namespace {

constexpr uint64_t kHold = 6, kRemoveFromCrl = 8;  // RFC 5280 section 5.3.1

constexpr std::string_view kCrlColumns =
    "SELECT seq, ca, number, upto, count, sha256, signer, this_update, next_update, reserve FROM "
    "crl";

Digest DigestIn(const Stmt& s, int c) {
  Digest d{};
  ByteView b = s.Blob(c);
  std::copy_n(b.begin(), std::min(b.size(), d.size()), d.begin());
  return d;
}

Result<std::vector<CrlRow>> ReadCrls(Stmt& s) {
  std::vector<CrlRow> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    CrlRow r;
    r.seq = s.Uint(0);
    r.ca = std::string(s.Text(1));
    r.number = s.Uint(2);
    r.upto = s.Uint(3);
    r.count = s.Uint(4);
    r.sha256 = DigestIn(s, 5);
    r.signer = DigestIn(s, 6);
    r.this_update = s.Int(7);
    r.next_update = s.Int(8);
    r.reserve = s.Int(9) != 0;
    out.push_back(std::move(r));
  }
}

RevocationRow ReadRevocation(const Stmt& s) {
  ByteView serial = s.Blob(0);
  return {.serial = Bytes(serial.begin(), serial.end()),
          .reason = static_cast<uint8_t>(s.Uint(1)),
          .at = s.Int(2)};
}

}  // namespace

Status ApplyRevocation(const Db& db, uint64_t event, const IdentityRow& row,
                       const IdentityStateChange& change) {
  const bool revoked = change.state == "revoked", held = change.state == "held";
  const bool was_held = row.state == "held" && IsLive(change.state);
  if (!revoked && !held && !was_held) return {};
  const uint64_t reason = held ? kHold : revoked ? change.reason : kRemoveFromCrl;
  BM_TRY(Stmt s, db.Prepare("INSERT OR REPLACE INTO revocation VALUES(?,?,?,?,?)"));
  return s.Bind(1, std::string_view(row.ca))
      .Bind(2, ByteView(row.serial))
      .Bind(3, reason)
      .Bind(4, change.at)
      .Bind(5, event)
      .Run();
}

Status ApplyCrl(const Db& db, uint64_t seq, const CrlRow& r) {
  if (!r.reserve) {
    BM_TRY(Stmt old, db.Prepare("DELETE FROM crl WHERE ca=?1 AND number<?2"));
    BM_CHECK(old.Bind(1, std::string_view(r.ca)).Bind(2, r.number).Run());
  }
  BM_TRY(Stmt s, db.Prepare("INSERT OR REPLACE INTO crl VALUES(?,?,?,?,?,?,?,?,?,?)"));
  return s.Bind(1, std::string_view(r.ca))
      .Bind(2, r.number)
      .Bind(3, seq)
      .Bind(4, r.upto)
      .Bind(5, r.count)
      .Bind(6, ByteView(r.sha256))
      .Bind(7, ByteView(r.signer))
      .Bind(8, r.this_update)
      .Bind(9, r.next_update)
      .Bind(10, uint64_t{r.reserve})
      .Run();
}

Status ForEachRevocation(const Db& registry, std::string_view ca,
                         const std::function<Status(const RevocationRow&)>& fn) {
  for (const char* sql :
       {"SELECT serial, reason, at FROM revocation WHERE ca=?1 AND reason<>8 ORDER BY serial",
        "SELECT serial, reason, state_at FROM ca WHERE issuer=?1 AND state='compromised' AND "
        "id<>?1 ORDER BY serial"}) {
    BM_TRY(Stmt s, registry.Prepare(sql));
    s.Bind(1, ca);
    for (;;) {
      BM_TRY(bool more, s.Step());
      if (!more) break;
      BM_CHECK(fn(ReadRevocation(s)));
    }
  }
  return {};
}

Result<std::optional<RevocationRow>> RevocationOf(const Db& registry, std::string_view ca,
                                                  ByteView serial) {
  for (const char* sql :
       {"SELECT serial, reason, at FROM revocation WHERE ca=?1 AND serial=?2 AND reason<>8",
        "SELECT serial, reason, state_at FROM ca WHERE issuer=?1 AND serial=?2 AND "
        "state='compromised' AND id<>?1"}) {
    BM_TRY(Stmt s, registry.Prepare(sql));
    BM_TRY(bool found, s.Bind(1, ca).Bind(2, serial).Step());
    if (found) return ReadRevocation(s);
  }
  return std::nullopt;
}

Result<uint64_t> RevocationMark(const Db& registry, std::string_view ca) {
  static constexpr const char* kAll[] = {"SELECT max(event) FROM revocation",
                                         "SELECT max(state_seq) FROM ca WHERE state='compromised'"};
  static constexpr const char* kOne[] = {
      "SELECT max(event) FROM revocation WHERE ca=?1",
      "SELECT max(state_seq) FROM ca WHERE issuer=?1 AND state='compromised'"};
  uint64_t mark = 0;
  for (const char* sql : ca.empty() ? kAll : kOne) {
    BM_TRY(Stmt s, registry.Prepare(sql));
    if (!ca.empty()) s.Bind(1, ca);
    BM_TRY(bool found, s.Step());
    if (found && !s.IsNull(0)) mark = std::max(mark, s.Uint(0));
  }
  return mark;
}

Result<std::vector<CrlRow>> CrlsOf(const Db& registry, std::string_view ca) {
  BM_TRY(Stmt s, registry.Prepare(std::string(kCrlColumns) + " WHERE ca=?1 ORDER BY number"));
  s.Bind(1, ca);
  return ReadCrls(s);
}

Result<std::vector<CrlRow>> Crls(const Db& registry) {
  BM_TRY(Stmt s, registry.Prepare(std::string(kCrlColumns) + " ORDER BY ca, number"));
  return ReadCrls(s);
}

}  // namespace birthmark::ledger
