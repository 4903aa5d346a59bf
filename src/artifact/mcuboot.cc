// SPDX-License-Identifier: Apache-2.0
#include "artifact/mcuboot.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/pss.h"
#include "trust/mcuboot.h"
#include "trust/mcuboot_verify.h"

namespace birthmark::artifact {
namespace {

using trust::McubootTlv;

std::string NameOf(uint16_t type) {
  if (type == McubootTlv::kRsa2048Pss) return "rsa-2048 pss";
  if (type == McubootTlv::kRsa3072Pss) return "rsa-3072 pss";
  return type == McubootTlv::kEd25519 ? "ed25519" : "ecdsa-p256";
}

}  // namespace

bool LooksLikeMcuboot(ByteView file) { return trust::LooksLikeMcubootImage(file); }

Result<Opened> OpenMcuboot(ByteView file) {
  BM_TRY(const trust::McubootImage image, trust::ParseMcubootImage(file));
  Opened out;
  out.kind = Kind::kMcuboot;
  BM_TRY(const McubootVersion version, ParseMcubootVersion(image.version));
  out.version = version.Number();
  out.content = crypto::Sha256(image.hashed);
  out.content_size = image.image_size;
  out.facts = {{"version", image.version}, {"key-sha256", ToHex(trust::KeyOfMcubootImage(image))}};
  const McubootTlv* signature = nullptr;
  for (const McubootTlv& t : image.tlvs) {
    if (t.type == McubootTlv::kSha256 && !t.is_protected &&
        !std::ranges::equal(t.value, out.content)) {
      return Refused("artifact.content", "the image is not the one that its hash names",
                     "fetch the image again");
    }
    if (trust::IsMcubootSignature(t.type)) signature = &t;
  }
  if (signature == nullptr) {
    return Refused("artifact.unsigned", "the image has no signature that is understood here",
                   "ECDSA P-256 (0x22), Ed25519 (0x24), RSA-2048 (0x20) and RSA-3072 (0x23) are");
  }
  out.algorithm = NameOf(signature->type);
  out.signed_by = [type = signature->type, hash = out.content,
                   hashed = Bytes(image.hashed.begin(), image.hashed.end()),
                   value = Bytes(signature->value.begin(), signature->value.end())](
                      const crypto::PublicKey& key) {
    if (McubootSignatureType(key.algorithm()) != type) return false;
    if (type == McubootTlv::kEcdsa) return key.Verify(hashed, value);
    if (type == McubootTlv::kEd25519) return key.Verify(hash, value);
    return crypto::VerifyPss(key, hashed, value, crypto::PssSalt::kDigest);
  };
  return out;
}

}  // namespace birthmark::artifact
