// SPDX-License-Identifier: Apache-2.0
#include "custody/sealed_box.h"

#include <sodium.h>

#include <algorithm>

#include "custody/sodium.h"

namespace birthmark::custody {
namespace {

constexpr size_t kPlain = sizeof(Digest) + kScalarSize;

}  // namespace

BoxKey BoxKey::Make(Rng& rng) {
  InitSodium();
  SecretBytes seed(crypto_box_SEEDBYTES);
  rng.Fill(seed.Write(SecretAccess()));
  BoxKey key{.secret = SecretBytes(crypto_box_SECRETKEYBYTES), .point = Bytes(kBoxKeySize)};
  crypto_box_seed_keypair(key.point.data(), key.secret.Write(SecretAccess()).data(),
                          seed.Read(SecretAccess()).data());
  return key;
}

BoxKey BoxKey::FromSecret(ByteView secret) {
  InitSodium();
  BoxKey key{.secret = SecretBytes(crypto_box_SECRETKEYBYTES), .point = Bytes(kBoxKeySize)};
  std::ranges::copy(secret, key.secret.Write(SecretAccess()).begin());
  crypto_scalarmult_base(key.point.data(), key.secret.Read(SecretAccess()).data());
  return key;
}

Result<Bytes> SealPart(const Scalar& part, ByteView to, const Digest& context) {
  InitSodium();
  if (to.size() != kBoxKeySize) return Refused("box.key", "a receiver's key has 32 octets");
  SecretBytes plain(kPlain);
  auto out = plain.Write(SecretAccess());
  std::copy(context.begin(), context.end(), out.begin());
  std::ranges::copy(part.Read(SecretAccess()), out.begin() + sizeof(Digest));
  Bytes sealed(kPlain + crypto_box_SEALBYTES);
  // It refuses a key of small order, with which everybody could open the box.
  if (crypto_box_seal(sealed.data(), out.data(), out.size(), to.data()) != 0)
    return Refused("box.key", "a receiver's key is none that anything can be sealed to");
  return sealed;
}

Result<Scalar> OpenPart(ByteView sealed, const BoxKey& key, const Digest& context) {
  InitSodium();
  const auto broken = [] {
    return Refused("box.broken", "the part was sealed to another key, for another run, or changed");
  };
  if (sealed.size() != kPlain + crypto_box_SEALBYTES) return broken();
  SecretBytes plain(kPlain);
  auto out = plain.Write(SecretAccess());
  if (crypto_box_seal_open(out.data(), sealed.data(), sealed.size(), key.point.data(),
                           key.secret.Read(SecretAccess()).data()) != 0)
    return broken();
  if (!EqualSecret(out.first(sizeof(Digest)), context)) return broken();
  return Scalar::FromOctets(out.subspan(sizeof(Digest)));
}

}  // namespace birthmark::custody
