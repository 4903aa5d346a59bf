// SPDX-License-Identifier: Apache-2.0
// What a holder does with a share, on the own machine and with no workspace: look at it, prove it,
// print it, have it back from words, sign with it. Nothing here knows k or n. Uses the file system;
// one thread.
#pragma once

#include <functional>
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

// ReadCard reads a share's sealed text from a smartcard by its URI (share_card.h); empty in
// programs that reach no cards.
using ReadCard = std::function<Result<std::string>(const std::string& uri)>;
// OnCard tells whether a share is named by a pkcs11: URI and not by a file.
bool OnCard(std::string_view where);
// SealedShare is a share's sealed text, from its file or card. Errors: those of ReadFile and of a
// card; share.card.
Result<std::string> SealedShare(const std::string& where, const ReadCard& card);

// OpenHeldShare reads a share and asks for its passphrase. Errors: those of SealedShare,
// ReadPassphrase and custody::OpenShare.
Result<HeldShare> OpenHeldShare(const std::string& where, keystore::PassphraseSource passphrase,
                                const ReadCard& card = {});

// RestoreShare reads typed words and writes them to a share file under a new passphrase; an
// existing file is not written over. Errors: share.exists, share.mistyped, those of ReadPassphrase
// and custody::SealShare.
Result<custody::Share> RestoreShare(const SecretBytes& words, const fs::path& file,
                                    keystore::PassphraseSource passphrase, bool dry_run);
// ReadWords reads what is typed, to its end. Errors: share.mistyped (far too much), share.read.
Result<SecretBytes> ReadWords(int fd);

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
