// SPDX-License-Identifier: Apache-2.0
// Algorithms, public keys and the Signer that everything signs through: a file key, a module's key
// or a threshold key all look the same here. Leaves out where private keys live (keystore).
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/openssl.h"

namespace birthmark::crypto {

// Algorithm is a kind of key with the one hash it signs with: P-256 with SHA-256, P-384 with
// SHA-384, RSA PKCS #1 v1.5 with SHA-256, Ed25519 by itself.
enum class Algorithm { kEcdsaP256, kEcdsaP384, kRsa2048, kRsa3072, kRsa4096, kEd25519 };

// ToText gives "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519".
std::string_view ToText(Algorithm a);
bool FromText(std::string_view s, Algorithm& a);

// PublicKey is an immutable public key with its SubjectPublicKeyInfo. Cheap to copy; thread-safe.
class PublicKey {
 public:
  PublicKey() = default;
  // FromSpki reads a DER SubjectPublicKeyInfo that is encoded as it would be re-encoded.
  // Errors: key.malformed, key.unsupported (a kind or size not in Algorithm), key.weak.
  static Result<PublicKey> FromSpki(ByteView der);
  // FromEvp takes its own reference of an OpenSSL key (public half only is used).
  static Result<PublicKey> FromEvp(EVP_PKEY* key);

  Algorithm algorithm() const { return algorithm_; }
  ByteView spki() const { return *spki_; }
  // spki_digest is SHA-256 of the SPKI DER: the id of a key everywhere in Birthmark.
  const Digest& spki_digest() const { return digest_; }
  // KeyIdentifier is SHA-1 of the subjectPublicKey bits (RFC 5280 section 4.2.1.2, method 1).
  std::array<uint8_t, 20> KeyIdentifier() const;
  // Verify checks a signature in the form certificates carry (DER ECDSA-Sig-Value, RSA, raw
  // Ed25519).
  bool Verify(ByteView message, ByteView signature) const;
  EVP_PKEY* evp() const { return key_.get(); }

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<const Bytes> spki_;
  Digest digest_{};
  Algorithm algorithm_ = Algorithm::kEcdsaP256;
};

// Signer signs with a private key that may live anywhere. Not thread-safe unless a class says so.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual const PublicKey& public_key() const = 0;
  Algorithm algorithm() const { return public_key().algorithm(); }
  // Sign hashes `message` as the algorithm says and gives the signature in the form of
  // certificates.
  virtual Result<Bytes> Sign(ByteView message) = 0;
};

}  // namespace birthmark::crypto
