// SPDX-License-Identifier: Apache-2.0
// A signature over an artifact asked of an offline anchor's own key (docs/formats/request.md): what
// is signed, in words, and the octets to sign or the file that they are made from. The offline side
// signs nothing that it cannot read (artifact_octets.h). Free functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"

namespace birthmark::offline {

// A boot image is carried whole, so this bounds it.
inline constexpr size_t kMaxArtifactRequest = (size_t{16} << 20) - 4096;

struct ArtifactOctets;

// BootTerms is what the octets of a boot image are made with, besides the file.
struct BootTerms {
  bool pss = false;           // fit: padding = "pss"
  std::string key_name;       // fit: key-name-hint
  std::string configuration;  // fit: empty: its default
  template <class V>
  void Fields(V& v) {
    v("pss", pss);
    v("key_name", key_name);
    v("configuration", configuration);
  }
};

struct ArtifactRequest {
  std::string ca;                  // the authority whose key shall sign
  std::optional<Bytes> key;        // fit, mcuboot: the authority's SubjectPublicKeyInfo
  std::string kind;                // "device-image", "update", "tam", "cms", "fit", "mcuboot"
  std::string name;                // of the component
  Bytes issuer;                    // SHA-256 of the authority's SubjectPublicKeyInfo
  Bytes object;                    // the update's manifest; fit, mcuboot: the file; else empty
  std::optional<BootTerms> terms;  // fit, mcuboot
  Bytes content;  // SHA-256 of the file; cms: its digest by the hash of the authority's key
  Bytes message;  // what is signed: a Sig_structure (RFC 9052 section 4.4), cms: the attributes
  uint64_t version = 0;
  bool rehearsal = true;
  std::string workspace;
  // SHA-256 of the SubjectPublicKeyInfo that signed the file, which ReadArtifactRequest verified.
  std::optional<Digest> asker;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("key", key);
    v("kind", kind);
    v("name", name);
    v("terms", terms);
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
// WriteArtifactRequest gives the file, signed by who asks. Errors: request.too-large, those of the
// signer.
Result<std::string> WriteArtifactRequest(const ArtifactRequest& request, crypto::Signer* asker);
// ReadArtifactRequest reads one strictly and checks that the octets to sign are those of the
// artifact that it names; whether the key that signed it may ask is for its reader to know. Errors:
// those of OctetsOf, request.artifact-signature.
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
Result<Bytes> ReadArtifactResponse(std::string_view text, const Digest& request,
                                   const ArtifactOctets& octets, const crypto::PublicKey& key);

}  // namespace birthmark::offline
