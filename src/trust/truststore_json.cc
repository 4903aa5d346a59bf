// SPDX-License-Identifier: Apache-2.0
#include "trust/truststore_json.h"

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

#include "enroll/est/codec.h"

namespace birthmark::trust {
namespace {

using nlohmann::json;

constexpr std::string_view kRoot = "ietf-truststore:truststore";
constexpr std::string_view kSpkiFormat = "ietf-crypto-types:subject-public-key-info-format";
constexpr std::string_view kSshFormat = "ietf-crypto-types:ssh-public-key-format";

std::unexpected<Error> BadTruststore(std::string_view where, std::string_view why) {
  return Refused("trust.truststore-malformed", fmt::format("{}: {}", where, why),
                 "the names and types are those of ietf-truststore (RFC 9641)");
}

// OnlyThese refuses members that the module does not have, so that nothing is passed over in
// silence.
Status OnlyThese(const json& o, std::string_view where,
                 std::initializer_list<std::string_view> names) {
  if (!o.is_object()) return BadTruststore(where, "not an object");
  for (const auto& [name, value] : o.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return BadTruststore(where,
                           fmt::format("no member \"{}\" in the module", name.substr(0, 64)));
  }
  return {};
}

Result<std::string> TextOf(const json& o, const char* name, std::string_view where) {
  auto it = o.find(name);
  if (it == o.end() || !it->is_string())
    return BadTruststore(where, fmt::format("\"{}\" is missing or no string", name));
  return it->get<std::string>();
}

// ListIn walks outer/list and calls `each` for every entry; an absent container is empty.
Status ListIn(const json& o, const char* name, std::string_view where,
              const std::function<Status(const json&, const std::string&)>& each) {
  auto it = o.find(name);
  if (it == o.end()) return {};
  if (!it->is_array()) return BadTruststore(where, fmt::format("\"{}\" is no list", name));
  std::set<std::string> keys;
  for (const json& entry : *it) {
    if (!entry.is_object())
      return BadTruststore(where, fmt::format("\"{}\" holds no object", name));
    BM_TRY(std::string key, TextOf(entry, "name", where));
    // RFC 7950 section 7.8.2: the key of a list is unique.
    if (key.empty() || key.size() > 256 || !keys.insert(key).second)
      return BadTruststore(where,
                           fmt::format("two entries of \"{}\" have one name, or none", name));
    BM_CHECK(each(entry, fmt::format("{}/{}={}", where, name, key)));
  }
  return {};
}

Status ReadCertificateEntry(const json& c, const std::string& bag, const std::string& where,
                            Store& store) {
  BM_CHECK(OnlyThese(c, where, {"name", "cert-data"}));
  BM_TRY(std::string data, TextOf(c, "cert-data", where));
  auto cms = FromBase64(data);
  if (!cms) return BadTruststore(where, "cert-data is no base64");
  auto certificates = enroll::est::ReadCertsOnly(*cms);
  // RFC 9640: the structure holds the anchor's certificate alone.
  if (!certificates || certificates->size() != 1) {
    store.findings.Error("trust.certificate-malformed",
                         where + ": cert-data is not a degenerate CMS with one certificate",
                         "openssl crl2pkcs7 -nocrl makes one");
    return {};
  }
  BM_TRY(TrustAnchor a, AnchorOfCertificate(certificates->front().der()));
  a.title = c.at("name").get<std::string>();
  a.place = bag;
  store.anchors.push_back(std::move(a));
  return {};
}

Status ReadKeyEntry(const json& k, const std::string& bag, const std::string& where, Store& store) {
  BM_CHECK(OnlyThese(k, where, {"name", "public-key-format", "public-key"}));
  BM_TRY(std::string format, TextOf(k, "public-key-format", where));
  BM_TRY(std::string data, TextOf(k, "public-key", where));
  if (format == kSshFormat) {
    store.findings.Note("trust.key-malformed", where + ": an SSH key was not read");
    return {};
  }
  if (format != kSpkiFormat) return BadTruststore(where, "an unknown public-key-format");
  auto spki = FromBase64(data);
  if (!spki) return BadTruststore(where, "public-key is no base64");
  auto a = AnchorOfKey(*spki);
  if (!a) {
    store.findings.Error(a.error().code, where + ": " + a.error().message, a.error().fix);
    return {};
  }
  a->title = k.at("name").get<std::string>();
  a->place = bag;
  store.anchors.push_back(std::move(*a));
  return {};
}

// EntryNames are unique inside a bag and say which anchor it is.
std::string EntryName(const TrustAnchor& a, std::set<std::string>& seen) {
  std::string name = a.title.empty() ? ToHex(a.key_id) : a.title;
  if (!seen.insert(name).second) {
    name += fmt::format(" {}", ToHex(KeyDigestOf(a)).substr(0, 16));
    while (!seen.insert(name).second) name += "+";
  }
  return name;
}

}  // namespace

Result<Store> ReadTruststoreJson(ByteView text) {
  if (text.size() > kMaxStore) return Refused("trust.too-large", "a truststore of over 16 MiB");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded()) return BadTruststore("/", "not JSON");
  BM_CHECK(OnlyThese(document, "/", {kRoot}));
  if (document.empty()) return BadTruststore("/", "no ietf-truststore:truststore");
  const json& root = document.begin().value();
  BM_CHECK(OnlyThese(root, "truststore", {"certificate-bags", "public-key-bags"}));
  Store store;
  store.format = Format::kTruststoreJson;
  auto bags = [&](const char* outer, const char* list, const char* entry, auto read) -> Status {
    auto it = root.find(outer);
    if (it == root.end()) return {};
    BM_CHECK(OnlyThese(*it, outer, {list}));
    return ListIn(*it, list, outer, [&](const json& bag, const std::string& where) -> Status {
      BM_CHECK(OnlyThese(bag, where, {"name", "description", entry}));
      const std::string name = bag.at("name").get<std::string>();
      return ListIn(bag, entry, where, [&](const json& one, const std::string& at) -> Status {
        if (store.anchors.size() == kMaxAnchors)
          return Refused("trust.too-large", "more anchors than are read");
        return read(one, name, at, store);
      });
    });
  };
  BM_CHECK(bags("certificate-bags", "certificate-bag", "certificate", ReadCertificateEntry));
  BM_CHECK(bags("public-key-bags", "public-key-bag", "public-key", ReadKeyEntry));
  return store;
}

Result<std::string> WriteTruststoreJson(const std::vector<TrustAnchor>& anchors,
                                        const std::string& bag) {
  json certificates = json::array(), keys = json::array();
  std::set<std::string> certificate_names, key_names;
  for (const TrustAnchor& a : anchors) {
    if (!a.certificate.empty()) {
      const ByteView one[] = {a.certificate};
      certificates.push_back({{"name", EntryName(a, certificate_names)},
                              {"cert-data", ToBase64(enroll::est::CertsOnly(one))}});
    } else if (!a.spki.empty()) {
      keys.push_back({{"name", EntryName(a, key_names)},
                      {"public-key-format", kSpkiFormat},
                      {"public-key", ToBase64(a.spki)}});
    } else {
      return CannotCarry(Format::kTruststoreJson, a, "a bag holds certificates or public keys",
                         a.record.empty() ? "a digest travels as --format pinned"
                                          : "DNSSEC anchors travel as --format dnssec");
    }
  }
  json root = json::object();
  if (!certificates.empty()) {
    root["certificate-bags"]["certificate-bag"] = {
        json{{"name", bag}, {"certificate", std::move(certificates)}}};
  }
  if (!keys.empty()) {
    root["public-key-bags"]["public-key-bag"] = {
        json{{"name", bag}, {"public-key", std::move(keys)}}};
  }
  return json{{kRoot, root}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace birthmark::trust
