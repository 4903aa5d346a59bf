// SPDX-License-Identifier: Apache-2.0
#include "custody/share_file.h"

#include <fmt/format.h>
#include <sodium.h>

#include "cbor/reflect.h"
#include "crypto/pem.h"
#include "crypto/seal.h"
#include "custody/sodium.h"

namespace birthmark::custody {
namespace {

constexpr uint32_t kFormat = 1;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr Argon2Cost kMostCost = {.passes = 10, .memory = 1024 * kMiB};

// SealedFile is what stands in the file. All but the box is bound to it as associated data.
struct SealedFile {
  Bytes box;
  Bytes salt;
  uint64_t memory = 0;
  uint32_t passes = 0;
  uint32_t version = kFormat;
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("salt", salt);
    v("memory", memory);
    v("passes", passes);
    v("version", version);
  }
};

Bytes BoundTo(std::string_view label, const SealedFile& file) {
  SealedFile bare = file;
  bare.box.clear();
  Bytes out = ToBytes(label);
  const Bytes fields = cbor::ToCbor(bare);
  out.insert(out.end(), fields.begin(), fields.end());
  return out;
}

Status CheckCost(const Argon2Cost& cost) {
  const Argon2Cost least = Argon2Cost::Rehearsal();
  if (cost.passes >= least.passes && cost.passes <= kMostCost.passes &&
      cost.memory >= least.memory && cost.memory <= kMostCost.memory && cost.memory % kMiB == 0)
    return {};
  return Refused("share.cost",
                 fmt::format("{} octets and {} passes: a file that is too easy to guess, or would "
                             "exhaust its reader",
                             cost.memory, cost.passes),
                 "use 64 to 1024 MiB and 2 to 10 passes");
}

Result<SecretBytes> KeyOf(const SecretBytes& passphrase, const SealedFile& file) {
  InitSodium();
  SecretBytes key(crypto::kSealKeySize);
  const ByteView text = passphrase.Read(SecretAccess());
  const auto out = key.Write(SecretAccess());
  if (crypto_pwhash(out.data(), out.size(), reinterpret_cast<const char*>(text.data()), text.size(),
                    file.salt.data(), file.passes, file.memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return Environment(
        "share.memory",
        fmt::format("there are no {} MiB of memory for Argon2id", file.memory / kMiB),
        "close other programs");
  return key;
}

Result<SealedFile> ReadSealed(std::string_view label, std::string_view text,
                              size_t max_text = kMaxShareFile) {
  const auto no_file = [&](std::string what) {
    return Refused("share.file", fmt::format("this is no {} file: {}", label, what),
                   "take the file that was written when it was sealed, unchanged");
  };
  if (text.size() > max_text) return no_file("it is too large");
  Result<Bytes> der = crypto::ReadOnePem(text, label);
  if (!der) return no_file(der.error().message);
  Result<SealedFile> file = cbor::FromCbor<SealedFile>(*der, {.depth = 2, .items = 32});
  if (!file) return no_file(file.error().message);
  if (cbor::ToCbor(*file) != *der) return no_file("it holds fields that are not known here");
  if (file->version != kFormat)
    return no_file(fmt::format("its version is {}, which is not known here", file->version));
  if (file->salt.size() != crypto_pwhash_SALTBYTES || file->box.size() <= crypto::kSealOverhead)
    return no_file("its parts have other lengths");
  BM_CHECK(CheckCost({.passes = file->passes, .memory = file->memory}));
  return file;
}

}  // namespace

Result<std::string> SealSecret(std::string_view label, ByteView secret,
                               const SecretBytes& passphrase, const Argon2Cost& cost) {
  InitSodium();
  if (passphrase.size() < kMinSharePassphrase)
    return Refused("share.passphrase",
                   fmt::format("the passphrase has fewer than {} characters", kMinSharePassphrase),
                   "choose a longer one: several words");
  BM_CHECK(CheckCost(cost));
  SealedFile file{
      .salt = Bytes(crypto_pwhash_SALTBYTES), .memory = cost.memory, .passes = cost.passes};
  randombytes_buf(file.salt.data(), file.salt.size());
  BM_TRY(const SecretBytes key, KeyOf(passphrase, file));
  BM_TRY(file.box, crypto::Seal(key, secret, BoundTo(label, file)));
  return crypto::WritePem(label, cbor::ToCbor(file));
}

Result<SecretBytes> OpenSecret(std::string_view label, std::string_view text,
                               const SecretBytes& passphrase, size_t max_text) {
  BM_TRY(const SealedFile file, ReadSealed(label, text, max_text));
  BM_TRY(const SecretBytes key, KeyOf(passphrase, file));
  Result<SecretBytes> secret = crypto::Open(key, file.box, BoundTo(label, file));
  if (!secret)
    return Refused("share.sealed", "the file does not open: another passphrase, or it was changed",
                   "try the passphrase again; use a copy of the file");
  return secret;
}

Status CheckShareFile(std::string_view text) {
  BM_TRY(const SealedFile file, ReadSealed(kShareLabel, text));
  if (file.box.size() == kShareOctets + crypto::kSealOverhead) return {};
  return Refused("share.file", "what is sealed in the file has not the length of a share");
}

Result<Argon2Cost> CostOfShareFile(std::string_view text) {
  BM_TRY(const SealedFile file, ReadSealed(kShareLabel, text));
  return Argon2Cost{.passes = file.passes, .memory = file.memory};
}

Result<std::string> SealShare(const Share& share, const SecretBytes& passphrase,
                              const Argon2Cost& cost) {
  BM_TRY(const SecretBytes octets, ToOctets(share));
  return SealSecret(kShareLabel, octets.Read(SecretAccess()), passphrase, cost);
}

Result<Share> OpenShare(std::string_view text, const SecretBytes& passphrase) {
  BM_CHECK(CheckShareFile(text));
  BM_TRY(const SecretBytes octets, OpenSecret(kShareLabel, text, passphrase));
  return FromOctets(octets.Read(SecretAccess()));
}

}  // namespace birthmark::custody
