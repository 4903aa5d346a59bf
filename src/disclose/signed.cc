// SPDX-License-Identifier: Apache-2.0
#include "disclose/signed.h"

#include <fmt/format.h>

#include <chrono>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "disclose/check.h"

namespace birthmark::disclose {
namespace {

// A disclosure of hundreds of anchors needs some ten thousand items; more is an attempt on memory.
constexpr cbor::Limits kPayloadLimits{.depth = 16, .items = 200'000};

constexpr std::string_view kAskAgain = "get the file again from who published it";

Time WholeSeconds(int64_t ms) {
  return std::chrono::floor<std::chrono::seconds>(TimeFromMillis(ms));
}

Result<Disclosure> ReadPayload(ByteView payload, bool* newer) {
  BM_TRY(cbor::Value value, cbor::Decode(payload, kPayloadLimits));
  const cbor::Value* format = value.Find(cbor::Value("format"));
  const uint64_t* number = format != nullptr ? format->AsUint() : nullptr;
  if (number == nullptr || *number == 0) {
    return Refused("disclosure.format", "the payload is no disclosure", std::string(kAskAgain));
  }
  *newer = *number > kFormat;
  auto read = cbor::FromValue<Disclosure>(value);
  if (!read) {
    if (!*newer) return std::unexpected(std::move(read).error().Context("disclosure"));
    return Refused(
        "disclosure.format",
        fmt::format("written in format {}; this program reads up to {}", *number, kFormat),
        "use a newer birthmark-reader");
  }
  // What this program knows, encoded again, must be all there is.
  if (!*newer) {
    const Bytes again = cbor::ToCbor(*read);
    if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) {
      return Refused("disclosure.unknown-field",
                     "the payload holds a field that its format does not have",
                     std::string(kAskAgain));
    }
  }
  return read;
}

Status CheckClaims(const cbor::CoseSign1& m, const Disclosure& d) {
  auto bad = [](std::string_view what) {
    return Refused("disclosure.header", fmt::format("the protected header {}", what),
                   std::string(kAskAgain));
  };
  // RFC 9943 section 6: a signed statement names its issuer and its subject.
  if (!m.headers.claims) return bad("has no CWT claims");
  if (m.headers.claims->issuer != d.product.manufacturer) return bad("names another issuer");
  if (m.headers.claims->subject != d.product.id) return bad("names another subject");
  if (m.headers.claims->issued_at != WholeSeconds(d.issued))
    return bad("gives another time of issue");
  return {};
}

}  // namespace

Result<Bytes> SignDisclosure(const Disclosure& d, std::span<const crypto::Certificate> chain,
                             crypto::Signer& signer) {
  if (chain.empty() || chain.size() > kMaxChain) {
    return Refused(
        "disclosure.chain",
        fmt::format("a chain of {} certificates; 1 to {} are allowed", chain.size(), kMaxChain));
  }
  const auto& key = chain.front().public_key();
  if (!key || key->spki_digest() != signer.public_key().spki_digest()) {
    return Refused("disclosure.chain", "the first certificate is not the signing key's",
                   "give the signer's own certificate first");
  }
  cbor::CoseSigning what;
  what.headers.type = cbor::Value(kDisclosureType);
  what.headers.claims.emplace();
  what.headers.claims->issuer = d.product.manufacturer;
  what.headers.claims->subject = d.product.id;
  what.headers.claims->issued_at = WholeSeconds(d.issued);
  for (const crypto::Certificate& c : chain)
    what.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  BM_TRY(cbor::CoseSign1 message, cbor::SignCose(what, cbor::ToCbor(d), signer));
  Bytes file = cbor::EncodeCose(message);
  // Nothing is given out that a reader would refuse.
  if (file.size() > kMaxFileBytes) {
    return Refused("disclosure.too-large",
                   fmt::format("{} bytes; {} are allowed", file.size(), kMaxFileBytes));
  }
  BM_CHECK(OpenDisclosure(file));
  return file;
}

Result<SignedDisclosure> OpenDisclosure(ByteView file) {
  BM_TRY(cbor::CoseSign1 message, cbor::ParseCose(file, {.max_bytes = kMaxFileBytes}));
  if (message.headers.TypeText() != kDisclosureType) {
    return Refused("disclosure.type", "signed, but not a disclosure",
                   "name a *.birthmark file made by `birthmark disclose`");
  }
  if (!message.payload) return Refused("disclosure.format", "the payload is missing");
  if (message.headers.x5chain.empty() || message.headers.x5chain.size() > kMaxChain) {
    return Refused("disclosure.chain",
                   fmt::format("a chain of {} certificates; 1 to {} are allowed",
                               message.headers.x5chain.size(), kMaxChain));
  }
  SignedDisclosure out;
  for (const Bytes& der : message.headers.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.chain.push_back(std::move(c));
  }
  const auto& key = out.chain.front().public_key();
  if (!key) return std::unexpected(key.error());
  BM_CHECK(cbor::VerifyCose(message, *key));
  BM_TRY(out.disclosure, ReadPayload(*message.payload, &out.newer));
  BM_CHECK(CheckClaims(message, out.disclosure));
  out.signed_at = *message.headers.claims->issued_at;
  out.digest = crypto::Sha256(*message.payload);
  return out;
}

}  // namespace birthmark::disclose
