// SPDX-License-Identifier: Apache-2.0
#include "pki/name.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/der.h"

namespace birthmark::pki {
namespace {

using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr size_t kMaxAttributes = 64;  // in a name that is read

struct Kind {
  std::string_view type, oid;
  uint8_t tag;
  size_t longest;  // RFC 5280 appendix A.1, upper bounds
};
constexpr Kind kKinds[] = {
    {"CN", "2.5.4.3", der::kUtf8String, 64},
    {"serialNumber", "2.5.4.5", der::kPrintableString, 64},
    {"C", "2.5.4.6", der::kPrintableString, 2},
    {"L", "2.5.4.7", der::kUtf8String, 128},
    {"ST", "2.5.4.8", der::kUtf8String, 128},
    {"O", "2.5.4.10", der::kUtf8String, 64},
    {"OU", "2.5.4.11", der::kUtf8String, 64},
    {"pseudonym", "2.5.4.65", der::kUtf8String, 128},
    {"DC", "0.9.2342.19200300.100.1.25", der::kIa5String, 63},
};
constexpr size_t kLongestOther = 256;

bool IsPrintableString(std::string_view s) {
  return std::ranges::all_of(s, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
  });
}

bool IsAscii(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::unexpected<Error> BadValue(std::string_view type, std::string_view why) {
  return Refused("name.value", fmt::format("{} {}", type, why));
}

size_t Characters(std::string_view utf8) {
  return static_cast<size_t>(
      std::ranges::count_if(utf8, [](char c) { return (c & 0xc0) != 0x80; }));
}

Status CheckValue(std::string_view type, std::string_view value, uint8_t tag, size_t longest) {
  if (value.empty()) return BadValue(type, "is empty");
  if (!IsUtf8(value)) return BadValue(type, "is not UTF-8");
  if (Characters(value) > longest) {
    return BadValue(type, fmt::format("is longer than {} characters", longest));
  }
  if (std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return BadValue(type, "has a control character");
  }
  if (tag == der::kPrintableString && !IsPrintableString(value)) {
    return BadValue(type,
                    "has a character that PrintableString lacks (letters, digits, space and "
                    "'()+,-./:=? are allowed)");
  }
  if (tag == der::kIa5String && !IsAscii(value)) return BadValue(type, "is not ASCII");
  return {};
}

Bytes Wrap(ByteView content) {
  Bytes out;
  DerWriter(out).Element(der::kSequence, content);
  return out;
}

std::string EscapeValue(std::string_view v) {
  std::string out;
  for (size_t i = 0; i < v.size(); ++i) {
    const auto c = static_cast<unsigned char>(v[i]);
    if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\{:02X}", c);
      continue;
    }
    // RFC 4514 section 2.4: these anywhere, a space or number sign at the edges.
    const bool edge = (c == ' ' && (i == 0 || i + 1 == v.size())) || (c == '#' && i == 0);
    if (edge || std::string_view("\"+,;<>\\=").find(v[i]) != std::string_view::npos) out += '\\';
    out += v[i];
  }
  return out;
}

Result<std::string> ReadValue(const DerElement& e) {
  const std::string_view text = AsText(e.content);
  if (e.tag == der::kUtf8String) {
    if (!IsUtf8(text)) return Refused("name.malformed", "a UTF8String that is not UTF-8");
    return std::string(text);
  }
  if (e.tag == der::kPrintableString || e.tag == der::kIa5String) {
    if (std::ranges::any_of(text, [](char c) { return (c & 0x80) != 0; })) {
      return Refused("name.malformed", "an ASCII string with an octet above 127");
    }
    return std::string(text);
  }
  // The other string types that names of RFC 5280 may have: Numeric, Teletex, Universal, BMP.
  constexpr uint8_t kNumeric = 0x12, kTeletex = 0x14, kUniversal = 0x1c, kBmp = 0x1e;
  const size_t n = text.size();
  if (e.tag == kNumeric || e.tag == kTeletex || (e.tag == kUniversal && n % 4 == 0) ||
      (e.tag == kBmp && n % 2 == 0)) {
    return "#" + ToHex(e.whole);
  }
  return Refused("name.malformed", fmt::format("an attribute with tag {:#04x}, no string", e.tag));
}

std::string TypeOf(std::string_view dotted) {
  for (const Kind& k : kKinds) {
    if (k.oid == dotted) return std::string(k.type);
  }
  return std::string(dotted);
}

Result<std::vector<Attribute>> ReadAttributes(ByteView data) {
  std::vector<Attribute> out;
  DerReader outer(data);
  BM_TRY(DerReader rdns, outer.Enter());
  BM_CHECK(outer.End());
  while (!rdns.AtEnd()) {
    BM_TRY(DerReader set, rdns.Enter(der::kSet));
    if (set.AtEnd()) return Refused("name.malformed", "an empty relative name");
    while (!set.AtEnd()) {
      if (out.size() == kMaxAttributes) return Refused("name.malformed", "too many attributes");
      BM_TRY(DerReader pair, set.Enter());
      BM_TRY(std::string type, pair.Oid());
      BM_TRY(DerElement value, pair.Next());
      BM_CHECK(pair.End());
      BM_TRY(std::string text, ReadValue(value));
      out.push_back({TypeOf(type), std::move(text)});
    }
  }
  return out;
}

}  // namespace

Status CheckSerialAttribute(std::string_view serial) {
  return CheckValue("serialNumber", serial, der::kPrintableString, 64);
}

Result<Bytes> EncodeRelativeName(const Attribute& a) {
  const auto* kind = std::ranges::find(kKinds, std::string_view(a.type), &Kind::type);
  const bool known = kind != std::end(kKinds);
  const std::string_view dotted = known ? kind->oid : std::string_view(a.type);
  if (!known && !crypto::OidFromText(dotted)) {
    return Refused("name.type", fmt::format("\"{}\" is no attribute type", a.type),
                   "use CN, O, OU, C, L, ST, DC, serialNumber, pseudonym or a dotted OID");
  }
  const uint8_t tag = known ? kind->tag : der::kUtf8String;
  BM_CHECK(CheckValue(a.type, a.value, tag, known ? kind->longest : kLongestOther));
  Bytes out;
  DerWriter(out).Nest(der::kSet, [&](DerWriter& set) {
    set.Sequence([&](DerWriter& pair) {
      pair.Oid(dotted);
      pair.Text(tag, a.value);
    });
  });
  return out;
}

Result<Name> Name::Make(std::vector<Attribute> attributes) {
  Bytes content;
  for (const Attribute& a : attributes) {
    BM_TRY(Bytes rdn, EncodeRelativeName(a));
    content.insert(content.end(), rdn.begin(), rdn.end());
  }
  return Name(std::move(attributes), Wrap(content));
}

Result<Name> Name::Parse(std::string_view text) {
  auto bad = [](std::string_view why) {
    return Refused("name.syntax", fmt::format("a name that {}", why),
                   "write it as CN=…,O=…, with \\ before , + \" \\ < > ; in a value");
  };
  std::vector<Attribute> reversed;
  size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && text[i] == ' ') ++i;
    const size_t eq = text.find('=', i);
    if (eq == std::string_view::npos || eq == i) return bad("has no TYPE=");
    Attribute a{std::string(text.substr(i, eq - i)), ""};
    for (i = eq + 1; i < text.size() && text[i] != ','; ++i) {
      if (text[i] == '+') return bad("has more than one attribute in a relative name");
      if (text[i] == '\\' && ++i == text.size()) return bad("ends with a backslash");
      a.value += text[i];
    }
    reversed.push_back(std::move(a));
    if (i < text.size() && ++i == text.size()) return bad("ends with a comma");
  }
  std::ranges::reverse(reversed);
  return Make(std::move(reversed));
}

Result<Name> Name::FromDer(ByteView data) {
  auto attributes = ReadAttributes(data);
  if (!attributes) return Refused("name.malformed", attributes.error().message);
  return Name(std::move(*attributes), Bytes(data.begin(), data.end()));
}

Result<Name> Name::With(std::string type, std::string value) const {
  Attribute a{std::move(type), std::move(value)};
  BM_TRY(Bytes rdn, EncodeRelativeName(a));
  BM_TRY(ByteView old, DerReader(der_).Expect(der::kSequence));
  Bytes content(old.begin(), old.end());
  content.insert(content.end(), rdn.begin(), rdn.end());
  std::vector<Attribute> attributes = attributes_;
  attributes.push_back(std::move(a));
  return Name(std::move(attributes), Wrap(content));
}

std::optional<std::string> Name::Find(std::string_view type) const {
  auto it = std::ranges::find(attributes_, type, &Attribute::type);
  if (it == attributes_.end()) return std::nullopt;
  return it->value;
}

std::string Name::ToText() const {
  std::string out;
  for (auto it = attributes_.rbegin(); it != attributes_.rend(); ++it) {
    if (!out.empty()) out += ',';
    out += it->type + '=' + EscapeValue(it->value);
  }
  return out;
}

}  // namespace birthmark::pki
