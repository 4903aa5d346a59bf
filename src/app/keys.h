// SPDX-License-Identifier: Apache-2.0
// Unlocking the key stores of a workspace. The offline keys have a passphrase of their own.
#pragma once

#include <memory>

#include "app/layout.h"
#include "keystore/passphrase.h"
#include "keystore/routed.h"

namespace birthmark::app {

// KeySource says where a command finds its passphrases.
struct KeySource {
  keystore::PassphraseSource online;
  keystore::PassphraseSource offline;
  // PINs of modules and TPMs; station.toml says where they come from when these do not.
  keystore::PassphraseSource pin, offline_pin;
  bool pin_last_try = false;  // a person says that the PIN is right, though the module warns
};

// OpenKeys are the stores a command has unlocked. Modules and TPMs behind them are opened when one
// of their keys is needed, and a PIN is asked for then.
struct OpenKeys {
  std::unique_ptr<keystore::RoutedKeyStore> online;
  std::unique_ptr<keystore::RoutedKeyStore> offline;
};

// CreateKeyStores makes the online store and, unless ceremonies keep all offline keys, the offline
// one; the passphrases are asked for twice and must differ.
// Errors: keys.same-passphrase; those of keystore.
Result<OpenKeys> CreateKeyStores(const Layout& layout, const KeySource& source,
                                 bool offline_too = true);
// UnlockOnline and UnlockBoth open what is there. Errors: keystore.passphrase and the like.
Result<OpenKeys> UnlockOnline(const Layout& layout, const KeySource& source);
Result<OpenKeys> UnlockBoth(const Layout& layout, const KeySource& source);
// UnlockOffline opens the keys of an offline side by its own folder alone, which has no log: a key
// without a file is looked for in each store that its station.toml names.
Result<std::unique_ptr<keystore::RoutedKeyStore>> UnlockOffline(const fs::path& side,
                                                                const KeySource& source);

}  // namespace birthmark::app
