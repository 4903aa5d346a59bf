// SPDX-License-Identifier: Apache-2.0
#include "audit/document.h"

#include <algorithm>

#include "audit/facts.h"
#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::audit {
namespace {

using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr std::string_view kSerialNumber = "2.5.4.5", kCommonName = "2.5.4.3",
                           kAuthorityKeyId = "2.5.29.35", kEcdsa = "1.2.840.10045.4.";
constexpr size_t kMaxDocument = 64 * 1024;
constexpr size_t kLeastModulus = 64;

// Text of a name's value; what is no text is said in hexadecimal.
std::string TextOf(ByteView value) {
  value = value.first(std::min(value.size(), kMaxName));
  const std::string text(AsText(value));
  const bool plain = IsUtf8(text) && std::ranges::none_of(text, [](unsigned char c) {
                       return c < 0x20 || c == 0x7f;
                     });
  return plain ? text : "hex:" + ToHex(value);
}

// RFC 5280 section 4.1.2.4: a SEQUENCE of SETs of type and value.
Result<std::string> NameIn(DerReader name) {
  std::string common;
  while (!name.AtEnd()) {
    BM_TRY(DerReader set, name.Enter(der::kSet));
    while (!set.AtEnd()) {
      BM_TRY(DerReader pair, set.Enter());
      BM_TRY(std::string type, pair.Oid());
      BM_TRY(DerElement value, pair.Next());
      if (type == kSerialNumber && !value.content.empty()) return TextOf(value.content);
      if (type == kCommonName && common.empty()) common = TextOf(value.content);
    }
  }
  return common;
}

// AuthorityKeyIdIn gives the extension's octets, empty when there is none.
Result<ByteView> AuthorityKeyIdIn(DerReader rest) {
  while (!rest.AtEnd()) {
    BM_TRY(DerElement e, rest.Next());
    if (e.tag != der::Context(3, true)) continue;  // unique identifiers
    DerReader holder(e.content);
    BM_TRY(DerReader extensions, holder.Enter());
    while (!extensions.AtEnd()) {
      BM_TRY(DerReader extension, extensions.Enter());
      BM_TRY(std::string id, extension.Oid());
      if (extension.NextIs(der::kBoolean)) BM_CHECK(extension.Boolean());
      BM_TRY(ByteView value, extension.Expect(der::kOctetString));
      if (id == kAuthorityKeyId) return value;
    }
  }
  return ByteView();
}

struct Parts {
  ByteView subject, spki;
  Digest signer{};
};

// The elements of the signed part decide what it is: a request is version, subject, key and
// attributes (RFC 2986 section 4.1; some leave the attributes out), a certificate has more.
Result<Parts> CutSigned(ByteView signed_part) {
  DerReader info(signed_part);
  std::vector<DerElement> elements;
  DerReader count(signed_part);
  while (!count.AtEnd()) {
    BM_TRY(DerElement e, count.Next());
    elements.push_back(e);
  }
  Parts parts;
  if (elements.size() == 3 || elements.size() == 4) {
    BM_TRY(uint64_t version, info.SmallUnsigned());
    if (version != 0) return Refused("der.value", "a request of another version than 0");
    BM_TRY(parts.subject, info.Expect(der::kSequence));
    BM_TRY(DerElement spki, info.Next());
    parts.spki = spki.whole;
    parts.signer = crypto::Sha256(parts.spki);
    return parts;
  }
  // RFC 5280 section 4.1: version, serialNumber, signature, issuer, validity, subject, key.
  if (info.NextIs(der::Context(0, true))) BM_CHECK(info.Next());
  BM_CHECK(info.Expect(der::kInteger));
  BM_CHECK(info.Expect(der::kSequence));
  BM_TRY(ByteView issuer, info.Expect(der::kSequence));
  BM_CHECK(info.Expect(der::kSequence));
  BM_TRY(parts.subject, info.Expect(der::kSequence));
  BM_TRY(DerElement spki, info.Next());
  parts.spki = spki.whole;
  BM_TRY(ByteView key_id, AuthorityKeyIdIn(info));
  parts.signer = std::ranges::equal(issuer, parts.subject) ? crypto::Sha256(parts.spki)
                                                           : crypto::Sha256(issuer, key_id);
  return parts;
}

// SignatureOf gives what is kept of an ECDSA signature; RFC 3279 section 2.2.3: r and s.
Result<std::optional<SeenSignature>> SignatureOf(ByteView algorithm, ByteView value,
                                                 ByteView signed_part, const Digest& signer) {
  DerReader identifier(algorithm);
  BM_TRY(std::string oid, identifier.Oid());
  if (!oid.starts_with(kEcdsa)) return std::nullopt;
  DerReader outer(value);
  BM_TRY(DerReader pair, outer.Enter());
  BM_TRY(ByteView r, pair.Unsigned());
  BM_CHECK(pair.Unsigned());
  BM_CHECK(pair.End());
  return SeenSignature{crypto::Sha256(r), crypto::Sha256(signed_part), signer};
}

Result<Document> ReadSigned(ByteView data) {
  DerReader file(data);
  BM_TRY(DerReader outer, file.Enter());
  BM_TRY(DerElement signed_part, outer.Next());
  BM_TRY(ByteView algorithm, outer.Expect(der::kSequence));
  BM_TRY(ByteView signature, outer.BitStringOctets());
  BM_TRY(Parts parts, CutSigned(signed_part.content));
  Document d;
  BM_TRY(d.name, NameIn(DerReader(parts.subject)));
  d.spki.assign(parts.spki.begin(), parts.spki.end());
  BM_TRY(d.signature, SignatureOf(algorithm, signature, signed_part.whole, parts.signer));
  return d;
}

Result<Document> Read(ByteView data, DocumentKind kind) {
  switch (kind) {
    case DocumentKind::kSigned:
      return ReadSigned(data);
    case DocumentKind::kSpki:
      return Document{"", Bytes(data.begin(), data.end()), std::nullopt};
    case DocumentKind::kRsa: {
      DerReader file(data);
      BM_TRY(DerReader key, file.Enter());
      BM_TRY(ByteView modulus, key.Unsigned());
      BM_TRY(ByteView exponent, key.Unsigned());
      return Document{"", RsaSpki(modulus, exponent), std::nullopt};
    }
    case DocumentKind::kNone:
      break;
  }
  return Refused("", "neither a certificate, a request nor a public key");
}

}  // namespace

DocumentKind LooksLike(ByteView data) {
  DerReader file(data);
  auto outer = file.Enter();
  if (!outer || !file.AtEnd()) return DocumentKind::kNone;
  std::vector<DerElement> elements;
  while (!outer->AtEnd() && elements.size() < 4) {
    auto e = outer->Next();
    if (!e) return DocumentKind::kNone;
    elements.push_back(*e);
  }
  const auto tags = [&](std::initializer_list<uint8_t> wanted) {
    return std::ranges::equal(elements, wanted, {}, &DerElement::tag);
  };
  if (tags({der::kSequence, der::kSequence, der::kBitString})) return DocumentKind::kSigned;
  if (tags({der::kSequence, der::kBitString})) return DocumentKind::kSpki;
  if (tags({der::kInteger, der::kInteger}) && elements[0].content.size() >= kLeastModulus)
    return DocumentKind::kRsa;
  return DocumentKind::kNone;
}

Result<Document> ReadDocument(ByteView data) {
  const auto refused = [](const std::string& why) {
    return Refused("audit.unreadable", why, "export it again as DER or PEM, unchanged");
  };
  if (data.size() > kMaxDocument) return refused("more than 64 KiB for one document");
  auto d = Read(data, LooksLike(data));
  if (!d) return refused(d.error().message);
  // A key that cannot even be cut into algorithm and bits could not be compared with others.
  if (auto facts = Examine(d->spki); !facts) return refused(facts.error().message);
  return std::move(*d);
}

Bytes RsaSpki(ByteView modulus, ByteView exponent) {
  Bytes key, out;
  DerWriter(key).Sequence([&](DerWriter& w) {
    w.Unsigned(modulus);
    w.Unsigned(exponent);
  });
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([](DerWriter& a) {
      a.Oid("1.2.840.113549.1.1.1");
      a.Null();
    });
    w.BitString(key);
  });
  return out;
}

}  // namespace birthmark::audit
