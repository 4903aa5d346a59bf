// SPDX-License-Identifier: Apache-2.0
#include "ceremony/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/cose.h"

namespace birthmark::ceremony {
namespace {

// InOpen finds the ceremony that an entry belongs to.
Result<CeremonyState*> InOpen(CustodyState& s, const Entry& e) {
  CeremonyState* c = s.Open();
  if (c == nullptr)
    return Refused("ceremony.entry", fmt::format("{} stands outside any ceremony", e.type));
  return c;
}

// The overloads fold one kind of entry each.
Status Fold(CustodyState& s, Time at, const Begun& b) {
  if (s.Open() != nullptr)
    return Refused("ceremony.entry", "a ceremony was begun before the one before it was closed");
  CeremonyState c;
  c.id = b.id;
  c.began = at;
  c.script = b.script;
  s.ceremonies.push_back(std::move(c));
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const Present& b) {
  c.present.push_back(b);
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const StepBegun& b) {
  ++c.begun[b.step];
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const StepDone& b) {
  c.done.insert(b.step);
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time at, const Exception& b) {
  c.exceptions.push_back({at, b});
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time at, const Line& b) {
  c.lines.push_back({at, b});
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const Chosen& b) {
  c.chosen = b;
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time, const KeyKept& b) {
  c.keys.insert(b.key.id);
  s.keys[b.key.id] = b;
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time at, const SetDealt& b) {
  auto old = s.sets.find(b.key);
  const bool next = old == s.sets.end()
                        ? b.set.generation == 1
                        : b.set.generation == old->second.dealt.set.generation + 1 &&
                              b.set.key == old->second.dealt.set.key;
  if (!next) return Refused("ceremony.entry", "a set of shares is not the next generation");
  c.keys.insert(b.key);
  c.proven.erase(b.key);  // what was brought were shares of the generation that ends here
  s.sets[b.key] = {.dealt = b, .since = at, .proven = {}};
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time at, const Proven& b) {
  auto it = s.sets.find(b.key);
  if (it == s.sets.end() || it->second.dealt.set.generation != b.generation)
    return Refused("ceremony.entry", "a proof is of no set in force");
  c.keys.insert(b.key);
  c.proven[b.key].insert(b.index);
  it->second.proven[b.index] = {at, b};
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time at, const ShareRefused& b) {
  c.keys.insert(b.key);
  s.refused.push_back({at, b});
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const ItemSigned& b) {
  c.keys.insert(b.item.key);
  c.signed_items.push_back(b);
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time, const Attested& b) {
  BM_TRY(cbor::CoseSign1 m, cbor::ParseCose(b.statement, {.max_bytes = kMaxRecordBytes}));
  if (!m.payload) return Refused("ceremony.entry", "a statement lacks its payload");
  BM_TRY(auto statement, cbor::FromCbor<ledger::SplitStatement>(*m.payload));
  c.attested.push_back(b);
  s.published.push_back(std::move(statement));
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time, const Alarm& b) {
  c.alarms.push_back(b);
  return {};
}
Status Fold(CeremonyState& c, CustodyState& s, Time at, const KeyEnded& b) {
  c.keys.insert(b.key);
  s.ended[b.key] = {at, b};
  if (auto it = s.keys.find(b.key); it != s.keys.end()) it->second.key.destroyed = Millis(at);
  return {};
}
Status Fold(CustodyState& s, Time at, const Noted& b) {
  s.notes.push_back({at, b});
  return {};
}
Status Fold(CeremonyState& c, CustodyState&, Time at, const Closed& b) {
  c.closed = Dated<Closed>{at, b};
  return {};
}

template <class B>
Result<bool> TryAnywhere(CustodyState& s, Time at, const Entry& e) {
  if (e.type != B::kType) return false;
  BM_TRY(B body, ReadEntry<B>(e));
  BM_CHECK(Fold(s, at, body));
  return true;
}
template <class B>
Result<bool> TryInside(CustodyState& s, Time at, const Entry& e) {
  if (e.type != B::kType) return false;
  BM_TRY(B body, ReadEntry<B>(e));
  BM_TRY(CeremonyState * c, InOpen(s, e));
  BM_CHECK(Fold(*c, s, at, body));
  return true;
}
template <class... B>
Result<bool> TryAllInside(CustodyState& s, Time at, const Entry& e) {
  Result<bool> found = false;
  // Stops at the first that takes the entry or fails.
  (void)((found = TryInside<B>(s, at, e), !found || *found) || ...);
  return found;
}

}  // namespace

const Seat* SetState::FindSeat(uint16_t index) const {
  auto it = std::ranges::find(dealt.seats, index, &Seat::index);
  return it == dealt.seats.end() ? nullptr : &*it;
}

CeremonyState* CustodyState::Open() {
  return ceremonies.empty() || ceremonies.back().closed ? nullptr : &ceremonies.back();
}
const CeremonyState* CustodyState::Open() const {
  return ceremonies.empty() || ceremonies.back().closed ? nullptr : &ceremonies.back();
}

Status CustodyState::Apply(Time at, const Entry& e) {
  BM_TRY(bool begun, TryAnywhere<Begun>(*this, at, e));
  if (begun) return {};
  BM_TRY(bool noted, TryAnywhere<Noted>(*this, at, e));
  if (noted) return {};
  BM_TRY(
      bool found,
      TryAllInside<Present, StepBegun, StepDone, Exception, Line, Chosen, KeyKept, SetDealt, Proven,
                   ShareRefused, ItemSigned, Attested, Alarm, KeyEnded, Closed>(*this, at, e));
  if (!found)
    return Refused("ceremony.entry", fmt::format("\"{}\" is no entry of this program", e.type));
  return {};
}

}  // namespace birthmark::ceremony
