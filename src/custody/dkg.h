// SPDX-License-Identifier: Apache-2.0
// Distributed key generation as messages: parties on different machines make a key that is nowhere
// in one place (Pedersen 1991; the proof of knowledge against rogue keys of Komlo and Goldberg
// 2020, figure 1). A party that cheats is named and the run ends: nobody has a key then, so it is
// started again without it. Leaves out carrying the messages and keeping a party between rounds
// (dkg_folder.h). Not thread-safe.
//
// 1. all: Start, give round1() to everybody.  2. all: Deal, send each message to the party it
// names.  3. all: compare transcript() aloud, Finish, prove the share over DoneStatement.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "custody/group.h"
#include "custody/sealed_box.h"
#include "custody/session_key.h"
#include "custody/share.h"

namespace birthmark::custody {

// DkgTerms is what the parties agreed on beforehand. It tells k and n: for the parties alone.
struct DkgTerms {
  static constexpr std::string_view kLabel = "BIRTHMARK DKG TERMS";
  Bytes set;                      // 16 random octets: the run
  std::string name;               // id of the key to be made; empty within one process
  std::vector<uint16_t> parties;  // their indices, ascending
  bool rehearsal = false;         // shares are sealed at a rehearsal's cost
  uint16_t threshold = 0;
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("name", name);
    v("parties", parties);
    v("rehearsal", rehearsal);
    v("threshold", threshold);
  }
};
// CheckTerms judges terms as they were read. Errors: share.threshold, custody.index, share.set,
// dkg.name.
Status CheckTerms(const DkgTerms& terms);

// DkgRound1 goes to everybody; it is no secret, but its origin matters: compare transcripts.
struct DkgRound1 {
  static constexpr std::string_view kLabel = "BIRTHMARK DKG ROUND 1";
  Bytes box;  // 32: the X25519 key that this party's dealings are sealed to
  Bytes set;
  Bytes sign;  // 32: the Ed25519 key of this run that its dealings are signed with
  uint16_t index = 0;
  Bytes proof;                     // 64: knowledge of the constant term
  std::vector<Bytes> commitments;  // k points
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("set", set);
    v("sign", sign);
    v("index", index);
    v("proof", proof);
    v("commitments", commitments);
  }
};

// DkgRound2 goes to one party, sealed to its box key and signed with the sender's key of the run,
// so that a carrier can neither read it nor make an honest sender look like a cheat.
struct DkgRound2 {
  static constexpr std::string_view kLabel = "BIRTHMARK DKG ROUND 2";
  uint16_t to = 0;
  Bytes set;
  uint16_t from = 0;
  Bytes sealed;
  Bytes signature;      // 64
  Digest transcript{};  // of the first messages that the sender saw
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("set", set);
    v("from", from);
    v("sealed", sealed);
    v("signature", signature);
    v("transcript", transcript);
  }
};

// DkgAgreed is what the first messages of all amount to; whoever has them can compute it.
struct DkgAgreed {
  std::vector<DkgRound1> first;            // by ascending index
  std::vector<std::vector<Point>> points;  // their commitments, read
  Digest transcript{};                     // of the terms and all first messages
  ShareSet set;
};
// Agree checks everybody's first message. Errors: dkg.malformed, dkg.foreign, dkg.proof,
// dkg.missing, dkg.duplicate; each names the party.
Result<DkgAgreed> Agree(const DkgTerms& terms, std::span<const DkgRound1> all);
// DoneStatement is what each party proves its share over (health.h) when it has it.
Bytes DoneStatement(const DkgAgreed& agreed);

// Held is what one party has in the end.
struct Held {
  Share share;
  ShareSet set;
};

class DkgParty {
 public:
  // Start makes this party's polynomial. Errors: those of CheckTerms; custody.index.
  static Result<DkgParty> Start(DkgTerms terms, uint16_t index, Rng& rng);
  // Restore has a party back that was kept after Start; ToOctets is its secret half, for a sealed
  // file and nothing else. Errors: those of CheckTerms; dkg.kept (the halves do not belong
  // together).
  static Result<DkgParty> Restore(DkgTerms terms, DkgRound1 own, ByteView secret);
  SecretBytes ToOctets() const;

  const DkgTerms& terms() const { return terms_; }
  const DkgRound1& round1() const { return round1_; }
  // Deal checks everybody's first message, its own among them, and seals a part for every other
  // party. Errors: those of Agree; dkg.malformed, dkg.order.
  Result<std::vector<DkgRound2>> Deal(std::span<const DkgRound1> all);
  // agreed and transcript are known after Deal: the parties read the transcript to each other, for
  // whoever saw other messages has another key.
  const DkgAgreed& agreed() const { return agreed_; }
  const Digest& transcript() const { return agreed_.transcript; }
  // Finish checks the parts against signatures and commitments. Errors: dkg.malformed, dkg.foreign,
  // dkg.stale (of other first messages), dkg.signature (not the sender's: the carrier's doing),
  // dkg.share (the sender's doing), dkg.missing, dkg.duplicate, dkg.order; each names the party.
  Result<Held> Finish(std::span<const DkgRound2> received);

 private:
  DkgTerms terms_;
  DkgRound1 round1_;
  BoxKey box_;
  SessionKey sign_;
  Polynomial polynomial_;
  DkgAgreed agreed_;
  bool finished_ = false;
};

}  // namespace birthmark::custody
