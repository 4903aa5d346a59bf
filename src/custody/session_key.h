// SPDX-License-Identifier: Apache-2.0
// An Ed25519 key of one run, with which a party signs what it sends: who changed a message on the
// way is told apart from who sent a wrong one. Thread-compatible.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

namespace birthmark::custody {

inline constexpr size_t kSessionKeySize = 32;

struct SessionKey {
  SecretBytes seed;  // 32 octets (RFC 8032 section 5.1.5)
  Bytes point;       // 32 octets
  static SessionKey Make(Rng& rng);
  static SessionKey FromSeed(ByteView seed);
  Bytes Sign(ByteView message) const;
};

// VerifySession is false for anything but a signature by the key; libsodium refuses keys and
// nonces of small order, too.
bool VerifySession(ByteView key, ByteView message, ByteView signature);

}  // namespace birthmark::custody
