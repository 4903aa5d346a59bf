// SPDX-License-Identifier: Apache-2.0
// A TPM 2.0 as an element: keys are made by TPM2_Create under the storage root key and made
// persistent, certificates are NV indices of the owner, evidence is signed by a restricted key that
// is made the same way. Whether the TPM is a part of its own or firmware of the processor is for
// the plan to say: nothing here differs. Not thread-safe.
#pragma once

#include <span>

#include "element/element.h"

namespace birthmark::element::tpm {

// Where things are: persistent handles and NV indices of the owner's range, the maker's by the TCG
// EK Credential Profile section 2.2.1.
inline constexpr uint32_t kStorageRoot = 0x81000001;  // the SRK's customary handle
inline constexpr uint32_t kFirstKey = 0x81000200;     // and the slot's index
inline constexpr uint32_t kAttestationKey = 0x81000210;
inline constexpr uint32_t kFirstCertificate = 0x01800200;  // and the slot's index
inline constexpr uint32_t kFirstCreation = 0x01800210;     // what TPM2_CertifyCreation needs
inline constexpr uint32_t kEkCertificateRsa = 0x01c00002, kEkCertificateEcc = 0x01c0000a;
inline constexpr uint32_t kEkChainFirst = 0x01c00100, kEkChainLast = 0x01c001ff;
inline constexpr uint32_t kEkRsa = 0x81010001;

// Open connects to the TPM behind a TCTI ("device:/dev/tpmrm0"). Errors: see element::Open.
Result<std::unique_ptr<Element>> Open(const std::string& tcti);

// StoreEkChain puts intermediate certificates where a maker's factory puts them; for the emulated
// parts of a rehearsal.
Status StoreEkChain(const std::string& tcti, std::span<const Bytes> certificates);

}  // namespace birthmark::element::tpm
