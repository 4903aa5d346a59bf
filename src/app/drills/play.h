// SPDX-License-Identifier: Apache-2.0
// What the drills share: their signature, a desk of the copy, and tries at an hour. Internal to
// app/drills. Not thread-safe.
#pragma once

#include <functional>
#include <set>

#include "app/drill.h"
#include "app/drills/copy.h"
#include "line/desk.h"

namespace birthmark::app {

using DrillFn = Status (*)(DrillCopy&, const DrillOptions&, DrillReport&);

Status DrillLose(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillDisclose(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillRogueStation(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillCrlOutage(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillLoseContinent(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillLoseSite(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillFactoryLink(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillStolenReel(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillStealPool(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillSeedLeak(DrillCopy&, const DrillOptions&, DrillReport&);
Status DrillWarehouse(DrillCopy&, const DrillOptions&, DrillReport&);

// Bm is a command line on the workspace, as it is to be typed: Bm(o, "cert revoke", "--ca x") is
// "birthmark cert revoke acme --ca x".
std::string Bm(const DrillOptions& o, std::string_view command, std::string_view rest = "");

// DeskOf is the line's own desk on the copy. `station` stands in its events.
line::IssuingDesk DeskOf(DrillCopy& copy, const std::string& station = "");
// OrderFor asks a desk for a certificate of the product's first identity for a new key.
Result<method::Order> OrderFor(DrillCopy& copy, const std::string& serial);
// SlotOf is the identity slot that is the line's main one; null when the plan gives none.
const plan::IdentitySlot* SlotOf(const plan::Plan& plan);

// Try is something that is done on the copy at its clock's time.
using Try = std::function<Status()>;
// StopsAt tries at the beginning and then at each of `moments`, in order, and says at which it is
// refused for the first time; nothing: at none. The clock is put back.
std::optional<Time> StopsAt(DrillCopy& copy, std::vector<Time> moments, const Try& attempt);
// TryIssue signs a device's certificate with a twin at the copy's time, and validates it.
Status TryIssue(DrillCopy& copy, const Twin& twin);
// TrySuccessor has the authority above a twin sign a successor of it.
Status TrySuccessor(DrillCopy& copy, const Twin& twin);
// TryCrl signs an empty revocation list.
Status TryCrl(DrillCopy& copy, const Twin& twin);
// Moments are all times at which something of the twins ends.
std::vector<Time> Moments(DrillCopy& copy);
// AddEnd adds the first second behind a certificate's validity, where it has an end.
void AddEnd(const crypto::Certificate& certificate, std::vector<Time>& out);

// Below are the ids of all authorities of the log that stand under one, itself included.
Result<std::set<std::string>> Below(DrillCopy& copy, const std::string& ca);
// IssuedBy lists the identities that any of these authorities issued.
Result<std::vector<ledger::IdentityRow>> IssuedBy(DrillCopy& copy,
                                                  const std::set<std::string>& cas);

// Untouched compares states from before with now: how many identities outside of `touched` changed.
Result<uint64_t> ChangedBeside(DrillCopy& copy, const std::map<Bytes, std::string>& before,
                               const std::set<Bytes>& touched);
// UnitState of an identity's unit; empty: no unit has begun with it.
Result<std::string> StateOfUnit(DrillCopy& copy, const std::string& unit);
// Shipped counts identities whose units have left.
Result<uint64_t> ShippedOf(DrillCopy& copy, const std::vector<ledger::IdentityRow>& rows);

// LastList is the newest revocation list that an authority has signed, and the end of what it keeps
// in reserve; from the log's crl.signed events.
struct LastList {
  std::optional<Time> next_update;
  std::optional<Time> reserve_until;
};
Result<LastList> ListsOf(DrillCopy& copy, const std::string& ca);
// LevelOfTwin is the plan's word about a twin's level; null when the plan has no such PKI.
const plan::Level* LevelOfTwin(DrillCopy& copy, const Twin& twin);

}  // namespace birthmark::app
