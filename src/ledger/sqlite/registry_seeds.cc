// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry_seeds.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"

namespace birthmark::ledger {
namespace {

constexpr const char* kBatchColumns =
    "SELECT id, seq, product, oem, format, origin, protection, file, count, refused, used, "
    "received_at, opened_at, destroyed_at FROM seed_batch";

SeedBatchRow ReadBatch(const Stmt& s) {
  auto text = [&](int c) { return std::string(s.Text(c)); };
  SeedBatchRow r;
  r.id = text(0);
  r.seq = s.Uint(1);
  r.product = text(2);
  r.oem = text(3);
  r.format = text(4);
  r.origin = text(5);
  r.protection = text(6);
  ByteView file = s.Blob(7);
  std::copy_n(file.begin(), std::min(file.size(), r.file.size()), r.file.begin());
  r.count = s.Uint(8);
  r.refused = s.Uint(9);
  r.used = s.Uint(10);
  r.received_at = s.Int(11);
  r.opened_at = s.Int(12);
  r.destroyed_at = s.Int(13);
  return r;
}

Result<std::optional<SeedBatchRow>> FirstBatch(Stmt& s) {
  BM_TRY(bool found, s.Step());
  if (!found) return std::nullopt;
  return ReadBatch(s);
}

}  // namespace

Key16 ChipKey(std::string_view chip) {
  constexpr std::string_view kLabel = "chip:";
  Digest d = crypto::Sha256(AsBytes(kLabel), AsBytes(chip));
  Key16 k;
  std::copy_n(d.begin(), k.size(), k.begin());
  return k;
}

Status ApplySeeds(const Db& db, uint64_t seq, const SeedBatchRow& r) {
  BM_TRY(Stmt s,
         db.Prepare("INSERT OR REPLACE INTO seed_batch VALUES(?,?,?,?,?,?,?,?,?,?,0,0,0,0)"));
  return s.Bind(1, std::string_view(r.id))
      .Bind(2, seq)
      .Bind(3, std::string_view(r.product))
      .Bind(4, std::string_view(r.oem))
      .Bind(5, std::string_view(r.format))
      .Bind(6, std::string_view(r.origin))
      .Bind(7, std::string_view(r.protection))
      .Bind(8, ByteView(r.file))
      .Bind(9, r.count)
      .Bind(10, r.refused)
      .Run();
}

Status ApplySeeds(const Db& db, const SeedStep& step) {
  const char* column = step.what == "received"    ? "received_at"
                       : step.what == "opened"    ? "opened_at"
                       : step.what == "destroyed" ? "destroyed_at"
                                                  : nullptr;
  if (column == nullptr) return {};
  BM_TRY(Stmt s, db.Prepare(fmt::format("UPDATE seed_batch SET {}=?2 WHERE id=?1", column)));
  return s.Bind(1, std::string_view(step.batch)).Bind(2, step.at).Run();
}

Status ApplySeeds(const Db& db, uint64_t seq, const SeedRun& run) {
  Bytes keys;
  keys.reserve(run.chips.size() * sizeof(Key16));
  for (const std::string& chip : run.chips) {
    Key16 k = ChipKey(chip);
    keys.insert(keys.end(), k.begin(), k.end());
  }
  BM_TRY(Stmt s, db.Prepare("INSERT INTO seed_run VALUES(?1,?2,ifnull((SELECT product FROM "
                            "seed_batch WHERE id=?2),''),?3,?4)"));
  BM_CHECK(s.Bind(1, seq)
               .Bind(2, std::string_view(run.batch))
               .Bind(3, uint64_t{run.chips.size()})
               .Bind(4, ByteView(keys))
               .Run());
  BM_TRY(Stmt count, db.Prepare("UPDATE seed_batch SET used=used+?2 WHERE id=?1"));
  return count.Bind(1, std::string_view(run.batch)).Bind(2, uint64_t{run.chips.size()}).Run();
}

Result<std::vector<SeedBatchRow>> SeedBatches(const Db& db) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} ORDER BY seq", kBatchColumns)));
  std::vector<SeedBatchRow> out;
  for (;;) {
    BM_TRY(bool more, s.Step());
    if (!more) return out;
    out.push_back(ReadBatch(s));
  }
}

Result<std::optional<SeedBatchRow>> SeedBatchOf(const Db& db, std::string_view id) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} WHERE id=?", kBatchColumns)));
  return FirstBatch(s.Bind(1, id));
}

Result<std::optional<SeedBatchRow>> SeedBatchOfFile(const Db& db, const Digest& file,
                                                    std::string_view product) {
  BM_TRY(Stmt s, db.Prepare(fmt::format("{} WHERE file=? AND product=?", kBatchColumns)));
  return FirstBatch(s.Bind(1, ByteView(file)).Bind(2, product));
}

Result<std::optional<uint64_t>> SeedRunBehind(const Db& db, uint64_t seq) {
  BM_TRY(Stmt s, db.Prepare("SELECT seq FROM seed_run WHERE seq > ? ORDER BY seq LIMIT 1"));
  BM_TRY(bool found, s.Bind(1, seq).Step());
  if (!found) return std::nullopt;
  return s.Uint(0);
}

Result<uint64_t> SeedsUsedOf(const Db& db, std::string_view product) {
  BM_TRY(Stmt s, db.Prepare("SELECT ifnull(sum(used),0) FROM seed_run WHERE product=?"));
  BM_CHECK(s.Bind(1, product).Step());
  return s.Uint(0);
}

Result<std::optional<CarrotAhead>> CarrotNext(const Db& db, std::string_view product,
                                              uint64_t after) {
  BM_TRY(Stmt s, db.Prepare("SELECT seq, unit FROM identity i WHERE seq > ?1 AND method='carrot' "
                            "AND state='issued' AND unit >= ?2 AND unit < ?3 AND NOT EXISTS "
                            "(SELECT 1 FROM unit u WHERE u.unit=i.unit) ORDER BY seq LIMIT 1"));
  std::string from = std::string(product) + "/", to = std::string(product) + "0";
  BM_TRY(bool found,
         s.Bind(1, after).Bind(2, std::string_view(from)).Bind(3, std::string_view(to)).Step());
  if (!found) return std::nullopt;
  return CarrotAhead{s.Uint(0), std::string(s.Text(1))};
}

}  // namespace birthmark::ledger
