// SPDX-License-Identifier: Apache-2.0
#include "method/request.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "pki/csr.h"

namespace birthmark::method {

Result<pki::Csr> CheckRequest(const link::CsrAnswer& answer, ByteView challenge,
                              const link::SlotInfo& slot, const Job& job,
                              const std::string& method) {
  BM_TRY(pki::Csr csr, pki::ReadCsr(answer.csr));
  if (!std::ranges::equal(csr.key.spki(), slot.public_key)) {
    return Refused(method + ".other-key",
                   job.unit + ": the request is not for the key the device said it made",
                   "check which device is on this station");
  }
  if (csr.subject.Find("serialNumber").value_or("") != job.serial) {
    return Refused(method + ".other-unit", job.unit + ": the request names another unit",
                   "check which device is on this station");
  }
  BM_TRY(Bytes signature, crypto::EcdsaRawToDer(answer.proof));
  if (!csr.key.Verify(link::CsrProofMessage(challenge, crypto::Sha256(answer.csr)), signature)) {
    return Refused(method + ".proof",
                   job.unit + ": the device did not sign the station's challenge",
                   "scrap the unit: its answers are not its own");
  }
  return csr;
}

}  // namespace birthmark::method
