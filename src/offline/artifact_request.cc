// SPDX-License-Identifier: Apache-2.0
#include "offline/artifact_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "offline/artifact_octets.h"

namespace birthmark::offline {
namespace {

constexpr std::string_view kRequestLabel = "BIRTHMARK ARTIFACT REQUEST";
constexpr std::string_view kResponseLabel = "BIRTHMARK ARTIFACT RESPONSE";
constexpr std::string_view kSignatureLabel = "BIRTHMARK REQUEST SIGNATURE";

struct SignedPart {
  Bytes request, signature;
  template <class V>
  void Fields(V& v) {
    v("request", request);
    v("signature", signature);
  }
};

// AskedBy is the signature of who asks.
struct AskedBy {
  Bytes key;  // SubjectPublicKeyInfo
  Bytes signature;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("signature", signature);
  }
};

// AskingWords is what the asking side signs: a digest under words that no other signature begins
// with.
Bytes AskingWords(const Digest& request) {
  Bytes out = ToBytes("birthmark artifact request 1");
  out.push_back(0);
  out.insert(out.end(), request.begin(), request.end());
  return out;
}

std::unexpected<Error> BadRequest(std::string what) {
  return Refused("request.artifact", "no request for an artifact's signature: " + std::move(what),
                 "make it again: birthmark artifact sign");
}

}  // namespace

bool IsArtifactRequest(std::string_view text) {
  return text.starts_with(fmt::format("-----BEGIN {}-----", kRequestLabel));
}

Result<std::string> WriteArtifactRequest(const ArtifactRequest& r, crypto::Signer* asker) {
  std::string out = crypto::WritePem(kRequestLabel, cbor::ToCbor(r));
  if (out.size() > kMaxArtifactRequest) {
    return Refused(
        "request.too-large",
        fmt::format("the file would have to be carried to {} whole, and a request has {} "
                    "octets at most",
                    r.ca, kMaxArtifactRequest),
        "sign it with a signer that is online, or carry its octets alone: --round DIR");
  }
  if (asker == nullptr) return out;
  const ByteView spki = asker->public_key().spki();
  AskedBy by{.key = Bytes(spki.begin(), spki.end()), .signature = {}};
  BM_TRY(by.signature, asker->Sign(AskingWords(ArtifactRequestDigest(r))));
  return out + crypto::WritePem(kSignatureLabel, cbor::ToCbor(by));
}

Result<ArtifactRequest> ReadArtifactRequest(std::string_view text) {
  if (text.size() > kMaxArtifactRequest + 4096) return BadRequest("it is too large");
  auto blocks = crypto::ReadPem(text, 2);
  if (!blocks || blocks->empty() || blocks->front().label != kRequestLabel ||
      (blocks->size() == 2 && blocks->back().label != kSignatureLabel))
    return BadRequest("its blocks are others");
  const Bytes& der = blocks->front().der;
  auto r = cbor::FromCbor<ArtifactRequest>(der);
  if (!r) return BadRequest(r.error().message);
  if (cbor::ToCbor(*r) != der) return BadRequest("it holds what is not known here");
  BM_CHECK(OctetsOf(*r));
  if (blocks->size() == 1) return std::move(*r);
  auto by = cbor::FromCbor<AskedBy>(blocks->back().der);
  if (!by || cbor::ToCbor(*by) != blocks->back().der)
    return BadRequest("its signature does not read");
  BM_TRY(const crypto::PublicKey key, crypto::PublicKey::FromSpki(by->key));
  if (!key.Verify(AskingWords(ArtifactRequestDigest(*r)), by->signature)) {
    return Refused("request.artifact-signature", "the request is not what the key with it signed",
                   "it was changed on the way: carry it again");
  }
  r->asker = key.spki_digest();
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
  BM_TRY(const ArtifactOctets octets, OctetsOf(r));
  BM_TRY(Bytes signature, octets.pss ? crypto::SignPss(signer, octets.message, *octets.pss)
                                     : signer.Sign(octets.message));
  const Digest digest = ArtifactRequestDigest(r);
  return crypto::WritePem(kResponseLabel,
                          cbor::ToCbor(SignedPart{.request = Bytes(digest.begin(), digest.end()),
                                                  .signature = std::move(signature)}));
}

Result<Bytes> ReadArtifactResponse(std::string_view text, const Digest& request,
                                   const ArtifactOctets& octets, const crypto::PublicKey& key) {
  if (text.size() > kMaxArtifactRequest) return BadRequest("the response is too large");
  auto der = crypto::ReadOnePem(text, kResponseLabel);
  if (!der) return BadRequest("the response: " + der.error().message);
  auto part = cbor::FromCbor<SignedPart>(*der);
  if (!part) return BadRequest("the response: " + part.error().message);
  if (!std::ranges::equal(part->request, request)) {
    return Refused("response.other-request", "the response answers another request",
                   "have the request signed that waits here");
  }
  const bool good = octets.pss
                        ? crypto::VerifyPss(key, octets.message, part->signature, *octets.pss)
                        : key.Verify(octets.message, part->signature);
  if (!good) {
    return Refused("response.signature", "the response's signature is not by the anchor's key");
  }
  return std::move(part->signature);
}

}  // namespace birthmark::offline
