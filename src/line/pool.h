// SPDX-License-Identifier: Apache-2.0
// The bamboo pool: identities made ahead, their keys sealed to one station, each handed out once.
// A sealed batch is a file of fixed-size entries (docs/formats/pool-file.md), so that one key is
// opened and destroyed without touching the others. Leaves out when to fill it and how long it
// lasts (app/pool.h). Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ledger/sqlite/log_writer.h"
#include "ledger/sqlite/pool_table.h"
#include "line/desk.h"
#include "method/bamboo.h"

namespace birthmark::line {

// SealedKey is one entry before it is sealed.
struct SealedKey {
  std::string unit;
  SecretBytes scalar;  // P-256, 32 octets
};

// SealBatch encodes a batch under a station's key. Errors: those of crypto::Seal.
Result<Bytes> SealBatch(const SecretBytes& station_key, std::string_view id,
                        const std::vector<SealedKey>& keys);
// OpenEntry reads one entry of a batch's file. Errors: pool.damaged, file.missing.
Result<SecretBytes> OpenEntry(const SecretBytes& station_key, const fs::path& file,
                              std::string_view id, uint64_t pos, const std::string& unit);
// EraseEntry overwrites one entry for good and makes that durable; EraseBatch does the same to all
// of it and unlinks the file. Errors: file.write.
Status EraseEntry(const fs::path& file, uint64_t pos);
Status EraseBatch(const fs::path& file);

// PoolServices is what a pool works with; all of it outlives the pool.
struct PoolServices {
  ledger::LogWriter& log;
  fs::path folder;
  std::string station;
  std::string product;
  SecretBytes station_key;
  const Clock& clock;
  ledger::EventContext context;
};

class Pool : public method::Pool {
 public:
  explicit Pool(PoolServices services) : s_(std::move(services)) {}

  // Fill makes `count` identities in batches, each in one commit behind its sealed file. `made` is
  // called with each number so far. Errors: those of the desk, the ledger and the disk; what was
  // committed before stays.
  Status Fill(IssuingDesk& desk, const plan::Plan& plan, const std::string& slot, uint64_t count,
              Rng& rng, const std::function<void(uint64_t)>& made);

  // NextSerial is the number of the oldest identity left whose unit has not begun; nothing when the
  // pool is empty.
  Result<std::optional<std::string>> NextSerial();
  Result<std::optional<method::MadeAhead>> Release(const method::Job& job) override;

 private:
  Status DropOrphans();
  fs::path FileOf(const std::string& id) const { return s_.folder / id; }
  PoolServices s_;
  ledger::PoolPlace from_;
};

}  // namespace birthmark::line
