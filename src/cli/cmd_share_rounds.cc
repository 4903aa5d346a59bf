// SPDX-License-Identifier: Apache-2.0
// birthmark share begin|join|key|request|combine: a threshold key that machines make together and
// sign with apart, by files that are carried.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/share_rounds.h"
#include "app/shares.h"
#include "cli/handlers_share_rounds.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

namespace birthmark::cli {
namespace {

std::string_view StageWord(custody::JoinStage s) {
  switch (s) {
    case custody::JoinStage::kCommitted:
      return "committed";
    case custody::JoinStage::kDealt:
      return "dealt";
    case custody::JoinStage::kHeld:
      return "held";
    case custody::JoinStage::kComplete:
      return "complete";
  }
  return "";
}

std::string WhatIsNext(const custody::Joined& j) {
  switch (j.stage) {
    case custody::JoinStage::kCommitted:
      return fmt::format("carry {}.round1 to all parties; with theirs, join again with --in",
                         j.index);
    case custody::JoinStage::kDealt:
      return fmt::format(
          "carry each {0}-J.round2 to party J; read the transcript to each other; "
          "with the parts for {0}, join again with --in and --transcript",
          j.index);
    case custody::JoinStage::kHeld:
      return fmt::format("carry {}.proof to all parties; with theirs, join again with --in",
                         j.index);
    case custody::JoinStage::kComplete:
      return fmt::format("the key may be used; keep {} as your share", j.share.string());
  }
  return "";
}

int WroteFile(const Invocation& in, std::string_view what, std::string_view more_json) {
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "written": {}{}}})", JsonString(in.Get("--output")),
                          !in.dry_run(), more_json));
  } else {
    PrintLine(
        fmt::format("{} {}: {}", in.dry_run() ? "would write" : "wrote", in.Get("--output"), what));
  }
  return 0;
}

}  // namespace

Result<int> ShareBegin(const Invocation& in) {
  std::optional<int> fd;
  if (in.Has("--numbers-fd")) {
    BM_TRY(const uint64_t n, in.Number("--numbers-fd", 0, 0, 1 << 20));
    fd = static_cast<int>(n);
  }
  const bool rehearsal = in.Has("--rehearsal");
  BM_TRY(const app::KeyNumbers numbers, app::AskKeyNumbers(fd, rehearsal));
  SystemRng rng;
  BM_TRY(const custody::DkgTerms terms, app::MakeKeyTerms(in.Arg("NAME"), rehearsal, numbers, rng));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), custody::ToArmor(terms), 0600));
  Note("It says how many there are: for the machines that make the key alone.");
  return WroteFile(
      in, fmt::format("one machine each for the parties {}", fmt::join(terms.parties, ", ")),
      fmt::format(R"(, "set": "{}", "parties": [{}], "rehearsal": {})", custody::ShortId(terms.set),
                  fmt::join(terms.parties, ", "), rehearsal));
}

Result<int> ShareJoin(const Invocation& in) {
  custody::JoinAsked asked{.dir = in.Arg("DIR"),
                           .terms = std::nullopt,
                           .index = 0,
                           .in = in.Get("--in"),
                           .out = in.Get("--output"),
                           .transcript = in.Get("--transcript")};
  if (in.Has("--terms") != in.Has("--party"))
    return Usage("dkg.begin", "a run is begun with its terms and as one of their parties",
                 "give --terms F and --party I together, the first time");
  if (in.Has("--terms")) {
    BM_TRY(asked.terms, app::ReadKeyTerms(in.Get("--terms")));
    BM_TRY(const uint64_t index, in.Number("--party", 0, 1, custody::kMaxHolders));
    asked.index = static_cast<uint16_t>(index);
  }
  if (in.dry_run()) {
    PrintLine("would do the next round that the files allow (dry run)");
    return 0;
  }
  BM_TRY(const app::KeySource keys, KeysFor(in));
  SystemRng rng;
  BM_TRY(const custody::Joined j, app::JoinWith(asked, keys.online, rng));
  const bool dealt = j.stage != custody::JoinStage::kCommitted;
  if (in.json()) {
    std::string files;
    for (const fs::path& f : j.written)
      files += (files.empty() ? "" : ", ") + JsonString(f.string());
    PrintLine(fmt::format(
        R"({{"set": "{}", "index": {}, "stage": "{}", "transcript": {}, "key": {}, "files": [{}]}})",
        custody::ShortId(j.terms.set), j.index, StageWord(j.stage),
        dealt ? JsonString(ToHex(j.transcript)) : "null",
        j.key.empty() ? "null" : JsonString(ToHex(j.key)), files));
    return 0;
  }
  PrintLine(fmt::format("party {} of set {}: {}", j.index, custody::ShortId(j.terms.set),
                        StageWord(j.stage)));
  if (dealt) PrintLine(fmt::format("transcript {}", ToHex(j.transcript)));
  if (!j.key.empty()) PrintLine(fmt::format("key        {}", ToHex(j.key)));
  PrintLine("next: " + WhatIsNext(j));
  return 0;
}

Result<int> ShareKey(const Invocation& in) {
  BM_TRY(const custody::MadeApart made, custody::ReadMade(in.Arg("FOLDER")));
  BM_TRY(const crypto::PublicKey key, custody::GroupKey(made.set));
  if (!in.dry_run())
    BM_CHECK(WriteFileAtomic(in.Get("--output"), crypto::WritePem("PUBLIC KEY", key.spki())));
  return WroteFile(
      in,
      fmt::format("the key {}, SHA-256 {}; every party has proven its share", made.terms.name,
                  ToHex(key.spki_digest())),
      fmt::format(R"(, "name": {}, "spki": "{}", "transcript": "{}")", JsonString(made.terms.name),
                  ToHex(key.spki_digest()), ToHex(made.transcript)));
}

Result<int> ShareRequest(const Invocation& in) {
  BM_TRY(const custody::SigningRequest request,
         app::RequestSignature(in.Arg("MESSAGE"), in.Get("--of"), in.Get("--commitments")));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), custody::ToArmor(request)));
  const std::string digest = ToHex(crypto::Sha256(request.message));
  return WroteFile(in, fmt::format("message SHA-256 {}: read it to the signers", digest),
                   fmt::format(R"(, "message": "{}")", digest));
}

Result<int> ShareCombine(const Invocation& in) {
  BM_TRY(const Bytes signature,
         app::CombineSignature(in.Arg("REQUEST"), in.Get("--of"), in.Get("--parts")));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), signature));
  return WroteFile(in, "an Ed25519 signature by the key", "");
}

Result<int> ShareStore(const Invocation& in) {
  const std::string uri = in.Get("--token");
  if (in.dry_run()) {
    PrintLine("would store it on the card (dry run)");
    return 0;
  }
  BM_TRY(const app::KeySource keys, KeysFor(in));
  BM_CHECK(app::StoreOnCard(in.Arg("F"), uri, {.source = keys.pin, .last_try = keys.pin_last_try}));
  if (in.json()) {
    PrintLine(R"({"stored": true})");
  } else {
    PrintLine("stored, and read back; it stays sealed with its passphrase");
    Note(
        "note it where its keeping is noted: birthmark custody note DIR --holder WHO --event "
        "on-card");
  }
  return 0;
}

}  // namespace birthmark::cli
