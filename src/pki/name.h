// SPDX-License-Identifier: Apache-2.0
// Distinguished names: an ordered list of attributes, their DER and their text. A name read from a
// certificate keeps its bytes, so that issuer and subject chain byte for byte. Values;
// thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::pki {

// Attribute is one type and value. The type is a short name ("CN", "O", "OU", "C", "L", "ST",
// "serialNumber", "DC", "pseudonym") or, for any other, its dotted OID.
struct Attribute {
  std::string type;
  std::string value;
  bool operator==(const Attribute&) const = default;
};

// Name is an X.501 name.
class Name {
 public:
  Name() : Name({}, Empty()) {}
  // Make encodes attributes in the order given, one a relative name; countryName and serialNumber
  // as PrintableString, domain components as IA5String, all else as UTF8String (RFC 5280
  // section 4.1.2.4). Errors: name.type, name.value (empty, too long for RFC 5280 appendix A, or
  // not in its alphabet).
  static Result<Name> Make(std::vector<Attribute> attributes);
  // Parse reads RFC 4514 text, the last attribute first: "CN=Acme Root R1,OU=Bulbs,O=Acme".
  // Errors: name.syntax and those of Make.
  static Result<Name> Parse(std::string_view text);
  // FromDer reads a Name and keeps its bytes. The attributes of a multi-valued relative name are
  // listed one after another; a value that is no UTF-8, Printable or IA5 string is listed as "#"
  // and its DER in hexadecimal (RFC 4514 section 2.4). Errors: name.malformed.
  static Result<Name> FromDer(ByteView der);

  // With returns this name and one attribute more at its end. Errors: those of Make.
  Result<Name> With(std::string type, std::string value) const;

  const Bytes& der() const { return der_; }
  const std::vector<Attribute>& attributes() const { return attributes_; }
  // Find is the first value of a type.
  std::optional<std::string> Find(std::string_view type) const;
  bool empty() const { return attributes_.empty(); }
  // ToText is RFC 4514 text; control characters of hostile names come as \XX.
  std::string ToText() const;
  bool operator==(const Name& o) const { return der_ == o.der_; }

 private:
  Name(std::vector<Attribute> attributes, Bytes der)
      : attributes_(std::move(attributes)), der_(std::move(der)) {}
  static Bytes Empty() { return {0x30, 0x00}; }

  std::vector<Attribute> attributes_;
  Bytes der_;
};

// CheckSerialAttribute refuses what cannot stand in the serialNumber attribute: 1 to 64 characters
// of PrintableString. Errors: name.value.
Status CheckSerialAttribute(std::string_view serial);

// EncodeRelativeName is the SET of one attribute, for encoders that assemble names themselves.
// Errors: those of Name::Make.
Result<Bytes> EncodeRelativeName(const Attribute& attribute);

}  // namespace birthmark::pki
