// SPDX-License-Identifier: Apache-2.0
// What a holder does with a share, on the own machine and with no workspace: look at it, prove it,
// print it, have it back from words, sign with it. Nothing here knows k or n. Uses the file system;
// one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "custody/frost.h"
#include "keystore/passphrase.h"

namespace birthmark::app {

// HeldShare is a share file, opened; the passphrase is kept for the nonces beside it.
struct HeldShare {
  fs::path file;
  std::string sealed;  // the file's text
  custody::Share share;
  SecretBytes passphrase;
};

// CardPin says where a card's PIN comes from; a URI's pin-source wins.
struct CardPin {
  keystore::PassphraseSource source;
  bool last_try = false;
};
// OnCard tells whether a share is named by a pkcs11: URI and not by a file.
bool OnCard(std::string_view where);

// OpenHeldShare reads a share file, or a share on a smartcard, and asks for its passphrase. Errors:
// those of ReadFile, of a card (keystore.pin, keystore.missing, …), ReadPassphrase and
// custody::OpenShare.
Result<HeldShare> OpenHeldShare(const std::string& where, keystore::PassphraseSource passphrase,
                                const CardPin& pin = {});
// StoreOnCard writes a share file into a smartcard as it is, sealed with its passphrase: the card
// adds its PIN and its body to it. Errors: custody.CheckShareFile's, keystore.exists and the like.
Status StoreOnCard(const fs::path& file, const std::string& uri, const CardPin& pin);

// RestoreShare reads typed words and writes them to a share file under a new passphrase; an
// existing file is not written over. Errors: share.exists, share.mistyped, those of ReadPassphrase
// and custody::SealShare.
Result<custody::Share> RestoreShare(const SecretBytes& words, const fs::path& file,
                                    keystore::PassphraseSource passphrase, bool dry_run);
// ReadWords reads what is typed, to its end. Errors: share.mistyped (far too much), share.read.
Result<SecretBytes> ReadWords(int fd);

// WriteSheet writes the page of a share file, with the plain words on it where that is wanted.
// Errors: those of custody::MakeSheet and WriteFileAtomic.
Status WriteSheet(const std::string& sealed, const custody::Share* plain, const fs::path& page);

// NoncesBeside is where the nonces of a share file wait between committing and signing.
fs::path NoncesBeside(const fs::path& share_file);
// CommitToSign writes a commitment, and its nonces beside the share. Errors: nonce.exists,
// share.on-card (there is no beside).
Status CommitToSign(const HeldShare& held, const fs::path& out, Rng& rng);

// ToSign is what a request asks a holder to sign.
struct ToSign {
  custody::SigningRequest request;
  Digest message{};  // SHA-256, to be compared with what the coordinator read aloud
};
// LookAtRequest reads a request and checks that it is for this share; with `message` also that it
// asks for this very file. Errors: sign.message, those of custody::CheckRequest.
Result<ToSign> LookAtRequest(const custody::Share& share, const fs::path& request,
                             const std::optional<fs::path>& message);
// SignRequest spends the nonces and writes the partial signature. Errors: those of
// custody::SpendNonces and custody::SignPartial.
Status SignRequest(const HeldShare& held, const ToSign& to_sign, const fs::path& out);

}  // namespace birthmark::app
