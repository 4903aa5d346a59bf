// SPDX-License-Identifier: Apache-2.0
// Keys that several machines made together: what their messages show, who holds the shares, and
// signing that is carried.
#include <fmt/format.h>

#include <algorithm>

#include "ceremony/carried_signer.h"
#include "ceremony/runner.h"
#include "custody/dkg_folder.h"

namespace birthmark::ceremony {

const ScriptKey* Runner::KeyApart() const {
  auto it = std::ranges::find_if(script_.keys, &ScriptKey::apart);
  return it == script_.keys.end() ? nullptr : &*it;
}

Result<custody::MadeApart> Runner::Made(const ScriptKey& key) const {
  const fs::path folder = options_.made.empty() ? options_.dir / "in" : options_.made;
  BM_TRY(custody::MadeApart made, custody::ReadMade(folder));
  if (made.terms.name != key.id || made.terms.rehearsal != script_.rehearsal)
    return Refused(
        "ceremony.dkg-other",
        fmt::format("{} holds the making of {}{}, not of {}", folder.string(),
                    made.terms.rehearsal ? "a rehearsal's " : "", made.terms.name, key.id),
        "carry the messages of this key's making in: --made FOLDER");
  return made;
}

Result<Runner::Entries> Runner::ExecutivesApart(const ScriptKey& key) {
  BM_TRY(const custody::MadeApart made, Made(key));
  Chosen chosen{.seats = {}, .withhold = false, .threshold = made.terms.threshold};
  if (FollowsRule({.threshold = chosen.threshold,
                   .count = static_cast<uint16_t>(made.terms.parties.size())}))
    room_.Say(
        "the machines' numbers follow a rule that readers know: with n-k published, k could be "
        "guessed from it");
  for (uint16_t index : made.terms.parties) {
    room_.Say(fmt::format("party {} of the making:", index));
    BM_TRY(Seat seat, AskSeat(index));
    chosen.seats.push_back(std::move(seat));
  }
  bool again = false;
  BM_TRY(chosen, JudgeChosen(std::move(chosen), &again));
  if (again)
    return Refused("ceremony.dkg-numbers", "the numbers are those that the key was made with",
                   "make the key with others (birthmark share begin), then resume");
  Entries out;
  for (const Seat& s : chosen.seats)
    Tell(out, false, fmt::format("{} is a Key Executive in {}", s.who, s.continent));
  out.push_back(MakeEntry(chosen));
  out.push_back(MakeEntry(Line{.open = true, .text = "the Key Executives were seated"}));
  return out;
}

Result<std::unique_ptr<crypto::Signer>> Runner::SignerApart(const std::string& id,
                                                            const custody::ShareSet& set) {
  return CarriedSigner::Make(set, options_.dir / "signing" / id, room_);
}

Result<std::unique_ptr<crypto::Signer>> Runner::NewKeyApart(const ScriptKey& key, KeyKept& kept,
                                                            Entries& entries) {
  BM_TRY(const custody::MadeApart made, Made(key));
  const Chosen& chosen = *ceremony().chosen;
  std::vector<uint16_t> seated;
  for (const Seat& s : chosen.seats) seated.push_back(s.index);
  std::ranges::sort(seated);
  if (seated != made.terms.parties || chosen.threshold != made.terms.threshold)
    return Refused("ceremony.dkg-other",
                   fmt::format("{} was made by others than those who were seated", key.id),
                   "put the messages back that lay there at the step \"executives\"");
  // Whoever changed the folder has another key: each holder's copy has the same digest.
  BM_CHECK(ReadAloud(made.transcript, fmt::format("the transcript of the making of {}", key.id)));
  BM_TRY(auto signer, SignerApart(key.id, made.set));
  kept.key.store = "frost";
  kept.key.facts = {.local = true, .sensitive = true};
  kept.place = kPlaceApart;
  entries.push_back(MakeEntry(SetDealt{
      .key = key.id, .set = made.set, .seats = chosen.seats, .withhold = chosen.withhold}));
  for (const Seat& s : chosen.seats)
    entries.push_back(MakeEntry(Proven{
        .how = "proof", .key = key.id, .index = s.index, .generation = made.set.generation}));
  Tell(entries, true,
       fmt::format("{} was made by its holders' machines together, and was never in one place; "
                   "every holder has proven the share; transcript SHA-256 {}",
                   key.id, ToHex(made.transcript)));
  return signer;
}

}  // namespace birthmark::ceremony
