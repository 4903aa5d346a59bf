// SPDX-License-Identifier: Apache-2.0
// Nonces that a desk has given out and what each of them proves when it comes back: that evidence
// is fresh; and, where it went out inside a credential, that attestation key and endorsement key
// are in one TPM. Kept in memory: whoever restarts a desk asks for new ones. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "attest/credential.h"
#include "attest/verify.h"
#include "base/clock.h"
#include "base/ids.h"
#include "crypto/cert.h"

namespace birthmark::attest {

class Challenges {
 public:
  static constexpr std::chrono::minutes kLife{10};
  static constexpr std::chrono::hours kRemembered{1};  // used and stale ones are told from unknown

  explicit Challenges(const Clock& clock, size_t max = 10'000) : clock_(clock), max_(max) {}

  // Nonce gives 32 octets for `who`. Errors: attest.busy when too many are out.
  Result<Bytes> Nonce(const std::string& who);
  // ForTpm gives a credential with a nonce inside, for the TPM with this EK and this AK.
  // Errors: attest.busy, attest.not-restricted (the AK could sign anything), tpm.*.
  Result<Credential> ForTpm(const std::string& who, const crypto::Certificate& ek,
                            const TpmPublic& ak);

  // Answer is what is known of a nonce in evidence.
  struct Answer {
    bool ours = false;  // given to `who`, not used before, in time
    std::optional<Activation> activation;
  };
  // Take uses a nonce up. One of nobody's is an Answer that is not ours. Errors: attest.nonce for
  // one that was used, is over, or was another's.
  Result<Answer> Take(const std::string& who, const Bytes& nonce);

 private:
  struct Given {
    std::string who;
    Time until;
    bool used = false;
    std::optional<Activation> activation;
  };
  Result<Bytes> Give(Given given);

  const Clock& clock_;
  size_t max_;
  SystemRng rng_;
  std::mutex mutex_;
  std::map<Bytes, Given> given_;
};

}  // namespace birthmark::attest
