// SPDX-License-Identifier: Apache-2.0
// Where the line's secrets come from and what is remembered of them: the product's master key and
// the key that seals what waits for its delivery are in the key store, sealed files beside the
// ledger, groups and facts in the ledger. Leaves out devices (method) and delivery (app). Not
// thread-safe.
#pragma once

#include "keystore/software/software_store.h"
#include "line/desk.h"
#include "method/secret.h"

namespace birthmark::line {

// SecretServices is what it works with; all of it outlives the desk.
struct SecretServices {
  ledger::LogWriter& log;
  fs::path log_dir;
  keystore::SoftwareKeyStore& keys;
  fs::path folder;  // of sealed files
  const plan::Plan& plan;
  IssuingDesk& desk;  // certifies group keys
  const Clock& clock;
  Rng& rng;
  ledger::EventContext context;
};

// SecretFile is where a unit's secret waits for its delivery.
fs::path SecretFile(const fs::path& folder, const std::string& slot, const std::string& serial);
// OpenSecret gives a secret that waits. Errors: file.missing, secret.damaged, those of the key
// store.
Result<SecretBytes> OpenSecret(const keystore::SoftwareKeyStore& keys, const fs::path& folder,
                               const method::Job& job);
// ForgetSecret overwrites and unlinks it; false when nothing waits. Errors: file.write.
Result<bool> ForgetSecret(const fs::path& folder, const method::Job& job);
// DeriveSecret computes a unit's secret from the product's master key (HKDF with SHA-256, RFC 5869;
// the info is docs/identities.md's). Errors: keystore.missing (there is no master key yet).
Result<SecretBytes> DeriveSecret(const keystore::SoftwareKeyStore& keys, const method::Job& job,
                                 size_t size);

class SecretDesk : public method::SecretDesk {
 public:
  explicit SecretDesk(SecretServices services) : s_(std::move(services)) {}
  Result<std::optional<method::Known>> Find(const method::Job& job) override;
  Result<SecretBytes> Symmetric(const method::Job& job, size_t size, bool derived) override;
  Result<SecretBytes> Password(const method::Job& job, bool kept) override;
  Result<method::Group> GroupFor(const method::Job& job) override;
  Result<std::optional<Digest>> GroupKey(const std::string& id) override;
  Status Record(const ledger::SecretProvisioned& body) override;
  Status RecordEnd(const ledger::KeyOutside& body) override;
  Time Now() const override { return s_.clock.Now(); }
  // context is that of the events made here.
  ledger::EventContext& context() { return s_.context; }

 private:
  Result<SecretBytes> Keep(const method::Job& job, SecretBytes fresh);
  Status MakeMaster(const method::Job& job);
  Result<method::Group> OpenGroup(const std::string& slot, size_t number);
  Result<std::optional<method::Group>> ReadGroup(const ledger::GroupRow& row);
  Status CloseGroup(const ledger::GroupRow& row);
  SecretServices s_;
};

}  // namespace birthmark::line
