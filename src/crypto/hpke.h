// SPDX-License-Identifier: Apache-2.0
// HPKE (RFC 9180) in base mode, one message a key: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
// AES-128-GCM. What updates are encrypted to a device with. Leaves out the other modes and suites,
// further messages and exported secrets. Thread-safe functions.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace birthmark::crypto {

// HpkeObject is a message on its way: the encapsulated key (65 octets) and the ciphertext with its
// tag.
struct HpkeObject {
  Bytes enc;
  Bytes ciphertext;
};

// HpkeSeal encrypts to a P-256 public key. `info` and `aad` are bound and not carried.
// Errors: hpke.key (no P-256 key), hpke.failed.
Result<HpkeObject> HpkeSeal(const PublicKey& to, ByteView info, ByteView aad, ByteView plaintext);
// HpkeSealWith does it with an ephemeral key of the caller's, which must never be used again: it is
// there for the published vectors.
Result<HpkeObject> HpkeSealWith(const SecretBytes& ephemeral, const PublicKey& to, ByteView info,
                                ByteView aad, ByteView plaintext);
// HpkeOpen decrypts with a P-256 scalar of 32 octets. Errors: hpke.key, hpke.broken (for another
// key, another info or aad, changed or cut).
Result<SecretBytes> HpkeOpen(const SecretBytes& scalar, const HpkeObject& object, ByteView info,
                             ByteView aad);

}  // namespace birthmark::crypto
