// SPDX-License-Identifier: Apache-2.0
#include "answer/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "answer/value.h"

namespace birthmark::answer {
namespace {

const Row<ledger::KeyCreated>* KeyRow(const Fold& f, const Authority& a) {
  if (!a.certificate) return nullptr;
  const Digest& spki = a.certificate->public_key()->spki_digest();
  for (const auto& row : f.keys) {
    if (row.body.spki == spki) return &row;
  }
  return nullptr;
}

// ClassOf is vocab's word for a store's scheme. A PKCS #11 module may be anything from a program to
// a rack, and says so of itself only in words.
std::string_view ClassOf(std::string_view scheme) {
  if (scheme == "file") return "software";
  if (scheme == "tpm2") return "tpm";
  if (scheme == "frost") return "threshold";
  return "unknown";
}

std::string FactsText(const ledger::KeyCreated& key) {
  std::string out = fmt::format("{} in a {} store", key.algorithm, key.store);
  auto add = [&](std::string_view name, const std::optional<bool>& fact) {
    if (fact) out += fmt::format(", {}{}", *fact ? "" : "not ", name);
  };
  add("made inside it", key.facts.local);
  add("sensitive", key.facts.sensitive);
  add("always sensitive", key.facts.always_sensitive);
  add("extractable", key.facts.extractable);
  add("never extractable", key.facts.never_extractable);
  return out;
}

}  // namespace

const ledger::KeyCreated* KeyOf(const Fold& fold, const Authority& authority) {
  const Row<ledger::KeyCreated>* row = KeyRow(fold, authority);
  return row == nullptr ? nullptr : &row->body;
}

Found KeyStorage(const Case& c, const Row<ledger::KeyCreated>& key, std::string method) {
  Measured m = Begin(c, std::move(method), {key.ref});
  cbor::Map value;
  value.emplace_back("class", ClassOf(key.body.store));
  value.emplace_back("description", FactsText(key.body));
  m.value = Canonical(value);
  m.notes.push_back("as the key store reported when the key was made");
  Found found;
  found.measured = std::move(m);
  return found;
}

Found RootStorage(const Case& c, const Authority& root, std::string method) {
  const Fold& f = c.fold;
  const Row<ledger::KeyCreated>* key = KeyRow(f, root);
  if (key == nullptr) return NotMeasured("the root's key was made elsewhere");
  std::vector<Ref> refs = {key->ref, root.row.ref};
  std::set<int64_t> days;
  constexpr int64_t kDay = 86'400'000;
  auto used = [&](int64_t at) {
    if (at >= c.period.from && at <= c.period.to) days.insert(at / kDay);
  };
  used(root.row.at);
  for (const auto& r : f.requests) {
    // Certificates for end entities under an offline root are told of by the root's own requests.
    if (r.body.ca != root.row.body.id) continue;
    refs.push_back(r.ref);
    if (r.body.action == "signed") used(r.at);
  }
  uint64_t below = 0, carried = 0;
  for (const Authority& a : f.authorities) {
    if (&a == &root || a.row.body.issuer != root.row.body.id || a.row.body.pki != root.row.body.pki)
      continue;
    ++below;
    refs.push_back(a.row.ref);
    bool signed_away = false;
    for (const auto& r : f.requests) {
      if (r.body.ca != a.row.body.id) continue;
      refs.push_back(r.ref);
      if (r.body.action == "signed") {
        used(r.at);
        signed_away = true;
      }
    }
    carried += signed_away;
    if (!signed_away) used(a.row.at);
  }
  Measured m = BeginPeriod(c, std::move(method), std::move(refs));
  cbor::Map value;
  value.emplace_back("class", ClassOf(key->body.store));
  value.emplace_back("description", FactsText(key->body));
  value.emplace_back("days-used", static_cast<uint64_t>(days.size()));
  // Offline shows in how its work came to it, not in what the plan says of it.
  if (below > 0) value.emplace_back("online", carried < below);
  m.value = Canonical(value);
  m.notes.push_back("store and facts as the key store reported when the key was made");
  if (below > 0 && carried == below)
    m.notes.push_back("every certificate under it came by a carried request");
  Found found;
  found.measured = std::move(m);
  return found;
}

}  // namespace birthmark::answer
