// SPDX-License-Identifier: Apache-2.0
#include "ceremony/upkeep.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace birthmark::ceremony {
namespace {

constexpr std::string_view kSealBroken = "seal-broken";

// LastNotes gives the last note about each holder.
std::map<std::string, Dated<Noted>> LastNotes(const CustodyState& state) {
  std::map<std::string, Dated<Noted>> out;
  for (const Dated<Noted>& n : state.notes) out[n.value.who] = n;
  return out;
}

// LastSeal is the number, digested, that was put on last.
std::optional<Digest> LastSeal(const CustodyState& state, const std::string& who) {
  std::optional<Digest> out;
  for (const Dated<Noted>& n : state.notes) {
    if (n.value.who == who && n.value.event == "sealed" && n.value.seal) out = n.value.seal;
  }
  return out;
}

}  // namespace

CustodyReport ReportCustody(const SealedLog& log, Time now, std::chrono::days silent_after) {
  const CustodyState& state = log.state();
  CustodyReport r{.origin = log.identity().origin, .rehearsal = log.rehearsal()};
  const auto notes = LastNotes(state);
  for (const auto& [key, set] : state.sets) {
    if (state.ended.contains(key)) continue;
    int healthy = 0;
    for (const Seat& seat : set.dealt.seats) {
      HolderStatus h{.key = key, .who = seat.who, .continent = seat.continent, .index = seat.index};
      if (auto p = set.proven.find(seat.index); p != set.proven.end()) {
        h.proven = p->second.at;
        h.how = p->second.value.how;
      }
      const bool silent = !h.proven || now - *h.proven > silent_after;
      bool lost = false;
      if (auto n = notes.find(seat.who); n != notes.end()) {
        h.last_note = n->second.value.event;
        lost = h.last_note == "lost" || h.last_note == "left";
        if (h.last_note == kSealBroken)
          r.findings.Error("custody.seal-broken",
                           fmt::format("{}: the seal is not the one that was put on", seat.who),
                           "open the vault with two people; prove the share, or re-share");
      }
      if (lost) {
        r.findings.Warn("custody.lost", fmt::format("{}: noted as {}", seat.who, h.last_note),
                        "re-share: birthmark ceremony new --kind reshare --of DIR");
      } else if (silent) {
        r.findings.Error("custody.silent",
                         fmt::format("{}: the share of {} was not proven for more than {} days",
                                     seat.who, key, silent_after.count()),
                         "hold a health round: birthmark ceremony new --kind health --of DIR");
      }
      h.healthy = !lost && !silent;
      healthy += h.healthy;
      r.holders.push_back(std::move(h));
    }
    if (healthy < set.dealt.set.threshold) {
      r.findings.Error("custody.at-risk",
                       fmt::format("{}: fewer shares are known to be good than are needed", key),
                       "hold a health round at once; if that fails, plan for the key's loss");
    } else if (healthy == set.dealt.set.threshold) {
      r.findings.Warn("custody.no-spare", fmt::format("{}: no share may be lost any more", key),
                      "re-share with more holders");
    }
  }
  if (state.Open() != nullptr)
    r.findings.Error("ceremony.not-closed", "a ceremony was begun and not closed",
                     "birthmark ceremony resume DIR");
  return r;
}

const std::vector<std::string>& NoteEvents() {
  static const std::vector<std::string> kEvents = {"sealed",  "seal-checked", "opened",
                                                   "on-card", "drilled",      "key-handed-over",
                                                   "moved",   "lost",         "left"};
  return kEvents;
}

Result<NotedSeal> NoteHolder(SealedLog& log, const std::string& holder, const std::string& event,
                             const std::string& seal, const std::string& text) {
  if (std::ranges::find(NoteEvents(), event) == NoteEvents().end())
    return Usage("custody.event", fmt::format("\"{}\" is no event of a share's keeping", event),
                 fmt::format("one of {}", fmt::join(NoteEvents(), ", ")));
  std::set<std::string> who;
  for (const auto& [key, set] : log.state().sets) {
    for (const Seat& s : set.dealt.seats) {
      if (s.who == holder || std::to_string(s.index) == holder) who.insert(s.who);
    }
  }
  if (who.size() != 1)
    return Refused("custody.holder",
                   who.empty() ? fmt::format("no share here is held by {}", holder)
                               : fmt::format("{} is the index of several people's shares", holder),
                   "birthmark custody status DIR lists the pseudonyms");
  const bool about_seal = event == "sealed" || event == "seal-checked";
  if (about_seal == seal.empty())
    return Usage("custody.seal",
                 about_seal ? "the seal's number is missing" : "this event has no seal's number",
                 about_seal ? "--seal NUMBER" : "leave --seal out");
  Noted note{.who = *who.begin(), .seal = std::nullopt, .text = text, .event = event};
  NotedSeal out;
  if (about_seal) note.seal = log.SealDigest(seal);
  if (event == "seal-checked") {
    out.broken = LastSeal(log.state(), note.who) != note.seal;
    if (out.broken) note.event = kSealBroken;
  }
  BM_CHECK(log.Append({MakeEntry(note)}));
  return out;
}

}  // namespace birthmark::ceremony
