// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/message.h"

#include <fmt/format.h>

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerElement;
using crypto::DerReader;
namespace der = crypto::der;

constexpr size_t kMaxInfos = 16;

std::unexpected<Error> Malformed(std::string why) {
  return Refused("cmp.bad-data-format", "not a PKIMessage: " + std::move(why));
}

// One element inside [n] EXPLICIT.
Result<DerElement> Tagged(DerReader& r, int n) {
  BM_TRY(DerReader inner, r.Enter(der::Context(n, true)));
  BM_TRY(DerElement e, inner.Next());
  BM_CHECK(inner.End());
  return e;
}

Result<ByteView> TaggedOctets(DerReader& r, int n, size_t most) {
  BM_TRY(DerElement e, Tagged(r, n));
  if (e.tag != der::kOctetString) return Malformed("a header field is no OCTET STRING");
  if (e.content.size() > most) return Malformed("a header field is longer than it may be");
  return e.content;
}

// RFC 5280 section 4.1.2.5.2: seconds are there, fractions are not, and it ends in Z.
Result<Time> ReadTime(const DerElement& e) {
  std::string_view t = AsText(e.content);
  if (e.tag != der::kGeneralizedTime || t.size() != 15 || t.back() != 'Z')
    return Malformed("messageTime is not YYYYMMDDHHMMSSZ");
  auto time =
      ParseTime(fmt::format("{}-{}-{}T{}:{}:{}Z", t.substr(0, 4), t.substr(4, 2), t.substr(6, 2),
                            t.substr(8, 2), t.substr(10, 2), t.substr(12, 2)));
  if (!time) return Malformed("messageTime is no time");
  return *time;
}

Status ReadGeneralInfo(const DerElement& whole, Header& h) {
  if (whole.tag != der::kSequence) return Malformed("generalInfo is no SEQUENCE");
  DerReader list(whole.content);
  for (size_t n = 0; !list.AtEnd(); ++n) {
    if (n == kMaxInfos) return Malformed("generalInfo is too long");
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(ByteView type, one.Expect(der::kOid));
    if (Is(type, oid::kImplicitConfirm)) h.implicit_confirm = true;
    if (Is(type, oid::kCertProfile)) {
      // RFC 9483 section 4.1: a SEQUENCE OF UTF8String, one for each certificate asked for.
      BM_TRY(DerReader names, one.Enter());
      BM_TRY(ByteView name, names.Expect(der::kUtf8String));
      BM_CHECK(names.End());
      h.profile = std::string(AsText(name));
    } else if (!one.AtEnd()) {
      BM_CHECK(one.Next());
    }
    BM_CHECK(one.End());
  }
  return {};
}

Result<Header> ReadHeader(DerReader r) {
  Header h;
  BM_TRY(h.version, SignedInteger(r));
  BM_TRY(DerElement sender, r.Next());
  h.sender = sender.whole;
  BM_TRY(DerElement recipient, r.Next());
  // GeneralName is a choice of context tags 0 to 8.
  for (uint8_t tag : {sender.tag, recipient.tag}) {
    if ((tag & 0xc0) != 0x80 || (tag & 0x1f) > 8) return Malformed("a name is no GeneralName");
  }
  if (r.NextIs(der::Context(0, true))) {
    BM_TRY(DerElement e, Tagged(r, 0));
    BM_TRY(h.time, ReadTime(e));
  }
  if (r.NextIs(der::Context(1, true))) {
    BM_TRY(DerElement e, Tagged(r, 1));
    if (e.tag != der::kSequence) return Malformed("protectionAlg is no SEQUENCE");
    h.protection_algorithm = e.whole;
  }
  if (r.NextIs(der::Context(2, true))) {
    BM_TRY(h.sender_kid, TaggedOctets(r, 2, 256));
  }
  if (r.NextIs(der::Context(3, true))) BM_CHECK(TaggedOctets(r, 3, 256));
  if (r.NextIs(der::Context(4, true))) {
    BM_TRY(h.transaction_id, TaggedOctets(r, 4, 64));
  }
  if (r.NextIs(der::Context(5, true))) {
    BM_TRY(h.sender_nonce, TaggedOctets(r, 5, 64));
  }
  if (r.NextIs(der::Context(6, true))) {
    BM_TRY(h.recipient_nonce, TaggedOctets(r, 6, 64));
  }
  if (r.NextIs(der::Context(7, true))) BM_CHECK(Tagged(r, 7));
  if (r.NextIs(der::Context(8, true))) {
    BM_TRY(DerElement e, Tagged(r, 8));
    BM_CHECK(ReadGeneralInfo(e, h));
  }
  BM_CHECK(r.End());
  return h;
}

Result<Message> Read(ByteView data) {
  // Octets that nobody here reads must be DER as well: a signature over them would say so.
  BM_CHECK(crypto::CheckDer(data, 24));
  DerReader file(data);
  BM_TRY(DerReader r, file.Enter());
  Message m;
  const ByteView from_header = r.rest();
  BM_TRY(DerElement header, r.Next());
  if (header.tag != der::kSequence) return Malformed("header is no SEQUENCE");
  BM_TRY(DerElement body, r.Next());
  if ((body.tag & 0xe0) != 0xa0 || (body.tag & 0x1f) > 26)
    return Malformed("body has no known tag");
  m.type = static_cast<Body>(body.tag & 0x1f);
  m.protected_part = from_header.first(from_header.size() - r.rest().size());
  DerReader inside(body.content);
  BM_TRY(DerElement content, inside.Next());
  BM_CHECK(inside.End());
  m.body = content.whole;
  if (r.NextIs(der::Context(0, true))) {
    BM_TRY(DerElement e, Tagged(r, 0));
    if (e.tag != der::kBitString || e.content.size() < 2 || e.content[0] != 0)
      return Malformed("protection is no BIT STRING of whole octets");
    m.protection = e.content.subspan(1);
  }
  if (r.NextIs(der::Context(1, true))) {
    BM_TRY(DerElement e, Tagged(r, 1));
    if (e.tag != der::kSequence) return Malformed("extraCerts is no SEQUENCE");
    DerReader certs(e.content);
    while (!certs.AtEnd()) {
      if (m.extra_certs.size() == kMaxExtraCerts) return Malformed("too many extraCerts");
      BM_TRY(DerElement cert, certs.Next());
      m.extra_certs.push_back(cert.whole);
    }
  }
  BM_CHECK(r.End());
  BM_TRY(m.header, ReadHeader(DerReader(header.content)));
  // RFC 9810 section 5.1.3: one without the other says nothing.
  if (m.protection.empty() != m.header.protection_algorithm.empty())
    return Malformed("protection and protectionAlg come together or not at all");
  return m;
}

}  // namespace

Result<int> SignedInteger(DerReader& r) {
  BM_TRY(ByteView c, r.Expect(der::kInteger));
  if (c.empty() || c.size() > 4) return Malformed("an INTEGER out of range");
  if (c.size() > 1 && ((c[0] == 0 && c[1] < 0x80) || (c[0] == 0xff && c[1] >= 0x80)))
    return Malformed("an INTEGER not in its shortest form");
  uint32_t v = c[0] >= 0x80 ? UINT32_MAX : 0;
  for (uint8_t b : c) v = v << 8 | b;
  return static_cast<int>(v);
}

Result<AlgorithmId> ReadAlgorithm(ByteView whole) {
  DerReader file(whole);
  BM_TRY(DerReader r, file.Enter());
  BM_CHECK(file.End());
  AlgorithmId a;
  BM_TRY(a.oid, r.Expect(der::kOid));
  if (!r.AtEnd()) {
    BM_TRY(DerElement e, r.Next());
    a.parameters = e.whole;
  }
  BM_CHECK(r.End());
  return a;
}

Result<Message> ReadMessage(ByteView data) {
  if (data.size() > kMaxMessage) {
    return Refused("cmp.too-large",
                   fmt::format("a message of {} octets; {} are allowed", data.size(), kMaxMessage));
  }
  auto m = Read(data);
  if (!m && m.error().code != "cmp.bad-data-format") return Malformed(m.error().message);
  return m;
}

}  // namespace birthmark::enroll::cmp
