// SPDX-License-Identifier: Apache-2.0
#include "element/element.h"

#include <fmt/format.h>

#include <algorithm>

#include "element/pkcs11/token_element.h"
#include "element/tpm/tpm_element.h"

namespace birthmark::element {

Result<unsigned> SlotIndex(std::string_view slot) {
  for (unsigned i = 0; i < std::size(kSlots); ++i) {
    if (kSlots[i] == slot) return i;
  }
  return Usage("element.slot", fmt::format("no slot is called {}", slot),
               "use idevid, attestation, decrypt or group");
}

Result<std::unique_ptr<Element>> Open(const std::string& uri) {
  if (uri.starts_with("tpm2:")) return tpm::Open(uri.substr(5));
  if (uri.starts_with("pkcs11:")) return pkcs11::Open(uri);
  return Usage("element.uri", uri.substr(0, uri.find(':')) + ": is no kind of element",
               "use tpm2:TCTI or pkcs11:…?module-path=…&pin-source=file:…");
}

Result<Bytes> SpkiOfPoint(ByteView x, ByteView y) {
  // RFC 5480 section 2: everything before the point is fixed for P-256.
  static constexpr uint8_t kHead[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
  if (x.size() > 32 || y.size() > 32)
    return Environment("element.failed", "the element's public key is no point of P-256");
  Bytes out(std::begin(kHead), std::end(kHead));
  for (ByteView c : {x, y}) {
    out.insert(out.end(), 32 - c.size(), 0);
    out.insert(out.end(), c.begin(), c.end());
  }
  return out;
}

}  // namespace birthmark::element
