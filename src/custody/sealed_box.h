// SPDX-License-Identifier: Apache-2.0
// A scalar sealed to one receiver's fresh X25519 key (libsodium's sealed boxes), so that parts can
// travel through a coordinator. Who sent it is not authenticated here: the part is checked against
// public commitments. Thread-compatible.
#pragma once

#include "base/ids.h"
#include "custody/group.h"

namespace birthmark::custody {

inline constexpr size_t kBoxKeySize = 32;

// BoxKey is a receiver's key pair of one run.
struct BoxKey {
  SecretBytes secret;
  Bytes point;
  static BoxKey Make(Rng& rng);
  // FromSecret has a key pair back from its 32 secret octets.
  static BoxKey FromSecret(ByteView secret);
};

// SealPart seals a scalar for one receiver. `context` is bound into it: the run, from whom, to
// whom. Errors: box.key.
Result<Bytes> SealPart(const Scalar& part, ByteView to, const Digest& context);
// OpenPart reverses it. Errors: box.broken (not for this key, changed, or of another context),
// custody.scalar.
Result<Scalar> OpenPart(ByteView sealed, const BoxKey& key, const Digest& context);

}  // namespace birthmark::custody
