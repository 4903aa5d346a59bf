// SPDX-License-Identifier: Apache-2.0
#include "cbor/cose.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "cbor/cose_headers.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::cbor {
namespace {

constexpr int64_t kEs256 = -7, kEs384 = -35, kEdDsa = -8, kRs256 = -257;

// SigStructure is what is signed (RFC 9052 section 4.4).
Bytes SigStructure(ByteView protected_bytes, ByteView external_aad, ByteView payload) {
  Bytes out;
  out.reserve(protected_bytes.size() + external_aad.size() + payload.size() + 48);
  Writer w(out);
  w.ArrayHead(4);
  w.Text("Signature1");
  // An empty map is signed as an empty string, however it was sent.
  w.ByteString(protected_bytes.size() == 1 && protected_bytes[0] == 0xa0 ? ByteView()
                                                                         : protected_bytes);
  w.ByteString(external_aad);
  w.ByteString(payload);
  return out;
}

size_t EcdsaHalf(int64_t algorithm) {
  return algorithm == kEs256 ? 32 : algorithm == kEs384 ? 48 : 0;
}

Status CheckSignatureLength(int64_t algorithm, size_t n) {
  bool fits = false;
  switch (algorithm) {
    case kEs256:
    case kEdDsa:
      fits = n == 64;
      break;
    case kEs384:
      fits = n == 96;
      break;
    case kRs256:
      fits = n == 256 || n == 384 || n == 512;
      break;
    default:
      return Refused("cose.algorithm",
                     fmt::format("algorithm {} is not one this version reads", algorithm));
  }
  if (!fits) {
    return Refused("cose.signature-length",
                   fmt::format("a signature of {} octets under algorithm {}", n, algorithm));
  }
  return {};
}

}  // namespace

std::string CoseHeaders::TypeText() const {
  return type && type->AsText() != nullptr ? *type->AsText() : std::string();
}

int64_t CoseAlgorithm(crypto::Algorithm a) {
  switch (a) {
    case crypto::Algorithm::kEcdsaP256:
      return kEs256;
    case crypto::Algorithm::kEcdsaP384:
      return kEs384;
    case crypto::Algorithm::kEd25519:
      return kEdDsa;
    default:
      return kRs256;
  }
}

Result<CoseSign1> SignCose(const CoseSigning& what, ByteView payload, crypto::Signer& signer) {
  CoseSign1 m;
  m.headers = what.headers;
  m.headers.algorithm = CoseAlgorithm(signer.algorithm());
  m.protected_bytes = EncodeHeaders(m.headers);
  m.unprotected = what.unprotected;
  BM_TRY(m.signature, signer.Sign(SigStructure(m.protected_bytes, what.external_aad, payload)));
  if (size_t half = EcdsaHalf(*m.headers.algorithm); half != 0) {
    BM_TRY(m.signature, crypto::EcdsaDerToRaw(m.signature, half));
  }
  if (!what.detached) m.payload.emplace(payload.begin(), payload.end());
  return m;
}

Bytes EncodeCose(const CoseSign1& m) {
  Bytes out;
  Writer w(out);
  w.TagHead(kCoseSign1Tag);
  w.ArrayHead(4);
  w.ByteString(m.protected_bytes);
  w.Item(Value(m.unprotected));
  if (m.payload) {
    w.ByteString(*m.payload);
  } else {
    w.Null();
  }
  w.ByteString(m.signature);
  return out;
}

Result<CoseSign1> ParseCose(ByteView data, const CoseReading& how) {
  if (data.size() > how.max_bytes) {
    return Refused("cose.too-large",
                   fmt::format("{} octets; {} are allowed", data.size(), how.max_bytes));
  }
  BM_TRY(Value top, Decode(data));
  const Value* body = &top;
  if (const Tagged* t = top.AsTagged()) {
    if (t->tag != kCoseSign1Tag) {
      return Refused("cose.tag", fmt::format("tag {} where COSE_Sign1 (18) is due", t->tag));
    }
    body = &t->item.at(0);
  } else if (how.require_tag) {
    return Refused("cose.tag", "no COSE_Sign1 tag (18)");
  }
  const Array* a = body->AsArray();
  if (a == nullptr || a->size() != 4 || (*a)[0].AsBytes() == nullptr ||
      (*a)[1].AsMap() == nullptr || ((*a)[2].AsBytes() == nullptr && !(*a)[2].IsNull()) ||
      (*a)[3].AsBytes() == nullptr) {
    return Refused("cose.shape", "not the four parts of a COSE_Sign1");
  }
  CoseSign1 m;
  m.protected_bytes = *(*a)[0].AsBytes();
  m.unprotected = *(*a)[1].AsMap();
  if ((*a)[2].AsBytes() != nullptr) m.payload = *(*a)[2].AsBytes();
  m.signature = *(*a)[3].AsBytes();
  BM_TRY(m.headers, DecodeHeaders(m.protected_bytes, m.unprotected));
  if (!m.headers.algorithm && how.allow_unprotected_algorithm) {
    const Value* alg = (*a)[1].Find(Value(1));
    if (alg != nullptr) m.headers.algorithm = alg->AsInt();
  }
  if (!m.headers.algorithm)
    return Refused("cose.algorithm", "the protected header names no algorithm");
  BM_CHECK(CheckSignatureLength(*m.headers.algorithm, m.signature.size()));
  return m;
}

Status VerifyCose(const CoseSign1& m, const crypto::PublicKey& key, ByteView external_aad,
                  std::optional<ByteView> detached_payload) {
  if (m.headers.algorithm != CoseAlgorithm(key.algorithm())) {
    return Refused("cose.algorithm",
                   fmt::format("signed with algorithm {}, but the key is {}",
                               m.headers.algorithm.value_or(0), crypto::ToText(key.algorithm())));
  }
  if (m.payload.has_value() == detached_payload.has_value()) {
    return Refused("cose.payload", m.payload
                                       ? "a payload beside the one that the message holds"
                                       : "the message is detached and its payload is missing");
  }
  Bytes signed_bytes = SigStructure(m.protected_bytes, external_aad,
                                    m.payload ? ByteView(*m.payload) : *detached_payload);
  Result<Bytes> signature = m.signature;
  if (EcdsaHalf(*m.headers.algorithm) != 0) signature = crypto::EcdsaRawToDer(m.signature);
  if (!signature || !key.Verify(signed_bytes, *signature)) {
    return Refused("cose.signature", "the signature does not verify under this key");
  }
  return {};
}

}  // namespace birthmark::cbor
