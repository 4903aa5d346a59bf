// SPDX-License-Identifier: Apache-2.0
// A private data object in a PKCS #11 token: a place to carry something small that is sealed
// already, as a share on a smartcard. Leaves out what it is. Not thread-safe.
#pragma once

#include <string>

#include "base/bytes.h"
#include "keystore/pin.h"

namespace birthmark::keystore {

inline constexpr size_t kMaxDataObject = 16 * 1024;

// PutDataObject writes one under the URI's `object`, readable after login alone (CKA_PRIVATE), and
// reads it back. One that is there is not written over. Errors: pkcs11.uri (no object named),
// keystore.exists, keystore.data (too large; it does not read back); those of Session, LogIn.
Status PutDataObject(const std::string& uri, ByteView value, const Pin& pin);
// GetDataObject reads it. Errors: keystore.missing; as above.
Result<Bytes> GetDataObject(const std::string& uri, const Pin& pin);

}  // namespace birthmark::keystore
