// SPDX-License-Identifier: Apache-2.0
#include "trust/cose_keyset.h"

#include <fmt/format.h>

#include "cbor/codec.h"
#include "trust/key_parts.h"

namespace birthmark::trust {
namespace {

using cbor::Map;
using cbor::Value;

// RFC 9052 section 7 and RFC 9053 section 7; IANA "COSE Key Common Parameters".
constexpr int kKty = 1, kKid = 2, kAlg = 3, kKeyOps = 4;
constexpr int kOkp = 1, kEc2 = 2, kRsa = 3;
constexpr int kVerify = 2;

std::unexpected<Error> BadKeySet(std::string_view why) {
  return Refused("trust.cose-malformed", fmt::format("not a COSE_KeySet: {}", why),
                 "the set is an array of maps in deterministic CBOR");
}

struct EcCurve {
  int number;
  std::string_view oid;
  size_t size;
  int algorithm;
};
constexpr EcCurve kEcCurves[] = {
    {1, kOidP256, 32, -7}, {2, kOidP384, 48, -35}, {3, kOidP521, 66, -36}};
constexpr EcCurve kEdCurves[] = {{6, kOidEd25519, 32, -8}, {7, kOidEd448, 57, -8}};

const EcCurve* CurveOf(std::span<const EcCurve> curves, const Value* number) {
  for (const EcCurve& c : curves) {
    if (number != nullptr && number->AsInt() == c.number) return &c;
  }
  return nullptr;
}

const Bytes* OctetsOf(const Value& key, int label) {
  const Value* v = key.Find(label);
  return v == nullptr ? nullptr : v->AsBytes();
}

// SpkiOfCose gives a SubjectPublicKeyInfo; empty for a key that we do not know.
Bytes SpkiOfCose(const Value& key) {
  const Value* kty = key.Find(kKty);
  const auto kind = kty == nullptr ? std::optional<int64_t>() : kty->AsInt();
  if (kind == kEc2) {
    const EcCurve* curve = CurveOf(kEcCurves, key.Find(-1));
    const Bytes *x = OctetsOf(key, -2), *y = OctetsOf(key, -3);
    if (!curve || !x || !y || x->size() != curve->size || y->size() != curve->size) return {};
    return SpkiOfEc({std::string(curve->oid), *x, *y});
  }
  if (kind == kOkp) {
    const EcCurve* curve = CurveOf(kEdCurves, key.Find(-1));
    const Bytes* x = OctetsOf(key, -2);
    if (!curve || !x || x->size() != curve->size) return {};
    return SpkiOfEd({std::string(curve->oid), *x});
  }
  if (kind == kRsa) {
    const Bytes *n = OctetsOf(key, -1), *e = OctetsOf(key, -2);
    // RFC 8230 section 4: numbers in their fewest octets.
    if (!n || !e || n->empty() || e->empty() || (*n)[0] == 0 || (*e)[0] == 0 || n->size() > 2048)
      return {};
    return SpkiOfRsa(*n, *e);
  }
  return {};
}

bool HasPrivatePart(const Value& key) {
  const Value* kty = key.Find(kKty);
  const bool rsa = kty != nullptr && kty->AsInt() == kRsa;
  return key.Find(rsa ? -3 : -4) != nullptr;
}

std::optional<Map> CoseOfSpki(const Bytes& spki) {
  if (auto ec = EcParts(spki)) {
    for (const EcCurve& c : kEcCurves) {
      if (c.oid != ec->curve) continue;
      return Map{{kKty, kEc2}, {kAlg, c.algorithm}, {-1, c.number}, {-2, ec->x}, {-3, ec->y}};
    }
  }
  if (auto ed = EdParts(spki)) {
    for (const EcCurve& c : kEdCurves) {
      if (c.oid != ed->curve) continue;
      return Map{{kKty, kOkp}, {kAlg, c.algorithm}, {-1, c.number}, {-2, ed->key}};
    }
  }
  // An RSA key is of no one algorithm: the padding is the verifier's choice.
  if (auto rsa = RsaParts(spki)) return Map{{kKty, kRsa}, {-1, rsa->modulus}, {-2, rsa->exponent}};
  return std::nullopt;
}

}  // namespace

Result<Store> ReadCoseKeySet(ByteView data) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a key set of over 16 MiB");
  auto set = cbor::Decode(data, {.depth = 8});
  if (!set) return BadKeySet(set.error().message);
  const cbor::Array* keys = set->AsArray();
  if (keys == nullptr || keys->empty() || keys->size() > kMaxAnchors)
    return BadKeySet("it is no array of keys");
  Store store;
  store.format = Format::kCoseKeySet;
  for (size_t i = 0; i < keys->size(); ++i) {
    const Value& key = (*keys)[i];
    const std::string where = fmt::format("key {}", i + 1);
    if (key.AsMap() == nullptr) return BadKeySet(where + " is no map");
    if (HasPrivatePart(key)) {
      store.findings.Warn("trust.private-key", where + " is a private key",
                          "keep private keys apart from anchors, and treat this one as disclosed");
      continue;
    }
    // RFC 9052 section 7: what cannot be understood is passed over, the rest is used.
    auto a = AnchorOfKey(SpkiOfCose(key));
    if (!a) {
      store.findings.Warn("trust.cose-key", where + " is of a kind or form that is not known");
      continue;
    }
    if (const Bytes* kid = OctetsOf(key, kKid); kid != nullptr && kid->size() <= 256)
      a->key_id = *kid;
    a->title = where;
    store.anchors.push_back(std::move(*a));
  }
  return store;
}

Result<Bytes> WriteCoseKeySet(const std::vector<TrustAnchor>& anchors) {
  cbor::Array set;
  for (const TrustAnchor& a : anchors) {
    std::optional<Map> key = CoseOfSpki(a.spki);
    if (!key) {
      return CannotCarry(Format::kCoseKeySet, a, "a set holds EC, Edwards and RSA public keys",
                         "export an anchor that has such a key");
    }
    key->emplace_back(kKeyOps, cbor::Array{kVerify});
    key->emplace_back(kKid, a.key_id.empty() ? KeyIdOf(a.spki) : a.key_id);
    set.emplace_back(std::move(*key));
  }
  return cbor::Encode(set);
}

}  // namespace birthmark::trust
