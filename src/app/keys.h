// SPDX-License-Identifier: Apache-2.0
// Unlocking the key stores of a workspace. The offline keys have a passphrase of their own.
#pragma once

#include <memory>

#include "app/layout.h"
#include "keystore/passphrase.h"
#include "keystore/software/software_store.h"

namespace birthmark::app {

// KeySource says where a command finds its passphrases.
struct KeySource {
  keystore::PassphraseSource online;
  keystore::PassphraseSource offline;
};

// OpenKeys are the stores a command has unlocked.
struct OpenKeys {
  std::unique_ptr<keystore::SoftwareKeyStore> online;
  std::unique_ptr<keystore::SoftwareKeyStore> offline;
};

// CreateKeyStores makes the online store and, unless ceremonies keep all offline keys, the offline
// one; the passphrases are asked for twice and must differ.
// Errors: keys.same-passphrase; those of keystore.
Result<OpenKeys> CreateKeyStores(const Layout& layout, const KeySource& source,
                                 bool offline_too = true);
// UnlockOnline and UnlockBoth open what is there. Errors: keystore.passphrase and the like.
Result<OpenKeys> UnlockOnline(const Layout& layout, const KeySource& source);
Result<OpenKeys> UnlockBoth(const Layout& layout, const KeySource& source);

}  // namespace birthmark::app
