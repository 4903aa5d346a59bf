// SPDX-License-Identifier: Apache-2.0
#include "app/backup_fence.h"

#include <unistd.h>

#include <algorithm>

#include "app/backup.h"
#include "app/factory.h"
#include "app/station.h"
#include "app/station_file.h"
#include "app/tokens.h"
#include "ledger/events.h"
#include "ledger/sqlite/pool_table.h"
#include "line/pool.h"
#include "line/serials.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxKeptNote = 64 * 1024;
constexpr size_t kPooledAtOnce = 1000;

uint32_t MinuteOf(int64_t ms) { return static_cast<uint32_t>(ms / 60'000); }

class Lifter {
 public:
  Lifter(const UnfenceOptions& o, const KeySource& keys, const Clock& clock)
      : o_(o), source_(keys), clock_(clock), layout_(o.workspace) {}

  Result<Unfenced> Run() {
    BM_TRY(auto reader, OpenReader(o_.workspace));
    fs::path fence = layout_.ledger() / ledger::kFenceFile;
    if (!fs::exists(fence)) {
      return Refused("restore.not-fenced", o_.workspace.string() + ": is not fenced",
                     "nothing is to be lifted");
    }
    BM_TRY(std::string text, ReadTextFile(fence, 4096));
    BM_TRY(FenceMark mark, ParseFence(text));
    if (IsStation(o_.workspace)) {
      return Refused("restore.station",
                     o_.workspace.string() +
                         ": a station's log cannot go on from a backup: its "
                         "server may know more of it",
                     "bring what is here to the server by hand, and join anew: station join");
    }
    BM_CHECK(Compare(*reader));
    out_.event.events = reader->size();
    out_.event.backup = mark.manifest;
    out_.event.program = "birthmark " BIRTHMARK_VERSION;
    BM_TRY(ledger::Event last, reader->EventAt(reader->size() - 1));
    out_.event.prefix_from = MinuteOf(last.recorded);
    out_.event.prefix_to = MinuteOf(Millis(clock_.Now()));
    BM_CHECK(Numbers(*reader));
    BM_TRY(auto tokens, TokensOf(*reader));
    for (const auto& [id, token] : tokens)
      if (!token.revoked && token.used < token.issued.uses) tokens_.push_back(id);
    out_.event.tokens = tokens_.size();
    BM_CHECK(FindPooled(*reader));
    out_.event.pooled = pooled_.size();
    reader.reset();
    if (o_.dry_run) return std::move(out_);

    BM_TRY(OpenKeys keys, UnlockOnline(layout_, source_));
    BM_TRY(auto log_key, keys.online->Open("log"));
    if (o_.wait) o_.wait(TimeFromMillis((static_cast<int64_t>(out_.event.prefix_to) + 1) * 60'000));
    BM_TRY(auto log, ledger::LogWriter::Open(layout_.ledger(), clock_, ledger::Fence::kLift));
    if (MinuteOf(Millis(clock_.Now())) <= out_.event.prefix_to)
      return Environment("restore.minute", "the minute of the gap is not over", "try again");
    BM_TRY(ledger::EventContext context, Context(*log));
    BM_CHECK(log->Append(ledger::MakeEvent(context, clock_.Now(), "", out_.event)));
    BM_CHECK(EndWhatMayBeUsed(*log, context, *keys.online));
    BM_TRY(out_.checkpoint, log->MakeCheckpoint(*log_key));
    BM_CHECK(MakeDirs(layout_.public_dir() / "checkpoints"));
    BM_CHECK(WriteFileAtomic(
        layout_.public_dir() / "checkpoints" / fmt::format("{:010}.checkpoint", log->size()),
        out_.checkpoint));
    log.reset();
    if (unlink(fence.c_str()) != 0)
      return std::unexpected(FromErrno("file.write", fence.string(), errno));
    BM_CHECK(SyncDir(layout_.ledger()));
    return std::move(out_);
  }

 private:
  // Compare takes what others kept: the same log, no other branch, and how far it went.
  Status Compare(ledger::LogReader& reader) {
    if (o_.checkpoints.empty() && !o_.none_kept) {
      return Usage("restore.no-checkpoint", "no checkpoint that was kept elsewhere is named",
                   "name the newest that a reader, a customer or another site has; only if there "
                   "is truly none: --none-kept");
    }
    BM_TRY(ledger::NoteKey key, reader.Key());
    out_.newest_seen = reader.size();
    for (const fs::path& file : o_.checkpoints) {
      BM_TRY(std::string note, ReadTextFile(file, kMaxKeptNote));
      auto opened = ledger::OpenCheckpoint(note, key);
      if (!opened) return std::unexpected(std::move(opened).error().Context(file.string()));
      if (opened->size > reader.size()) {
        out_.event.checkpoints.push_back(note);
        out_.newest_seen = std::max(out_.newest_seen, opened->size);
        continue;
      }
      if (opened->size == 0) continue;
      BM_TRY(Digest root, reader.Root(opened->size));
      if (root != opened->root) {
        return Refused("restore.fork",
                       fmt::format("{}: at {} events the world saw another log than this backup's",
                                   file.string(), opened->size),
                       "this backup was made of a branch: find the one that was made of the log "
                       "that readers know");
      }
    }
    out_.event.lost = out_.newest_seen - reader.size();
    return {};
  }

  // Numbers leaves out what the lost machine may have given to units.
  Status Numbers(ledger::LogReader& reader) {
    BM_TRY(auto plans, PlansOf(reader));
    BM_TRY(std::vector<StationRow> stations, Stations(reader));
    for (const auto& [id, adopted] : plans) {
      if (adopted.plan.product.serial_list) continue;
      line::SerialNumbers serials(reader.registry(), adopted.plan);
      BM_TRY(std::string next, serials.Next());
      auto first = plan::NumberOf(adopted.plan.product.serial_pattern, next);
      if (!first) continue;
      // One event begins at most one unit; a grant to a station gives a range away.
      uint64_t count = out_.event.lost > 0 ? out_.event.lost : kSkipUnknown;
      if (std::ranges::any_of(stations, [&](const StationRow& s) { return s.product == id; }))
        count += kSkipStations;
      count = o_.skip.value_or(count);
      if (count == 0) continue;
      out_.event.numbers.push_back({.last = *first + count - 1, .first = *first, .product = id});
    }
    return {};
  }

  Status FindPooled(ledger::LogReader& reader) {
    BM_TRY(std::vector<ledger::PoolLevel> levels, ledger::PoolLevels(reader.registry().db(), 0));
    for (const ledger::PoolLevel& level : levels) {
      ledger::PoolPlace from;
      for (;;) {
        BM_TRY(std::vector<ledger::PoolRow> rows,
               ledger::PoolNext(reader.registry().db(), level.station, level.product, from,
                                kPooledAtOnce));
        for (const ledger::PoolRow& row : rows) {
          from = {row.seq, row.pos + 1};
          BM_TRY(std::vector<ledger::IdentityRow> all, reader.registry().IdentitiesOf(row.unit));
          for (const ledger::IdentityRow& i : all)
            if (i.state == "issued") pooled_.push_back({row, i});
        }
        if (rows.size() < kPooledAtOnce) break;
      }
    }
    return {};
  }

  Result<ledger::EventContext> Context(ledger::LogWriter& log) {
    ledger::EventContext context;
    std::string who = o_.as;
    if (who.empty() && fs::exists(layout_.local_credential())) {
      BM_TRY(who, ReadTextFile(layout_.local_credential(), 256));
      while (!who.empty() && who.back() == '\n') who.pop_back();
    }
    if (who.empty()) return context;
    BM_TRY(std::vector<ledger::CredentialRow> known, log.registry().Credentials());
    if (std::ranges::none_of(known, [&](const ledger::CredentialRow& row) {
          return row.pseudonym == who && !row.revoked_at && row.role == "administrator";
        })) {
      return Refused("credential.role", who + " is no administrator",
                     "lifting a fence takes one: --as an administrator's credential");
    }
    context.actor = who;
    return context;
  }

  // EndWhatMayBeUsed: a key made ahead may be in a device of the lost machine's, so its certificate
  // is not ended but never handed out again; whoever reconciles decides on each.
  Status EndWhatMayBeUsed(ledger::LogWriter& log, const ledger::EventContext& context,
                          keystore::SoftwareKeyStore& keys) {
    ledger::Submission all;
    auto add = [&](const std::string& subject, const auto& body) -> Status {
      BM_TRY(ledger::NewEvent e,
             ledger::Prepare(ledger::MakeEvent(context, clock_.Now(), subject, body)));
      all.push_back(std::move(e));
      return {};
    };
    auto commit = [&]() -> Status {
      if (!all.empty()) BM_CHECK(log.Append(std::exchange(all, {})));
      return {};
    };
    for (const std::string& id : tokens_)
      BM_CHECK(add("token:" + id, ledger::TokenRevoked{.id = id, .reason = "restored"}));
    BM_CHECK(commit());
    for (const Pooled& p : pooled_) {
      BM_CHECK(add("unit:" + p.row.unit, ledger::IdentityState{.slot = p.identity.slot,
                                                               .unit = p.row.unit,
                                                               .state = "lost-at-station",
                                                               .reason = "restored",
                                                               .serial = p.identity.serial}));
      if (all.size() >= kPooledAtOnce) BM_CHECK(commit());
    }
    BM_CHECK(commit());
    for (const Pooled& p : pooled_)
      BM_CHECK(line::EraseEntry(layout_.pool() / p.row.id, p.row.pos));
    for (const std::string& id : tokens_) {
      if (Status s = keys.DropSecret(TokenSecretName(id));
          !s && s.error().code != "keystore.missing")
        return s;
    }
    return {};
  }

  struct Pooled {
    ledger::PoolRow row;
    ledger::IdentityRow identity;
  };
  const UnfenceOptions& o_;
  const KeySource& source_;
  const Clock& clock_;
  Layout layout_;
  Unfenced out_;
  std::vector<std::string> tokens_;
  std::vector<Pooled> pooled_;
};

}  // namespace

Result<Unfenced> LiftFence(const UnfenceOptions& options, const KeySource& keys,
                           const Clock& clock) {
  return Lifter(options, keys, clock).Run();
}

}  // namespace birthmark::app
