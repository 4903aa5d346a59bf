// SPDX-License-Identifier: Apache-2.0
// A workspace's keys under one roof: sealed files, and the keys that were made in a module or a
// TPM, each opened from the store it lives in. Secrets that are no private keys are always files.
// Leaves out how stores are opened. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "keystore/software/software_store.h"

namespace birthmark::keystore {

// Routes are what a routed store asks about keys that it has no file of.
struct Routes {
  // SchemeOf tells the scheme of the store that a key was made in; empty: no such key is known.
  std::function<Result<std::string>(std::string_view key_id)> scheme_of;
  // Open opens the store of a scheme, once a process.
  std::function<Result<std::unique_ptr<KeyStore>>(std::string_view scheme)> open;
};

class RoutedKeyStore : public SoftwareKeyStore {
 public:
  explicit RoutedKeyStore(SoftwareKeyStore&& files, Routes routes = {})
      : SoftwareKeyStore(std::move(files)), routes_(std::move(routes)) {}

  // In gives the store of a scheme; "file" is the sealed files. Errors: keystore.not-configured
  // and those of opening it.
  Result<KeyStore*> In(std::string_view scheme) const;
  // CreateIn makes a key in the store of a scheme. Errors: those of In and of KeyStore::Create.
  Result<std::unique_ptr<crypto::Signer>> CreateIn(std::string_view scheme, std::string_view key_id,
                                                   crypto::Algorithm a);

  Result<std::unique_ptr<crypto::Signer>> Open(std::string_view key_id) override;
  Result<KeyFacts> Facts(std::string_view key_id) const override;
  Status Destroy(std::string_view key_id) override;

 private:
  // Elsewhere is the store a key without a file lives in; null: it is nowhere.
  Result<KeyStore*> Elsewhere(std::string_view key_id) const;
  Routes routes_;
  mutable std::map<std::string, std::unique_ptr<KeyStore>, std::less<>> opened_;
  std::map<std::string, std::string, std::less<>> placed_;  // made by this object: key, scheme
};

}  // namespace birthmark::keystore
