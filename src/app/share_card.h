// SPDX-License-Identifier: Apache-2.0
// Shares on smartcards, sealed as they are in their files behind the card's PIN, and on paper.
// Apart from shares.h, so that a static program, which loads no modules and draws no QR codes, has
// the rest. One thread.
#pragma once

#include "app/shares.h"

namespace birthmark::app {

// CardPin says where a card's PIN comes from; a URI's pin-source wins.
struct CardPin {
  keystore::PassphraseSource source;
  bool last_try = false;
};
// CardReader reads shares behind such a PIN. Errors: keystore.pin, keystore.missing and the like.
ReadCard CardReader(CardPin pin);
// StoreOnCard writes a share file into a smartcard as it is, sealed with its passphrase: the card
// adds its PIN and its body to it. Errors: custody.CheckShareFile's, keystore.exists and the like.
Status StoreOnCard(const fs::path& file, const std::string& uri, const CardPin& pin);

// WriteSheet writes the page of a share file, with the plain words on it where that is wanted.
// Errors: those of custody::MakeSheet and WriteFileAtomic.
Status WriteSheet(const std::string& sealed, const custody::Share* plain, const fs::path& page);

}  // namespace birthmark::app
