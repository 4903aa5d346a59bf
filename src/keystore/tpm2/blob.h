// SPDX-License-Identifier: Apache-2.0
// The file of a key that a TPM wrapped: docs/formats/key-file.md. No I/O; pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::keystore {

inline constexpr size_t kMaxTpmKeyFile = 16 * 1024;

// TpmKeyFile is what TPM2_Create gave: both halves as TPM2B structures. Nothing in it is secret
// outside its TPM.
struct TpmKeyFile {
  std::string id;
  std::string format;
  Bytes public_area;   // TPM2B_PUBLIC
  Bytes private_area;  // TPM2B_PRIVATE, wrapped by the storage root key
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("format", format);
    v("public", public_area);
    v("private", private_area);
  }
};

// WriteTpmKeyFile encodes one.
Bytes WriteTpmKeyFile(TpmKeyFile file);
// ReadTpmKeyFile decodes one and checks that it is the file of `id`. Errors: keystore.corrupt.
Result<TpmKeyFile> ReadTpmKeyFile(ByteView data, std::string_view id);

}  // namespace birthmark::keystore
