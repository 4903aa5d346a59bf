// SPDX-License-Identifier: Apache-2.0
// LogReader: one snapshot of a log, read-only, beside a writer of any process. Leaves out changing
// anything (log_writer) and judging it (verify). One thread an object.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ledger/checkpoint.h"
#include "ledger/event_codec.h"
#include "ledger/events.h"
#include "ledger/sqlite/registry.h"
#include "ledger/sqlite/tiles.h"

namespace birthmark::ledger {

// The files of a log's folder.
inline constexpr std::string_view kLogFile = "log.sqlite";
inline constexpr std::string_view kKeysDir = "keys";
inline constexpr std::string_view kLockFile = "lock";
inline constexpr uint32_t kLogFormat = 1;

// KeptCheckpoint is a checkpoint that the log itself stores.
struct KeptCheckpoint {
  uint64_t size = 0;
  std::string note;
};

class LogReader : public EventSource {
 public:
  // Open takes a snapshot of the log in a folder.
  // Errors: ledger.missing, ledger.open, ledger.format, ledger.corrupt.
  static Result<std::unique_ptr<LogReader>> Open(const fs::path& dir);
  ~LogReader() override;
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Refresh moves on to a snapshot of now.
  Status Refresh();

  uint64_t size() const { return size_; }
  // OpenedWith is the log's first event.
  const Genesis& genesis() const { return genesis_; }
  // Key is the key that signs this log's checkpoints, under its origin. Errors: note.key.
  Result<NoteKey> Key() const;

  Status ForEach(const EventFn& fn) override { return ForRange(0, size_, fn); }
  Status ForRange(uint64_t from, uint64_t to, const EventFn& fn);
  // ForEachRaw does not decode.
  Status ForEachRaw(uint64_t from, uint64_t to,
                    const std::function<Status(uint64_t, ByteView)>& fn);
  // EventAt and RawAt give one event. Errors: ledger.no-event.
  Result<Event> EventAt(uint64_t seq);
  Result<Bytes> RawAt(uint64_t seq);

  // Root and proofs come from the stored hashes. Errors: merkle.range, ledger.tile.
  Result<Digest> Root(uint64_t size);
  Result<std::vector<Digest>> Inclusion(uint64_t seq, uint64_t size);
  Result<std::vector<Digest>> Consistency(uint64_t first, uint64_t second);
  Result<Frontier> FrontierOf(uint64_t size);
  TileReader& tiles() { return tiles_; }

  Result<std::vector<KeptCheckpoint>> Checkpoints();
  // LastCheckpoint is the newest of them.
  Result<std::optional<KeptCheckpoint>> LastCheckpoint();

  Registry& registry() { return *registry_; }
  // FindKey asks the key index for candidates.
  Status FindKey(const Key16& key, std::vector<uint64_t>& out);
  const Db& db() const { return db_; }

 private:
  LogReader() = default;
  Status LoadKeys();
  // OpenRegistry opens the log's own tables, or derives tables of this snapshot's own.
  Status OpenRegistry();

  fs::path dir_;
  Db db_;
  TileReader tiles_;
  Db derived_;  // tables of our own, when the log's are those of an older release
  std::unique_ptr<Registry> registry_;
  Stmt get_;
  Genesis genesis_;
  uint64_t size_ = 0;
  // The key index of this snapshot, loaded when it is first asked for.
  std::shared_ptr<const KeyRuns> runs_;
  KeyTable tail_;
};

// CheckFormat reads the log's format number. Errors: ledger.format.
Status CheckFormat(const Db& db, const fs::path& path);

}  // namespace birthmark::ledger
