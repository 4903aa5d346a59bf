// SPDX-License-Identifier: Apache-2.0
// Update manifests in the style of draft-ietf-suit-manifest (docs/formats/update-manifest.md): one
// component, its digest and size, a sequence number, whom it is for, and its bill of materials.
// Leaves out severed parts, commands that fetch or install, and encryption. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/artifact.h"

namespace birthmark::artifact {

// Sbom is a link to a bill of materials: CoSWID (RFC 9393), CycloneDX or SPDX.
struct Sbom {
  std::string uri;
  Digest sha256{};
};

struct UpdateManifest {
  std::vector<std::string> component;  // path of names, the device's own
  uint64_t sequence = 0;
  Bytes vendor;  // UUID, 16 octets
  Bytes device_class;
  Content content;
  std::optional<std::string> uri;  // where the content is
  std::optional<Sbom> sbom;
};

// VendorId and ClassId are UUIDs of version 5 (RFC 9562 section 5.5): of the enterprise number's
// OID in the OID name space, and of the product's name in the vendor's.
Bytes VendorId(uint32_t enterprise_number);
Bytes ClassId(const Bytes& vendor, std::string_view product);

// EncodeUpdate is the manifest as it is signed.
Bytes EncodeUpdate(const UpdateManifest& manifest);
// SignUpdate makes the envelope. Errors: artifact.manifest (no component, or a UUID of another
// size); those of the signer.
Result<Bytes> SignUpdate(const UpdateManifest& manifest, const Signing& signing);

bool LooksLikeUpdate(ByteView file);

struct OpenedUpdate {
  Opened opened;
  UpdateManifest manifest;
  Bytes attached;  // the signature with its payload inside: what a device's verifier takes
};
// OpenUpdate reads an envelope and checks that the manifest is the one its digest names. Errors:
// artifact.malformed, those of cbor::Decode and ParseCose.
Result<OpenedUpdate> OpenUpdate(ByteView file);

}  // namespace birthmark::artifact
