// SPDX-License-Identifier: Apache-2.0
#include "artifact/debug.h"

#include <fmt/format.h>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"

namespace birthmark::artifact {
namespace {

constexpr std::string_view kDebugType = "application/vnd.birthmark.debug-unlock+cbor";
constexpr std::string_view kDoes = "debug-unlock";

}  // namespace

Bytes EncodeDebugAnswer(const DebugAnswer& a) {
  return cbor::Encode(cbor::Value(
      cbor::Map{{"does", std::string(kDoes)}, {"nonce", a.nonce}, {"serial", a.serial}}));
}

Result<Bytes> SignDebugAnswer(const DebugAnswer& a, const Signing& signing) {
  cbor::CoseSigning what;
  what.headers.type = cbor::Value(kDebugType);
  for (const crypto::Certificate& c : signing.chain)
    what.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  if (signing.chain.empty()) {
    const ByteView spki = signing.signer.public_key().spki();
    what.headers.other.emplace_back("spki", Bytes(spki.begin(), spki.end()));
  }
  BM_TRY(const cbor::CoseSign1 message, cbor::SignCose(what, EncodeDebugAnswer(a), signing.signer));
  return cbor::EncodeCose(message);
}

bool LooksLikeDebugAnswer(ByteView file) {
  if (file.empty() || file.front() != 0xd2 || file.size() > kMaxEnvelope) return false;
  const auto message = cbor::ParseCose(file);
  return message && message->headers.TypeText() == kDebugType;
}

Result<Opened> OpenDebugAnswer(ByteView file) {
  if (file.size() > kMaxEnvelope)
    return BadArtifact(Kind::kDebugUnlock, "it is larger than any message");
  BM_TRY(const cbor::CoseSign1 message, cbor::ParseCose(file));
  if (message.headers.TypeText() != kDebugType || !message.payload)
    return BadArtifact(Kind::kDebugUnlock, "its type is another one");
  BM_TRY(const cbor::Value payload, cbor::Decode(*message.payload));
  const cbor::Value* does = payload.Find("does");
  const cbor::Value* nonce = payload.Find("nonce");
  const cbor::Value* serial = payload.Find("serial");
  if (does == nullptr || *does != cbor::Value(kDoes) || nonce == nullptr ||
      nonce->AsBytes() == nullptr || serial == nullptr || serial->AsText() == nullptr) {
    return BadArtifact(Kind::kDebugUnlock, "it answers no challenge of a device");
  }
  Opened out;
  out.kind = Kind::kDebugUnlock;
  out.name = *serial->AsText();
  out.algorithm = fmt::format("cose {}", message.headers.algorithm.value_or(0));
  out.content = crypto::Sha256(*message.payload);
  out.content_size = message.payload->size();
  out.facts.emplace_back("nonce", ToHex(*nonce->AsBytes()));
  for (const Bytes& der : message.headers.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.chain.push_back(std::move(c));
  }
  out.signed_by = [message](const crypto::PublicKey& key) {
    return cbor::VerifyCose(message, key).has_value();
  };
  return out;
}

}  // namespace birthmark::artifact
