// SPDX-License-Identifier: Apache-2.0
// root-anchors.xml through libexpat; the only file that knows it. See dnssec.h.
#include <expat.h>
#include <fmt/format.h>

#include <charconv>
#include <map>
#include <memory>
#include <utility>

#include "anchors/dnssec_facts.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxDigests = 256;
constexpr size_t kMaxText = 4096;

std::unexpected<Error> NotXml(std::string what) {
  return Refused("anchors.dnssec-malformed", "root-anchors.xml: " + std::move(what),
                 "fetch the file from its publisher again");
}

struct KeyDigest {
  std::map<std::string, std::string> attributes;
  std::map<std::string, std::string> children;
};

// Reader holds what the handlers have seen. The first thing that is not of RFC 9718's schema stops
// it.
struct Reader {
  XML_Parser parser = nullptr;
  std::vector<std::string> path;
  std::string text;
  std::string zone;
  std::vector<KeyDigest> digests;
  std::string wrong;

  void Stop(std::string what) {
    if (wrong.empty()) wrong = std::move(what);
    XML_StopParser(parser, XML_FALSE);
  }
};

bool IsChild(std::string_view name) {
  return name == "KeyTag" || name == "Algorithm" || name == "DigestType" || name == "Digest" ||
         name == "PublicKey" || name == "Flags";
}

void OnStart(void* data, const char* name_c, const char** attributes) {
  auto& r = *static_cast<Reader*>(data);
  const std::string name = name_c;
  const bool known = (r.path.empty() && name == "TrustAnchor") ||
                     (r.path.size() == 1 && (name == "Zone" || name == "KeyDigest")) ||
                     (r.path.size() == 2 && r.path[1] == "KeyDigest" && IsChild(name));
  if (!known) return r.Stop(fmt::format("element \"{}\" does not belong here", name.substr(0, 64)));
  if (name == "KeyDigest") {
    if (r.digests.size() == kMaxDigests) return r.Stop("more than 256 KeyDigest elements");
    r.digests.emplace_back();
    for (size_t i = 0; attributes[i] != nullptr; i += 2) {
      r.digests.back().attributes.emplace(attributes[i], attributes[i + 1]);
    }
  }
  r.path.push_back(name);
  r.text.clear();
}

void OnEnd(void* data, const char*) {
  auto& r = *static_cast<Reader*>(data);
  // expat ends an empty element even after its start has stopped the parser.
  if (!r.wrong.empty()) return;
  const std::string name = r.path.back();
  r.path.pop_back();
  if (name == "Zone") {
    if (!r.zone.empty()) return r.Stop("two Zone elements");
    r.zone = r.text;
  } else if (IsChild(name) && !r.digests.back().children.emplace(name, r.text).second) {
    return r.Stop(fmt::format("{} twice in a KeyDigest", name));
  }
  r.text.clear();
}

void OnText(void* data, const char* s, int n) {
  auto& r = *static_cast<Reader*>(data);
  if (r.text.size() + static_cast<size_t>(n) > kMaxText)
    return r.Stop("an element's text is too long");
  r.text.append(s, static_cast<size_t>(n));
}

void OnDoctype(void* data, const char*, const char*, const char*, int) {
  static_cast<Reader*>(data)->Stop("a DOCTYPE is not allowed");
}

std::string Trim(const std::string& s) {
  const size_t a = s.find_first_not_of(" \t\r\n");
  return a == std::string::npos ? "" : s.substr(a, s.find_last_not_of(" \t\r\n") - a + 1);
}

template <class N>
bool Number(const KeyDigest& d, const std::string& name, N& n) {
  const auto it = d.children.find(name);
  if (it == d.children.end()) return false;
  const std::string s = Trim(it->second);
  const auto [end, err] = std::from_chars(s.data(), s.data() + s.size(), n);
  return err == std::errc() && end == s.data() + s.size();
}

// Moment reads an xsd:dateTime in UTC, the only zone IANA writes ("+00:00").
std::optional<int64_t> Moment(std::string s) {
  constexpr std::string_view kUtc = "+00:00";
  if (s.ends_with(kUtc)) s.replace(s.size() - kUtc.size(), kUtc.size(), "Z");
  const auto t = ParseTime(s);
  return t ? std::optional(Millis(*t) / 1000) : std::nullopt;
}

Result<AnchorEntry> EntryOf(const KeyDigest& d, std::vector<FactNote>& notes) {
  Ds ds;
  if (!Number(d, "KeyTag", ds.tag) || !Number(d, "Algorithm", ds.algorithm) ||
      !Number(d, "DigestType", ds.digest_type) || !d.children.contains("Digest")) {
    return NotXml("a KeyDigest needs KeyTag, Algorithm, DigestType and Digest");
  }
  const auto digest = FromHex(Trim(d.children.at("Digest")));
  if (!digest) return NotXml("a Digest is not hexadecimal");
  ds.digest = *digest;
  BM_TRY(AnchorEntry e, anchors::EntryOf(ds));
  const auto from = d.attributes.find("validFrom");
  if (from == d.attributes.end()) return NotXml("a KeyDigest has no validFrom");
  e.not_before = Moment(from->second);
  if (!e.not_before) return NotXml("validFrom is not a time in UTC");
  if (const auto until = d.attributes.find("validUntil"); until != d.attributes.end()) {
    e.not_after = Moment(until->second);
    if (!e.not_after) return NotXml("validUntil is not a time in UTC");
  }
  // RFC 9718 section 2.1: PublicKey and Flags come together, and the digest is that of this key.
  if (d.children.contains("PublicKey") != d.children.contains("Flags")) {
    return NotXml("PublicKey and Flags come together");
  }
  if (!d.children.contains("PublicKey")) return e;
  Dnskey key;
  key.algorithm = ds.algorithm;
  const auto octets = FromBase64(d.children.at("PublicKey"));
  if (!octets || !Number(d, "Flags", key.flags)) return NotXml("PublicKey or Flags is malformed");
  key.key = *octets;
  BM_TRY(AnchorEntry of_key, anchors::EntryOf(key));
  e.key_bits = of_key.key_bits;
  e.algorithm = of_key.algorithm;
  e.uses = of_key.uses;
  if (of_key.key_tag != e.key_tag || key.DsDigest(ds.digest_type) != ds.digest) {
    notes.push_back({"anchors.ds-mismatch",
                     fmt::format("the PublicKey of key tag {} does not have its Digest", ds.tag)});
  }
  return e;
}

}  // namespace

Result<AnchorFacts> ReadRootAnchorsXml(std::string_view xml) {
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate("UTF-8"), &XML_ParserFree);
  if (!parser) return Environment("anchors.memory", "no memory for the XML reader");
  Reader r;
  r.parser = parser.get();
  XML_SetUserData(parser.get(), &r);
  XML_SetElementHandler(parser.get(), OnStart, OnEnd);
  XML_SetCharacterDataHandler(parser.get(), OnText);
  XML_SetStartDoctypeDeclHandler(parser.get(), OnDoctype);
  const auto status = XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1);
  if (!r.wrong.empty()) return NotXml(r.wrong);
  if (status != XML_STATUS_OK) {
    return NotXml(fmt::format("line {}: {}", XML_GetCurrentLineNumber(parser.get()),
                              XML_ErrorString(XML_GetErrorCode(parser.get()))));
  }
  if (Trim(r.zone) != ".") return NotXml("the Zone is not the root \".\"");
  if (r.digests.empty()) return NotXml("there is no KeyDigest");
  AnchorFacts facts;
  facts.kind = FileKind::kDnssecAnchors;
  for (const KeyDigest& d : r.digests) {
    BM_TRY(AnchorEntry e, EntryOf(d, facts.notes));
    facts.entries.push_back(std::move(e));
  }
  NoteContradictions(facts);
  return facts;
}

}  // namespace birthmark::anchors
