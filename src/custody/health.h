// SPDX-License-Identifier: Apache-2.0
// Share-health proofs: a holder shows that the share is there and right, and reveals nothing of it.
// A Schnorr proof of knowledge made non-interactive by Fiat and Shamir's method (RFC 8235 section
// 3), over SHA-512. Who holds no ShareSet learns nothing from it but the set, the generation and
// the index: a point to check against can not be computed from it. Thread-safe functions.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "custody/share.h"

namespace birthmark::custody {

inline constexpr size_t kMaxStatement = 4096;
inline constexpr size_t kMaxProofFile = 16384;

// ShareProof is a proof with the statement it was made over.
struct ShareProof {
  static constexpr std::string_view kLabel = "BIRTHMARK SHARE PROOF";
  Bytes set;
  uint16_t index = 0;
  Bytes proof;  // 64: commitment and response
  Bytes statement;
  uint32_t generation = 0;
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("index", index);
    v("proof", proof);
    v("statement", statement);
    v("generation", generation);
  }
};

// RoundStatement is the usual statement: a health round's challenge and the day, as text.
Result<Bytes> RoundStatement(ByteView challenge, Time now);

// ProveShare proves knowledge of a share over a statement. Errors: share.mistyped,
// proof.statement (empty or above 4096 octets).
Result<ShareProof> ProveShare(const Share& share, ByteView statement, Rng& rng);
// CheckProof is what the ceremony does with it. Errors: proof.wrong, proof.index, proof.statement,
// proof.malformed, share.foreign, share.stale, share.ahead.
Status CheckProof(const ShareSet& set, uint16_t index, ByteView statement, const ShareProof& proof);

}  // namespace birthmark::custody
