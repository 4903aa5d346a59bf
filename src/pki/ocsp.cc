// SPDX-License-Identifier: Apache-2.0
#include "pki/ocsp.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>

#include "crypto/digest.h"
#include "pki/cursor.h"
#include "pki/profile.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using crypto::DerReader;
using crypto::DerWriter;
using internal::DerCursor;
using internal::DerSize;
using internal::DerTime;
namespace der = crypto::der;

constexpr uint8_t kEnumeratedTag = 0x0a;
constexpr uint8_t kSha1Oid[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
// 2.16.840.1.101.3.4.2.x: the last octet is 1, 2 or 3.
constexpr uint8_t kSha2Arc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};
constexpr uint8_t kNonceOid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02};
constexpr uint8_t kBasicOid[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};

std::unexpected<Error> BadOcsp(std::string_view why) {
  return Refused("ocsp.malformed", fmt::format("not an OCSP request in DER: {}", why));
}

size_t HashSize(OcspHash h) {
  constexpr size_t kSizes[] = {20, 32, 48, 64};
  return kSizes[static_cast<size_t>(h)];
}

Bytes HashOf(OcspHash h, ByteView b) {
  Bytes out(HashSize(h));
  switch (h) {
    case OcspHash::kSha1:
      SHA1(b.data(), b.size(), out.data());
      break;
    case OcspHash::kSha256:
      SHA256(b.data(), b.size(), out.data());
      break;
    case OcspHash::kSha384:
      SHA384(b.data(), b.size(), out.data());
      break;
    case OcspHash::kSha512:
      SHA512(b.data(), b.size(), out.data());
      break;
  }
  return out;
}

Result<OcspHash> ReadHash(DerReader algorithm) {
  BM_TRY(ByteView oid, algorithm.Expect(der::kOid));
  if (!algorithm.AtEnd()) {
    BM_CHECK(algorithm.Expect(der::kNull));
    BM_CHECK(algorithm.End());
  }
  if (std::ranges::equal(oid, kSha1Oid)) return OcspHash::kSha1;
  if (oid.size() == sizeof kSha2Arc + 1 &&
      std::ranges::equal(oid.first(sizeof kSha2Arc), kSha2Arc)) {
    if (oid.back() == 1) return OcspHash::kSha256;
    if (oid.back() == 2) return OcspHash::kSha384;
    if (oid.back() == 3) return OcspHash::kSha512;
  }
  return Refused("ocsp.hash", "the issuer is named with a hash that is not known here",
                 "use SHA-1, as RFC 5019 section 2.1.1 asks");
}

// Extensions walks a list of extensions; `nonce` is where that one goes, or null where none may be.
Status WalkOcspExtensions(DerReader outer, ByteView* nonce) {
  BM_TRY(DerReader list, outer.Enter());
  BM_CHECK(outer.End());
  size_t count = 0;
  while (!list.AtEnd()) {
    if (++count > 16) return BadOcsp("too many extensions");
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(ByteView oid, one.Expect(der::kOid));
    bool critical = false;
    if (one.NextIs(der::kBoolean)) {
      BM_TRY(critical, one.Boolean());
      if (!critical) return BadOcsp("a default value is encoded");
    }
    BM_TRY(ByteView value, one.Expect(der::kOctetString));
    BM_CHECK(one.End());
    if (nonce != nullptr && std::ranges::equal(oid, kNonceOid)) {
      // RFC 8954 section 2.1: an OCTET STRING of one octet or more, inside the extension's own.
      DerReader inner(value);
      auto octets = inner.Expect(der::kOctetString);
      if (!nonce->empty() || !octets || !inner.AtEnd() || octets->empty() ||
          octets->size() > kMaxOcspNonce) {
        return Refused("ocsp.nonce", "a nonce is 1 to 128 octets, once (RFC 9654 section 2.1)");
      }
      *nonce = value;
    } else if (critical) {
      return Refused("ocsp.critical", "an extension must not be ignored, and is not known");
    }
  }
  return {};
}

Result<OcspRequest> WalkOcspRequest(ByteView data) {
  OcspRequest out;
  DerReader file(data);
  BM_TRY(DerReader request, file.Enter());
  BM_CHECK(file.End());
  BM_TRY(DerReader tbs, request.Enter());
  if (!request.AtEnd()) {
    BM_CHECK(request.Expect(der::Context(0, true)));
    BM_CHECK(request.End());
  }
  if (tbs.NextIs(der::Context(0, true))) return BadOcsp("a version that is not 1");
  if (tbs.NextIs(der::Context(1, true))) BM_CHECK(tbs.Expect(der::Context(1, true)));
  BM_TRY(DerReader list, tbs.Enter());
  while (!list.AtEnd()) {
    if (out.certs.size() == kMaxOcspCerts) return BadOcsp("it asks about too many certificates");
    BM_TRY(DerReader one, list.Enter());
    OcspCertId id;
    const ByteView from_id = one.rest();
    BM_TRY(DerReader cert_id, one.Enter());
    id.whole = from_id.first(from_id.size() - one.rest().size());
    BM_TRY(DerReader algorithm, cert_id.Enter());
    BM_TRY(id.hash, ReadHash(algorithm));
    BM_TRY(id.issuer_name_hash, cert_id.Expect(der::kOctetString));
    BM_TRY(id.issuer_key_hash, cert_id.Expect(der::kOctetString));
    BM_TRY(id.serial, cert_id.Unsigned());
    BM_CHECK(cert_id.End());
    if (id.issuer_name_hash.size() != HashSize(id.hash) ||
        id.issuer_key_hash.size() != HashSize(id.hash) || id.serial.size() > 20) {
      return BadOcsp("a hash or a serial number of another length");
    }
    if (!one.AtEnd()) {
      BM_TRY(DerReader extensions, one.Enter(der::Context(0, true)));
      BM_CHECK(WalkOcspExtensions(extensions, nullptr));
    }
    BM_CHECK(one.End());
    out.certs.push_back(id);
  }
  if (out.certs.empty()) return BadOcsp("it asks about nothing");
  if (!tbs.AtEnd()) {
    BM_TRY(DerReader extensions, tbs.Enter(der::Context(2, true)));
    BM_CHECK(WalkOcspExtensions(extensions, &out.nonce));
  }
  BM_CHECK(tbs.End());
  return out;
}

// SizedAnswer is an answer with its lengths worked out.
struct SizedAnswer {
  explicit SizedAnswer(const OcspAnswer& a, bool next) : answer(a), at(a.revoked_at) {
    if (a.state == OcspState::kRevoked) {
      revoked = DerSize(DerTime::kGeneralized);
      if (a.reason != CrlReason::kUnspecified) revoked += DerSize(DerSize(1));
    }
    content = a.cert_id.size() + DerSize(revoked) + DerSize(DerTime::kGeneralized);
    if (next) content += DerSize(DerSize(DerTime::kGeneralized));
  }
  const OcspAnswer& answer;
  DerTime at;
  size_t revoked = 0, content = 0;
};

}  // namespace

Result<OcspRequest> ReadOcspRequest(ByteView data) {
  if (data.size() > kMaxOcspRequest) {
    return Refused("ocsp.too-large", fmt::format("a request of {} octets; {} are allowed",
                                                 data.size(), kMaxOcspRequest));
  }
  auto read = WalkOcspRequest(data);
  if (read || read.error().code.starts_with("ocsp.")) return read;
  return BadOcsp(read.error().message);
}

OcspIssuer::OcspIssuer(const crypto::Certificate& authority) {
  ByteView key;
  if (const auto& k = authority.public_key()) {
    // RFC 6960 section 4.1.1: the hash is of subjectPublicKey's octets alone.
    DerReader outer(k->spki());
    if (auto spki = outer.Enter()) {
      (void)spki->Next();
      if (auto bits = spki->BitStringOctets()) key = *bits;
    }
  }
  for (OcspHash h : {OcspHash::kSha1, OcspHash::kSha256, OcspHash::kSha384, OcspHash::kSha512}) {
    names_[static_cast<size_t>(h)] = HashOf(h, authority.subject_der());
    keys_[static_cast<size_t>(h)] = HashOf(h, key);
  }
}

bool OcspIssuer::Matches(const OcspCertId& id) const {
  const auto h = static_cast<size_t>(id.hash);
  return std::ranges::equal(id.issuer_name_hash, names_[h]) &&
         std::ranges::equal(id.issuer_key_hash, keys_[h]);
}

Bytes OcspIssuer::CertId(ByteView serial) const {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([](DerWriter& a) {
      a.Element(der::kOid, kSha1Oid);
      a.Null();
    });
    w.OctetString(names_[0]);
    w.OctetString(keys_[0]);
    w.Unsigned(serial);
  });
  return out;
}

Bytes MakeOcspRequest(const OcspIssuer& issuer, ByteView serial) {
  const Bytes id = issuer.CertId(serial);
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& request) {
    request.Sequence([&](DerWriter& tbs) {
      tbs.Sequence([&](DerWriter& list) { list.Sequence([&](DerWriter& one) { one.Raw(id); }); });
    });
  });
  return out;
}

Bytes EncodeOcspError(OcspError e) {
  return {der::kSequence, 3, kEnumeratedTag, 1, static_cast<uint8_t>(e)};
}

Result<OcspResponder> OcspResponder::Make(const crypto::Certificate& c, crypto::Signer& signer) {
  const auto& key = c.public_key();
  if (!key || key->spki_digest() != signer.public_key().spki_digest())
    return Refused("pki.issuer-key", "the key is not the one in the responder's certificate");
  // RFC 6960 section 4.2.2.2: or clients would not believe it.
  if (std::ranges::find(c.eku(), oid::kOcspSigning) == c.eku().end()) {
    return Refused("ocsp.responder", c.subject() + " is not for signing OCSP responses",
                   "have its authority issue one with the profile ocsp-responder");
  }
  OcspResponder r(signer);
  const auto id = key->KeyIdentifier();
  DerWriter(r.responder_id_).Nest(der::Context(2, true), [&](DerWriter& w) { w.OctetString(id); });
  const ByteView algorithm = internal::SignatureAlgorithm(signer.algorithm());
  r.algorithm_.assign(algorithm.begin(), algorithm.end());
  DerWriter(r.certs_).Nest(der::Context(0, true), [&](DerWriter& w) {
    w.Sequence([&](DerWriter& list) { list.Raw(c.der()); });
  });
  return r;
}

Result<Bytes> OcspResponder::Sign(std::span<const OcspAnswer> answers, Time this_update,
                                  std::optional<Time> next_update, ByteView nonce) const {
  const DerTime from(this_update), until(next_update.value_or(this_update));
  std::vector<SizedAnswer> sized;
  sized.reserve(answers.size());
  size_t list = 0;
  for (const OcspAnswer& a : answers)
    list += DerSize(sized.emplace_back(a, next_update.has_value()).content);
  const size_t extension = DerSize(sizeof kNonceOid) + DerSize(nonce.size());
  const size_t extensions = nonce.empty() ? 0 : DerSize(DerSize(DerSize(extension)));
  const size_t tbs_content =
      responder_id_.size() + DerSize(DerTime::kGeneralized) + DerSize(list) + extensions;
  Bytes tbs(DerSize(tbs_content));
  DerCursor c{tbs.data()};
  c.Header(der::kSequence, tbs_content);
  c.Raw(responder_id_);
  from.WriteGeneralized(c);  // producedAt
  c.Header(der::kSequence, list);
  for (const SizedAnswer& s : sized) {
    c.Header(der::kSequence, s.content);
    c.Raw(s.answer.cert_id);
    switch (s.answer.state) {
      case OcspState::kGood:
        c.Header(der::Context(0, false), 0);
        break;
      case OcspState::kRevoked:
        c.Header(der::Context(1, true), s.revoked);
        s.at.WriteGeneralized(c);
        if (s.answer.reason != CrlReason::kUnspecified) {
          c.Header(der::Context(0, true), DerSize(1));
          c.Header(kEnumeratedTag, 1);
          *c.p++ = static_cast<uint8_t>(s.answer.reason);
        }
        break;
      case OcspState::kUnknown:
        c.Header(der::Context(2, false), 0);
        break;
    }
    from.WriteGeneralized(c);
    if (next_update) {
      c.Header(der::Context(0, true), DerSize(DerTime::kGeneralized));
      until.WriteGeneralized(c);
    }
  }
  if (!nonce.empty()) {
    c.Header(der::Context(1, true), DerSize(DerSize(extension)));
    c.Header(der::kSequence, DerSize(extension));
    c.Header(der::kSequence, extension);
    c.Element(der::kOid, kNonceOid);
    c.Element(der::kOctetString, nonce);
  }
  BM_TRY(Bytes signature, signer_->Sign(tbs));
  const size_t basic_content =
      tbs.size() + algorithm_.size() + DerSize(signature.size() + 1) + certs_.size();
  const size_t basic = DerSize(basic_content);
  const size_t bytes_content = sizeof kBasicOid + DerSize(basic);
  const size_t content = DerSize(1) + DerSize(DerSize(bytes_content));
  Bytes out(DerSize(content));
  c.p = out.data();
  c.Header(der::kSequence, content);
  c.Header(kEnumeratedTag, 1);
  *c.p++ = 0;  // successful
  c.Header(der::Context(0, true), DerSize(bytes_content));
  c.Header(der::kSequence, bytes_content);
  c.Raw(kBasicOid);
  c.Header(der::kOctetString, basic);
  c.Header(der::kSequence, basic_content);
  c.Raw(tbs);
  c.Raw(algorithm_);
  c.Header(der::kBitString, signature.size() + 1);
  *c.p++ = 0;  // no unused bits
  c.Raw(signature);
  c.Raw(certs_);
  return out;
}

}  // namespace birthmark::pki
