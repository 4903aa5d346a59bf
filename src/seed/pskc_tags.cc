// SPDX-License-Identifier: Apache-2.0
#include "seed/pskc_tags.h"

namespace birthmark::seed {
namespace {

constexpr char kPskc[] = "urn:ietf:params:xml:ns:keyprov:pskc";
constexpr char kDs[] = "http://www.w3.org/2000/09/xmldsig#";
constexpr char kXenc[] = "http://www.w3.org/2001/04/xmlenc#";
constexpr char kXenc11[] = "http://www.w3.org/2009/xmlenc11#";

struct Path {
  Tag parent;
  std::string_view ns, name;
  Tag tag;
};
constexpr Path kPaths[] = {
    {Tag::kNone, kPskc, "KeyContainer", Tag::kContainer},
    {Tag::kContainer, kPskc, "EncryptionKey", Tag::kEncryptionKey},
    {Tag::kEncryptionKey, kDs, "KeyName", Tag::kKeyName},
    {Tag::kEncryptionKey, kDs, "X509Data", Tag::kX509Data},
    {Tag::kEncryptionKey, kXenc, "EncryptedKey", Tag::kEncryptedKey},
    {Tag::kEncryptionKey, kXenc11, "DerivedKey", Tag::kDerived},
    {Tag::kX509Data, kDs, "X509Certificate", Tag::kCertificate},
    {Tag::kEncryptedKey, kDs, "KeyInfo", Tag::kKeyInfo},
    {Tag::kKeyInfo, kDs, "X509Data", Tag::kX509Data},
    {Tag::kKeyInfo, kDs, "KeyName", Tag::kKeyName},
    {Tag::kContainer, kPskc, "MACMethod", Tag::kMacMethod},
    {Tag::kMacMethod, kPskc, "MACKey", Tag::kMacKey},
    {Tag::kContainer, kPskc, "KeyPackage", Tag::kPackage},
    {Tag::kPackage, kPskc, "DeviceInfo", Tag::kDeviceInfo},
    {Tag::kDeviceInfo, kPskc, "Manufacturer", Tag::kManufacturer},
    {Tag::kDeviceInfo, kPskc, "SerialNo", Tag::kSerialNo},
    {Tag::kPackage, kPskc, "CryptoModuleInfo", Tag::kModuleInfo},
    {Tag::kModuleInfo, kPskc, "Id", Tag::kModuleId},
    {Tag::kPackage, kPskc, "Key", Tag::kKey},
    {Tag::kKey, kPskc, "Policy", Tag::kPolicy},
    {Tag::kKey, kPskc, "Data", Tag::kData},
    {Tag::kData, kPskc, "Secret", Tag::kSecret},
    {Tag::kSecret, kPskc, "PlainValue", Tag::kPlainValue},
    {Tag::kSecret, kPskc, "EncryptedValue", Tag::kEncryptedValue},
    {Tag::kSecret, kPskc, "ValueMAC", Tag::kValueMac},
    {Tag::kMethod, kDs, "DigestMethod", Tag::kDigest},
    {Tag::kMethod, kXenc11, "MGF", Tag::kMask},
    {Tag::kMethod, kXenc, "OAEPparams", Tag::kParams},
    {Tag::kCipherData, kXenc, "CipherValue", Tag::kCipherValue},
};

}  // namespace

bool IsCipher(Tag t) {
  return t == Tag::kEncryptedKey || t == Tag::kMacKey || t == Tag::kEncryptedValue;
}

Tag Below(Tag parent, std::string_view ns, std::string_view name) {
  if (IsCipher(parent) && ns == kXenc) {
    if (name == "EncryptionMethod") return Tag::kMethod;
    if (name == "CipherData") return Tag::kCipherData;
  }
  for (const Path& p : kPaths) {
    if (p.parent == parent && p.name == name && p.ns == ns) return p.tag;
  }
  return Tag::kElse;
}

size_t TextLimit(Tag t) {
  switch (t) {
    case Tag::kCertificate:
      return 16 * 1024;
    case Tag::kCipherValue:
      return 2048;  // RSA of 4096 bits, with room for line breaks
    default:
      return 512;
  }
}

}  // namespace birthmark::seed
