// SPDX-License-Identifier: Apache-2.0
// The key store behind tpm2: URIs: private keys are made by TPM2_Create under the storage root key
// and kept as files that only this TPM can load. Their PIN is the keys' authorisation value and
// never crosses the bus. A store is not thread-safe; its signers are, and hold the connection.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/keystore.h"
#include "keystore/pin.h"

namespace birthmark::keystore {

class Tpm2KeyStore : public KeyStore {
 public:
  // TctiOf takes "tpm2:tcti=TCTI" apart. Errors: keystore.uri.
  static Result<std::string> TctiOf(std::string_view uri);
  // Open connects to the TPM behind a tpm2: URI; key files are in `folder`, one a key. The PIN is
  // asked for when a key is first made or used. Errors: keystore.uri, element.missing,
  // element.failed.
  static Result<std::unique_ptr<Tpm2KeyStore>> Open(std::string_view uri,
                                                    const std::filesystem::path& folder, Pin pin);
  ~Tpm2KeyStore() override;

  // Errors of all also: keystore.pin, keystore.pin-last-try, keystore.pin-locked,
  // keystore.pin-length, element.failed, element.refused.
  std::string uri() const override;
  Result<std::unique_ptr<crypto::Signer>> Create(std::string_view key_id,
                                                 crypto::Algorithm a) override;
  Result<std::unique_ptr<crypto::Signer>> Open(std::string_view key_id) override;
  // Facts are what the TPM says of the key after loading it: fixedTPM and sensitiveDataOrigin.
  Result<KeyFacts> Facts(std::string_view key_id) const override;
  // Destroy overwrites and unlinks the file: a copy of it works in this TPM alone, and until that
  // is cleared.
  Status Destroy(std::string_view key_id) override;
  Result<std::vector<std::string>> List() const override;

  class Core;

 private:
  explicit Tpm2KeyStore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace birthmark::keystore
