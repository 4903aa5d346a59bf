// SPDX-License-Identifier: Apache-2.0
#include "crypto/der.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

namespace birthmark::crypto {
namespace {

std::unexpected<Error> Bad(const char* code, std::string message) {
  return Refused(fmt::format("der.{}", code), std::move(message));
}

Status CheckLevel(ByteView data, int depth) {
  if (depth < 0) return Bad("depth", "elements are nested too deeply");
  DerReader r(data);
  while (!r.AtEnd()) {
    BM_TRY(DerElement e, r.Next());
    if ((e.tag & 0x20) != 0) BM_CHECK(CheckLevel(e.content, depth - 1));
  }
  return {};
}

void AppendBase128(Bytes& out, uint64_t v) {
  int groups = 1;
  while (groups < 10 && v >> (7 * groups) != 0) ++groups;
  for (int i = groups - 1; i >= 0; --i) {
    out.push_back(static_cast<uint8_t>((v >> (7 * i) & 0x7f) | (i > 0 ? 0x80 : 0)));
  }
}

}  // namespace

Result<DerElement> DerReader::Next() {
  if (rest_.size() < 2) return Bad("truncated", "an element's head is missing");
  uint8_t tag = rest_[0];
  if ((tag & 0x1f) == 0x1f) return Bad("tag", "a tag of several octets");
  if (tag == 0) return Bad("tag", "tag 0 is reserved");
  size_t head = 2, length = rest_[1];
  if (length >= 0x80) {
    size_t n = length & 0x7f;
    // X.690 section 10.1: definite form, fewest octets. Four octets are more than we ever hold.
    if (n == 0 || n > 4) return Bad("length", "an indefinite or oversized length");
    if (rest_.size() < 2 + n) return Bad("truncated", "an element's length is cut short");
    length = 0;
    for (size_t i = 0; i < n; ++i) length = length << 8 | rest_[2 + i];
    if (length < 0x80 || (n > 1 && length >> (8 * (n - 1)) == 0)) {
      return Bad("length", "a length not in its shortest form");
    }
    head += n;
  }
  if (length > rest_.size() - head) return Bad("truncated", "an element is longer than its holder");
  DerElement e{tag, rest_.subspan(head, length), rest_.first(head + length)};
  rest_ = rest_.subspan(head + length);
  return e;
}

Result<ByteView> DerReader::Expect(uint8_t tag) {
  if (!NextIs(tag)) {
    return Bad("tag", rest_.empty()
                          ? fmt::format("tag {:#04x} is missing", tag)
                          : fmt::format("tag {:#04x} where {:#04x} is due", rest_[0], tag));
  }
  BM_TRY(DerElement e, Next());
  return e.content;
}

Result<DerReader> DerReader::Enter(uint8_t tag) {
  BM_TRY(ByteView content, Expect(tag));
  return DerReader(content);
}

Result<bool> DerReader::Boolean() {
  BM_TRY(ByteView c, Expect(der::kBoolean));
  // X.690 section 11.1: TRUE is FF.
  if (c.size() != 1 || (c[0] != 0 && c[0] != 0xff))
    return Bad("value", "a BOOLEAN is not 00 or FF");
  return c[0] != 0;
}

Result<ByteView> DerReader::Unsigned() {
  BM_TRY(ByteView c, Expect(der::kInteger));
  if (c.empty()) return Bad("value", "an empty INTEGER");
  if ((c[0] & 0x80) != 0) return Bad("value", "a negative INTEGER");
  if (c.size() > 1 && c[0] == 0) {
    if ((c[1] & 0x80) == 0) return Bad("value", "an INTEGER not in its shortest form");
    return c.subspan(1);
  }
  return c;
}

Result<uint64_t> DerReader::SmallUnsigned() {
  BM_TRY(ByteView c, Unsigned());
  uint64_t v = 0;
  if (c.size() > 8 || (c.size() == 8 && (c[0] & 0x80) != 0))
    return Bad("value", "an INTEGER out of range");
  for (uint8_t b : c) v = v << 8 | b;
  return v;
}

Result<std::string> DerReader::Oid() {
  BM_TRY(ByteView c, Expect(der::kOid));
  auto text = OidToText(c);
  if (!text) return Bad("value", "a malformed OBJECT IDENTIFIER");
  return std::move(*text);
}

Result<ByteView> DerReader::BitStringOctets() {
  BM_TRY(ByteView c, Expect(der::kBitString));
  if (c.empty() || c[0] != 0) return Bad("value", "a BIT STRING that is not whole octets");
  return c.subspan(1);
}

Status DerReader::End() const {
  if (!rest_.empty()) return Bad("trailing", fmt::format("{} octets too many", rest_.size()));
  return {};
}

Status CheckDer(ByteView data, int max_depth) {
  DerReader r(data);
  BM_TRY(DerElement e, r.Next());
  BM_CHECK(r.End());
  if ((e.tag & 0x20) != 0) return CheckLevel(e.content, max_depth - 1);
  return {};
}

std::optional<std::string> OidToText(ByteView content) {
  std::string out;
  uint64_t v = 0;
  bool inside = false;
  if (content.empty()) return std::nullopt;
  for (uint8_t b : content) {
    if (!inside && b == 0x80) return std::nullopt;  // not the shortest form
    if (v >> 56 != 0) return std::nullopt;
    v = v << 7 | (b & 0x7f);
    inside = (b & 0x80) != 0;
    if (inside) continue;
    if (out.empty()) {
      uint64_t first = v < 40 ? 0 : v < 80 ? 1 : 2;
      out = fmt::format("{}.{}", first, v - 40 * first);
    } else {
      out += fmt::format(".{}", v);
    }
    v = 0;
  }
  if (inside) return std::nullopt;
  return out;
}

std::optional<Bytes> OidFromText(std::string_view dotted) {
  std::vector<uint64_t> arcs;
  const char* p = dotted.data();
  const char* end = p + dotted.size();
  while (true) {
    uint64_t v = 0;
    auto [next, ec] = std::from_chars(p, end, v);
    if (ec != std::errc() || v >> 56 != 0 || (*p == '0' && next - p > 1)) return std::nullopt;
    arcs.push_back(v);
    p = next;
    if (p == end) break;
    if (*p++ != '.') return std::nullopt;
  }
  if (arcs.size() < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39)) return std::nullopt;
  Bytes out;
  AppendBase128(out, arcs[0] * 40 + arcs[1]);
  for (size_t i = 2; i < arcs.size(); ++i) AppendBase128(out, arcs[i]);
  return out;
}

void DerWriter::Element(uint8_t tag, ByteView content) {
  out_.push_back(tag);
  size_t n = content.size();
  if (n < 0x80) {
    out_.push_back(static_cast<uint8_t>(n));
  } else {
    int octets = n <= 0xff ? 1 : n <= 0xffff ? 2 : n <= 0xffffff ? 3 : 4;
    out_.push_back(static_cast<uint8_t>(0x80 | octets));
    for (int i = octets - 1; i >= 0; --i) out_.push_back(static_cast<uint8_t>(n >> (8 * i)));
  }
  Raw(content);
}

void DerWriter::Nest(uint8_t tag, const std::function<void(DerWriter&)>& fill) {
  Bytes content;
  DerWriter inner(content);
  fill(inner);
  Element(tag, content);
}

void DerWriter::Boolean(bool b) {
  uint8_t v = b ? 0xff : 0;
  Element(der::kBoolean, {&v, 1});
}

void DerWriter::Unsigned(ByteView big_endian) {
  while (big_endian.size() > 1 && big_endian[0] == 0) big_endian = big_endian.subspan(1);
  Bytes content;
  if (big_endian.empty() || (big_endian[0] & 0x80) != 0) content.push_back(0);
  content.insert(content.end(), big_endian.begin(), big_endian.end());
  Element(der::kInteger, content);
}

void DerWriter::Unsigned(uint64_t n) {
  uint8_t b[8];
  for (int i = 0; i < 8; ++i) b[i] = static_cast<uint8_t>(n >> (8 * (7 - i)));
  Unsigned(ByteView(b));
}

void DerWriter::Oid(std::string_view dotted) {
  auto content = OidFromText(dotted);
  if (!content) std::abort();
  Element(der::kOid, *content);
}

void DerWriter::BitString(ByteView b, int unused_bits) {
  Bytes content{static_cast<uint8_t>(unused_bits)};
  content.insert(content.end(), b.begin(), b.end());
  Element(der::kBitString, content);
}

void DerWriter::Validity(Time t) {
  // 2026-11-21T10:00:00.000Z without its punctuation and fraction.
  std::string digits;
  for (char c : FormatTime(t).substr(0, 19)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (digits < "2050" && digits >= "1950") {
    Text(der::kUtcTime, digits.substr(2) + "Z");
  } else {
    Text(der::kGeneralizedTime, digits + "Z");
  }
}

}  // namespace birthmark::crypto
