// SPDX-License-Identifier: Apache-2.0
// Events of what is signed under trust anchors: each artifact, and each signer who was certified on
// request. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// ArtifactSigned is one object that was signed under an anchor, as it left. Its level and its
// signer are read from the object, not from the plan.
struct ArtifactSigned {
  static constexpr std::string_view kType = "artifact.signed";
  std::string how;     // "online", "carried" (its key is elsewhere), "threshold"
  std::string kind;    // "device-image", "update", "cms", "fit", "mcuboot", "tam", "tls-server"
  std::string name;    // of the component: what versions are counted for
  Digest spki{};       // SHA-256 of the signing key's SubjectPublicKeyInfo
  uint32_t level = 1;  // draft 5.1: 1 = the anchor's own key signs
  std::string anchor;
  std::string signer;     // id of the signer: a key of the workspace, or one that was certified
  Digest content{};       // SHA-256 of the file that was signed
  std::string product;    // whose plan names the anchor
  uint64_t version = 0;   // or sequence number
  Digest artifact{};      // SHA-256 of what came out
  std::string algorithm;  // crypto::Algorithm's word
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("kind", kind);
    v("name", name);
    v("spki", spki);
    v("level", level);
    v("anchor", anchor);
    v("signer", signer);
    v("content", content);
    v("product", product);
    v("version", version);
    v("artifact", artifact);
    v("algorithm", algorithm);
  }
};

// SignerAdmitted is a signer under an anchor that was certified on its own request: its key is
// where the workspace is not.
struct SignerAdmitted {
  static constexpr std::string_view kType = "signer.admitted";
  std::string id;                  // "update-pki-ee-2"
  std::string pki;                 // the plan's PKI
  std::string zone;                // its seat in the plan's time-zones; empty: none
  std::vector<Bytes> chain;        // itself first, without the root
  std::vector<std::string> facts;  // what was proven of its key, by name: "fixedTPM"
  std::string proof;               // kind of evidence: "tpm2-certify"; empty: none came
  std::optional<Digest> vendor;    // SHA-256 of the maker's root that the evidence leads to
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("pki", pki);
    v("zone", zone);
    v("chain", chain);
    v("facts", facts);
    v("proof", proof);
    v("vendor", vendor);
  }
};

}  // namespace birthmark::ledger
