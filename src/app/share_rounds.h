// SPDX-License-Identifier: Apache-2.0
// A threshold key that machines make together and sign with apart, without a workspace: terms,
// rounds, and what whoever collects the files does with them. The protocol stands in custody. Uses
// the file system; one thread.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "custody/dkg_folder.h"
#include "custody/frost.h"
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
// signers. Errors: those of ReadMade, ReadMessages and MakeRequest.
Result<custody::SigningRequest> RequestSignature(const fs::path& message, const fs::path& made,
                                                 const fs::path& commitments);
// CombineSignature joins the parts of a folder and checks the signature. Errors: those of ReadMade,
// ReadMessages and Aggregate.
Result<Bytes> CombineSignature(const fs::path& request, const fs::path& made,
                               const fs::path& parts);

}  // namespace birthmark::app
