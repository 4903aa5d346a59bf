// SPDX-License-Identifier: Apache-2.0
#include "trust/p11kit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "crypto/der.h"
#include "crypto/pem.h"
#include "trust/bundle.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kHead = "[p11-kit-object-v1]";
constexpr std::string_view kUsageOid = "2.5.29.37";
constexpr std::string_view kNameConstraintsOid = "2.5.29.30";
// p11-kit trust/oid.h: what OpenSSL's TRUSTED CERTIFICATE refuses, as an extension.
constexpr std::string_view kRefusedOid = "1.3.6.1.4.1.3319.6.10.1";

std::unexpected<Error> BadP11Kit(size_t line, std::string_view why) {
  return Refused("trust.p11-kit-malformed", fmt::format("line {}: {}", line, why),
                 "see p11-kit's trust-module documentation for the persistence format");
}

// P11Object is one object: its attributes by name, quotes and escapes undone, and its PEM blocks.
struct P11Object {
  size_t line = 0;
  std::map<std::string, std::string, std::less<>> attributes;
  std::vector<crypto::PemBlock> blocks;
  std::string Get(std::string_view name) const {
    auto it = attributes.find(name);
    return it == attributes.end() ? "" : it->second;
  }
  const Bytes* Block(std::string_view label) const {
    for (const crypto::PemBlock& b : blocks) {
      if (b.label == label) return &b.der;
    }
    return nullptr;
  }
};

// Unescape undoes %XX inside quotes.
std::optional<std::string> Unescape(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out += s[i];
      continue;
    }
    auto octet = i + 2 < s.size() ? FromHex(s.substr(i + 1, 2)) : std::optional<Bytes>();
    if (!octet) return std::nullopt;
    out += static_cast<char>(octet->front());
    i += 2;
  }
  return out;
}

std::string Escape(ByteView b) {
  std::string out;
  for (uint8_t c : b) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == ' ' || c == '-' || c == '.' || c == '_';
    out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02x}", c);
  }
  return out;
}

std::string_view Trim(std::string_view s) {
  const size_t from = s.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t\r") - from + 1);
}

Status ReadAttribute(std::string_view row, size_t line, P11Object& object) {
  const size_t colon = row.find(':');
  if (colon == std::string_view::npos) return BadP11Kit(line, "neither an attribute nor a block");
  const std::string_view name = Trim(row.substr(0, colon));
  std::string_view value = Trim(row.substr(colon + 1));
  if (name.empty() || name.size() > 64) return BadP11Kit(line, "an attribute without a name");
  std::optional<std::string> text = std::string(value);
  if (value.starts_with('"')) {
    if (value.size() < 2 || !value.ends_with('"')) return BadP11Kit(line, "a quote never closes");
    text = Unescape(value.substr(1, value.size() - 2));
    if (!text) return BadP11Kit(line, "a % without two hexadecimal digits");
  }
  if (!object.attributes.emplace(name, std::move(*text)).second)
    return BadP11Kit(line, fmt::format("attribute {} stands twice", name));
  return {};
}

Result<std::vector<P11Object>> SplitObjects(std::string_view text) {
  std::vector<P11Object> out;
  size_t line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row = Trim(text.substr(0, end));
    const std::string_view from_here = text;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.empty() || row.starts_with('#')) continue;
    if (row == kHead) {
      if (out.size() == kMaxAnchors) return BadP11Kit(line, "more objects than are read");
      out.emplace_back().line = line;
      continue;
    }
    if (out.empty()) return BadP11Kit(line, "the file does not begin with [p11-kit-object-v1]");
    if (!row.starts_with("-----BEGIN ")) {
      BM_CHECK(ReadAttribute(row, line, out.back()));
      continue;
    }
    const size_t stop = from_here.find("\n-----END ");
    if (stop == std::string_view::npos) return BadP11Kit(line, "a PEM block never ends");
    const size_t after = std::min(from_here.find('\n', stop + 1), from_here.size());
    auto blocks = crypto::ReadPem(from_here.substr(0, after), 1);
    if (!blocks) return BadP11Kit(line, "a PEM block is malformed");
    out.back().blocks.push_back(std::move(blocks->front()));
    const std::string_view block = from_here.substr(0, after);
    line += static_cast<size_t>(std::ranges::count(block, '\n'));
    text = from_here.substr(std::min(after + 1, from_here.size()));
  }
  return out;
}

// ReadOids reads a SEQUENCE OF OBJECT IDENTIFIER.
Result<std::vector<std::string>> ReadOids(ByteView data) {
  DerReader file(data);
  BM_TRY(DerReader list, file.Enter());
  BM_CHECK(file.End());
  std::vector<std::string> out;
  while (!list.AtEnd()) {
    BM_TRY(std::string oid, list.Oid());
    out.push_back(std::move(oid));
  }
  return out;
}

// Attach gives the anchors with the same key what an attached extension says.
Status Attach(const P11Object& object, std::vector<TrustAnchor>& anchors) {
  const Bytes* key = object.Block("PUBLIC KEY");
  const std::string value = object.Get("value");
  DerReader file{AsBytes(value)};
  BM_TRY(DerReader extension, file.Enter());
  BM_CHECK(file.End());
  BM_TRY(std::string oid, extension.Oid());
  if (extension.NextIs(der::kBoolean)) BM_CHECK(extension.Boolean());
  BM_TRY(ByteView content, extension.Expect(der::kOctetString));
  for (TrustAnchor& a : anchors) {
    if (key == nullptr || a.spki != *key) continue;
    if (oid == kUsageOid) {
      BM_TRY(a.purposes, ReadOids(content));
    } else if (oid == kRefusedOid) {
      BM_TRY(a.refused, ReadOids(content));
    } else if (oid == kNameConstraintsOid) {
      a.name_constraints.assign(content.begin(), content.end());
    }
  }
  return {};
}

void ReadCertificateObject(const P11Object& o, Store& store) {
  const std::string where = fmt::format("line {}", o.line);
  const std::string value = o.Get("value");
  Result<TrustAnchor> a = Refused("trust.certificate-malformed", "the object has no certificate");
  if (const Bytes* der = o.Block("CERTIFICATE")) {
    a = AnchorOfCertificate(*der);
  } else if (const Bytes* trusted = o.Block("TRUSTED CERTIFICATE")) {
    a = ReadTrustedCertificate(*trusted);
  } else if (!value.empty()) {
    a = AnchorOfCertificate(AsBytes(value));
  }
  const bool rejected = o.Get("x-distrusted") == "true";
  if (!a && rejected && !o.Get("serial-number").empty()) {
    store.findings.Note("trust.p11-kit-object",
                        where + ": a certificate is refused by issuer and serial number alone");
    return;
  }
  if (!a) {
    store.findings.Error(a.error().code, where + ": " + a.error().message, a.error().fix);
    return;
  }
  if (o.Get("trusted") != "true" && !rejected) {
    store.findings.Note("trust.p11-kit-object",
                        where + ": a certificate that is neither trusted nor refused");
    return;
  }
  a->rejected = rejected;
  const std::string label = o.Get("label");
  if (!label.empty() && label.size() <= 256 && IsUtf8(label)) a->title = label;
  a->place = where;
  store.anchors.push_back(std::move(*a));
}

void WriteExtension(std::string& out, const TrustAnchor& a, std::string_view oid, ByteView value) {
  Bytes extension;
  DerWriter(extension).Sequence([&](DerWriter& e) {
    e.Oid(oid);
    e.OctetString(value);
  });
  out += fmt::format(
      "\n{}\nclass: x-certificate-extension\nlabel: \"{}\"\nobject-id: {}\nvalue: \"{}\"\n{}",
      kHead, Escape(AsBytes(a.title)), oid, Escape(extension),
      crypto::WritePem("PUBLIC KEY", a.spki));
}

Bytes WriteOids(const std::vector<std::string>& oids) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& list) {
    for (const std::string& oid : oids) list.Oid(oid);
  });
  return out;
}

}  // namespace

bool LooksLikeP11Kit(ByteView text) {
  const std::string_view s = AsText(text.first(std::min<size_t>(text.size(), 4096)));
  const size_t at = s.find(kHead);
  return at == 0 || (at != std::string_view::npos && s[at - 1] == '\n');
}

Result<Store> ReadP11Kit(ByteView text) {
  if (text.size() > kMaxStore) return Refused("trust.too-large", "a file of over 16 MiB");
  BM_TRY(std::vector<P11Object> objects, SplitObjects(AsText(text)));
  Store store;
  store.format = Format::kP11Kit;
  for (const P11Object& o : objects) {
    const std::string kind = o.Get("class");
    const bool certificate =
        kind == "certificate" ||
        (kind.empty() && (o.Block("CERTIFICATE") || o.Block("TRUSTED CERTIFICATE")));
    if (certificate) {
      ReadCertificateObject(o, store);
    } else if (kind != "x-certificate-extension") {
      store.findings.Note("trust.p11-kit-object",
                          fmt::format("line {}: an object that is no certificate", o.line));
    }
  }
  for (const P11Object& o : objects) {
    if (o.Get("class") != "x-certificate-extension") continue;
    if (Status s = Attach(o, store.anchors); !s) {
      store.findings.Error(
          "trust.p11-kit-malformed",
          fmt::format("line {}: an attached extension is malformed: {}", o.line, s.error().message),
          "take the file from its publisher again");
    }
  }
  return store;
}

Result<std::string> WriteP11Kit(const std::vector<TrustAnchor>& anchors) {
  std::string out = "# Read by p11-kit's trust module; see trust(1).\n";
  for (const TrustAnchor& a : anchors) {
    if (a.certificate.empty()) {
      return CannotCarry(Format::kP11Kit, a, "p11-kit's trust is about certificates",
                         "a bare key travels as --format pem or rfc5914");
    }
    out += fmt::format("\n{}\nclass: certificate\ncertificate-type: x-509\nlabel: \"{}\"\n{}\n{}",
                       kHead, Escape(AsBytes(a.title)),
                       a.rejected ? "x-distrusted: true" : "trusted: true",
                       crypto::WritePem("CERTIFICATE", a.certificate));
    if (!a.purposes.empty()) WriteExtension(out, a, kUsageOid, WriteOids(a.purposes));
    if (!a.refused.empty()) WriteExtension(out, a, kRefusedOid, WriteOids(a.refused));
    if (!a.name_constraints.empty())
      WriteExtension(out, a, kNameConstraintsOid, a.name_constraints);
  }
  return out;
}

}  // namespace birthmark::trust
