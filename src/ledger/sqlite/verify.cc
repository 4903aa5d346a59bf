// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ledger/events_continuity.h"

namespace birthmark::ledger {
namespace {

constexpr const char* kRestore = "restore the workspace from a copy that verifies";

class Verifier {
 public:
  Verifier(LogReader& log, const VerifyOptions& options) : log_(log), options_(options) {}

  Result<VerifyReport> Run() {
    BM_TRY(fresh_, Db::Open("", Db::Mode::kCreate));
    BM_CHECK(fresh_.Exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
    BM_CHECK(Registry::CreateTables(fresh_));
    BM_TRY(Registry registry,
           Registry::Open(fresh_, [this](const Key16& k, std::vector<uint64_t>& out) {
             // The log's own index leads to candidates; rows of the fresh tables decide.
             return log_.FindKey(k, out);
           }));
    fold_ = &registry;
    LoadRoots();
    BM_CHECK(fresh_.Exec("BEGIN"));
    BM_CHECK(log_.ForEachRaw(0, log_.size(),
                             [&](uint64_t seq, ByteView raw) { return Event(seq, raw); }));
    if (next_ != log_.size()) Missing(next_, log_.size());
    BM_CHECK(CheckTile());
    BM_CHECK(registry.EndBatch());
    BM_CHECK(CompareTables());
    BM_CHECK(CheckIndex());
    report_.events = log_.size();
    report_.root = tree_.Root();
    return std::move(report_);
  }

 private:
  // WantedRoot is a signed statement about the tree at one size.
  struct WantedRoot {
    Digest root{};
    bool since = false;
  };

  bool Full() const { return report_.findings.all().size() >= options_.max_findings; }
  void Found(std::string code, std::string message, std::string fix = kRestore) {
    if (!Full()) report_.findings.Error(std::move(code), std::move(message), std::move(fix));
  }

  void LoadRoots() {
    auto key = options_.key ? Result<NoteKey>(*options_.key) : log_.Key();
    if (!key) return Found(key.error().code, key.error().message);
    if (auto kept = log_.Checkpoints()) {
      for (const KeptCheckpoint& k : *kept) {
        auto c = OpenCheckpoint(k.note, *key);
        if (!c || c->size != k.size) {
          Found("ledger.checkpoint", fmt::format("the stored checkpoint at {} events: {}", k.size,
                                                 c ? "is of another size" : c.error().message));
          continue;
        }
        Want(*c, false);
      }
    } else {
      Found(kept.error().code, kept.error().message);
    }
    if (!options_.since) return;
    auto c = OpenCheckpoint(*options_.since, *key);
    if (!c && c.error().code == "note.unsigned") {
      return Found("ledger.other-log",
                   fmt::format("the kept checkpoint is not of log {}", key->name()),
                   "name the checkpoint that was kept for this workspace");
    }
    if (!c)
      return Found("ledger.checkpoint", "the kept checkpoint: " + c.error().message, c.error().fix);
    Want(*c, true);
  }

  void Want(const Checkpoint& c, bool since) {
    if (c.size > log_.size()) {
      return Found("ledger.rolled-back",
                   fmt::format("{} checkpoint speaks of {} events, the ledger has {}: events were "
                               "removed at its end",
                               since ? "the kept" : "a stored", c.size, log_.size()));
    }
    wanted_.emplace(c.size, WantedRoot{c.root, since});
  }

  void CheckRoots() {
    for (auto [it, end] = wanted_.equal_range(next_); it != end; ++it) {
      if (tree_.Root() == it->second.root) {
        report_.checkpoints += !it->second.since;
        continue;
      }
      Found(it->second.since ? "ledger.fork" : "ledger.checkpoint",
            fmt::format(
                "{} checkpoint at {} events is of another tree: an event before {} was changed, "
                "dropped, inserted or moved, or this ledger is a fork",
                it->second.since ? "the kept" : "the stored", next_, next_));
    }
  }

  void Missing(uint64_t from, uint64_t to) {
    Found("ledger.event-missing",
          to - from == 1 ? fmt::format("event {} is missing", from)
                         : fmt::format("the events {} to {} are missing", from, to - 1));
  }

  Status Event(uint64_t seq, ByteView raw) {
    if (seq != next_) {
      Missing(next_, seq);
      // What follows is judged against its own stored hashes; signed roots can no longer be
      // reached.
      gaps_ = true;
      next_ = seq;
    }
    if (!gaps_) CheckRoots();
    Digest leaf = LeafHash(raw);
    tree_.Append(leaf);
    BM_CHECK(Stored(seq));
    size_t at = seq % kTileWidth;
    if (at < stored_.size() && stored_[at] != leaf) {
      Found("ledger.event-changed",
            fmt::format("event {} does not have the hash stored for it", seq));
    }
    Envelope(seq, raw);
    ++next_;
    if (!gaps_ && next_ == log_.size()) CheckRoots();
    if (options_.progress) options_.progress(next_);
    return {};
  }

  // Stored loads the tile that an event's hash stands in, and checks the one before against its
  // parent.
  Status Stored(uint64_t seq) {
    uint64_t tile = seq / kTileWidth;
    if (tile == tile_index_) return {};
    BM_CHECK(CheckTile());
    tile_index_ = tile;
    auto row = log_.tiles().Tile(0, tile);
    if (!row && row.error().kind == ErrorKind::kEnvironment)
      return std::unexpected(std::move(row).error());
    stored_ = row ? std::move(*row) : std::vector<Digest>();
    size_t meant = std::min<uint64_t>(kTileWidth, log_.size() - tile * kTileWidth);
    if (stored_.size() != meant) {
      Found("ledger.tile", fmt::format("the hashes of the events {} to {} are missing or damaged",
                                       tile * kTileWidth, tile * kTileWidth + meant - 1));
    }
    return {};
  }

  // CheckTile compares the full tiles of the levels above with what stands below them.
  Status CheckTile() {
    if (tile_index_ == UINT64_MAX || stored_.size() != kTileWidth) return {};
    uint64_t index = tile_index_;
    std::vector<Digest> row = stored_;
    for (int level = 1;; ++level) {
      while (row.size() > 1) {
        for (size_t i = 0; i < row.size() / 2; ++i) row[i] = NodeHash(row[2 * i], row[2 * i + 1]);
        row.resize(row.size() / 2);
      }
      auto above = log_.tiles().Tile(level, index / kTileWidth);
      if (above && above->empty() &&
          (index / kTileWidth + 1) << (kTileHeight * (level + 1)) > log_.size()) {
        return {};  // not yet full
      }
      if (!above || above->empty() || (*above)[index % kTileWidth] != row[0]) {
        Found("ledger.tile", fmt::format("the hash tile {} of level {} does not fit those below it",
                                         index / kTileWidth, level));
        return {};
      }
      if (index % kTileWidth != kTileWidth - 1) return {};
      row = std::move(*above);
      index /= kTileWidth;
    }
  }

  // Envelope decodes an event, checks its place in time and folds it.
  void Envelope(uint64_t seq, ByteView raw) {
    auto bad = [&](const Error& e) {
      Found("ledger.event-malformed", fmt::format("event {}: {}", seq, e.message));
    };
    auto event = DecodeEvent(raw);
    if (!event) return bad(event.error());
    if (auto s = CheckType(event->type); !s) return bad(s.error());
    if (seq > 0 && (event->recorded < last_.recorded || event->id <= last_.id)) {
      Found(
          "ledger.event-order",
          fmt::format("event {} was recorded before its predecessor: events were moved or inserted",
                      seq));
    }
    if ((seq == 0) != (event->type == Genesis::kType)) {
      Found("ledger.genesis",
            fmt::format("event {} is {}: the first event, and it alone, is log.genesis", seq,
                        event->type));
    }
    last_ = {event->id, event->recorded};
    if (options_.since && event->type == WorkspaceRestored::kType) Explain(seq, *event);
    auto changes = Fold(*event);
    if (!changes) return bad(changes.error());
    if (Status s = fold_->Apply(seq, *changes); !s) bad(s.error());
  }

  // Explain says so when the log itself tells that the kept checkpoint is of a branch that was
  // lost.
  void Explain(uint64_t seq, const ledger::Event& e) {
    auto body = BodyOf<WorkspaceRestored>(e);
    if (!body || std::ranges::find(body->checkpoints, *options_.since) == body->checkpoints.end())
      return;
    report_.findings.Warn(
        "ledger.restored",
        fmt::format("event {} tells of it: the log was restored from a backup of {} events, and "
                    "the kept checkpoint is of the branch that was lost",
                    seq, body->events),
        "take a checkpoint of this branch when its keepers have told you why");
  }

  Status CompareTables() {
    Findings found;
    BM_CHECK(CompareRegistries(log_.registry().db(), fresh_, options_.max_findings, found));
    for (const Finding& f : found.all()) Found(f.code, f.message, f.fix);
    return {};
  }

  // CheckIndex looks up every identity, and thereby sees two live ones in a slot or two owners of a
  // key.
  Status CheckIndex() {
    BM_TRY(Stmt s, fresh_.Prepare("SELECT seq FROM identity ORDER BY seq"));
    for (;;) {
      BM_TRY(bool more, s.Step());
      if (!more || Full()) return {};
      uint64_t seq = s.Uint(0);
      BM_TRY(auto row, fold_->IdentityAt(seq));
      BM_TRY(auto by_key, fold_->IdentitiesByKey(row->spki));
      BM_TRY(auto by_unit, fold_->IdentitiesOf(row->unit));
      BM_TRY(auto by_serial, fold_->IdentityBySerial(row->serial));
      auto has = [&](const std::vector<IdentityRow>& rows) {
        return std::ranges::any_of(rows, [&](const IdentityRow& r) { return r.seq == seq; });
      };
      if (!has(by_key) || !has(by_unit) || !by_serial) {
        Found("ledger.key-index",
              fmt::format("the key index does not find the identity of event {}", seq),
              "run `birthmark ledger rebuild`");
      }
      for (const IdentityRow& r : by_key) {
        if (r.seq < seq && (r.unit != row->unit || r.slot != row->slot)) {
          Found("ledger.key-seen",
                fmt::format("the events {} and {} give one key to {} ({}) and {} ({})", r.seq, seq,
                            r.unit, r.slot, row->unit, row->slot),
                "revoke both identities: two devices share a private key");
        }
      }
      for (const IdentityRow& r : by_unit) {
        if (r.seq < seq && r.slot == row->slot && IsLive(r.state) && IsLive(row->state)) {
          Found("ledger.slot-live",
                fmt::format("{} has two live identities in slot {}, of the events {} and {}",
                            row->unit, row->slot, r.seq, seq),
                "supersede one of them");
        }
      }
    }
  }

  LogReader& log_;
  const VerifyOptions& options_;
  VerifyReport report_;
  Db fresh_;
  Registry* fold_ = nullptr;
  std::multimap<uint64_t, WantedRoot> wanted_;
  Frontier tree_;
  uint64_t next_ = 0;
  bool gaps_ = false;
  uint64_t tile_index_ = UINT64_MAX;
  std::vector<Digest> stored_;
  EventStamp last_;
};

}  // namespace

Result<VerifyReport> VerifyLog(LogReader& log, const VerifyOptions& options) {
  return Verifier(log, options).Run();
}

}  // namespace birthmark::ledger
