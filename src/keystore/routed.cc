// SPDX-License-Identifier: Apache-2.0
#include "keystore/routed.h"

#include <fmt/format.h>

namespace birthmark::keystore {

Result<KeyStore*> RoutedKeyStore::In(std::string_view scheme) const {
  auto it = opened_.find(scheme);
  if (it != opened_.end()) return it->second.get();
  if (!routes_.open) {
    return Refused("keystore.not-configured",
                   fmt::format("nothing says where the {} store is", scheme),
                   "name it in [keys] of station.toml: docs/key-stores.md");
  }
  BM_TRY(std::unique_ptr<KeyStore> store, routes_.open(scheme));
  return (opened_[std::string(scheme)] = std::move(store)).get();
}

Result<std::unique_ptr<crypto::Signer>> RoutedKeyStore::CreateIn(std::string_view scheme,
                                                                 std::string_view key_id,
                                                                 crypto::Algorithm a) {
  if (scheme == "file") return Create(key_id, a);
  // One name is one key, wherever it lives.
  if (SoftwareKeyStore::Facts(key_id)) {
    return Refused("keystore.exists", fmt::format("a key \"{}\" is in {} already", key_id, uri()),
                   "destroy it first, or choose another name");
  }
  BM_TRY(KeyStore * store, In(scheme));
  BM_TRY(auto signer, store->Create(key_id, a));
  placed_[std::string(key_id)] = scheme;
  return signer;
}

Result<KeyStore*> RoutedKeyStore::Elsewhere(std::string_view key_id) const {
  auto it = placed_.find(key_id);
  if (it != placed_.end()) return In(it->second);
  if (!routes_.scheme_of) return nullptr;
  BM_TRY(std::string scheme, routes_.scheme_of(key_id));
  if (scheme.empty() || scheme == "file") return nullptr;
  return In(scheme);
}

Result<std::unique_ptr<crypto::Signer>> RoutedKeyStore::Open(std::string_view key_id) {
  auto signer = SoftwareKeyStore::Open(key_id);
  if (signer || signer.error().code != "keystore.missing") return signer;
  BM_TRY(KeyStore * store, Elsewhere(key_id));
  return store == nullptr ? std::move(signer) : store->Open(key_id);
}

Result<KeyFacts> RoutedKeyStore::Facts(std::string_view key_id) const {
  auto facts = SoftwareKeyStore::Facts(key_id);
  if (facts || facts.error().code != "keystore.missing") return facts;
  BM_TRY(KeyStore * store, Elsewhere(key_id));
  return store == nullptr ? std::move(facts) : store->Facts(key_id);
}

Status RoutedKeyStore::Destroy(std::string_view key_id) {
  Status done = SoftwareKeyStore::Destroy(key_id);
  if (done || done.error().code != "keystore.missing") return done;
  BM_TRY(KeyStore * store, Elsewhere(key_id));
  return store == nullptr ? std::move(done) : store->Destroy(key_id);
}

}  // namespace birthmark::keystore
