// SPDX-License-Identifier: Apache-2.0
// The key store behind pkcs11: URIs: private keys are token objects of one token, made inside it,
// and their attributes are what the module itself says. Leaves out PIN pads and keys that others
// made. A store is not thread-safe; its signers are, and hold the session open.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/keystore.h"
#include "keystore/pin.h"

namespace birthmark::keystore {

class Pkcs11KeyStore : public KeyStore {
 public:
  // Open finds the token of a pkcs11: URI (RFC 7512) with module-path. `object=` in it is what the
  // labels of this store's keys begin with, followed by '-'; other keys of the token are not this
  // store's. The PIN is asked for when a key is first looked at: private objects are invisible
  // before. Errors: pkcs11.uri and its kind, element.missing, element.ambiguous, element.failed.
  static Result<std::unique_ptr<Pkcs11KeyStore>> Open(std::string_view uri, Pin pin);
  ~Pkcs11KeyStore() override;

  // Errors of all also: keystore.pin, keystore.pin-last-try, keystore.pin-locked, element.failed,
  // element.refused.
  std::string uri() const override;
  Result<std::unique_ptr<crypto::Signer>> Create(std::string_view key_id,
                                                 crypto::Algorithm a) override;
  Result<std::unique_ptr<crypto::Signer>> Open(std::string_view key_id) override;
  Result<KeyFacts> Facts(std::string_view key_id) const override;
  // Destroy asks the token to destroy the objects; what that leaves in its memory is the token's.
  Status Destroy(std::string_view key_id) override;
  Result<std::vector<std::string>> List() const override;

  class Core;

 private:
  explicit Pkcs11KeyStore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace birthmark::keystore
