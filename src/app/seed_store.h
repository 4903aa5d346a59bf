// SPDX-License-Identifier: Apache-2.0
// A batch of seeds at rest: one file, each seed sealed by itself under the batch's key, which the
// key store wraps (docs/formats/seed-store.md). A seed is opened and destroyed without touching the
// others. Leaves out which seeds are used (the ledger says) and deriving (seed_issue.h). Not
// thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/files.h"

namespace birthmark::app {

inline constexpr size_t kBatchId = 36;       // a UUID as text
inline constexpr size_t kMaxChipName = 128;  // as a seed file may name a chip
inline constexpr size_t kMaxSerial = 64;

// IsSerialText is true for what may be a unit's serial number: 1 to 64 visible characters of ASCII,
// none of / \ : , or a quotation mark.
bool IsSerialText(std::string_view s);

// SeedFileWriter makes a batch's file. It is there, durable, once Finish has returned; without
// Finish nothing is left.
class SeedFileWriter {
 public:
  // Create writes beside `path`. Errors: file.write.
  static Result<SeedFileWriter> Create(const fs::path& path, const SecretBytes& key,
                                       std::string_view id);
  SeedFileWriter(SeedFileWriter&& o) noexcept;
  ~SeedFileWriter();
  // Add seals one seed; an empty serial means that the unit's number is drawn when it is used.
  Status Add(std::string_view chip, std::string_view serial, const SecretBytes& seed);
  Status Finish();

 private:
  SeedFileWriter() = default;
  Status Flush();
  fs::path path_, part_;
  SecretBytes key_;
  std::string id_;
  Bytes buffer_;
  uint64_t count_ = 0;
  int fd_ = -1;
};

// KeptSeed is an entry as it lies in the file.
struct KeptSeed {
  uint64_t pos = 0;  // its place in the batch
  uint64_t at = 0;   // where its box begins
  std::string chip, serial;
  Bytes box;  // all zeros: erased
  bool Erased() const;
};

class SeedFile {
 public:
  // Open checks whose file it is. Errors: seed.store (another batch, or damaged), file.missing.
  static Result<SeedFile> Open(const fs::path& path, SecretBytes key, std::string_view id);
  SeedFile(SeedFile&& o) noexcept;
  ~SeedFile();

  // Next is the next entry, erased ones included; nothing at the end. Errors: seed.store.
  Result<std::optional<KeptSeed>> Next();
  // Unseal opens an entry's box. Errors: seed.store.
  Result<SecretBytes> Unseal(const KeptSeed& seed) const;
  // Erase overwrites boxes for good and makes that durable. Errors: file.write.
  Status Erase(std::span<const KeptSeed> seeds);

 private:
  SeedFile() = default;
  Result<ByteView> Take(size_t n);
  Error Damaged() const;
  fs::path path_;
  SecretBytes key_;
  std::string id_;
  Bytes buffer_;
  size_t used_ = 0;       // of the buffer
  uint64_t read_to_ = 0;  // of the file: where the buffer ends
  uint64_t next_pos_ = 0;
  int fd_ = -1;
};

// EraseSeedFile overwrites a whole file and unlinks it; one that is not there is fine.
// Errors: file.write.
Status EraseSeedFile(const fs::path& path);

}  // namespace birthmark::app
