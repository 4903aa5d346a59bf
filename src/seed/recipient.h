// SPDX-License-Identifier: Apache-2.0
// The key a file is encrypted to, and what it opens: RSA-OAEP for PSKC. Private to this room.
#pragma once

#include <string>

#include "seed/read.h"

namespace birthmark::seed {

// OaepDigest is an OpenSSL digest for OAEP or its mask, by its XML identifier; null: not taken.
const EVP_MD* OaepDigest(std::string_view uri);

struct Oaep {
  const EVP_MD* digest = nullptr;
  const EVP_MD* mask = nullptr;
};
// OpenOaep decrypts one value. Errors: seed.decrypt.
Result<SecretBytes> OpenOaep(EVP_PKEY* key, const Oaep& how, ByteView value);

// KeyText names a public key for people and the record: SHA-256 of its SubjectPublicKeyInfo.
Result<std::string> KeyText(EVP_PKEY* key);

// NotForUs is the refusal of a file for somebody else, and what to do.
Error NotForUs(std::string_view whose);
// NoKey is the refusal when no key was given at all.
Error NoKey(std::string_view whose);

}  // namespace birthmark::seed
