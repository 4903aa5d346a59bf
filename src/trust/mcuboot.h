// SPDX-License-Identifier: Apache-2.0
// MCUboot: the keys compiled into it and the TLVs of the images that it starts. Parsing and key
// headers alone; making and signing images is artifact's. Pure; thread-safe.
// Source: MCUboot docs/design.md, boot/bootutil/include/bootutil/image.h.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

inline constexpr uint32_t kMcubootMagic = 0x96f3b83d;
inline constexpr uint16_t kMcubootTlvMagic = 0x6907, kMcubootProtectedTlvMagic = 0x6908;

// McubootTlv is one type-length-value; the types that matter to anchors have names.
struct McubootTlv {
  static constexpr uint16_t kKeyHash = 0x01, kPublicKey = 0x02, kSha256 = 0x10, kSha384 = 0x11,
                            kRsa2048Pss = 0x20, kEcdsa = 0x22, kRsa3072Pss = 0x23, kEd25519 = 0x24,
                            kSecurityCounter = 0x50;
  uint16_t type = 0;
  bool is_protected = false;  // covered by the image's hash
  ByteView value;
};

struct McubootImage {
  uint16_t header_size = 0;
  uint32_t image_size = 0;  // without header and TLVs
  uint32_t flags = 0;
  std::string version;  // "1.2.3+4"
  ByteView hashed;      // header, body and protected TLVs: what hash and signature cover
  std::vector<McubootTlv> tlvs;
  size_t size = 0;  // of header, body and TLVs together
};

bool LooksLikeMcubootImage(ByteView data);
// ParseMcubootImage reads an image at the start of `region`, which must outlive it.
// Errors: trust.mcuboot-malformed.
Result<McubootImage> ParseMcubootImage(ByteView region);

// KeyOfMcubootImage is the digest of the key that the image says it was signed with (the KEYHASH
// TLV, or the digest of the PUBKEY TLV); empty when it says nothing.
Bytes KeyOfMcubootImage(const McubootImage& image);
// SignerOfMcubootImage is the first anchor whose key made one of the image's signatures over the
// image as it is; null when none did. It checks signatures, not only the key's hash.
const TrustAnchor* SignerOfMcubootImage(const McubootImage& image,
                                        const std::vector<TrustAnchor>& anchors);
// ReadMcubootImage gives the signer's key as an anchor: whole where the image carries it, else its
// digest. Errors: those of ParseMcubootImage.
// Findings: trust.mcuboot-unsigned, trust.mcuboot-hash (the hash is not that of the image).
Result<Store> ReadMcubootImage(ByteView region);

// McubootKeyDer is a key as MCUboot compiles it in: PKCS #1 RSAPublicKey for RSA, else the
// SubjectPublicKeyInfo; its hash is what KEYHASH holds. Errors: trust.cannot-carry.
Result<Bytes> McubootKeyDer(const TrustAnchor& a);
// ReadMcubootKeys reads the arrays of a C source or header, or one key's DER.
// Errors: trust.mcuboot-malformed.
Result<Store> ReadMcubootKeys(ByteView data);
// WriteMcubootKeys writes the C source that defines bootutil_keys. Errors: trust.cannot-carry.
Result<std::string> WriteMcubootKeys(const std::vector<TrustAnchor>& anchors);

}  // namespace birthmark::trust
