// SPDX-License-Identifier: Apache-2.0
// DER (X.690): a strict reader that walks definite, shortest-length elements, and a writer. No
// schema, no multi-octet tags: X.509 and its relatives have none. A reader is a view; the data must
// outlive it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace birthmark::crypto {

namespace der {
inline constexpr uint8_t kBoolean = 0x01, kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04,
                         kNull = 0x05, kOid = 0x06, kUtf8String = 0x0c, kPrintableString = 0x13,
                         kIa5String = 0x16, kUtcTime = 0x17, kGeneralizedTime = 0x18,
                         kSequence = 0x30, kSet = 0x31;
// Context is a context-specific tag, 0 to 30: [n] IMPLICIT of a primitive, or constructed ([n]
// EXPLICIT).
constexpr uint8_t Context(int n, bool constructed) {
  return static_cast<uint8_t>(0x80 | (constructed ? 0x20 : 0) | n);
}
}  // namespace der

// DerElement is one tag, its content, and the whole of it with tag and length.
struct DerElement {
  uint8_t tag = 0;
  ByteView content;
  ByteView whole;
};

// DerReader walks the elements of one level.
// Errors of all readers: der.truncated, der.length (indefinite or not shortest), der.tag (not the
// one expected, or multi-octet), der.value (not DER for its type), der.trailing.
class DerReader {
 public:
  explicit DerReader(ByteView data) : rest_(data) {}

  bool AtEnd() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }
  // NextIs tells whether an element with this tag comes next.
  bool NextIs(uint8_t tag) const { return !rest_.empty() && rest_[0] == tag; }

  Result<DerElement> Next();
  // Expect reads an element with this tag and gives its content.
  Result<ByteView> Expect(uint8_t tag);
  // Enter reads a constructed element and gives a reader for its content.
  Result<DerReader> Enter(uint8_t tag = der::kSequence);
  Result<bool> Boolean();
  // Unsigned reads a non-negative INTEGER: big-endian without the sign octet, never empty.
  Result<ByteView> Unsigned();
  // SmallUnsigned reads an INTEGER that fits 63 bits.
  Result<uint64_t> SmallUnsigned();
  // Oid gives dotted text.
  Result<std::string> Oid();
  // BitStringOctets reads a BIT STRING of whole octets.
  Result<ByteView> BitStringOctets();
  // End refuses anything left over.
  Status End() const;

 private:
  ByteView rest_;
};

// CheckDer walks all constructed elements down to `max_depth` and refuses what is not DER in its
// lengths and tags. It takes exactly one element.
Status CheckDer(ByteView data, int max_depth = 24);

// OidToText and OidFromText convert the content of an OBJECT IDENTIFIER to and from dotted
// decimals.
std::optional<std::string> OidToText(ByteView content);
std::optional<Bytes> OidFromText(std::string_view dotted);

// DerWriter appends elements to a buffer.
class DerWriter {
 public:
  explicit DerWriter(Bytes& out) : out_(out) {}
  void Element(uint8_t tag, ByteView content);
  // Nest writes an element whose content `fill` writes.
  void Nest(uint8_t tag, const std::function<void(DerWriter&)>& fill);
  void Sequence(const std::function<void(DerWriter&)>& fill) { Nest(der::kSequence, fill); }
  void Boolean(bool b);
  // Unsigned writes a big-endian number as a non-negative INTEGER in its shortest form.
  void Unsigned(ByteView big_endian);
  void Unsigned(uint64_t n);
  // Oid takes dotted decimals of ours; a malformed one aborts.
  void Oid(std::string_view dotted);
  void OctetString(ByteView b) { Element(der::kOctetString, b); }
  // BitString writes whole octets, or fewer bits of the last one.
  void BitString(ByteView b, int unused_bits = 0);
  void Utf8(std::string_view s) { Element(der::kUtf8String, AsBytes(s)); }
  void Text(uint8_t tag, std::string_view s) { Element(tag, AsBytes(s)); }
  void Null() { Element(der::kNull, {}); }
  // Validity writes UTCTime through 2049 and GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5).
  void Validity(Time t);
  void Raw(ByteView b) { out_.insert(out_.end(), b.begin(), b.end()); }

 private:
  Bytes& out_;
};

}  // namespace birthmark::crypto
