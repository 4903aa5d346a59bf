// SPDX-License-Identifier: Apache-2.0
// The software key store behind file: URIs: a folder with one sealed file a key, and the store key
// sealed by a passphrase. Keys are in this process's memory while they are used. One process writes
// at a time (the workspace's lock). Not thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "keystore/keystore.h"
#include "keystore/software/box.h"

namespace birthmark::keystore {

class SoftwareKeyStore : public KeyStore {
 public:
  // Init makes a new, empty store: folder mode 0700, files 0600, written durably.
  // Errors: keystore.exists, file.write.
  static Result<std::unique_ptr<SoftwareKeyStore>> Init(const std::filesystem::path& folder,
                                                        const SecretBytes& passphrase);
  // Unlock opens a store for use. Errors: keystore.no-store, keystore.passphrase, keystore.corrupt.
  static Result<std::unique_ptr<SoftwareKeyStore>> Unlock(const std::filesystem::path& folder,
                                                          const SecretBytes& passphrase);
  // OpenLocked opens a store for List and Facts alone. Errors: keystore.no-store.
  static Result<std::unique_ptr<SoftwareKeyStore>> OpenLocked(const std::filesystem::path& folder);
  // PathOf takes "file:PATH" apart. Errors: keystore.uri.
  static Result<std::filesystem::path> PathOf(std::string_view uri);

  std::string uri() const override { return "file:" + folder_.string(); }
  Result<std::unique_ptr<crypto::Signer>> Create(std::string_view key_id,
                                                 crypto::Algorithm a) override;
  Result<std::unique_ptr<crypto::Signer>> Open(std::string_view key_id) override;
  Result<KeyFacts> Facts(std::string_view key_id) const override;
  // Destroy overwrites the sealed file, unlinks it and makes both durable. On flash and on copying
  // file systems the old blocks may survive the overwrite; what destroys the key is that its wrap
  // is gone from every place a reader can name, and a copy (a backup, a dump of the medium)
  // together with the passphrase would still bring it back.
  Status Destroy(std::string_view key_id) override;
  Result<std::vector<std::string>> List() const override;

  // Export gives the PKCS #8 of a key, for methods that put a key made outside into a device.
  // Errors: keystore.missing, keystore.locked.
  Result<SecretBytes> Export(std::string_view key_id) const;

  // PutSecret keeps a secret that is no private key (a token's, a join code's) in a sealed file of
  // its own; GetSecret gives it back; DropSecret overwrites and unlinks it. Errors:
  // keystore.key-id, keystore.locked, keystore.missing, keystore.corrupt, file.write.
  Status PutSecret(std::string_view name, const SecretBytes& secret);
  Result<SecretBytes> GetSecret(std::string_view name) const;
  Status DropSecret(std::string_view name);

 protected:
  SoftwareKeyStore(SoftwareKeyStore&&) = default;

 private:
  explicit SoftwareKeyStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path FileOf(std::string_view key_id) const;
  Result<KeyFile> Read(std::string_view key_id) const;
  Status CheckUnlocked() const;

  std::filesystem::path folder_;
  std::optional<SecretBytes> store_key_;
};

}  // namespace birthmark::keystore
