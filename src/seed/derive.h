// SPDX-License-Identifier: Apache-2.0
// From a chip's seed (or a CDI) to its key pair and id, as the chip does it: the Open Profile for
// DICE. Leaves out where seeds come from (read.h) and certificates (pki). Pure functions;
// thread-safe.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "crypto/p256.h"
#include "crypto/software_signer.h"

namespace birthmark::seed {

// A seed is 256 bits at least; what is longer than 512 bits is no seed of this profile.
inline constexpr size_t kMinSeed = 32;
inline constexpr size_t kMaxSeed = 64;

// KeyId names a public key: 20 octets, the top bit clear, so that it can be a serial number.
using KeyId = std::array<uint8_t, 20>;

struct Derived {
  crypto::PublicKey public_key;
  KeyId id{};
  // Ed25519: the private key of RFC 8032 section 5.1.5; P-256 and P-384: the scalar, big-endian.
  SecretBytes private_key;
};

// Derive makes the key pair of a seed for Ed25519, P-256 or P-384. The same seed gives the same
// pair for ever. Errors: seed.short, seed.long, seed.zero, seed.algorithm.
// Source: Open Profile for DICE, sections "Key Pair Derivation" and "Certificate ID".
Result<Derived> Derive(const SecretBytes& seed, crypto::Algorithm a);

// DeriveP256Points is Derive for P-256 without what only a signer needs: the points alone, for
// certificates by the hundred thousand, sharing what it costs to write points as octets. The
// scalars are wiped before it returns. Errors: as Derive; one seed at fault refuses all.
Result<std::vector<crypto::P256Point>> DeriveP256Points(std::span<const SecretBytes> seeds);

// IdOf is the profile's id of a public key. Errors: seed.algorithm.
Result<KeyId> IdOf(const crypto::PublicKey& key);

// SignerOf makes the derived pair sign. Errors: those of crypto::SoftwareSigner.
Result<std::unique_ptr<crypto::SoftwareSigner>> SignerOf(const Derived& derived);

}  // namespace birthmark::seed
