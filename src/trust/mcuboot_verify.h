// SPDX-License-Identifier: Apache-2.0
// The signatures of MCUboot's image TLVs. Internal to trust. Source: MCUboot
// boot/bootutil/src/image_rsa.c, image_ecdsa.c, image_ed25519.c.
#pragma once

#include "base/bytes.h"

namespace birthmark::trust {

bool IsMcubootSignature(uint16_t type);
// VerifiesMcuboot checks a signature TLV of this type over what the image's hash covers.
bool VerifiesMcuboot(ByteView spki, uint16_t type, ByteView hashed, ByteView signature);

}  // namespace birthmark::trust
