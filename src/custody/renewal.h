// SPDX-License-Identifier: Apache-2.0
// Re-sharing between machines: the messages of reshare.h as files that people carry, with what
// makes carrying safe. Terms are compared aloud before anybody deals, since a share dealt to an
// exchanged key would be the carrier's; dealings are signed with the share that they deal, so that
// a carrier cannot put blame on somebody honest. Leaves out keeping a machine between rounds
// (renewal_folder.h). Thread-safe functions.
//
// 1. new holders: a key (receiver).  2. all: AgreeRenewal, compare the transcript aloud.
// 3. old holders: DealRenewal.  4. who collects: ChooseDealings.  5. new holders: TakeRenewed,
// seal, read back, prove over SwitchStatement of the next set.  6. with all proofs the next set is
// in force.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "custody/health.h"
#include "custody/reshare.h"
#include "custody/sharing.h"

namespace birthmark::custody {

// RenewalTerms is what one run of re-sharing is about. It tells k and n: for the holders alone.
struct RenewalTerms {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL TERMS";
  ShareSet old;  // in force until every new holder has proven the share
  Bytes run;     // 16 random octets
  std::string name;
  std::vector<uint16_t> parties;  // holders to come, ascending; those that stay keep their index
  bool rehearsal = false;
  uint16_t threshold = 0;  // the k to come
  template <class V>
  void Fields(V& v) {
    v("old", old);
    v("run", run);
    v("name", name);
    v("parties", parties);
    v("rehearsal", rehearsal);
    v("threshold", threshold);
  }
};
// CheckRenewal judges terms as they were read. Errors: those of CheckSet, CheckIndices and
// CheckNumbers; reshare.terms, share.generation, dkg.name.
Status CheckRenewal(const RenewalTerms& terms);
// Leaving and Joining are the holders who are in one of the two sets alone.
std::vector<uint16_t> Leaving(const RenewalTerms& terms);
std::vector<uint16_t> Joining(const RenewalTerms& terms);

// RenewalReceiver is a holder to come: where its parts are sealed to.
struct RenewalReceiver {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL RECEIVER";
  Bytes box;
  Bytes run;
  uint16_t index = 0;
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("run", run);
    v("index", index);
  }
};

// RenewalAgreed is what terms and all receivers amount to.
struct RenewalAgreed {
  ReshareTerms terms;
  std::vector<RenewalReceiver> receivers;  // by ascending index
  Digest transcript{};
};
// AgreeRenewal wants one receiver of each party. Errors: reshare.missing, reshare.duplicate,
// reshare.foreign, reshare.terms; each names the holder.
Result<RenewalAgreed> AgreeRenewal(const RenewalTerms& terms,
                                   std::span<const RenewalReceiver> receivers);

// RenewalDealing is an old holder's dealing, signed with the share that is dealt.
struct RenewalDealing {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL DEALING";
  ShareProof proof;  // over the transcript and the dealing's digest
  Dealing dealing;
  template <class V>
  void Fields(V& v) {
    v("proof", proof);
    v("dealing", dealing);
  }
};
// DealRenewal deals a share that CheckShare took. Errors: those of DealOn and ProveShare.
Result<RenewalDealing> DealRenewal(const Share& share, const RenewalTerms& terms,
                                   const RenewalAgreed& agreed, Rng& rng);
// CheckRenewalDealing tells a carrier's change (reshare.signature) from a dealer's cheat
// (reshare.dealing); reshare.stale: dealt under other terms or receivers. All name the holder.
Status CheckRenewalDealing(const RenewalTerms& terms, const RenewalAgreed& agreed,
                           const RenewalDealing& dealing);

// RenewalChoice says which dealings all new holders take. A later attempt replaces an earlier one.
struct RenewalChoice {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL CHOICE";
  Bytes run;
  uint32_t attempt = 0;           // from 1
  std::vector<uint16_t> dealers;  // k of them, ascending
  std::vector<Bytes> dealings;    // SHA-256 of each one's dealing, in that order
  template <class V>
  void Fields(V& v) {
    v("run", run);
    v("attempt", attempt);
    v("dealers", dealers);
    v("dealings", dealings);
  }
};
inline constexpr uint32_t kMaxAttempts = 1000;

// Chosen is a choice, and whose dealings were set aside on the way.
struct ChosenDealings {
  RenewalChoice choice;
  std::vector<BadShare> refused;
};
// ChooseDealings picks the first k good dealings that are none of `without`. Errors:
// share.too-few, whose message names each refused holder with its code.
Result<ChosenDealings> ChooseDealings(const RenewalTerms& terms, const RenewalAgreed& agreed,
                                      std::span<const RenewalDealing> dealings,
                                      std::span<const uint16_t> without, uint32_t attempt);
// DealingsOf are the chosen ones, checked. Errors: reshare.choice (of another run, or malformed),
// reshare.missing (a chosen dealing is not here), those of CheckRenewalDealing.
Result<std::vector<Dealing>> DealingsOf(const RenewalTerms& terms, const RenewalAgreed& agreed,
                                        const RenewalChoice& choice,
                                        std::span<const RenewalDealing> dealings);

}  // namespace birthmark::custody
