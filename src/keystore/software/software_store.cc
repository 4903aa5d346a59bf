// SPDX-License-Identifier: Apache-2.0
#include "keystore/software/software_store.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/files.h"
#include "crypto/software_signer.h"
#include "keystore/overwrite.h"

namespace birthmark::keystore {
namespace {

constexpr std::string_view kSealedName = "store.sealed", kSuffix = ".key";

}  // namespace

Result<fs::path> SoftwareKeyStore::PathOf(std::string_view uri) {
  constexpr std::string_view kScheme = "file:";
  if (!uri.starts_with(kScheme) || uri.size() == kScheme.size() || uri.find('\0') != uri.npos) {
    return Usage("keystore.uri", fmt::format("\"{}\" is not file:PATH", uri.substr(0, 200)),
                 "name the store's folder, for example file:/srv/factory/keys");
  }
  return fs::path(uri.substr(kScheme.size()));
}

Result<std::unique_ptr<SoftwareKeyStore>> SoftwareKeyStore::Init(const fs::path& folder,
                                                                 const SecretBytes& passphrase) {
  if (fs::exists(folder / kSealedName)) {
    return Refused("keystore.exists", fmt::format("{} holds a key store already", folder.string()),
                   "choose another folder, or unlock this one");
  }
  SecretBytes key(crypto::kSealKeySize);
  std::span<uint8_t> k = key.Write(SecretAccess{});
  if (RAND_bytes(k.data(), static_cast<int>(k.size())) != 1) {
    return std::unexpected(crypto::OpenSslError("keystore.random", "making a store key"));
  }
  BM_TRY(Bytes sealed, SealStoreKey(key, passphrase));
  BM_CHECK(MakeDirs(folder, 0700));
  BM_CHECK(WriteFileAtomic(folder / kSealedName, sealed, 0600));
  std::unique_ptr<SoftwareKeyStore> store(new SoftwareKeyStore(folder));
  store->store_key_ = std::move(key);
  return store;
}

Result<std::unique_ptr<SoftwareKeyStore>> SoftwareKeyStore::Unlock(const fs::path& folder,
                                                                   const SecretBytes& passphrase) {
  BM_TRY(std::unique_ptr<SoftwareKeyStore> store, OpenLocked(folder));
  BM_TRY(Bytes sealed, ReadFile(folder / kSealedName, kMaxKeyFile));
  auto key = OpenStoreKey(sealed, passphrase);
  if (!key) return std::unexpected(std::move(key).error().Context(folder.string()));
  store->store_key_ = std::move(*key);
  return store;
}

Result<std::unique_ptr<SoftwareKeyStore>> SoftwareKeyStore::OpenLocked(const fs::path& folder) {
  if (!fs::exists(folder / kSealedName)) {
    return Environment("keystore.no-store", fmt::format("{} holds no key store", folder.string()),
                       "check the path; is the medium with these keys attached?");
  }
  return std::unique_ptr<SoftwareKeyStore>(new SoftwareKeyStore(folder));
}

fs::path SoftwareKeyStore::FileOf(std::string_view key_id) const {
  return folder_ / (std::string(key_id) + std::string(kSuffix));
}

Result<KeyFile> SoftwareKeyStore::Read(std::string_view key_id) const {
  BM_CHECK(CheckKeyId(key_id));
  auto file = ReadFile(FileOf(key_id), kMaxKeyFile);
  if (!file && file.error().code == "file.missing") {
    return Refused("keystore.missing", fmt::format("there is no key \"{}\" in {}", key_id, uri()),
                   "`birthmark key list` shows the names");
  }
  if (!file) return std::unexpected(std::move(file).error());
  return ReadKeyFile(*file, key_id);
}

Status SoftwareKeyStore::CheckUnlocked() const {
  if (store_key_) return {};
  return Refused("keystore.locked", fmt::format("{} is locked", uri()), "give its passphrase");
}

Result<std::unique_ptr<crypto::Signer>> SoftwareKeyStore::Create(std::string_view key_id,
                                                                 crypto::Algorithm a) {
  BM_CHECK(CheckKeyId(key_id));
  BM_CHECK(CheckUnlocked());
  if (fs::exists(fs::symlink_status(FileOf(key_id)))) {
    return Refused("keystore.exists", fmt::format("a key \"{}\" is in {} already", key_id, uri()),
                   "destroy it first, or choose another name");
  }
  BM_TRY(std::unique_ptr<crypto::SoftwareSigner> signer, crypto::SoftwareSigner::Generate(a));
  BM_TRY(SecretBytes pkcs8, signer->ToPkcs8());
  BM_TRY(Bytes file, SealKey(*store_key_, key_id, signer->public_key(), pkcs8));
  BM_CHECK(WriteFileAtomic(FileOf(key_id), file, 0600));
  return signer;
}

Result<SecretBytes> SoftwareKeyStore::Export(std::string_view key_id) const {
  BM_CHECK(CheckUnlocked());
  BM_TRY(KeyFile file, Read(key_id));
  return OpenKey(*store_key_, file);
}

Result<std::unique_ptr<crypto::Signer>> SoftwareKeyStore::Open(std::string_view key_id) {
  BM_CHECK(CheckUnlocked());
  BM_TRY(KeyFile file, Read(key_id));
  BM_TRY(SecretBytes pkcs8, OpenKey(*store_key_, file));
  auto signer = crypto::SoftwareSigner::FromPkcs8(pkcs8);
  ByteView spki = signer ? (*signer)->public_key().spki() : ByteView();
  if (!std::equal(spki.begin(), spki.end(), file.spki.begin(), file.spki.end())) {
    return Refused("keystore.corrupt",
                   fmt::format("key \"{}\": its box holds another key", key_id));
  }
  return signer;
}

Result<KeyFacts> SoftwareKeyStore::Facts(std::string_view key_id) const {
  BM_TRY(KeyFile file, Read(key_id));
  BM_TRY(crypto::PublicKey pub, crypto::PublicKey::FromSpki(file.spki));
  // A key that is used in a process's memory is neither sensitive nor bound to a device.
  return KeyFacts{.scheme = "file",
                  .algorithm = file.algorithm,
                  .spki_digest = pub.spki_digest(),
                  .local = file.local,
                  .sensitive = false,
                  .always_sensitive = false,
                  .extractable = true,
                  .never_extractable = false,
                  .fixed_to_device = false};
}

Status SoftwareKeyStore::Destroy(std::string_view key_id) {
  BM_CHECK(CheckKeyId(key_id));
  BM_CHECK(CheckUnlocked());
  fs::path path = FileOf(key_id);
  // A file too damaged to read must still be destroyable, so it is not decoded here.
  if (!fs::exists(fs::symlink_status(path))) {
    return Refused("keystore.missing", fmt::format("there is no key \"{}\" in {}", key_id, uri()));
  }
  BM_CHECK(OverwriteFile(path));
  if (unlink(path.c_str()) != 0)
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  return SyncDir(folder_);
}

namespace {
// SecretAad binds a sealed secret to its name.
Bytes SecretAad(std::string_view name) {
  std::string text = "birthmark secret 1\n" + std::string(name);
  return Bytes(text.begin(), text.end());
}
fs::path SecretFile(const fs::path& folder, std::string_view name) {
  return folder / (std::string(name) + ".secret");
}
}  // namespace

Status SoftwareKeyStore::PutSecret(std::string_view name, const SecretBytes& secret) {
  BM_CHECK(CheckKeyId(name));
  BM_CHECK(CheckUnlocked());
  BM_TRY(Bytes sealed, crypto::Seal(*store_key_, secret.Read(SecretAccess()), SecretAad(name)));
  return WriteFileAtomic(SecretFile(folder_, name), sealed, 0600);
}

Result<SecretBytes> SoftwareKeyStore::GetSecret(std::string_view name) const {
  BM_CHECK(CheckKeyId(name));
  BM_CHECK(CheckUnlocked());
  auto sealed = ReadFile(SecretFile(folder_, name), kMaxKeyFile);
  if (!sealed && sealed.error().code == "file.missing") {
    return Refused("keystore.missing", fmt::format("there is no secret \"{}\" in {}", name, uri()));
  }
  if (!sealed) return std::unexpected(std::move(sealed).error());
  auto open = crypto::Open(*store_key_, *sealed, SecretAad(name));
  if (!open) {
    return Refused("keystore.corrupt", fmt::format("secret \"{}\" was changed or exchanged", name));
  }
  return open;
}

Status SoftwareKeyStore::DropSecret(std::string_view name) {
  BM_CHECK(CheckKeyId(name));
  fs::path path = SecretFile(folder_, name);
  if (!fs::exists(fs::symlink_status(path))) return {};
  BM_CHECK(OverwriteFile(path));
  if (unlink(path.c_str()) != 0)
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  return SyncDir(folder_);
}

Result<std::vector<std::string>> SoftwareKeyStore::List() const {
  std::vector<std::string> out;
  std::error_code ec;
  fs::directory_iterator it(folder_, ec), end;
  for (; !ec && it != end; it.increment(ec)) {
    std::string name = it->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    if (IsKeyId(name)) out.push_back(std::move(name));
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder_.string(), ec.value()));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace birthmark::keystore
