// SPDX-License-Identifier: Apache-2.0
// KeyStore: where private keys live, and what is known about how they are kept. One interface for
// files, PKCS #11 modules, TPMs and threshold keys. Leaves out who may use a key (app). Not
// thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace birthmark::keystore {

// KeyFacts are unordered facts about one key, in PKCS #11's words. No label or rank is derived
// here. Source: PKCS #11 v3.0 section 4.9; TPM 2.0 Part 2 section 8.3 for fixed_to_device
// (fixedTPM).
struct KeyFacts {
  std::string scheme;  // of the store's URI: "file"
  crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256;
  Digest spki_digest{};
  bool local = false;  // made inside this store
  bool sensitive = false;
  bool always_sensitive = false;
  bool extractable = false;
  bool never_extractable = false;
  std::optional<bool> fixed_to_device;  // absent where the store cannot say
};

// IsKeyId is true for 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit.
bool IsKeyId(std::string_view id);
// CheckKeyId is the same as a Status. Errors: keystore.key-id.
Status CheckKeyId(std::string_view id);

// KeyStore keeps named private keys. A name is used once at a time.
// Errors of all: keystore.key-id, keystore.corrupt, and those of the store's medium.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  // uri names the store as plans and stations do: "file:/path".
  virtual std::string uri() const = 0;
  // Create makes a key inside the store. Errors: keystore.exists, keystore.locked,
  // keystore.unsupported.
  virtual Result<std::unique_ptr<crypto::Signer>> Create(std::string_view key_id,
                                                         crypto::Algorithm a) = 0;
  // Open gives a signer for a key. Errors: keystore.missing, keystore.locked.
  virtual Result<std::unique_ptr<crypto::Signer>> Open(std::string_view key_id) = 0;
  // Facts needs no unlocking. Errors: keystore.missing.
  virtual Result<KeyFacts> Facts(std::string_view key_id) const = 0;
  // Destroy makes the private key unusable for good. Errors: keystore.missing, keystore.locked.
  virtual Status Destroy(std::string_view key_id) = 0;
  // List gives the names in alphabetical order; it needs no unlocking.
  virtual Result<std::vector<std::string>> List() const = 0;
};

}  // namespace birthmark::keystore
