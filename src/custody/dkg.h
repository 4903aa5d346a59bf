// SPDX-License-Identifier: Apache-2.0
// Distributed key generation as messages: parties on different machines make a key that is nowhere
// in one place (Pedersen 1991; the proof of knowledge against rogue keys of Komlo and Goldberg
// 2020, figure 1). A party that cheats is named and the run ends: nobody has a key then, so it is
// started again without it. Leaves out carrying the messages. Not thread-safe.
//
// 1. all: Start, give round1() to everybody.  2. all: Deal, compare transcript() aloud, send each
// message to the party it names.  3. all: Finish.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "custody/group.h"
#include "custody/sealed_box.h"
#include "custody/share.h"

namespace birthmark::custody {

// DkgTerms is what the parties agreed on beforehand.
struct DkgTerms {
  Bytes set;                      // 16 random octets
  std::vector<uint16_t> parties;  // their indices, ascending
  uint16_t threshold = 0;
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("parties", parties);
    v("threshold", threshold);
  }
};

// DkgRound1 goes to everybody; it is no secret, but its origin matters: compare transcripts.
struct DkgRound1 {
  static constexpr std::string_view kLabel = "BIRTHMARK DKG ROUND 1";
  Bytes box;  // 32: the X25519 key that this party's dealings are sealed to
  Bytes set;
  uint16_t index = 0;
  Bytes proof;                     // 64: knowledge of the constant term
  std::vector<Bytes> commitments;  // k points
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("set", set);
    v("index", index);
    v("proof", proof);
    v("commitments", commitments);
  }
};

// DkgRound2 goes to one party, sealed to its box key.
struct DkgRound2 {
  static constexpr std::string_view kLabel = "BIRTHMARK DKG ROUND 2";
  uint16_t to = 0;
  Bytes set;
  uint16_t from = 0;
  Bytes sealed;
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("set", set);
    v("from", from);
    v("sealed", sealed);
  }
};

// Held is what one party has in the end.
struct Held {
  Share share;
  ShareSet set;
};

class DkgParty {
 public:
  // Start makes this party's polynomial. Errors: share.threshold, custody.index, share.set.
  static Result<DkgParty> Start(DkgTerms terms, uint16_t index, Rng& rng);
  const DkgRound1& round1() const { return round1_; }
  // Deal checks everybody's first message, its own among them, and seals a part for every other
  // party. Errors: dkg.malformed, dkg.proof, dkg.missing, dkg.duplicate, dkg.order; each names the
  // party.
  Result<std::vector<DkgRound2>> Deal(std::span<const DkgRound1> all);
  // transcript is the digest of all first messages, known after Deal: the parties read it to each
  // other, for whoever saw other messages has another key.
  const Digest& transcript() const { return transcript_; }
  // Finish checks the parts against the commitments. Errors: dkg.malformed, dkg.share,
  // dkg.missing, dkg.duplicate, dkg.order; each names the party.
  Result<Held> Finish(std::span<const DkgRound2> received);

 private:
  DkgTerms terms_;
  DkgRound1 round1_;
  BoxKey box_;
  Polynomial polynomial_;
  std::vector<DkgRound1> all_;
  std::vector<std::vector<Point>> points_;  // commitments of all, read
  Digest transcript_{};
  bool finished_ = false;
};

}  // namespace birthmark::custody
