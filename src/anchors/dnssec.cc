// SPDX-License-Identifier: Apache-2.0
#include "anchors/dnssec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "anchors/dnssec_facts.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxRecords = 256;

std::unexpected<Error> Malformed(size_t line, std::string_view what) {
  return Refused("anchors.dnssec-malformed", fmt::format("line {}: {}", line, what),
                 "give the root's DNSKEY or DS records, as /usr/share/dns/root.key has them");
}

struct Record {
  size_t line = 0;
  std::vector<std::string_view> fields;
};

// Split cuts a zone file into records: ';' opens a comment, parentheses join lines.
// Source: RFC 1035 section 5.1, without quoting, $ directives and omitted owners, which the root's
// anchors never need.
Result<std::vector<Record>> Split(std::string_view text) {
  std::vector<Record> out;
  Record current;
  bool joined = false;
  size_t line = 0;
  while (!text.empty()) {
    ++line;
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    row = row.substr(0, row.find(';'));
    size_t i = 0;
    while (i < row.size()) {
      const char c = row[i];
      if (c == ' ' || c == '\t' || c == '\r') {
        ++i;
      } else if (c == '(' || c == ')') {
        if (joined == (c == '(')) return Malformed(line, "parentheses do not pair");
        joined = c == '(';
        ++i;
      } else {
        const size_t start = i;
        i = std::min(row.find_first_of(" \t\r()", i), row.size());
        if (current.fields.empty()) current.line = line;
        current.fields.push_back(row.substr(start, i - start));
      }
    }
    if (joined || current.fields.empty()) continue;
    if (out.size() == kMaxRecords) return Malformed(line, "more than 256 records");
    out.push_back(std::move(current));
    current = {};
  }
  if (joined) return Malformed(line, "a parenthesis is never closed");
  return out;
}

template <class N>
bool Number(std::string_view s, N& n) {
  const auto [end, err] = std::from_chars(s.data(), s.data() + s.size(), n);
  return err == std::errc() && end == s.data() + s.size();
}

std::string Join(const std::vector<std::string_view>& parts, size_t from) {
  std::string s;
  for (size_t i = from; i < parts.size(); ++i) s += parts[i];
  return s;
}

// AddRecord reads "owner [TTL] [class] type rdata…".
Status AddRecord(const Record& r, AnchorFacts& facts) {
  const auto& f = r.fields;
  if (f[0] != ".") {
    return Malformed(r.line,
                     fmt::format("the owner is \"{}\", not the root \".\"", f[0].substr(0, 64)));
  }
  size_t i = 1;
  uint32_t ttl = 0;
  for (int optional = 0; optional < 2 && i < f.size(); ++optional) {
    if (f[i] == "IN" || Number(f[i], ttl)) ++i;
  }
  if (i >= f.size()) return Malformed(r.line, "no record type");
  const std::string_view type = f[i++];
  if (type == "DNSKEY") {
    Dnskey key;
    int protocol = 0;
    if (f.size() < i + 4 || !Number(f[i], key.flags) || !Number(f[i + 1], protocol) ||
        !Number(f[i + 2], key.algorithm)) {
      return Malformed(r.line, "a DNSKEY is: flags protocol algorithm key");
    }
    // RFC 4034 section 2.1.2: the protocol is always 3.
    if (protocol != 3) return Malformed(r.line, "a DNSKEY's protocol is 3");
    auto octets = FromBase64(Join(f, i + 3));
    if (!octets) return Malformed(r.line, "the DNSKEY's key is not base64");
    key.key = std::move(*octets);
    BM_TRY(AnchorEntry entry, EntryOf(key));
    facts.entries.push_back(std::move(entry));
    return {};
  }
  if (type == "DS") {
    Ds ds;
    if (f.size() < i + 4 || !Number(f[i], ds.tag) || !Number(f[i + 1], ds.algorithm) ||
        !Number(f[i + 2], ds.digest_type)) {
      return Malformed(r.line, "a DS is: key-tag algorithm digest-type digest");
    }
    auto octets = FromHex(Join(f, i + 3));
    if (!octets) return Malformed(r.line, "the DS's digest is not hexadecimal");
    ds.digest = std::move(*octets);
    BM_TRY(AnchorEntry entry, EntryOf(ds));
    facts.entries.push_back(std::move(entry));
    return {};
  }
  return Malformed(r.line, fmt::format("record type \"{}\" is no anchor", type.substr(0, 16)));
}

}  // namespace

Bytes Dnskey::Rdata() const {
  Bytes out{static_cast<uint8_t>(flags >> 8), static_cast<uint8_t>(flags), 3, algorithm};
  out.insert(out.end(), key.begin(), key.end());
  return out;
}

uint16_t Dnskey::KeyTag() const {
  uint32_t sum = 0;
  const Bytes rdata = Rdata();
  for (size_t i = 0; i < rdata.size(); ++i) sum += (i & 1) ? rdata[i] : uint32_t{rdata[i]} << 8;
  sum += (sum >> 16) & 0xffff;
  return static_cast<uint16_t>(sum);
}

Bytes Dnskey::DsDigest(uint8_t digest_type) const {
  Bytes input{0};  // the root's name in wire form
  const Bytes rdata = Rdata();
  input.insert(input.end(), rdata.begin(), rdata.end());
  return DigestOfType(digest_type, input);
}

DnsAlgorithm DnsAlgorithmOf(uint8_t number) {
  switch (number) {
    case 5:
    case 7:
      return {"rsa", "rsa-pkcs1-sha1"};
    case 8:
      return {"rsa", "rsa-pkcs1-sha256"};
    case 10:
      return {"rsa", "rsa-pkcs1-sha512"};
    case 13:
      return {"ecdsa-p256", "ecdsa-sha256"};
    case 14:
      return {"ecdsa-p384", "ecdsa-sha384"};
    case 15:
      return {"ed25519", "ed25519"};
    case 16:
      return {"ed448", "ed448"};
    default:
      return {};
  }
}

Result<AnchorFacts> ReadDnsRecords(std::string_view text) {
  BM_TRY(std::vector<Record> records, Split(text));
  AnchorFacts facts;
  facts.kind = FileKind::kDnssecAnchors;
  for (const Record& r : records) {
    if (Status s = AddRecord(r, facts); !s) {
      return std::unexpected(std::move(s).error().Context(fmt::format("line {}", r.line)));
    }
  }
  if (facts.entries.empty()) return Malformed(1, "no DNSKEY and no DS record");
  NoteContradictions(facts);
  return facts;
}

std::vector<const RootKey*> RootKeysIn(const AnchorFacts& facts) {
  std::vector<const RootKey*> out;
  for (const RootKey& known : RootKeys()) {
    const Bytes digest = FromHex(known.sha256).value_or(Bytes{});
    if (std::ranges::any_of(facts.entries, [&](const AnchorEntry& e) {
          return (e.form == EntryForm::kDnskey || e.form == EntryForm::kDs) &&
                 e.fingerprint == digest;
        })) {
      out.push_back(&known);
    }
  }
  return out;
}

RootFreshness FreshnessAt(const AnchorFacts& facts, Time at) {
  const auto held = RootKeysIn(facts);
  if (held.empty()) return RootFreshness::kUnknownKey;
  bool ended = false;
  for (const RootKey* key : held) {
    if (key->signs_from <= at && (!key->signs_until || at < *key->signs_until)) {
      return RootFreshness::kCurrent;
    }
    ended |= key->signs_until && at >= *key->signs_until;
  }
  return ended ? RootFreshness::kStale : RootFreshness::kNotYet;
}

}  // namespace birthmark::anchors
