// SPDX-License-Identifier: Apache-2.0
#include "app/keys.h"

namespace birthmark::app {

Result<OpenKeys> CreateKeyStores(const Layout& layout, const KeySource& source, bool offline_too) {
  keystore::PassphraseSource online = source.online, offline = source.offline;
  online.twice = offline.twice = true;
  online.prompt = "New passphrase for the online keys: ";
  offline.prompt = "New passphrase for the offline keys: ";
  BM_TRY(SecretBytes a, keystore::ReadPassphrase(online));
  if (!offline_too) {
    OpenKeys keys;
    BM_TRY(keys.online, keystore::SoftwareKeyStore::Init(layout.keys(), a));
    return keys;
  }
  BM_TRY(SecretBytes b, keystore::ReadPassphrase(offline));
  if (a == b) {
    return Refused("keys.same-passphrase", "the offline keys need a passphrase of their own",
                   "give another one: --offline-passphrase-file F");
  }
  OpenKeys keys;
  BM_TRY(keys.online, keystore::SoftwareKeyStore::Init(layout.keys(), a));
  BM_TRY(keys.offline, keystore::SoftwareKeyStore::Init(layout.offline_keys(), b));
  return keys;
}

Result<OpenKeys> UnlockOnline(const Layout& layout, const KeySource& source) {
  keystore::PassphraseSource online = source.online;
  online.prompt = "Passphrase of the online keys: ";
  BM_TRY(SecretBytes a, keystore::ReadPassphrase(online));
  OpenKeys keys;
  BM_TRY(keys.online, keystore::SoftwareKeyStore::Unlock(layout.keys(), a));
  return keys;
}

Result<OpenKeys> UnlockBoth(const Layout& layout, const KeySource& source) {
  BM_TRY(OpenKeys keys, UnlockOnline(layout, source));
  keystore::PassphraseSource offline = source.offline;
  offline.prompt = "Passphrase of the offline keys: ";
  BM_TRY(SecretBytes b, keystore::ReadPassphrase(offline));
  BM_TRY(keys.offline, keystore::SoftwareKeyStore::Unlock(layout.offline_keys(), b));
  return keys;
}

}  // namespace birthmark::app
