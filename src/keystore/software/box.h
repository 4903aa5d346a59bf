// SPDX-License-Identifier: Apache-2.0
// The two file formats of the software store: the store key wrapped by a passphrase, and a private
// key wrapped by the store key. Written down in docs/formats/key-file.md. No I/O; thread-safe
// functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "crypto/seal.h"

namespace birthmark::keystore {

inline constexpr size_t kMaxKeyFile = 64 * 1024;

// SealStoreKey wraps a 32-octet store key. Errors: those of crypto::Scrypt and crypto::Seal.
Result<Bytes> SealStoreKey(const SecretBytes& store_key, const SecretBytes& passphrase,
                           const crypto::ScryptCost& cost = {});
// OpenStoreKey unwraps it. Errors: keystore.passphrase (wrong), keystore.corrupt (cut, changed,
// another format, or a cost this version does not accept).
Result<SecretBytes> OpenStoreKey(ByteView file, const SecretBytes& passphrase);

// KeyFile is a key file, decoded. All but the box is public and bound to it.
struct KeyFile {
  std::string id;
  Bytes box;  // PKCS #8 under the store key
  Bytes spki;
  bool local = true;
  std::string format;
  crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("box", box);
    v("spki", spki);
    v("local", local);
    v("format", format);
    v("algorithm", algorithm);
  }
};

// SealKey encodes a whole key file.
Result<Bytes> SealKey(const SecretBytes& store_key, std::string_view id,
                      const crypto::PublicKey& pub, const SecretBytes& pkcs8);
// ReadKeyFile decodes one without opening its box and checks that it is the file of `id`.
// Errors: keystore.corrupt.
Result<KeyFile> ReadKeyFile(ByteView file, std::string_view id);
// OpenKey opens the box: PKCS #8. Errors: keystore.corrupt.
Result<SecretBytes> OpenKey(const SecretBytes& store_key, const KeyFile& file);

}  // namespace birthmark::keystore
