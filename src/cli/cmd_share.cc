// SPDX-License-Identifier: Apache-2.0
// birthmark share check|prove|words|restore|commit|sign: a holder's own commands, without a
// workspace. None says k or n, for none knows them.
#include <fmt/format.h>
#include <unistd.h>

#include "app/shares.h"
#include "cli/handlers.h"
#include "cli/handlers_share_rounds.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "custody/health.h"
#include "custody/message.h"
#include "custody/renewal_folder.h"
#include "custody/sharing.h"
#include "custody/words.h"

namespace birthmark::cli {
namespace {

Result<Bytes> StatementOf(const Invocation& in) {
  if (in.Has("--statement") == in.Has("--round"))
    return Usage("share.statement", "a proof is over one statement",
                 "give --round HEX, or --statement FILE");
  if (in.Has("--statement")) return ReadFile(in.Get("--statement"), custody::kMaxStatement);
  const std::optional<Bytes> challenge = FromHex(in.Get("--round"));
  if (!challenge)
    return Usage("share.statement", "--round takes the challenge in hexadecimal digits",
                 "copy it from the health round's announcement");
  return custody::RoundStatement(*challenge, SystemClock().Now());
}

}  // namespace

Result<app::HeldShare> OpenNamed(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  return app::OpenHeldShare(in.Arg("F"), keys.online, CardsFor(in));
}

std::string ShareJson(const custody::Share& s, std::string_view more) {
  return fmt::format(R"({{"set": "{}", "generation": {}, "index": {}{}}})", custody::ShortId(s.set),
                     s.generation, s.index, more);
}

std::string ShareText(const custody::Share& s) {
  return fmt::format("share {} of set {}, generation {}", s.index, custody::ShortId(s.set),
                     s.generation);
}

// Done says what was written, for people or for programs.
int WroteOf(const Invocation& in, const custody::Share& s, const std::string& file,
            std::string_view more_json) {
  if (in.json()) {
    PrintLine(ShareJson(s, fmt::format(R"(, "file": {}, "written": {}{})", JsonString(file),
                                       !in.dry_run(), more_json)));
  } else {
    PrintLine(
        fmt::format("{} {} ({})", in.dry_run() ? "would write" : "wrote", file, ShareText(s)));
  }
  return 0;
}

Result<int> ShareCheck(const Invocation& in) {
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  if (in.Has("--of")) {
    BM_TRY(const custody::MadeApart made, custody::ReadSetApart(in.Get("--of")));
    BM_CHECK(custody::CheckShare(held.share, made.set));
  }
  PrintLine(in.json() ? ShareJson(held.share, R"(, "fine": true)")
                      : ShareText(held.share) + ": opens and is well formed");
  return 0;
}

Result<int> ShareProve(const Invocation& in) {
  BM_TRY(const Bytes statement, StatementOf(in));
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  SystemRng rng;
  BM_TRY(const custody::ShareProof proof, custody::ProveShare(held.share, statement, rng));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), custody::ToArmor(proof)));
  return WroteOf(in, held.share, in.Get("--output"));
}

Result<int> ShareWords(const Invocation& in) {
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  BM_TRY(const SecretBytes words, custody::ToWords(held.share));
  Note("These words are the share itself: whoever reads them has it.");
  const std::string_view text = AsText(words.Read(SecretAccess()));
  if (!in.json()) {
    Print(text);
    return 0;
  }
  Print(R"({"lines": [)");
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    Print(at == 0 ? "\"" : ", \"");
    Print(text.substr(at, end - at));
    Print("\"");
    at = end + 1;
  }
  PrintLine("]}");
  return 0;
}

Result<int> ShareRestore(const Invocation& in) {
  BM_TRY(const uint64_t fd, in.Number("--words-fd", STDIN_FILENO, 0, 1 << 20));
  if (fd == STDIN_FILENO && isatty(STDIN_FILENO) != 0)
    Note("Type the seven lines of words, then press Ctrl-D on a line of its own.");
  BM_TRY(const SecretBytes words, app::ReadWords(static_cast<int>(fd)));
  BM_TRY(const app::KeySource keys, KeysFor(in));
  BM_TRY(const custody::Share share,
         app::RestoreShare(words, in.Get("--output"), keys.online, in.dry_run()));
  return WroteOf(in, share, in.Get("--output"));
}

Result<int> ShareCommit(const Invocation& in) {
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  SystemRng rng;
  if (!in.dry_run()) BM_CHECK(app::CommitToSign(held, in.Get("--output"), rng));
  Note(
      fmt::format("The other half waits in {}: keep it on this machine, copy it nowhere, sign "
                  "once with it.",
                  app::NoncesBeside(held.file).string()));
  return WroteOf(in, held.share, in.Get("--output"));
}

Result<int> ShareSign(const Invocation& in) {
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  std::optional<fs::path> message;
  if (in.Has("--message")) message = in.Get("--message");
  BM_TRY(const app::ToSign to_sign, app::LookAtRequest(held.share, in.Get("--request"), message));
  Note(fmt::format("To be signed: {} octets with SHA-256 {}", to_sign.request.message.size(),
                   ToHex(to_sign.message)));
  if (!in.dry_run()) BM_CHECK(app::SignRequest(held, to_sign, in.Get("--output")));
  return WroteOf(in, held.share, in.Get("--output"),
                 fmt::format(R"(, "message": "{}")", ToHex(to_sign.message)));
}

}  // namespace birthmark::cli
