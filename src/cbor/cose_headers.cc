// SPDX-License-Identifier: Apache-2.0
#include "cbor/cose_headers.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "crypto/digest.h"

namespace birthmark::cbor {
namespace {

constexpr int kAlg = 1, kCrit = 2, kContentType = 3, kClaims = 15, kType = 16, kX5Chain = 33,
              kX5T = 34;
constexpr int kUnderstood[] = {kAlg, kCrit, kContentType, kClaims, kType, kX5Chain, kX5T};
constexpr int kSha256 = -16;  // RFC 9054 section 3.2
constexpr size_t kLongestChain = 16;
// A NumericDate beyond the year 9999 is no time of ours.
constexpr int64_t kLastSecond = 253402300799;

std::unexpected<Error> BadHeader(std::string_view what) {
  return Refused("cose.header", fmt::format("{} is not what its RFC says", what));
}

Result<CwtClaims> ReadClaims(const Value& v) {
  const Map* m = v.AsMap();
  if (m == nullptr) return BadHeader("the CWT claims header (15)");
  CwtClaims out;
  for (const auto& [k, x] : *m) {
    int64_t label = k.AsInt().value_or(0);
    if (label == 1 || label == 2) {
      if (x.AsText() == nullptr) return BadHeader("a CWT issuer or subject");
      (label == 1 ? out.issuer : out.subject) = *x.AsText();
    } else if (label == 6) {
      if (!x.AsInt() || *x.AsInt() < 0 || *x.AsInt() > kLastSecond)
        return BadHeader("a CWT issue time");
      out.issued_at = Time(std::chrono::seconds(*x.AsInt()));
    } else {
      out.other.emplace_back(k, x);
    }
  }
  return out;
}

Result<std::vector<Bytes>> ReadChain(const Value& v) {
  if (v.AsBytes() != nullptr) return std::vector<Bytes>{*v.AsBytes()};
  const Array* a = v.AsArray();
  // RFC 9360 section 2: one certificate is a byte string, an array holds two or more.
  if (a == nullptr || a->size() < 2 || a->size() > kLongestChain) return BadHeader("x5chain (33)");
  std::vector<Bytes> out;
  for (const Value& e : *a) {
    if (e.AsBytes() == nullptr) return BadHeader("x5chain (33)");
    out.push_back(*e.AsBytes());
  }
  return out;
}

// CheckCritical refuses what we would have to understand and do not (RFC 9052 section 3.1).
Status CheckCritical(const Value& crit, const Value& header) {
  const Array* a = crit.AsArray();
  if (a == nullptr || a->empty()) return BadHeader("crit (2)");
  for (const Value& label : *a) {
    if (!label.AsInt() && label.AsText() == nullptr) return BadHeader("crit (2)");
    if (header.Find(label) == nullptr) return BadHeader("crit (2), which names an absent header,");
    if (std::find(std::begin(kUnderstood), std::end(kUnderstood), label.AsInt().value_or(-1)) ==
        std::end(kUnderstood)) {
      return Refused("cose.critical",
                     fmt::format("critical header {} is not understood", Diagnose(label)));
    }
  }
  return {};
}

bool IsTextOrUint(const Value& v) { return v.AsText() != nullptr || v.AsUint() != nullptr; }

Status ReadHeader(const Value& k, const Value& v, const Value& all, CoseHeaders& h) {
  switch (k.AsInt().value_or(0)) {
    case kAlg:
      if (!v.AsInt()) return BadHeader("alg (1), given as a name or out of range,");
      h.algorithm = v.AsInt();
      return {};
    case kCrit:
      return CheckCritical(v, all);
    case kContentType:
      if (!IsTextOrUint(v)) return BadHeader("content type (3)");
      h.content_type = v;
      return {};
    case kClaims: {
      BM_TRY(h.claims, ReadClaims(v));
      return {};
    }
    case kType:
      if (!IsTextOrUint(v)) return BadHeader("typ (16)");
      h.type = v;
      return {};
    case kX5Chain: {
      BM_TRY(h.x5chain, ReadChain(v));
      return {};
    }
    case kX5T: {
      const Array* a = v.AsArray();
      if (a == nullptr || a->size() != 2 || (*a)[1].AsBytes() == nullptr)
        return BadHeader("x5t (34)");
      if ((*a)[0].AsInt() != kSha256) break;  // another hash is kept unread
      if ((*a)[1].AsBytes()->size() != std::tuple_size_v<Digest>) return BadHeader("x5t (34)");
      h.x5t.emplace();
      std::copy((*a)[1].AsBytes()->begin(), (*a)[1].AsBytes()->end(), h.x5t->begin());
      return {};
    }
    default:
      break;
  }
  h.other.emplace_back(k, v);
  return {};
}

}  // namespace

Bytes EncodeHeaders(const CoseHeaders& h) {
  Map m = h.other;
  if (h.algorithm) m.emplace_back(kAlg, *h.algorithm);
  if (h.content_type) m.emplace_back(kContentType, *h.content_type);
  if (h.claims) {
    Map c = h.claims->other;
    if (h.claims->issuer) c.emplace_back(1, *h.claims->issuer);
    if (h.claims->subject) c.emplace_back(2, *h.claims->subject);
    if (h.claims->issued_at) {
      c.emplace_back(6, std::chrono::floor<std::chrono::seconds>(*h.claims->issued_at)
                            .time_since_epoch()
                            .count());
    }
    m.emplace_back(kClaims, std::move(c));
  }
  if (h.type) m.emplace_back(kType, *h.type);
  if (h.x5chain.size() == 1) {
    m.emplace_back(kX5Chain, h.x5chain[0]);
  } else if (!h.x5chain.empty()) {
    m.emplace_back(kX5Chain, Array(h.x5chain.begin(), h.x5chain.end()));
  }
  if (h.x5t) m.emplace_back(kX5T, Array{kSha256, *h.x5t});
  return m.empty() ? Bytes() : Encode(m);
}

Result<CoseHeaders> DecodeHeaders(ByteView protected_bytes, const Map& unprotected) {
  Value all{Map{}};
  if (!protected_bytes.empty()) {
    BM_TRY(all, Decode(protected_bytes, {.depth = 16, .items = 10'000}));
  }
  if (all.AsMap() == nullptr) return BadHeader("the protected header");
  auto is_label = [](const Value& k) { return k.AsInt().has_value() || k.AsText() != nullptr; };
  CoseHeaders h;
  for (const auto& [k, v] : *all.AsMap()) {
    if (!is_label(k)) return BadHeader("a header label");
    BM_CHECK(ReadHeader(k, v, all, h));
  }
  for (const auto& [k, v] : unprotected) {
    if (!is_label(k)) return BadHeader("a header label");
    if (all.Find(k) != nullptr) {
      return Refused("cose.header", fmt::format("header {} stands in both maps", Diagnose(k)));
    }
    // RFC 9052 section 3.1: crit belongs into the protected header.
    if (k.AsInt() == kCrit)
      return Refused("cose.header", "crit (2) stands in the unprotected header");
  }
  // RFC 9360 section 2: x5t names the certificate of the key that signs, which is the chain's
  // first.
  if (h.x5t && !h.x5chain.empty() && *h.x5t != crypto::Sha256(h.x5chain[0])) {
    return Refused("cose.header",
                   "x5t (34) is not the hash of the first certificate of x5chain (33)");
  }
  return h;
}

}  // namespace birthmark::cbor
