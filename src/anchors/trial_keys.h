// SPDX-License-Identifier: Apache-2.0
// Keys for trials alone: made in memory when first wanted, kept as long as their object. A TLS
// server needs its key when it is asked, so those alone are given away. They cover algorithms that
// Birthmark itself refuses to use, since a trial asks whether a device does. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "anchors/trial_spec.h"
#include "base/error.h"
#include "crypto/openssl.h"

namespace birthmark::anchors {

class TrialKeys {
 public:
  // Spki gives the public key of an algorithm's trial key. Errors: trial.key.
  Result<Bytes> Spki(const TrialAlgorithm& a);
  // Pkcs8 gives a trial key away, for a server that is tried later. Errors: trial.key.
  Result<SecretBytes> Pkcs8(const TrialAlgorithm& a);
  // Sign signs in the form of COSE: r || s for ECDSA (RFC 9053 section 2.1), a salt as long as the
  // hash for PSS (RFC 8230 section 2). Errors: trial.key, trial.sign.
  Result<Bytes> Sign(const TrialAlgorithm& a, ByteView message);

 private:
  Result<EVP_PKEY*> Key(const TrialAlgorithm& a);
  std::map<std::string, crypto::EvpKeyPtr, std::less<>> keys_;  // by vocabulary word
};

// ToCoseSignature turns a signature as certificates carry it into COSE's form: ECDSA-Sig-Value into
// r || s of `coordinate` octets each. Errors: trial.sign.
Result<Bytes> ToCoseSignature(ByteView der, size_t coordinate);

}  // namespace birthmark::anchors
