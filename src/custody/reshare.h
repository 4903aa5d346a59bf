// SPDX-License-Identifier: Apache-2.0
// Re-sharing as messages: k holders of one generation deal their shares on to the holders of the
// next (Desmedt and Jajodia 1997; Wong, Wang and Wing 2002). The secret is computed nowhere. Until
// MaySwitch holds, the old set and the old shares are the ones in force, so that a run which is
// interrupted changes nothing. Leaves out carrying the messages. Not thread-safe.
//
// 1. new holders: Start, give receiver() to the coordinator.  2. coordinator: MakeTerms.
// 3. k old holders or more: DealOn.  4. coordinator: chooses k dealings.  5. new holders: Finish
// with these, seal the share, read it back, prove it (health.h, with the new set's
// SwitchStatement).  6. coordinator: MaySwitch, then keep the new set. A dealing that is bad is
// left out and its dealer named; the others need not deal again.
//
// Old shares are dead by decree: they are refused as stale. k holders of the old generation who all
// kept theirs could still recover the secret, as before; fewer than k, together with any number
// below the new k of new ones, can not.
#pragma once

#include <span>
#include <vector>

#include "custody/dkg.h"
#include "custody/health.h"

namespace birthmark::custody {

// Receiver is a holder of the next generation.
struct Receiver {
  Bytes box;
  uint16_t index = 0;
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("index", index);
  }
};

// ReshareTerms is what the coordinator gives to all: sealed data.
struct ReshareTerms {
  static constexpr std::string_view kLabel = "BIRTHMARK RESHARE TERMS";
  Bytes set;
  std::vector<uint16_t> dealers;  // who may deal: k or more indices of the generation in force
  std::vector<Receiver> receivers;
  uint16_t threshold = 0;   // the new k
  uint32_t generation = 0;  // the one in force
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("dealers", dealers);
    v("receivers", receivers);
    v("threshold", threshold);
    v("generation", generation);
  }
};

// Dealing is one old holder's part.
struct Dealing {
  static constexpr std::string_view kLabel = "BIRTHMARK RESHARE DEALING";
  Bytes set;
  uint16_t index = 0;              // the dealer
  Bytes terms;                     // SHA-256 of the terms it dealt under
  std::vector<Bytes> sealed;       // one for each receiver, in the terms' order
  std::vector<Bytes> commitments;  // new k points, the first being the dealer's own
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("index", index);
    v("terms", terms);
    v("sealed", sealed);
    v("commitments", commitments);
  }
};

// MakeTerms checks those who may deal (k or more of the set in force) and the receivers. Errors:
// share.threshold, share.set, share.foreign, share.duplicate, share.too-few, share.generation.
Result<ReshareTerms> MakeTerms(const ShareSet& set, std::span<const uint16_t> dealers,
                               std::vector<Receiver> receivers, uint16_t new_threshold);
// DealOn is what an old holder does. Errors: reshare.terms (not of this share), share.mistyped.
Result<Dealing> DealOn(const Share& share, const ReshareTerms& terms, Rng& rng);

// CheckDealing checks what everybody can check: the commitments against the dealer's key. Errors:
// reshare.dealing, which names the dealer.
Status CheckDealing(const Dealing& dealing, const ReshareTerms& terms, const ShareSet& set);
// NextSet is the next generation's set that k dealings give. Errors: as CheckDealing;
// reshare.missing (not exactly k different dealers).
Result<ShareSet> NextSet(std::span<const Dealing> dealings, const ReshareTerms& terms,
                         const ShareSet& set);

class ReshareReceiver {
 public:
  static Result<ReshareReceiver> Start(uint16_t index, Rng& rng);
  // Restore has a receiver back that was kept after Start; its secret half is box_secret(), for a
  // sealed file and nothing else. Errors: reshare.kept.
  static Result<ReshareReceiver> Restore(uint16_t index, ByteView box_secret);
  const SecretBytes& box_secret() const { return box_.secret; }
  Receiver receiver() const { return {.box = box_.point, .index = index_}; }
  // Finish gives this holder's new share and the next generation's set from exactly k dealings.
  // Errors: reshare.missing;
  // reshare.dealing names the dealer whose commitments do not fit its key, or whose part does not
  // fit its commitments.
  Result<Held> Finish(std::span<const Dealing> dealings, const ReshareTerms& terms,
                      const ShareSet& set) const;

 private:
  uint16_t index_ = 0;
  BoxKey box_;
};

// SwitchStatement is what every new holder proves its share over before the new set counts.
Bytes SwitchStatement(const ShareSet& next);
// MaySwitch is the one moment at which the new generation takes over: same set and key, the next
// generation, and a proof by every new holder. Errors: reshare.switch, reshare.unproven (names the
// holders).
Status MaySwitch(const ShareSet& old_set, const ShareSet& next, std::span<const ShareProof> proofs);

}  // namespace birthmark::custody
