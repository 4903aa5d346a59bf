// SPDX-License-Identifier: Apache-2.0
#include "custody/session_key.h"

#include <sodium.h>

#include <algorithm>

#include "custody/sodium.h"

namespace birthmark::custody {
namespace {

SecretBytes ExpandedKey(const SecretBytes& seed, Bytes& point) {
  InitSodium();
  SecretBytes secret(crypto_sign_SECRETKEYBYTES);
  point.resize(kSessionKeySize);
  crypto_sign_seed_keypair(point.data(), secret.Write(SecretAccess()).data(),
                           seed.Read(SecretAccess()).data());
  return secret;
}

}  // namespace

SessionKey SessionKey::Make(Rng& rng) {
  SessionKey key{.seed = SecretBytes(kSessionKeySize), .point = {}};
  rng.Fill(key.seed.Write(SecretAccess()));
  ExpandedKey(key.seed, key.point);
  return key;
}

SessionKey SessionKey::FromSeed(ByteView seed) {
  SessionKey key{.seed = SecretBytes(kSessionKeySize), .point = {}};
  std::ranges::copy(seed, key.seed.Write(SecretAccess()).begin());
  ExpandedKey(key.seed, key.point);
  return key;
}

Bytes SessionKey::Sign(ByteView message) const {
  Bytes own;
  const SecretBytes secret = ExpandedKey(seed, own);
  Bytes signature(crypto_sign_BYTES);
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       secret.Read(SecretAccess()).data());
  return signature;
}

bool VerifySession(ByteView key, ByteView message, ByteView signature) {
  InitSodium();
  return key.size() == kSessionKeySize && signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

}  // namespace birthmark::custody
