// SPDX-License-Identifier: Apache-2.0
// One machine's part in a re-sharing whose messages are carried as files, and what everybody can
// check of it. As in dkg_folder.h, a folder remembers what was done. The old share is never touched
// here: what a machine may do with it when the new set is in force is told by Renewed::complete.
// Leaves out asking people and opening shares (app, ceremony). Uses the file system; one process at
// a time a folder.
//
// Carried: terms, I.receiver, I.dealing, N.choice, I-N.proof (attempt N). They tell k and n.
//
// Never neither: a machine proves attempts in rising order only, takes a set as in force only when
// all proofs of the last attempt that it proved are there, and forgets the shares of other attempts
// only then. So two machines cannot take different attempts as in force.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/files.h"
#include "custody/dkg_folder.h"
#include "custody/renewal.h"

namespace birthmark::custody {

// RenewAsked is one call of a machine.
struct RenewAsked {
  fs::path dir;                       // the machine's own folder for this run
  std::optional<RenewalTerms> terms;  // the first time
  uint16_t index = 0;                 // the first time: which holder, old or to come
  std::string old;                    // the first time, for an old holder: where its share is
  fs::path in;                        // folder with the messages of the others; empty: none yet
  fs::path out;                       // folder to write what is to be carried away
  std::string transcript;             // as the others read it aloud; asked for before dealing
  // open_old opens the old share, wherever that is.
  std::function<Result<Share>(const std::string& old)> open_old;
};

enum class RenewStage {
  kBegun,     // I.receiver was written, where this holder receives
  kAgreed,    // the transcript is known, to be read aloud; nothing is dealt before
  kDealt,     // I.dealing was written
  kHeld,      // the new share is sealed and read back; I-N.proof was written
  kComplete,  // every new holder has proven the share: the next generation is in force
};

struct Renewed {
  RenewStage stage = RenewStage::kBegun;
  RenewalTerms terms;
  uint16_t index = 0;
  bool deals = false, receives = false;
  std::string old;  // where the old share is; empty: joins
  Digest transcript{};
  uint32_t attempt = 0;           // from kHeld on
  fs::path share;                 // of one who receives, from kHeld on
  ShareSet next;                  // at kComplete
  std::vector<fs::path> written;  // what is to be carried
};

// Renew does the next round. Errors: reshare.begin (no run here yet, another run or holder),
// reshare.busy, reshare.heard, reshare.stale (a receiver's key is not the one agreed on),
// reshare.choice (an earlier attempt than the one proven, or another one of the same number),
// reshare.missing (no proofs of all for the choice that is there), those of AgreeRenewal,
// DealRenewal, DealingsOf and ReshareReceiver.
Result<Renewed> Renew(const RenewAsked& asked, const SecretBytes& passphrase, Rng& rng);

// HoldsRenewal tells whether a terms file, or a folder's, is of a re-sharing. Errors: file.read.
Result<bool> HoldsRenewal(const fs::path& terms);
Result<RenewalTerms> ReadRenewalTerms(const fs::path& file);

// RenewedApart is a re-sharing as anybody with its messages finds it.
struct RenewedApart {
  RenewalTerms terms;
  RenewalAgreed agreed;
  std::vector<RenewalDealing> dealings;
  uint32_t last_attempt = 0;       // 0: nothing was chosen yet
  ShareSet next;                   // of the attempt whose proofs are all there
  uint32_t in_force = 0;           // which attempt that is; 0: none
  std::vector<uint16_t> unproven;  // of the last attempt
};
// ReadRenewed reads a folder of messages. Errors: those of AgreeRenewal and DealingsOf.
Result<RenewedApart> ReadRenewed(const fs::path& folder);
// ReadSetApart is the set in force of a folder, of a making or of a re-sharing that is complete.
// Errors: those of ReadMade and ReadRenewed; reshare.unproven.
Result<MadeApart> ReadSetApart(const fs::path& folder);

}  // namespace birthmark::custody
