// SPDX-License-Identifier: Apache-2.0
// SoftwareSigner: a private key in this process's memory, behind Signer. Leaves out files
// (keystore).
#pragma once

#include <memory>

#include "crypto/key.h"

namespace birthmark::crypto {

// SoftwareSigner signs with a key in memory. Thread-safe for P-256 only, so use one object a
// thread.
class SoftwareSigner : public Signer {
 public:
  // Generate makes a new key with OpenSSL's random generator. Errors: key.generate.
  static Result<std::unique_ptr<SoftwareSigner>> Generate(Algorithm a);
  // FromEvp shares a private key. Errors: those of PublicKey, key.malformed.
  static Result<std::unique_ptr<SoftwareSigner>> FromEvp(EVP_PKEY* key);
  // FromPkcs8 reads a PKCS #8 PrivateKeyInfo (RFC 5958) whose halves belong together.
  // Errors: key.malformed, key.unsupported, key.weak.
  static Result<std::unique_ptr<SoftwareSigner>> FromPkcs8(const SecretBytes& der);
  // FromP256Scalar takes a derived private scalar of 32 octets. Errors: key.malformed.
  static Result<std::unique_ptr<SoftwareSigner>> FromP256Scalar(const SecretBytes& scalar);

  const PublicKey& public_key() const override { return public_key_; }
  Result<Bytes> Sign(ByteView message) override;
  Result<SecretBytes> ToPkcs8() const;
  // ToP256Scalar gives the private scalar, 32 octets, for methods that put a key made outside into
  // a device. Errors: key.unsupported for other algorithms.
  Result<SecretBytes> ToP256Scalar() const;
  EVP_PKEY* evp() const { return key_.get(); }

 private:
  SoftwareSigner(EvpKeyPtr key, EcKeyPtr p256, PublicKey pub)
      : key_(std::move(key)), p256_(std::move(p256)), public_key_(std::move(pub)) {}
  EvpKeyPtr key_;
  EcKeyPtr p256_;  // the same key for the fast road; null for other algorithms
  PublicKey public_key_;
};

}  // namespace birthmark::crypto
