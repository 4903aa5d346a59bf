// SPDX-License-Identifier: Apache-2.0
#include "app/keys.h"

#include <fmt/format.h>

#include "app/key_places.h"
#include "keystore/open.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::app {
namespace {

keystore::Pin PinOf(const std::string& scheme, const KeyPlace& place,
                    keystore::PassphraseSource said, bool last_try, bool making) {
  // Options come first, then what station.toml says, then the environment and a person.
  if (!said.file && !said.fd && place.pin_file) said.file = *place.pin_file;
  if (!place.pin_credential.empty()) said.credential = place.pin_credential;
  said.prompt = fmt::format("PIN of the {} keys: ", scheme);
  // A TPM takes whatever PIN a new key is given: a slip of the hand would be its PIN for good.
  said.twice = making && scheme == "tpm2";
  return {.read = [said] { return keystore::ReadPassphrase(said); }, .last_try = last_try};
}

using Found = std::map<std::string, std::string, std::less<>>;  // key id, scheme

// InLog reads which keys were not made in files, once.
Result<Found> InLog(const fs::path& ledger) {
  Found out;
  if (!fs::exists(ledger)) return out;  // init, before there is a log
  BM_TRY(auto reader, ledger::LogReader::Open(ledger));
  BM_TRY(ledger::Stmt rows, reader->registry().db().Prepare(
                                "SELECT id, store FROM key WHERE store <> 'file' ORDER BY seq"));
  for (;;) {
    BM_TRY(bool more, rows.Step());
    if (!more) return out;
    out[std::string(rows.Text(0))] = rows.Text(1);
  }
}

struct RouteTo {
  fs::path folder;  // of station.toml
  fs::path keys;
  fs::path ledger;  // empty: this side has no log
  keystore::PassphraseSource pin;
  bool last_try = false;
  bool making = false;
};

Result<std::unique_ptr<keystore::RoutedKeyStore>> Routed(
    std::unique_ptr<keystore::SoftwareKeyStore> files, const RouteTo& to) {
  BM_TRY(KeyPlaces places, ReadKeyPlaces(to.folder));
  keystore::Routes routes;
  auto open = [places, to](std::string_view scheme) -> Result<std::unique_ptr<keystore::KeyStore>> {
    auto it = places.find(scheme);
    // frost: is in no place that a file could name.
    if (it == places.end() && scheme == "frost")
      return keystore::OpenStore({.uri = "frost:", .folder = {}, .pin = {}});
    if (it == places.end()) {
      return Refused("keystore.not-configured",
                     fmt::format("nothing says where the {} store of this machine is", scheme),
                     fmt::format("name it in [keys.{}] of {}: docs/key-stores.md", scheme,
                                 (to.folder / "station.toml").string()));
    }
    return keystore::OpenStore(
        {.uri = it->second.uri,
         .folder = to.keys,
         .pin = PinOf(it->first, it->second, to.pin, to.last_try, to.making)});
  };
  routes.open = open;
  auto log = std::make_shared<std::optional<Found>>();
  auto stores = std::make_shared<std::map<std::string, std::unique_ptr<keystore::KeyStore>>>();
  if (!to.ledger.empty()) {
    routes.scheme_of = [log, ledger = to.ledger](std::string_view id) -> Result<std::string> {
      if (!*log) {
        BM_TRY(*log, InLog(ledger));
      }
      auto it = (*log)->find(id);
      return it == (*log)->end() ? std::string() : it->second;
    };
  } else {
    routes.scheme_of = [places, open, stores](std::string_view id) -> Result<std::string> {
      for (const auto& [scheme, _] : places) {
        std::unique_ptr<keystore::KeyStore>& store = (*stores)[scheme];
        if (store == nullptr) {
          BM_TRY(store, open(scheme));
        }
        auto facts = store->Facts(id);
        if (facts) return scheme;
        if (facts.error().code != "keystore.missing")
          return std::unexpected(std::move(facts).error());
      }
      return std::string();
    };
  }
  return std::make_unique<keystore::RoutedKeyStore>(std::move(*files), std::move(routes));
}

RouteTo OnlineOf(const Layout& l, const KeySource& s, bool making) {
  return {.folder = l.root,
          .keys = l.keys(),
          .ledger = l.ledger(),
          .pin = s.pin,
          .last_try = s.pin_last_try,
          .making = making};
}
RouteTo OfflineOf(const fs::path& side, const KeySource& s, bool making) {
  return {.folder = side,
          .keys = side / "keys",
          .ledger = {},
          .pin = s.offline_pin,
          .last_try = s.pin_last_try,
          .making = making};
}

Result<std::unique_ptr<keystore::RoutedKeyStore>> MakeFiles(const SecretBytes& passphrase,
                                                            const RouteTo& to) {
  BM_TRY(auto files, keystore::SoftwareKeyStore::Init(to.keys, passphrase));
  return Routed(std::move(files), to);
}
Result<std::unique_ptr<keystore::RoutedKeyStore>> UnlockFiles(const SecretBytes& passphrase,
                                                              const RouteTo& to) {
  BM_TRY(auto files, keystore::SoftwareKeyStore::Unlock(to.keys, passphrase));
  return Routed(std::move(files), to);
}

}  // namespace

Result<OpenKeys> CreateKeyStores(const Layout& layout, const KeySource& source, bool offline_too) {
  keystore::PassphraseSource online = source.online, offline = source.offline;
  online.twice = offline.twice = true;
  online.prompt = "New passphrase for the online keys: ";
  offline.prompt = "New passphrase for the offline keys: ";
  BM_TRY(SecretBytes a, keystore::ReadPassphrase(online));
  if (!offline_too) {
    OpenKeys keys;
    BM_TRY(keys.online, MakeFiles(a, OnlineOf(layout, source, true)));
    return keys;
  }
  BM_TRY(SecretBytes b, keystore::ReadPassphrase(offline));
  if (a == b) {
    return Refused("keys.same-passphrase", "the offline keys need a passphrase of their own",
                   "give another one: --offline-passphrase-file F");
  }
  OpenKeys keys;
  BM_TRY(keys.online, MakeFiles(a, OnlineOf(layout, source, true)));
  BM_TRY(keys.offline, MakeFiles(b, OfflineOf(layout.offline(), source, true)));
  return keys;
}

Result<OpenKeys> UnlockOnline(const Layout& layout, const KeySource& source) {
  keystore::PassphraseSource online = source.online;
  online.prompt = "Passphrase of the online keys: ";
  BM_TRY(SecretBytes a, keystore::ReadPassphrase(online));
  OpenKeys keys;
  BM_TRY(keys.online, UnlockFiles(a, OnlineOf(layout, source, false)));
  return keys;
}

Result<OpenKeys> UnlockBoth(const Layout& layout, const KeySource& source) {
  BM_TRY(OpenKeys keys, UnlockOnline(layout, source));
  BM_TRY(keys.offline, UnlockOffline(layout.offline(), source));
  return keys;
}

Result<std::unique_ptr<keystore::RoutedKeyStore>> UnlockOffline(const fs::path& side,
                                                                const KeySource& source) {
  keystore::PassphraseSource offline = source.offline;
  offline.prompt = "Passphrase of the offline keys: ";
  BM_TRY(SecretBytes b, keystore::ReadPassphrase(offline));
  return UnlockFiles(b, OfflineOf(side, source, false));
}

}  // namespace birthmark::app
