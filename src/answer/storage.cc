// SPDX-License-Identifier: Apache-2.0
#include "answer/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
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
  if (scheme == "pkcs11") return "module";
  if (scheme == "tpm2") return "tpm";
  if (scheme == "frost") return "threshold";
  if (scheme == "split") return "split";  // sealed; what opens it is shared out
  return "unknown";
}

std::string FactsText(const ledger::KeyCreated& key) {
  const std::string place = key.store == "pkcs11" ? "PKCS #11 module"
                            : key.store == "tpm2" ? "TPM 2.0"
                                                  : key.store + " store";
  std::string out = fmt::format("{} in a {}", key.algorithm, place);
  auto add = [&](std::string_view name, const std::optional<bool>& fact) {
    if (fact) out += fmt::format(", {}{}", *fact ? "" : "not ", name);
  };
  add("made inside it", key.facts.local);
  add("sensitive", key.facts.sensitive);
  add("always sensitive", key.facts.always_sensitive);
  add("extractable", key.facts.extractable);
  add("never extractable", key.facts.never_extractable);
  add("fixed to this TPM", key.facts.fixed_tpm);
  return out;
}

// Carried is one request's way to the root and back.
struct Carried {
  std::optional<int64_t> exported, signed_at, imported;
  // Done is when the root's answer is known of: its signing, or what came of it.
  std::optional<int64_t> Done() const { return signed_at ? signed_at : imported; }
};

// WaysOf follows the requests that an authority or its subordinates made, by their digests.
std::map<std::pair<std::string, Digest>, Carried> WaysOf(const Fold& f,
                                                         const std::set<std::string>& ids) {
  std::map<std::pair<std::string, Digest>, Carried> out;
  for (const auto& r : f.requests) {
    if (!ids.contains(r.body.ca)) continue;
    Carried& way = out[{r.body.ca, r.body.request}];
    std::optional<int64_t>& at = r.body.action == "exported" ? way.exported
                                 : r.body.action == "signed" ? way.signed_at
                                                             : way.imported;
    if (!at) at = r.at;
  }
  return out;
}

// MethodOne is what release 0.1 measured: the days of what was signed beside this log.
Measured MethodOne(const Case& c, const Authority& root, const Row<ledger::KeyCreated>* key,
                   std::string method) {
  const Fold& f = c.fold;
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
  return m;
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

Found RootStorage(const Case& c, const Authority& root, const std::string& question) {
  const Fold& f = c.fold;
  const Row<ledger::KeyCreated>* key = KeyRow(f, root);
  if (key == nullptr) return NotMeasured("the root's key was made elsewhere");
  Measured m = MethodOne(c, root, key, question + "/1");
  Found found;
  found.earlier.push_back(m);
  constexpr int64_t kDay = 86'400'000;
  std::set<int64_t> days;
  uint64_t uses = 0;
  auto used = [&](int64_t at) {
    if (at < c.period.from || at > c.period.to) return false;
    ++uses;
    days.insert(at / kDay);
    return true;
  };
  used(root.row.at);  // by itself
  std::set<std::string> ids = {root.row.body.id};
  uint64_t below = 0, carried = 0;
  for (const Authority& a : f.authorities) {
    if (&a == &root || a.row.body.issuer != root.row.body.id || a.row.body.pki != root.row.body.pki)
      continue;
    ++below;
    ids.insert(a.row.body.id);
    const bool asked =
        std::ranges::any_of(f.requests, [&](const auto& r) { return r.body.ca == a.row.body.id; });
    carried += asked;
    if (!asked) used(a.row.at);
  }
  std::optional<int64_t> wait;
  for (const auto& [request, way] : WaysOf(f, ids)) {
    if (!way.Done() || !used(*way.Done()) || !way.exported) continue;
    wait = std::max(wait.value_or(0), std::max<int64_t>(0, *way.Done() - *way.exported));
  }
  cbor::Map value;
  value.emplace_back("class", ClassOf(key->body.store));
  value.emplace_back("description", FactsText(key->body));
  value.emplace_back("days-used", static_cast<uint64_t>(days.size()));
  value.emplace_back("uses", Bucket(uses));
  if (wait) value.emplace_back("wait-max", BucketDuration(*wait));
  // Offline shows in how its work came to it, not in what the plan says of it.
  if (below > 0) value.emplace_back("online", carried < below);
  m.method = question + "/2";
  m.value = Canonical(value);
  m.notes = {"store and facts as the key store reported when the key was made"};
  if (below > 0 && carried == below)
    m.notes.push_back("every certificate under it came by a carried request");
  found.measured = std::move(m);
  return found;
}

}  // namespace birthmark::answer
