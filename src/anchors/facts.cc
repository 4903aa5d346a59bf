// SPDX-License-Identifier: Apache-2.0
#include "anchors/facts.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "cbor/codec.h"
#include "crypto/digest.h"

namespace birthmark::anchors {
namespace {

constexpr std::array<std::pair<FileKind, std::string_view>, 6> kFileKinds{{
    {FileKind::kCertificate, "certificate"},
    {FileKind::kCertificateBundle, "certificate-bundle"},
    {FileKind::kPublicKey, "public-key"},
    {FileKind::kKeyPins, "key-pins"},
    {FileKind::kDnssecAnchors, "dnssec-anchors"},
    {FileKind::kOpenpgpKeyring, "openpgp-keyring"},
}};
constexpr std::array<std::pair<EntryForm, std::string_view>, 7> kForms{{
    {EntryForm::kCertificate, "certificate"},
    {EntryForm::kBareKey, "bare-key"},
    {EntryForm::kKeyDigest, "key-digest"},
    {EntryForm::kDnskey, "dnskey"},
    {EntryForm::kDs, "ds"},
    {EntryForm::kOpenpgpKey, "openpgp-key"},
    {EntryForm::kOpenpgpSubkey, "openpgp-subkey"},
}};

template <class Table, class E>
std::string_view TextOf(const Table& table, E e) {
  for (const auto& [value, text] : table) {
    if (value == e) return text;
  }
  return "";
}
template <class Table, class E>
bool ValueOf(const Table& table, std::string_view s, E& e) {
  for (const auto& [value, text] : table) {
    if (text == s) {
      e = value;
      return true;
    }
  }
  return false;
}

std::pair<EntryForm, Bytes> Identity(const AnchorEntry& e) { return {e.form, e.fingerprint}; }

}  // namespace

std::string_view ToText(FileKind k) { return TextOf(kFileKinds, k); }
bool FromText(std::string_view s, FileKind& k) { return ValueOf(kFileKinds, s, k); }
std::string_view ToText(EntryForm f) { return TextOf(kForms, f); }
bool FromText(std::string_view s, EntryForm& f) { return ValueOf(kForms, s, f); }

Digest SetDigest(const std::vector<AnchorEntry>& entries) {
  std::set<Bytes> items;
  for (const AnchorEntry& e : entries) {
    items.insert(
        cbor::Encode(cbor::Array{cbor::Value(ToText(e.form)), cbor::Value(e.fingerprint)}));
  }
  Bytes all;
  cbor::Writer w(all);
  w.ArrayHead(items.size());
  for (const Bytes& item : items) w.Raw(item);
  return crypto::Sha256(all);
}

AnchorSummary Summarize(const AnchorFacts& facts) {
  AnchorSummary s;
  s.kind = facts.kind;
  s.digest = facts.digest;
  s.set_digest = facts.set_digest;
  std::set<std::pair<EntryForm, Bytes>> seen;
  std::map<std::string, uint64_t> histogram;
  for (const AnchorEntry& e : facts.entries) {
    if (!seen.insert(Identity(e)).second) continue;
    ++histogram[e.algorithm];
    if (!e.not_after) continue;
    s.first_expiry = std::min(s.first_expiry.value_or(*e.not_after), *e.not_after);
    s.last_expiry = std::max(s.last_expiry.value_or(*e.not_after), *e.not_after);
  }
  s.count = seen.size();
  for (const auto& [name, count] : histogram) s.algorithms.push_back({name, count});
  return s;
}

size_t ExpiredAt(const AnchorFacts& facts, Time at) {
  return static_cast<size_t>(std::ranges::count_if(facts.entries, [at](const AnchorEntry& e) {
    return e.not_after && *e.not_after < Millis(at) / 1000;
  }));
}

}  // namespace birthmark::anchors
