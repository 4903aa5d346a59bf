// SPDX-License-Identifier: Apache-2.0
// What an element says about a key, packed as it travels in a request: an AttestationBundle
// (draft-ietf-lamps-csr-attestation). Free functions.
#pragma once

#include "element/element.h"

namespace birthmark::element {

// BundleOf has the part attest the slot's key over `nonce` and packs the answer: creation data
// first where there is some, TPM2_Certify, and the EK's certificates. Errors: those of the element;
// element.unsupported for a part that cannot attest.
Result<Bytes> BundleOf(Element& element, std::string_view slot, ByteView nonce);

// RequestOf is a PKCS #10 request by the slot's key, with `bundle` (which may be empty) as its
// attestation attribute. `subject` is a Name in DER. Errors: those of the element.
Result<Bytes> RequestOf(Element& element, std::string_view slot, ByteView subject, ByteView bundle);

}  // namespace birthmark::element
