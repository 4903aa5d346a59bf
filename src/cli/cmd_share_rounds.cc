// SPDX-License-Identifier: Apache-2.0
// birthmark share begin|renew|join|choose|key|request|combine: a threshold key that machines make
// together, deal anew and sign with apart, by files that are carried.
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

std::string_view StageWord(custody::RenewStage s) {
  switch (s) {
    case custody::RenewStage::kBegun:
      return "begun";
    case custody::RenewStage::kAgreed:
      return "agreed";
    case custody::RenewStage::kDealt:
      return "dealt";
    case custody::RenewStage::kHeld:
      return "held";
    case custody::RenewStage::kComplete:
      return "complete";
  }
  return "";
}

std::string WhatIsNext(const custody::Renewed& r) {
  switch (r.stage) {
    case custody::RenewStage::kBegun:
      return r.receives ? fmt::format(
                              "carry {}.receiver to all holders; with theirs, join again "
                              "with --in",
                              r.index)
                        : "with the .receiver files of all who are to hold, join again with --in";
    case custody::RenewStage::kAgreed:
      return r.deals ? "all who are to hold read the transcript to you; if it is this one, join "
                       "again with --in and --transcript to deal your share on"
                     : "read the transcript to the holders who deal; with the choice and the "
                       "dealings, join again with --in";
    case custody::RenewStage::kDealt:
      return r.receives ? fmt::format(
                              "carry {}.dealing to whoever chooses; with the choice and "
                              "its dealings, join again with --in",
                              r.index)
                        : fmt::format(
                              "carry {}.dealing to whoever chooses; with the messages of "
                              "all, join again with --in: the share is yours to keep until "
                              "then",
                              r.index);
    case custody::RenewStage::kHeld:
      return fmt::format(
          "carry {}-{}.proof to all holders; with theirs, join again with --in; the "
          "old shares are in force until then",
          r.index, r.attempt);
    case custody::RenewStage::kComplete:
      return r.receives ? fmt::format("keep {} as your share", r.share.string())
                        : "nothing: you hold no share of this key any more";
  }
  return "";
}

std::string List(std::string_view before, const std::vector<uint16_t>& indices) {
  return indices.empty() ? "" : fmt::format("{}{}", before, fmt::join(indices, ", "));
}

std::string FilesJson(const std::vector<fs::path>& written) {
  std::string files;
  for (const fs::path& f : written) files += (files.empty() ? "" : ", ") + JsonString(f.string());
  return files;
}

Result<std::optional<int>> NumbersFd(const Invocation& in) {
  if (!in.Has("--numbers-fd")) return std::nullopt;
  BM_TRY(const uint64_t n, in.Number("--numbers-fd", 0, 0, 1 << 20));
  return static_cast<int>(n);
}

Result<int> JoinRenewal(const Invocation& in) {
  custody::RenewAsked asked{.dir = in.Arg("DIR"),
                            .terms = std::nullopt,
                            .index = 0,
                            .old = in.Get("--share"),
                            .in = in.Get("--in"),
                            .out = in.Get("--output"),
                            .transcript = in.Get("--transcript"),
                            .open_old = {}};
  if (in.Has("--terms")) {
    BM_TRY(asked.terms, custody::ReadRenewalTerms(in.Get("--terms")));
    BM_TRY(const uint64_t index, in.Number("--party", 0, 1, custody::kMaxHolders));
    asked.index = static_cast<uint16_t>(index);
  }
  if (in.dry_run()) {
    PrintLine("would do the next round that the files allow (dry run)");
    return 0;
  }
  BM_TRY(const app::KeySource keys, KeysFor(in));
  SystemRng rng;
  SystemClock clock;
  BM_TRY(const app::RenewedShare done,
         app::RenewWith(std::move(asked), keys.online, CardsFor(in), rng, clock));
  const custody::Renewed& r = done.round;
  const bool agreed = r.transcript != Digest{};
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"set": "{}", "generation": {}, "index": {}, "stage": "{}", "transcript": {}, "share": {}, "destroyed": {}, "files": [{}]}})",
        custody::ShortId(r.terms.old.set), r.terms.old.generation + 1, r.index, StageWord(r.stage),
        agreed ? JsonString(ToHex(r.transcript)) : "null",
        r.share.empty() ? "null" : JsonString(r.share.string()),
        done.old.file ? JsonString(r.old) : "null", FilesJson(r.written)));
    return 0;
  }
  PrintLine(fmt::format("holder {} of set {}, generation {}: {}", r.index,
                        custody::ShortId(r.terms.old.set), r.terms.old.generation + 1,
                        StageWord(r.stage)));
  // Who deals sees what for: a share dealt on is out of its holder's hands.
  if (r.stage < custody::RenewStage::kDealt)
    PrintLine(fmt::format("{}: {} will hold, {} sign together{}{}", r.terms.name,
                          r.terms.parties.size(), r.terms.threshold,
                          List("; joining ", Joining(r.terms)),
                          List("; leaving ", Leaving(r.terms))));
  if (agreed) PrintLine(fmt::format("transcript {}", ToHex(r.transcript)));
  if (done.old.file)
    PrintLine(fmt::format("destroyed  {}; destroy copies, sheets and words of it, too", r.old));
  if (!done.old.card.empty())
    PrintLine(fmt::format("remove     {} from its card, with its copies, sheets and words",
                          done.old.card));
  PrintLine("next: " + WhatIsNext(r));
  return 0;
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
  BM_TRY(const std::optional<int> fd, NumbersFd(in));
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

Result<int> ShareRenew(const Invocation& in) {
  BM_TRY(const custody::MadeApart made, custody::ReadSetApart(in.Arg("FOLDER")));
  BM_TRY(const std::optional<int> fd, NumbersFd(in));
  BM_TRY(const app::RenewalNumbers numbers, app::AskRenewalNumbers(fd, made.terms.rehearsal));
  SystemRng rng;
  BM_TRY(const custody::RenewalTerms terms, app::MakeRenewalTerms(made, numbers, rng));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), custody::ToArmor(terms), 0600));
  Note("It says how many there are: for the holders' machines alone.");
  return WroteFile(
      in,
      fmt::format("{}, generation {} to be: holders {}{}{}", terms.name, terms.old.generation + 1,
                  fmt::join(terms.parties, ", "), List("; joining ", Joining(terms)),
                  List("; leaving ", Leaving(terms))),
      fmt::format(
          R"(, "set": "{}", "generation": {}, "parties": [{}], "joining": [{}], "leaving": [{}])",
          custody::ShortId(terms.old.set), terms.old.generation + 1, fmt::join(terms.parties, ", "),
          fmt::join(Joining(terms), ", "), fmt::join(Leaving(terms), ", ")));
}

Result<int> ShareChoose(const Invocation& in) {
  BM_TRY(const std::vector<uint16_t> without, app::HolderIndices(in.Get("--without")));
  BM_TRY(const custody::ChosenDealings chosen, app::ChooseFrom(in.Arg("FOLDER"), without));
  const fs::path file =
      fs::path(in.Get("--output")) / fmt::format("{}.choice", chosen.choice.attempt);
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(file, custody::ToArmor(chosen.choice)));
  for (const custody::BadShare& b : chosen.refused)
    Note(fmt::format("set aside [{}]: {}", b.error.code, b.error.message));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "written": {}, "attempt": {}, "dealers": [{}]}})",
                          JsonString(file.string()), !in.dry_run(), chosen.choice.attempt,
                          fmt::join(chosen.choice.dealers, ", ")));
    return 0;
  }
  PrintLine(fmt::format("{} {}: the dealings of {}", in.dry_run() ? "would write" : "wrote",
                        file.string(), fmt::join(chosen.choice.dealers, ", ")));
  PrintLine("next: carry it with these .dealing files to all who are to hold; they join with --in");
  return 0;
}

Result<int> ShareJoin(const Invocation& in) {
  if (in.Has("--terms") != in.Has("--party"))
    return Usage("dkg.begin", "a run is begun with its terms and as one of their parties",
                 "give --terms F and --party I together, the first time");
  // What kind of run it is stands in the terms, which the folder keeps.
  const fs::path terms = in.Get("--terms", in.Arg("DIR"));
  std::error_code ignored;
  if (in.Has("--terms") || fs::exists(terms / custody::kTermsFile, ignored)) {
    BM_TRY(const bool renewal, custody::HoldsRenewal(terms));
    if (renewal) return JoinRenewal(in);
  }
  custody::JoinAsked asked{.dir = in.Arg("DIR"),
                           .terms = std::nullopt,
                           .index = 0,
                           .in = in.Get("--in"),
                           .out = in.Get("--output"),
                           .transcript = in.Get("--transcript")};
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
    PrintLine(fmt::format(
        R"({{"set": "{}", "index": {}, "stage": "{}", "transcript": {}, "key": {}, "files": [{}]}})",
        custody::ShortId(j.terms.set), j.index, StageWord(j.stage),
        dealt ? JsonString(ToHex(j.transcript)) : "null",
        j.key.empty() ? "null" : JsonString(ToHex(j.key)), FilesJson(j.written)));
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
  BM_TRY(const custody::MadeApart made, custody::ReadSetApart(in.Arg("FOLDER")));
  BM_TRY(const crypto::PublicKey key, custody::GroupKey(made.set));
  if (!in.dry_run())
    BM_CHECK(WriteFileAtomic(in.Get("--output"), crypto::WritePem("PUBLIC KEY", key.spki())));
  return WroteFile(
      in,
      fmt::format(
          "the key {}, SHA-256 {}, generation {} of its shares; every holder has proven one",
          made.terms.name, ToHex(key.spki_digest()), made.set.generation),
      fmt::format(R"(, "name": {}, "spki": "{}", "generation": {}, "transcript": "{}")",
                  JsonString(made.terms.name), ToHex(key.spki_digest()), made.set.generation,
                  ToHex(made.transcript)));
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

}  // namespace birthmark::cli
