// SPDX-License-Identifier: Apache-2.0
// A threshold key that machines make together, sign with apart and deal anew when holders change,
// without a workspace: terms, rounds, and what whoever collects the files does with them. The
// protocol stands in custody. Uses the file system; one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/shares.h"
#include "base/clock.h"
#include "base/files.h"
#include "custody/dkg_folder.h"
#include "custody/frost.h"
#include "custody/renewal_folder.h"
#include "keystore/passphrase.h"

namespace birthmark::app {

// AskNumbers asks for n and k at the terminal, without showing them; from a descriptor (two lines)
// for rehearsals alone. Errors: dkg.numbers, share.threshold, those of ReadPassphrase.
struct KeyNumbers {
  uint16_t threshold = 0, count = 0;
};
Result<KeyNumbers> AskKeyNumbers(std::optional<int> fd, bool rehearsal);
// MakeKeyTerms draws a run's id and the parties' indices. Errors: share.threshold, dkg.name.
Result<custody::DkgTerms> MakeKeyTerms(const std::string& name, bool rehearsal, KeyNumbers numbers,
                                       Rng& rng);
// ReadKeyTerms reads a terms file. Errors: those of FromArmor and CheckTerms.
Result<custody::DkgTerms> ReadKeyTerms(const fs::path& file);

// JoinWith does a machine's next round; the passphrase is asked for twice the first time.
Result<custody::Joined> JoinWith(const custody::JoinAsked& asked,
                                 keystore::PassphraseSource passphrase, Rng& rng);

// RequestSignature collects the commitments of a folder and writes the request that goes to their
// signers. Errors: those of ReadSetApart, ReadMessages and MakeRequest.
Result<custody::SigningRequest> RequestSignature(const fs::path& message, const fs::path& made,
                                                 const fs::path& commitments);
// CombineSignature joins the parts of a folder and checks the signature. Errors: those of
// ReadSetApart, ReadMessages and Aggregate.
Result<Bytes> CombineSignature(const fs::path& request, const fs::path& made,
                               const fs::path& parts);

// RenewalNumbers is what is asked for when the shares of such a key are dealt anew.
struct RenewalNumbers {
  std::vector<uint16_t> leave;  // indices
  uint16_t join = 0, threshold = 0;
};
// AskRenewalNumbers asks at the terminal, without showing; from a descriptor (three lines) for
// rehearsals alone. Errors: reshare.numbers, those of ReadPassphrase.
Result<RenewalNumbers> AskRenewalNumbers(std::optional<int> fd, bool rehearsal);
// HolderIndices reads indices with commas between; 0 stands for nobody. Errors: reshare.numbers.
Result<std::vector<uint16_t>> HolderIndices(std::string_view text);
// MakeRenewalTerms writes the terms of dealing a folder's key anew; those that stay keep their
// index. Errors: those of custody::CheckRenewal; reshare.numbers (nobody has that index).
Result<custody::RenewalTerms> MakeRenewalTerms(const custody::MadeApart& made,
                                               const RenewalNumbers& numbers, Rng& rng);
// RenewWith does a machine's next round of dealing anew. The new share gets the passphrase of the
// old one. When the new generation is in force, the old share's file and its nonces are destroyed
// and a record of that stays in the machine's folder (Retired); a share on a card is told of.
// Errors: those of custody::Renew, SealedShare, OpenShare; reshare.retire.
struct Retired {
  bool file = false;  // its file is gone
  std::string card;   // URI of one that a person has to remove
};
struct RenewedShare {
  custody::Renewed round;
  Retired old;
};
Result<RenewedShare> RenewWith(custody::RenewAsked asked, keystore::PassphraseSource passphrase,
                               const ReadCard& card, Rng& rng, const Clock& clock);
// ChooseFrom picks the dealings of a folder that all new holders take, and is its next choice.
// Errors: reshare.done, those of ReadRenewed and ChooseDealings.
Result<custody::ChosenDealings> ChooseFrom(const fs::path& folder,
                                           const std::vector<uint16_t>& without);

}  // namespace birthmark::app
