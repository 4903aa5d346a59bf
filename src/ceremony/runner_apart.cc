// SPDX-License-Identifier: Apache-2.0
// Keys that several machines made together: what their messages show, who holds the shares, and
// signing that is carried.
#include <fmt/format.h>

#include <algorithm>

#include "ceremony/carried_signer.h"
#include "ceremony/runner.h"
#include "custody/renewal_folder.h"

namespace birthmark::ceremony {

const ScriptKey* Runner::KeyApart() const {
  auto it = std::ranges::find_if(script_.keys, &ScriptKey::apart);
  return it == script_.keys.end() ? nullptr : &*it;
}

Result<custody::MadeApart> Runner::Made(const ScriptKey& key) const {
  const fs::path folder = options_.made.empty() ? options_.dir / "in" : options_.made;
  BM_TRY(custody::MadeApart made, custody::ReadSetApart(folder));
  if (made.terms.name != key.id || made.terms.rehearsal != script_.rehearsal)
    return Refused(
        "ceremony.dkg-other",
        fmt::format("{} holds the making of {}{}, not of {}", folder.string(),
                    made.terms.rehearsal ? "a rehearsal's " : "", made.terms.name, key.id),
        "carry the messages of this key's making in: --made FOLDER");
  if (script_.kind != Kind::kReshare) {
    if (made.set.generation == 1) return made;
    return Refused(
        "ceremony.dkg-other",
        fmt::format("{} holds a later dealing of {}, not its making", folder.string(), key.id),
        "carry the messages of the key's making in; a dealing anew has a ceremony of "
        "its own: ceremony new --kind reshare");
  }
  const auto state = log_->state().sets.find(key.id);
  if (state == log_->state().sets.end())
    return Internal("ceremony.step", fmt::format("{} has no shares in this folder", key.id));
  const custody::ShareSet& now = state->second.dealt.set;
  const bool next = made.set.generation == now.generation + 1 && made.set.key == now.key;
  if (next) {
    BM_TRY(const custody::RenewedApart renewed, custody::ReadRenewed(folder));
    if (renewed.terms.old == now) return made;
  }
  return Refused("ceremony.dkg-other",
                 fmt::format("{} does not deal anew the shares of {} that are in force, those of "
                             "generation {}",
                             folder.string(), key.id, now.generation),
                 "carry the messages in that began with this very set: birthmark share renew");
}

Result<Runner::Entries> Runner::ExecutivesApart(const ScriptKey& key) {
  BM_TRY(const custody::MadeApart made, Made(key));
  Chosen chosen{.seats = {}, .withhold = false, .threshold = made.terms.threshold};
  if (FollowsRule({.threshold = chosen.threshold,
                   .count = static_cast<uint16_t>(made.terms.parties.size())}))
    room_.Say(
        "the machines' numbers follow a rule that readers know: with n-k published, k could be "
        "guessed from it");
  const auto state = log_->state().sets.find(key.id);
  for (uint16_t index : made.terms.parties) {
    const Seat* old = state == log_->state().sets.end() ? nullptr : state->second.FindSeat(index);
    Seat seat;
    if (old == nullptr) {
      room_.Say(fmt::format("holder {} of {}:", index, key.id));
      BM_TRY(seat, AskSeat(index));
    } else {
      BM_TRY(seat, StaysOrMoves(*old));
    }
    chosen.seats.push_back(std::move(seat));
  }
  bool again = false;
  BM_TRY(chosen, JudgeChosen(std::move(chosen), &again));
  if (again)
    return Refused("ceremony.dkg-numbers", "the numbers are those that the key was made with",
                   fmt::format("do it with others (birthmark share {}), then resume",
                               script_.kind == Kind::kReshare ? "renew" : "begin"));
  Entries out;
  if (state != log_->state().sets.end()) {
    for (const Seat& s : state->second.dealt.seats) {
      if (std::ranges::find(made.terms.parties, s.index) == made.terms.parties.end())
        Tell(out, false,
             fmt::format("{} leaves, and was a Key Executive in {}", s.who, s.continent));
    }
  }
  for (const Seat& s : chosen.seats)
    Tell(out, false, fmt::format("{} is a Key Executive in {}", s.who, s.continent));
  out.push_back(MakeEntry(chosen));
  out.push_back(MakeEntry(Line{.open = true, .text = "the Key Executives were seated"}));
  return out;
}

Result<custody::MadeApart> Runner::MadeBySeated(const ScriptKey& key) const {
  BM_TRY(custody::MadeApart made, Made(key));
  const Chosen& chosen = *ceremony().chosen;
  std::vector<uint16_t> seated;
  for (const Seat& s : chosen.seats) seated.push_back(s.index);
  std::ranges::sort(seated);
  if (seated != made.terms.parties || chosen.threshold != made.terms.threshold)
    return Refused("ceremony.dkg-other",
                   fmt::format("the shares of {} are others' than those who were seated", key.id),
                   "put the messages back that lay there at the step \"executives\"");
  return made;
}

void Runner::PutInForce(const std::string& key, const custody::ShareSet& set,
                        Entries& entries) const {
  const Chosen& chosen = *ceremony().chosen;
  entries.push_back(MakeEntry(
      SetDealt{.key = key, .set = set, .seats = chosen.seats, .withhold = chosen.withhold}));
  for (const Seat& s : chosen.seats)
    entries.push_back(MakeEntry(
        Proven{.how = "proof", .key = key, .index = s.index, .generation = set.generation}));
}

// ReshareApart takes a dealing anew into the log that the holders' machines have completed: each
// new holder's proof was checked with the messages, and no share came into the room.
Result<Runner::Entries> Runner::ReshareApart(const ScriptKey& key) {
  BM_TRY(const custody::MadeApart made, MadeBySeated(key));
  BM_CHECK(ReadAloud(made.transcript, fmt::format("the transcript of dealing {} anew", key.id)));
  Entries out;
  PutInForce(key.id, made.set, out);
  Tell(out, true,
       fmt::format("the shares of {} were dealt anew between its holders' machines, and came "
                   "together nowhere; every holder has proven the new share; all earlier ones are "
                   "dead; transcript SHA-256 {}",
                   key.id, ToHex(made.transcript)));
  return out;
}

Result<std::unique_ptr<crypto::Signer>> Runner::SignerApart(const std::string& id,
                                                            const custody::ShareSet& set) {
  return CarriedSigner::Make(set, options_.dir / "signing" / id, room_);
}

Result<std::unique_ptr<crypto::Signer>> Runner::NewKeyApart(const ScriptKey& key, KeyKept& kept,
                                                            Entries& entries) {
  BM_TRY(const custody::MadeApart made, MadeBySeated(key));
  // Whoever changed the folder has another key: each holder's copy has the same digest.
  BM_CHECK(ReadAloud(made.transcript, fmt::format("the transcript of the making of {}", key.id)));
  BM_TRY(auto signer, SignerApart(key.id, made.set));
  kept.key.store = "frost";
  kept.key.facts = {.local = true, .sensitive = true};
  kept.place = kPlaceApart;
  PutInForce(key.id, made.set, entries);
  Tell(entries, true,
       fmt::format("{} was made by its holders' machines together, and was never in one place; "
                   "every holder has proven the share; transcript SHA-256 {}",
                   key.id, ToHex(made.transcript)));
  return signer;
}

}  // namespace birthmark::ceremony
