// SPDX-License-Identifier: Apache-2.0
// MCUboot images made and signed: header, body, TLVs (MCUboot docs/design.md). Reading their
// structure is trust/mcuboot.h. ECDSA P-256, Ed25519, and RSA as MCUboot has it: RSASSA-PSS. A key
// is pinned itself: MCUboot reads no certificates. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifact/artifact.h"

namespace birthmark::artifact {

// McubootVersion is major.minor.revision+build; one number alone is the major one.
struct McubootVersion {
  uint8_t major = 0, minor = 0;
  uint16_t revision = 0;
  uint32_t build = 0;
  // Number orders versions as MCUboot does.
  uint64_t Number() const {
    return uint64_t{major} << 56 | uint64_t{minor} << 48 | uint64_t{revision} << 32 | build;
  }
};
// McubootVersionOf is the version of such a number.
McubootVersion McubootVersionOf(uint64_t number);
// ParseMcubootVersion reads "1.2.3+4", "1.2.3", "7". Errors: artifact.version.
Result<McubootVersion> ParseMcubootVersion(std::string_view text);

// McubootSignatureType is the TLV of a key's signatures; empty: MCUboot takes none of its.
std::optional<uint16_t> McubootSignatureType(crypto::Algorithm a);

// SignMcuboot makes an image of a body, with the header MCUboot's build pads to (512 octets) and
// the security counter in a protected TLV. Errors: artifact.algorithm, artifact.too-large; those of
// the signer and SignPss.
Result<Bytes> SignMcuboot(ByteView body, const McubootVersion& version, const Signing& signing);

bool LooksLikeMcuboot(ByteView file);
// OpenMcuboot reads an image. Errors: those of trust::ParseMcubootImage, artifact.unsigned,
// artifact.content (its hash is not that of the image).
Result<Opened> OpenMcuboot(ByteView file);

}  // namespace birthmark::artifact
