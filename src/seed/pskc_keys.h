// SPDX-License-Identifier: Apache-2.0
// The keys of one PSKC container: which one it is encrypted with, how its values are opened and
// their codes checked (RFC 6030 section 6). No XML here. Private to this room. One thread.
#pragma once

#include <optional>
#include <string>

#include "seed/read.h"
#include "seed/recipient.h"

namespace birthmark::seed {

// EncryptedValue is an xenc:EncryptedDataType as far as it is understood.
struct EncryptedValue {
  std::string algorithm;  // identifiers as they stand in the file
  std::string digest, mask;
  bool has_params = false;  // OAEPparams
  Bytes cipher;
};

// PskcHead is what stands before the first KeyPackage.
struct PskcHead {
  bool has_key = false;     // there is an EncryptionKey
  bool derived = false;     // … from a passphrase
  std::string key_name;     // KeyName in it: a shared key
  std::string certificate;  // X509Certificate in it, base64: values are encrypted to it directly
  std::optional<EncryptedValue> wrapped;          // EncryptedKey in it: a key for the values
  std::string wrapped_certificate, wrapped_name;  // to whom
  std::string mac_algorithm;
  std::optional<EncryptedValue> mac_key;
};

class PskcKeys {
 public:
  explicit PskcKeys(const ReadOptions& options) : options_(options) {}
  ~PskcKeys();
  // Settle finds the keys that the head asks for. Errors: seed.algorithm, seed.recipient, seed.key,
  // seed.decrypt, seed.mac-method, seed.malformed.
  Status Settle(const PskcHead& head);
  // Open checks the value's code (ValueMAC) and only then decrypts it. Errors: seed.mac-missing,
  // seed.mac, seed.mac-method, seed.algorithm, seed.decrypt, seed.malformed.
  Result<SecretBytes> Open(const EncryptedValue& value, const std::optional<Bytes>& mac);
  const std::string& protection() const { return protection_; }
  const std::string& recipient() const { return recipient_; }

 private:
  Status SettleMac(const PskcHead& head);
  Status ForUs(const std::string& certificate, const std::string& name);
  Result<SecretBytes> Decrypt(const EncryptedValue& value);
  Result<SecretBytes> OpenCbc(const EncryptedValue& value);

  const ReadOptions& options_;
  std::string protection_ = "none", recipient_;
  bool direct_ = false;      // values are encrypted with RSA, each
  SecretBytes content_key_;  // else with this
  const EVP_MD* mac_digest_ = nullptr;
  SecretBytes mac_key_;
  crypto::EvpCipherCtxPtr cbc_;
};

}  // namespace birthmark::seed
