// SPDX-License-Identifier: Apache-2.0
#include "offline/artifact_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

namespace birthmark::offline {
namespace {

using cbor::Array;
using cbor::Value;

constexpr std::string_view kRequestLabel = "BIRTHMARK ARTIFACT REQUEST";
constexpr std::string_view kResponseLabel = "BIRTHMARK ARTIFACT RESPONSE";

struct SignedPart {
  Bytes request, signature;
  template <class V>
  void Fields(V& v) {
    v("request", request);
    v("signature", signature);
  }
};

std::unexpected<Error> BadRequest(std::string what) {
  return Refused("request.artifact", "no request for an artifact's signature: " + std::move(what),
                 "make it again: birthmark artifact sign");
}

const Bytes* OctetsOf(const Value* v) { return v == nullptr ? nullptr : v->AsBytes(); }

// Decoded is a value out of octets inside a value; null where there is none.
Value Decoded(const Bytes* octets) {
  if (octets == nullptr) return {};
  auto v = cbor::Decode(*octets);
  return v ? std::move(*v) : Value();
}

// UpdateSays finds out whether a manifest in SUIT's form is of this version and content, and the
// one whose digest is signed (docs/formats/update-manifest.md).
bool UpdateSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value digest = Decoded(&payload);
  const Array* signed_digest = digest.AsArray();
  if (signed_digest == nullptr || signed_digest->size() != 2) return false;
  const Digest whole = crypto::Sha256(cbor::Encode(Value(r.object)));
  if ((*signed_digest)[1] != Value(whole)) return false;
  const Value manifest = Decoded(&r.object);
  const Value* sequence = manifest.Find(2);
  const Value common = Decoded(OctetsOf(manifest.Find(3)));
  const Value shared = Decoded(OctetsOf(common.Find(4)));
  const Array* commands = shared.AsArray();
  if (sequence == nullptr || *sequence != Value(r.version) || commands == nullptr ||
      commands->size() < 2)
    return false;
  const Value image = Decoded(OctetsOf((*commands)[1].Find(3)));
  const Array* pair = image.AsArray();
  return pair != nullptr && pair->size() == 2 && (*pair)[1] == Value(r.content);
}

bool ImageSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value manifest = Decoded(&payload);
  const Value* name = manifest.Find("name");
  const Value* version = manifest.Find("version");
  const Value* sha256 = manifest.Find("sha256");
  return name != nullptr && *name == Value(r.name) && version != nullptr &&
         *version == Value(r.version) && sha256 != nullptr && *sha256 == Value(r.content) &&
         r.object.empty();
}

// TamSays is about a message to a TAM: its name is what it asks for, its content the message.
bool TamSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value message = Decoded(&payload);
  const Value* action = message.Find("do");
  const Value* sequence = message.Find("sequence");
  return action != nullptr && *action == Value(r.name) && sequence != nullptr &&
         *sequence == Value(r.version) && Value(crypto::Sha256(payload)) == Value(r.content) &&
         r.object.empty();
}

Status CheckMessage(const ArtifactRequest& r) {
  const Value structure = Decoded(&r.message);
  const Array* parts = structure.AsArray();
  // RFC 9052 section 4.4: context, protected header, external data, payload.
  if (parts == nullptr || parts->size() != 4 || (*parts)[0] != Value("Signature1") ||
      OctetsOf(&(*parts)[1]) == nullptr || (*parts)[2] != Value(Bytes{}) ||
      OctetsOf(&(*parts)[3]) == nullptr)
    return BadRequest("what it wants signed is no COSE structure");
  const Bytes& payload = *(*parts)[3].AsBytes();
  const bool says = (r.kind == "update" && UpdateSays(r, payload)) ||
                    (r.kind == "device-image" && ImageSays(r, payload)) ||
                    (r.kind == "tam" && TamSays(r, payload));
  if (!says) return BadRequest("its words and the octets to sign are not of the same artifact");
  return {};
}

}  // namespace

bool IsArtifactRequest(std::string_view text) {
  return text.starts_with(fmt::format("-----BEGIN {}-----", kRequestLabel));
}

std::string WriteArtifactRequest(const ArtifactRequest& r) {
  return crypto::WritePem(kRequestLabel, cbor::ToCbor(r));
}

Result<ArtifactRequest> ReadArtifactRequest(std::string_view text) {
  if (text.size() > kMaxArtifactRequest) return BadRequest("it is too large");
  auto der = crypto::ReadOnePem(text, kRequestLabel);
  if (!der) return BadRequest(der.error().message);
  auto r = cbor::FromCbor<ArtifactRequest>(*der);
  if (!r) return BadRequest(r.error().message);
  if (cbor::ToCbor(*r) != *der) return BadRequest("it holds what is not known here");
  BM_CHECK(CheckMessage(*r));
  return std::move(*r);
}

Digest ArtifactRequestDigest(const ArtifactRequest& r) { return crypto::Sha256(cbor::ToCbor(r)); }

Result<std::string> SignArtifactRequest(const ArtifactRequest& r,
                                        const crypto::Certificate& authority, bool rehearsal,
                                        crypto::Signer& signer) {
  if (!std::ranges::equal(r.issuer, signer.public_key().spki_digest()) || !authority.public_key() ||
      authority.public_key()->spki_digest() != signer.public_key().spki_digest())
    return Refused("request.other-authority", "the request is for another key than " + r.ca + "'s");
  if (r.rehearsal != rehearsal) {
    return Refused("request.rehearsal", "rehearsal and production do not sign for one another",
                   "ask the authority of the same kind");
  }
  BM_TRY(Bytes signature, signer.Sign(r.message));
  const Digest digest = ArtifactRequestDigest(r);
  return crypto::WritePem(kResponseLabel,
                          cbor::ToCbor(SignedPart{.request = Bytes(digest.begin(), digest.end()),
                                                  .signature = std::move(signature)}));
}

Result<Bytes> ReadArtifactResponse(std::string_view text, const Digest& request, ByteView message,
                                   const crypto::PublicKey& key) {
  if (text.size() > kMaxArtifactRequest) return BadRequest("the response is too large");
  auto der = crypto::ReadOnePem(text, kResponseLabel);
  if (!der) return BadRequest("the response: " + der.error().message);
  auto part = cbor::FromCbor<SignedPart>(*der);
  if (!part) return BadRequest("the response: " + part.error().message);
  if (!std::ranges::equal(part->request, request)) {
    return Refused("response.other-request", "the response answers another request",
                   "have the request signed that waits here");
  }
  if (!key.Verify(message, part->signature)) {
    return Refused("response.signature", "the response's signature is not by the anchor's key");
  }
  return std::move(part->signature);
}

}  // namespace birthmark::offline
