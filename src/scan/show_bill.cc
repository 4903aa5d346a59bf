// SPDX-License-Identifier: Apache-2.0
// The report for programs of others: CycloneDX 1.7 and RFC 5914.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "scan/show.h"
#include "trust/anchor_info.h"

namespace birthmark::scan {
namespace {

using Json = nlohmann::ordered_json;

std::string BillText(std::string_view s) {
  if (IsUtf8(s)) return std::string(s);
  std::string out;
  for (const char c : s) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return out;
}

Json Property(std::string_view name, std::string_view value) {
  return {{"name", fmt::format("birthmark:{}", name)}, {"value", BillText(value)}};
}

std::string When(int64_t s) { return FormatTime(TimeFromMillis(s * 1000)); }

// HashOf is a fingerprint as CycloneDX takes it; null for lengths that it has no name for.
Json HashOf(ByteView fingerprint, std::string_view form) {
  const std::string_view alg = fingerprint.size() == 32                                  ? "SHA-256"
                               : fingerprint.size() == 20 && form.starts_with("openpgp") ? "SHA-1"
                               : fingerprint.size() == 48                                ? "SHA-384"
                               : fingerprint.size() == 64                                ? "SHA-512"
                                                                                         : "";
  if (alg.empty()) return nullptr;
  return {{"alg", alg}, {"content", ToHex(fingerprint)}};
}

Json CertificateProperties(const Item& i) {
  Json out;
  if (const auto cert = crypto::Certificate::FromDer(i.der)) {
    out["serialNumber"] = cert->serial_hex();
    out["subjectName"] = BillText(cert->subject());
    out["issuerName"] = BillText(cert->issuer());
  }
  const anchors::AnchorEntry& e = i.entry;
  if (e.not_before) out["notValidBefore"] = When(*e.not_before);
  if (e.not_after) out["notValidAfter"] = When(*e.not_after);
  out["certificateFormat"] = "X.509";
  out["fingerprint"] = HashOf(e.fingerprint, i.form);
  if (e.ca) {
    out["certificateExtensions"] =
        Json::array({{{"commonExtensionName", "basicConstraints"},
                      {"commonExtensionValue",
                       e.path_length ? fmt::format("CA:{}, pathlen:{}", *e.ca ? "TRUE" : "FALSE",
                                                   *e.path_length)
                                     : fmt::format("CA:{}", *e.ca ? "TRUE" : "FALSE")}}});
  }
  return out;
}

Json MaterialProperties(const Item& i) {
  const anchors::AnchorEntry& e = i.entry;
  const bool digest = i.form.ends_with("-digest") || i.form == "ds";
  Json out = {{"type", i.form == "private-key" ? "private-key" : digest ? "digest" : "public-key"}};
  if (e.key_bits && !digest) out["size"] = *e.key_bits;
  if (e.not_before) out["creationDate"] = When(*e.not_before);
  if (e.not_after) out["expirationDate"] = When(*e.not_after);
  out["format"] = i.form;
  if (Json hash = HashOf(e.fingerprint, i.form); !hash.is_null())
    out["fingerprint"] = std::move(hash);
  return out;
}

// Uuid is a name-based identifier of the report, so that the same scan gives the same bill.
std::string Uuid(std::string_view text) {
  Digest d = crypto::Sha256(AsBytes(text));
  d[6] = static_cast<uint8_t>((d[6] & 0x0f) | 0x80);  // RFC 9562 section 5.8
  d[8] = static_cast<uint8_t>((d[8] & 0x3f) | 0x80);
  const std::string h = ToHex(d);
  return fmt::format("{}-{}-{}-{}-{}", h.substr(0, 8), h.substr(8, 4), h.substr(12, 4),
                     h.substr(16, 4), h.substr(20, 12));
}

}  // namespace

std::string ReportCycloneDx(const Report& r) {
  std::map<size_t, std::vector<std::pair<const Store*, const Member*>>> in;
  for (const Store& s : r.stores) {
    for (const Member& m : s.members) in[m.item].emplace_back(&s, &m);
  }
  Json components = Json::array();
  for (size_t n = 0; n < r.items.size(); ++n) {
    const Item& i = r.items[n];
    const bool certificate = i.form == "certificate";
    Json crypto = {{"assetType", certificate ? "certificate" : "related-crypto-material"}};
    crypto[certificate ? "certificateProperties" : "relatedCryptoMaterialProperties"] =
        certificate ? CertificateProperties(i) : MaterialProperties(i);
    Json occurrences = Json::array(), properties = Json::array();
    for (const auto& [store, member] : in[n]) {
      occurrences.push_back(
          {{"location", BillText(store->Where())},
           {"additionalContext",
            BillText(fmt::format("{}; {}; {}: {}", ToText(member->role), store->protection,
                                 ToText(store->certainty), store->reason))}});
      properties.push_back(Property("role", ToText(member->role)));
      if (store->kind) properties.push_back(Property("anchor-kind", vocab::ToText(*store->kind)));
    }
    properties.push_back(Property("algorithm", i.entry.algorithm));
    for (const Fact& f : i.facts) properties.push_back(Property("fact", f.code + ": " + f.text));
    // The same role in a hundred folders is said once.
    Json once = Json::array();
    for (Json& p : properties) {
      if (std::find(once.begin(), once.end(), p) == once.end()) once.push_back(std::move(p));
    }
    components.push_back({{"type", "cryptographic-asset"},
                          {"bom-ref", fmt::format("{}-{}", i.form, n)},
                          {"name", BillText(i.entry.label.empty() ? i.form : i.entry.label)},
                          {"evidence", {{"occurrences", std::move(occurrences)}}},
                          {"cryptoProperties", std::move(crypto)},
                          {"properties", std::move(once)}});
  }
  Json unread = Json::array();
  for (const Unread& u : r.unread)
    unread.push_back(Property("not-looked-into", u.where + ": " + u.code + ": " + u.reason));
  const std::string body = components.dump();
  Json metadata = {
      {"timestamp", FormatTime(r.at)},
      {"lifecycles", Json::array({{{"phase", "discovery"}}})},
      {"tools",
       {{"components",
         Json::array(
             {{{"type", "application"}, {"name", "birthmark"}, {"version", BIRTHMARK_VERSION}}})}}},
      {"component",
       {{"type", r.what == "folder" ? "platform" : "file"},
        {"bom-ref", "scanned"},
        {"name", BillText(r.target)}}},
      {"properties", std::move(unread)}};
  if (r.image) {
    metadata["component"]["hashes"] =
        Json::array({{{"alg", "SHA-256"}, {"content", ToHex(*r.image)}}});
  }
  return Json{{"$schema", "http://cyclonedx.org/schema/bom-1.7.schema.json"},
              {"bomFormat", "CycloneDX"},
              {"specVersion", "1.7"},
              {"serialNumber", "urn:uuid:" + Uuid(body)},
              {"version", 1},
              {"metadata", std::move(metadata)},
              {"components", std::move(components)}}
             .dump(2) +
         "\n";
}

Result<Bytes> ReportRfc5914(const Report& r, size_t& count) {
  std::vector<bool> believed(r.items.size());
  for (const Store& s : r.stores) {
    for (const Member& m : s.members) {
      if (m.role == Role::kAnchor) believed[m.item] = true;
    }
  }
  std::vector<trust::TrustAnchor> all;
  for (size_t i = 0; i < r.items.size(); ++i) {
    const Item& item = r.items[i];
    if (!believed[i] || item.der.empty()) continue;
    auto anchor = item.form == "certificate" ? trust::AnchorOfCertificate(item.der)
                                             : trust::AnchorOfKey(item.der);
    if (anchor) all.push_back(std::move(*anchor));
  }
  count = all.size();
  if (all.empty()) {
    return Refused("scan.no-anchors", "no anchor with a certificate or a key was found",
                   "RFC 5914 has no place for digests and OpenPGP keys");
  }
  return trust::WriteTrustAnchorList(all);
}

}  // namespace birthmark::scan
