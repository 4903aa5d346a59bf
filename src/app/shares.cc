// SPDX-License-Identifier: Apache-2.0
#include "app/shares.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "crypto/digest.h"
#include "custody/message.h"
#include "custody/nonce_file.h"
#include "custody/share_file.h"
#include "custody/words.h"

namespace birthmark::app {
namespace {

// 49 words of 5 letters with room for white space.
constexpr size_t kMaxTypedWords = 4096;

Status RefuseToReplace(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  return Refused("share.exists", file.string() + ": is there already, and may be a share",
                 "name another file");
}

}  // namespace

bool OnCard(std::string_view where) { return where.starts_with("pkcs11:"); }

Result<std::string> SealedShare(const std::string& where, const ReadCard& card) {
  if (!OnCard(where)) return ReadTextFile(where, custody::kMaxShareFile);
  if (!card)
    return Refused("share.card", where + ": this program reaches no smartcards",
                   "use birthmark in place of birthmark-offline, or the share's file");
  return card(where);
}

Result<HeldShare> OpenHeldShare(const std::string& where, keystore::PassphraseSource passphrase,
                                const ReadCard& card) {
  HeldShare held{.file = where, .sealed = {}, .share = {}, .passphrase = {}};
  BM_TRY(held.sealed, SealedShare(where, card));
  BM_CHECK(custody::CheckShareFile(held.sealed));
  passphrase.prompt = "Passphrase of the share: ";
  BM_TRY(held.passphrase, keystore::ReadPassphrase(passphrase));
  BM_TRY(held.share, custody::OpenShare(held.sealed, held.passphrase));
  return held;
}

Result<custody::Share> RestoreShare(const SecretBytes& words, const fs::path& file,
                                    keystore::PassphraseSource passphrase, bool dry_run) {
  BM_CHECK(RefuseToReplace(file));
  BM_TRY(custody::Share share, custody::FromWords(words.Read(SecretAccess())));
  if (dry_run) return share;
  passphrase.prompt = "New passphrase of the share: ";
  passphrase.twice = true;
  BM_TRY(const SecretBytes secret, keystore::ReadPassphrase(passphrase));
  BM_TRY(const std::string text, custody::SealShare(share, secret));
  BM_CHECK(custody::OpenShare(text, secret));  // read back before the words go away
  BM_CHECK(WriteFileAtomic(file, text, 0600));
  return share;
}

Result<SecretBytes> ReadWords(int fd) {
  SecretBytes buffer(kMaxTypedWords);
  const auto out = buffer.Write(SecretAccess());
  size_t used = 0;
  while (used < out.size()) {
    const ssize_t n = read(fd, out.data() + used, out.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(FromErrno("share.read", "reading the words", errno));
    if (n == 0) {
      return SecretBytes::Take(Bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(used)));
    }
    used += static_cast<size_t>(n);
  }
  return Refused("share.mistyped", "far more was typed than the words of a share",
                 "type the seven lines of the sheet alone");
}

fs::path NoncesBeside(const fs::path& share_file) {
  fs::path out = share_file;
  out += ".nonces";
  return out;
}

Status CommitToSign(const HeldShare& held, const fs::path& out, Rng& rng) {
  if (OnCard(held.file.string()))
    return Refused("share.on-card", "nonces wait in a file beside the share's, and a card has none",
                   "use the share's file, on a machine that keeps the nonces until they are used");
  BM_TRY(const custody::SigningNonces nonces, custody::Commit(held.share, rng));
  BM_TRY(const custody::Argon2Cost cost, custody::CostOfShareFile(held.sealed));
  BM_CHECK(custody::KeepNonces(NoncesBeside(held.file), nonces, held.passphrase, cost));
  return WriteFileAtomic(out, custody::ToArmor(nonces.commitment()));
}

Result<ToSign> LookAtRequest(const custody::Share& share, const fs::path& request,
                             const std::optional<fs::path>& message) {
  ToSign out;
  BM_TRY(const std::string text, ReadTextFile(request, custody::kMaxMessageFile));
  BM_TRY(out.request, custody::FromArmor<custody::SigningRequest>(text));
  BM_CHECK(custody::CheckRequest(share, out.request));
  out.message = crypto::Sha256(out.request.message);
  if (message) {
    BM_TRY(const Bytes wanted, ReadFile(*message, custody::kMaxMessage));
    if (wanted != out.request.message)
      return Refused("sign.message", "the request is for something else than " + message->string(),
                     "find out what the coordinator wants signed before you sign anything");
  }
  return out;
}

Status SignRequest(const HeldShare& held, const ToSign& to_sign, const fs::path& out) {
  BM_TRY(custody::SigningNonces nonces,
         custody::SpendNonces(NoncesBeside(held.file), held.passphrase));
  BM_TRY(const custody::PartialSignature part,
         custody::SignPartial(held.share, std::move(nonces), to_sign.request));
  return WriteFileAtomic(out, custody::ToArmor(part));
}

}  // namespace birthmark::app
