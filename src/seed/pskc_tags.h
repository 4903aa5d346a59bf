// SPDX-License-Identifier: Apache-2.0
// The elements of a PSKC container that are read, and where they stand. Private to this room. Pure
// functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace birthmark::seed {

// Where the reader is. Anything not in kPaths is kElse, and so is all below it.
enum class Tag : uint8_t {
  kNone,
  kElse,
  kContainer,
  kEncryptionKey,
  kX509Data,
  kEncryptedKey,
  kKeyInfo,
  kMacMethod,
  kMacKey,
  kPackage,
  kDeviceInfo,
  kModuleInfo,
  kKey,
  kPolicy,
  kData,
  kSecret,
  kEncryptedValue,
  kMethod,
  kCipherData,
  kDigest,
  kMask,
  kParams,
  kDerived,
  // Those whose text is read:
  kCertificate,
  kKeyName,
  kCipherValue,
  kManufacturer,
  kSerialNo,
  kModuleId,
  kPlainValue,
  kValueMac,
};

// IsCipher is true for the three elements that hold an xenc:EncryptedDataType.
bool IsCipher(Tag t);
// Below is what an element is, by its parent, namespace and name.
Tag Below(Tag parent, std::string_view ns, std::string_view name);
// TextLimit is how much text an element may have.
size_t TextLimit(Tag t);

}  // namespace birthmark::seed
