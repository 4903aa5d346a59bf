// SPDX-License-Identifier: Apache-2.0
#include "keystore/software/box.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "cbor/reflect.h"
#include "crypto/digest.h"

namespace birthmark::keystore {
namespace {

constexpr std::string_view kStoreFormat = "birthmark-store-key-1", kKeyFormat = "birthmark-key-1";

struct StoreFile {
  uint64_t n = 0, p = 0, r = 0;
  Bytes box, salt;
  Digest digest{};  // of the rest, so that damage is told from a wrong passphrase
  std::string format;
  template <class V>
  void Fields(V& v) {
    v("n", n);
    v("p", p);
    v("r", r);
    v("box", box);
    v("salt", salt);
    v("digest", digest);
    v("format", format);
  }
};

// Bound gives what the box's tag covers beside the box: the file without it.
Bytes Bound(StoreFile f) {
  f.box.clear();
  f.digest = {};
  return cbor::ToCbor(f);
}
Bytes Bound(KeyFile f) {
  f.box.clear();
  return cbor::ToCbor(f);
}

Digest DigestOf(StoreFile f) {
  f.digest = {};
  return crypto::Sha256(cbor::ToCbor(f));
}

std::unexpected<Error> Corrupt(std::string_view what, std::string_view why) {
  return Refused("keystore.corrupt", fmt::format("{}: {}", what, why),
                 "restore this file from its backup");
}

// Decode reads a struct and demands its one encoding, so no key can ride along unseen.
template <class T>
Result<T> DecodeExactly(ByteView file, std::string_view what) {
  if (file.size() > kMaxKeyFile) return Corrupt(what, "larger than any such file");
  auto f = cbor::FromCbor<T>(file, {.depth = 4, .items = 64});
  if (!f) return Corrupt(what, f.error().message);
  if (cbor::ToCbor(*f) != Bytes(file.begin(), file.end()))
    return Corrupt(what, "holds unknown fields");
  return f;
}

}  // namespace

Result<Bytes> SealStoreKey(const SecretBytes& store_key, const SecretBytes& passphrase,
                           const crypto::ScryptCost& cost) {
  StoreFile f{cost.n, cost.p, cost.r, {}, Bytes(32), {}, std::string(kStoreFormat)};
  SystemRng().Fill(f.salt);
  BM_TRY(SecretBytes wrap, crypto::Scrypt(passphrase, f.salt, cost));
  BM_TRY(f.box, crypto::Seal(wrap, store_key.Read(SecretAccess{}), Bound(f)));
  f.digest = DigestOf(f);
  return cbor::ToCbor(f);
}

Result<SecretBytes> OpenStoreKey(ByteView file, const SecretBytes& passphrase) {
  constexpr std::string_view kWhat = "the sealed store key";
  BM_TRY(StoreFile f, DecodeExactly<StoreFile>(file, kWhat));
  if (f.format != kStoreFormat) return Corrupt(kWhat, "not a format of this version");
  if (f.digest != DigestOf(f)) return Corrupt(kWhat, "its checksum does not match");
  if (f.box.size() != crypto::kSealKeySize + crypto::kSealOverhead) {
    return Corrupt(kWhat, "holds no store key");
  }
  auto wrap = crypto::Scrypt(passphrase, f.salt, {f.n, f.r, f.p});
  if (!wrap && wrap.error().code == "seal.cost") return Corrupt(kWhat, wrap.error().message);
  if (!wrap) return wrap;
  auto key = crypto::Open(*wrap, f.box, Bound(f));
  if (!key) return Refused("keystore.passphrase", "the passphrase does not open this key store");
  return key;
}

Result<Bytes> SealKey(const SecretBytes& store_key, std::string_view id,
                      const crypto::PublicKey& pub, const SecretBytes& pkcs8) {
  KeyFile f;
  f.id = id;
  f.spki.assign(pub.spki().begin(), pub.spki().end());
  f.format = kKeyFormat;
  f.algorithm = pub.algorithm();
  BM_TRY(f.box, crypto::Seal(store_key, pkcs8.Read(SecretAccess{}), Bound(f)));
  return cbor::ToCbor(f);
}

Result<KeyFile> ReadKeyFile(ByteView file, std::string_view id) {
  std::string what = fmt::format("key \"{}\"", id);
  BM_TRY(KeyFile f, DecodeExactly<KeyFile>(file, what));
  if (f.format != kKeyFormat) return Corrupt(what, "not a format of this version");
  if (f.id != id) return Corrupt(what, "the file belongs to another name");
  auto pub = crypto::PublicKey::FromSpki(f.spki);
  if (!pub || pub->algorithm() != f.algorithm)
    return Corrupt(what, "its public key does not fit it");
  return f;
}

Result<SecretBytes> OpenKey(const SecretBytes& store_key, const KeyFile& file) {
  auto pkcs8 = crypto::Open(store_key, file.box, Bound(file));
  if (!pkcs8)
    return Corrupt(fmt::format("key \"{}\"", file.id), "changed, or sealed for another store");
  return pkcs8;
}

}  // namespace birthmark::keystore
