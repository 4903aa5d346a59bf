// SPDX-License-Identifier: Apache-2.0
// The sealed log: an append-only ledger of a ceremony's own, with its own origin and key, whose
// entries are encrypted and padded. Beside it the sealed folder's key store keeps the log's key,
// the key of the seal, and people's names, which can be erased. Leaves out what entries mean
// (state.h). One process at a time; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"
#include "ceremony/entries.h"
#include "ceremony/state.h"
#include "keystore/software/software_store.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::ceremony {

// LogTerms is what a new log says of itself.
struct LogTerms {
  std::string manufacturer;
  bool rehearsal = true;
  std::string program;
};

class SealedLog {
 public:
  // Create makes DIR/sealed. It stands complete or not at all. Errors: ceremony.exists; those of
  // the key store and the ledger.
  static Result<std::unique_ptr<SealedLog>> Create(const fs::path& dir, const LogTerms& terms,
                                                   const SecretBytes& passphrase,
                                                   const Clock& clock);
  // Open unlocks one and folds it. Errors: ceremony.missing, ceremony.entry; keystore.passphrase,
  // ledger.locked.
  static Result<std::unique_ptr<SealedLog>> Open(const fs::path& dir, const SecretBytes& passphrase,
                                                 const Clock& clock);
  // Exists is true when DIR holds a sealed log.
  static bool Exists(const fs::path& dir);

  // Append commits entries together and folds them. Nothing is acted on before it returns.
  Status Append(const std::vector<Entry>& entries);
  const CustodyState& state() const { return state_; }
  const CustodyLog& identity() const { return identity_; }
  bool rehearsal() const { return rehearsal_; }
  crypto::Signer& log_key() { return *log_key_; }

  // Commit is the salted, fixed-size commitment to the log as it is.
  struct Commitment {
    Digest digest{};
    Bytes salt;
  };
  Result<Commitment> Commit(Rng& rng);

  // SetName keeps a person's name under a pseudonym, outside the log; EraseName ends it.
  Status SetName(const std::string& pseudonym, std::string_view name);
  // NameOf is empty when there is none.
  std::string NameOf(const std::string& pseudonym) const;
  Status EraseName(const std::string& pseudonym);
  // KeepWrapped keeps a split key, wrapped by its key-encryption key, beside the log: what stands
  // in the log can not be erased. Wrapped gives it back, DropWrapped overwrites and removes it.
  // Errors: keystore.missing and those of the key store.
  Status KeepWrapped(const std::string& key, ByteView wrapped);
  Result<Bytes> Wrapped(const std::string& key) const;
  Status DropWrapped(const std::string& key);
  // SealDigest is what the log keeps of a seal's number.
  Digest SealDigest(std::string_view number) const;

 private:
  explicit SealedLog(const Clock& clock) : clock_(clock) {}
  Status Fold();

  const Clock& clock_;
  std::unique_ptr<keystore::SoftwareKeyStore> keys_;
  std::unique_ptr<crypto::Signer> log_key_;
  std::unique_ptr<ledger::LogWriter> log_;
  fs::path log_dir_;
  SecretBytes seal_;
  CustodyLog identity_;
  bool rehearsal_ = true;
  CustodyState state_;
};

}  // namespace birthmark::ceremony
