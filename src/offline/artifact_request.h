// SPDX-License-Identifier: Apache-2.0
// A signature over an artifact asked of an offline anchor's own key (docs/formats/request.md): what
// is signed, in words, and the octets to sign. The offline side signs nothing that it cannot read:
// the octets must be the COSE structure of the very artifact that the words name. Free functions.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"

namespace birthmark::offline {

inline constexpr size_t kMaxArtifactRequest = size_t{1} << 20;

struct ArtifactRequest {
  std::string ca;    // the authority whose key shall sign
  std::string kind;  // "device-image", "update", "tam"
  std::string name;  // of the component
  Bytes issuer;      // SHA-256 of the authority's SubjectPublicKeyInfo
  Bytes object;      // the update's manifest; else empty
  Bytes content;     // SHA-256 of the file
  Bytes message;     // what is signed: a Sig_structure (RFC 9052 section 4.4)
  uint64_t version = 0;
  bool rehearsal = true;
  std::string workspace;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("kind", kind);
    v("name", name);
    v("issuer", issuer);
    v("object", object);
    v("content", content);
    v("message", message);
    v("version", version);
    v("rehearsal", rehearsal);
    v("workspace", workspace);
  }
};

bool IsArtifactRequest(std::string_view text);
std::string WriteArtifactRequest(const ArtifactRequest& request);
// ReadArtifactRequest reads one strictly and checks that the octets to sign are those of the
// artifact that it names. Errors: request.artifact.
Result<ArtifactRequest> ReadArtifactRequest(std::string_view text);
// ArtifactRequestDigest names a request: SHA-256 of its block.
Digest ArtifactRequestDigest(const ArtifactRequest& request);

// SignArtifactRequest answers with a signature. Errors: request.other-authority,
// request.rehearsal; those of the signer.
Result<std::string> SignArtifactRequest(const ArtifactRequest& request,
                                        const crypto::Certificate& authority, bool rehearsal,
                                        crypto::Signer& signer);
// ReadArtifactResponse gives the signature when it answers this request under this key. Errors:
// request.artifact, response.other-request, response.signature.
Result<Bytes> ReadArtifactResponse(std::string_view text, const Digest& request, ByteView message,
                                   const crypto::PublicKey& key);

}  // namespace birthmark::offline
