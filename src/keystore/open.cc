// SPDX-License-Identifier: Apache-2.0
#include "keystore/open.h"

#include <fmt/format.h>

#include <algorithm>

#include "keystore/pkcs11/pkcs11_store.h"
#include "keystore/software/software_store.h"
#include "keystore/tpm2/tpm2_store.h"

namespace birthmark::keystore {
namespace {

using Opened = Result<std::unique_ptr<KeyStore>>;

Opened OpenFiles(const Place& p) {
  BM_TRY(std::filesystem::path folder, SoftwareKeyStore::PathOf(p.uri));
  BM_TRY(SecretBytes passphrase, p.pin.read());
  return SoftwareKeyStore::Unlock(folder, passphrase);
}
Opened OpenModule(const Place& p) { return Pkcs11KeyStore::Open(p.uri, p.pin); }
Opened OpenTpm(const Place& p) { return Tpm2KeyStore::Open(p.uri, p.folder, p.pin); }
Opened OpenThreshold(const Place&) {
  return Refused("keystore.unsupported", "a threshold key is in no one place that could be opened",
                 "what it shall sign is signed in a ceremony");
}

struct Row {
  std::string_view scheme;
  Opened (*open)(const Place&);
};
constexpr Row kStores[] = {
    {"file", OpenFiles},
    {"pkcs11", OpenModule},
    {"tpm2", OpenTpm},
    {"frost", OpenThreshold},  // RFC 9591 over Ed25519
};

const Row* FindStore(std::string_view scheme) {
  const Row* it = std::ranges::find(kStores, scheme, &Row::scheme);
  return it == std::end(kStores) ? nullptr : it;
}

}  // namespace

std::string_view SchemeOf(std::string_view uri) {
  const size_t colon = uri.find(':');
  return colon == uri.npos ? std::string_view() : uri.substr(0, colon);
}

Result<std::unique_ptr<KeyStore>> OpenStore(const Place& place) {
  const Row* row = FindStore(SchemeOf(place.uri));
  if (row == nullptr) {
    return Usage("keystore.uri",
                 fmt::format("{}: is no kind of key store", SchemeOf(place.uri).substr(0, 32)),
                 "use file:PATH, pkcs11:token=…?module-path=… or tpm2:tcti=…");
  }
  return row->open(place);
}

}  // namespace birthmark::keystore
