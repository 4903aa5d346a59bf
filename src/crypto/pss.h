// SPDX-License-Identifier: Apache-2.0
// RSASSA-PSS (RFC 8017 section 8.1) with SHA-256 and MGF1 of it, for the formats that ask for it by
// themselves: boot images. Everywhere else RSA keys sign with PKCS #1 v1.5. Leaves out other
// hashes. Thread-safe as the signer is.
#pragma once

#include <optional>

#include "crypto/key.h"

namespace birthmark::crypto {

// PssSalt is how long the salt is: as the hash (MCUboot), or as long as the key has room for, which
// is what older U-Boot insists on.
enum class PssSalt { kDigest, kLongest };
size_t PssSaltSize(Algorithm a, PssSalt salt);

// PssSigner is what a Signer is besides, when its key can do it.
class PssSigner {
 public:
  virtual ~PssSigner() = default;
  virtual Result<Bytes> SignPss(ByteView message, PssSalt salt) = 0;
};

// SignPss hashes a message and signs it so. Errors: key.pss (no RSA key, or it is kept where only
// PKCS #1 v1.5 is made); those of the signer.
Result<Bytes> SignPss(Signer& signer, ByteView message, PssSalt salt);
// VerifyPss takes a salt of that length alone, or any.
bool VerifyPss(const PublicKey& key, ByteView message, ByteView signature,
               std::optional<PssSalt> salt);

}  // namespace birthmark::crypto
