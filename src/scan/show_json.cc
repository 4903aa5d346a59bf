// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "scan/show.h"

namespace birthmark::scan {
namespace {

using Json = nlohmann::ordered_json;

Json HexOrNull(const std::optional<Digest>& d) { return d ? Json(ToHex(*d)) : Json(nullptr); }

// Clean makes text that JSON can carry: names of files may be any octets.
std::string Clean(std::string_view s) {
  if (IsUtf8(s)) return std::string(s);
  std::string out;
  for (const char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", u);
    }
  }
  return out;
}

Json FactsJson(const std::vector<Fact>& facts) {
  Json out = Json::array();
  for (const Fact& f : facts) out.push_back({{"code", f.code}, {"text", Clean(f.text)}});
  return out;
}

Json StoreJson(const Store& s) {
  Json members = Json::array();
  for (const Member& m : s.members)
    members.push_back({{"item", m.item}, {"role", ToText(m.role)}, {"place", Clean(m.place)}});
  return {{"where", Clean(s.Where())},
          {"form", s.form},
          {"kind", s.kind ? Json(vocab::ToText(*s.kind)) : Json("unknown")},
          {"verifies", s.verifies},
          {"protection", Clean(s.protection)},
          {"certainty", ToText(s.certainty)},
          {"reason", Clean(s.reason)},
          {"rule", s.rule},
          {"sha256", HexOrNull(s.digest)},
          {"set_digest", HexOrNull(s.set_digest)},
          {"facts", FactsJson(s.facts)},
          {"anchors", std::move(members)}};
}

Json ItemJson(const Item& i) {
  const anchors::AnchorEntry& e = i.entry;
  Json out = {{"form", i.form},
              {"label", Clean(e.label)},
              {"algorithm", e.algorithm},
              {"fingerprint", ToHex(e.fingerprint)}};
  auto time = [](int64_t s) { return FormatTime(TimeFromMillis(s * 1000)); };
  if (e.key_bits) out["key_bits"] = *e.key_bits;
  if (e.spki_digest) out["spki_sha256"] = ToHex(*e.spki_digest);
  if (e.key_id) out["key_id"] = ToHex(*e.key_id);
  if (e.key_tag) out["key_tag"] = *e.key_tag;
  if (e.signature) out["signature"] = *e.signature;
  if (e.self_signed) out["self_signed"] = *e.self_signed;
  if (e.ca) out["ca"] = *e.ca;
  if (e.path_length) out["path_length"] = *e.path_length;
  if (e.uses) out["uses"] = *e.uses;
  if (e.not_before) out["not_before"] = time(*e.not_before);
  if (e.not_after) out["not_after"] = time(*e.not_after);
  out["facts"] = FactsJson(i.facts);
  return out;
}

// Former is what a comparison needs of a report.
struct Former {
  struct Kept {
    std::string kind, protection;
    std::map<std::string, std::string> anchors;  // form, fingerprint and role, to its name
  };
  std::map<std::string, Kept> stores;
};

Former FormerOf(const Json& j) {
  Former out;
  const Json& items = j.at("items");
  for (const Json& s : j.at("stores")) {
    Former::Kept& kept =
        out.stores[s.at("where").get<std::string>() + "\n" + s.at("form").get<std::string>()];
    kept.kind = s.at("kind").get<std::string>();
    kept.protection = s.at("protection").get<std::string>();
    for (const Json& m : s.at("anchors")) {
      const Json& item = items.at(m.at("item").get<size_t>());
      kept.anchors[item.at("form").get<std::string>() + " " +
                   item.at("fingerprint").get<std::string>() + " " +
                   m.at("role").get<std::string>()] =
          fmt::format("{} {} ({})", m.at("role").get<std::string>(),
                      item.at("label").get<std::string>(),
                      item.at("fingerprint").get<std::string>().substr(0, 16));
    }
  }
  return out;
}

Json DocumentOf(const Report& r) {
  Json stores = Json::array(), items = Json::array(), unread = Json::array();
  for (const Store& s : r.stores) stores.push_back(StoreJson(s));
  for (const Item& i : r.items) items.push_back(ItemJson(i));
  for (const Unread& u : r.unread)
    unread.push_back({{"where", Clean(u.where)}, {"code", u.code}, {"reason", Clean(u.reason)}});
  return {{"format", "birthmark-scan"},
          {"version", 1},
          {"tool", "birthmark " BIRTHMARK_VERSION},
          {"target", Clean(r.target)},
          {"what", r.what},
          {"at", FormatTime(r.at)},
          {"image_sha256", HexOrNull(r.image)},
          {"files", r.files},
          {"bytes", r.bytes},
          {"containers", r.containers},
          {"special_files", r.special},
          {"stores", std::move(stores)},
          {"items", std::move(items)},
          {"unread", std::move(unread)},
          {"unread_more", r.unread_more}};
}

}  // namespace

std::string ReportJson(const Report& report) { return DocumentOf(report).dump(2) + "\n"; }

Result<std::vector<Change>> CompareWith(const Report& now, std::string_view former_json) {
  auto refused = [](std::string_view why) {
    return Refused("scan.against", fmt::format("the former scan cannot be read: {}", why),
                   "give what birthmark scan --json wrote");
  };
  Former before, after;
  try {
    const Json j = Json::parse(former_json);
    if (j.at("format") != "birthmark-scan" || j.at("version") != 1)
      return refused("it is no scan of version 1");
    before = FormerOf(j);
    after = FormerOf(DocumentOf(now));
  } catch (const Json::exception& e) {
    return refused(e.what());
  }
  std::vector<Change> out;
  auto where = [](const std::string& key) { return key.substr(0, key.find('\n')); };
  for (const auto& [key, kept] : after.stores) {
    const auto old = before.stores.find(key);
    const Former::Kept none;
    const Former::Kept& had = old == before.stores.end() ? none : old->second;
    for (const auto& [id, name] : kept.anchors) {
      if (!had.anchors.contains(id)) out.push_back({"added", where(key), name});
    }
    for (const auto& [id, name] : had.anchors) {
      if (!kept.anchors.contains(id)) out.push_back({"removed", where(key), name});
    }
    if (old == before.stores.end()) continue;
    if (had.protection != kept.protection) {
      out.push_back(
          {"changed", where(key),
           fmt::format("protection: \"{}\" was \"{}\"", kept.protection, had.protection)});
    }
    if (had.kind != kept.kind)
      out.push_back({"changed", where(key), fmt::format("kind: {} was {}", kept.kind, had.kind)});
  }
  for (const auto& [key, had] : before.stores) {
    if (after.stores.contains(key)) continue;
    for (const auto& [id, name] : had.anchors) out.push_back({"removed", where(key), name});
  }
  return out;
}

std::string ChangesJson(const std::vector<Change>& changes) {
  Json out = Json::array();
  for (const Change& c : changes)
    out.push_back({{"what", c.what}, {"where", c.where}, {"text", c.text}});
  return Json{{"differs", !changes.empty()}, {"changes", std::move(out)}}.dump(2) + "\n";
}

}  // namespace birthmark::scan
