// SPDX-License-Identifier: Apache-2.0
// Tries to replace, add and remove the anchors of a locked device: whole images with a changed
// anchor inside, signed by the right key, by a wrong one and by nobody, the device's own way and on
// the flash chip itself, each looked for again after a restart. The right key signs them, so only a
// rehearsal makes any. Leaves out what they show (anchors/change_conclude.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/sacrifice.h"
#include "ledger/events_anchors.h"

namespace birthmark::app {

// ChangePlan is what would be offered for one anchor.
struct ChangePlan {
  std::string anchor;
  std::string partition;          // empty: the fuses; "owner": the owner's area
  std::string verifier;           // the anchor whose key is the right one; empty: nobody's is
  std::vector<std::string> ways;  // "update", "voucher", "chip", "reset", "fuses", "port"
  std::string why_not;            // why nothing is offered; empty: it is
};

// PlanChanges tells it for every anchor of the plan that the device holds, or could.
std::vector<ChangePlan> PlanChanges(const plan::Plan& plan, const line::Firmware& firmware);

// ChangeTrials offers one anchor's changes to a device and puts it back as it was.
class ChangeTrials {
 public:
  ChangeTrials(Sacrifice& device, const plan::Plan& plan, const line::Firmware& firmware,
               keystore::KeyStore& keys, const std::map<std::string, line::SignerChain>& signers)
      : device_(device), plan_(plan), firmware_(firmware), keys_(keys), signers_(signers) {}

  // Try errors: trial.unsteady (the device is not what it was before, though it refused all),
  // those of the link and the keys.
  Result<ledger::ChangesTried> Try(const ChangePlan& what);

 private:
  struct Container;
  Status TryFuses(ledger::ChangesTried& out);
  Status TryOwner(const ChangePlan& what, ledger::ChangesTried& out);
  Status TryVouchers(const ChangePlan& what, ledger::ChangesTried& out);
  Status TryReset(ledger::ChangesTried& out);
  // OwnedBy restarts the device and tells whether it believes that owner alone, or nobody.
  Result<bool> OwnedBy(const Bytes* certificate);
  Status TryImage(const ChangePlan& what, ledger::ChangesTried& out);
  Result<Container> Open(const ChangePlan& what);
  Result<bool> InUse(const std::string& partition, ByteView image);
  Result<ledger::ChangeTry> Update(const Container& c, ByteView image);
  Result<ledger::ChangeTry> Chip(const Container& c, ByteView image);

  Sacrifice& device_;
  const plan::Plan& plan_;
  const line::Firmware& firmware_;
  keystore::KeyStore& keys_;
  const std::map<std::string, line::SignerChain>& signers_;
};

}  // namespace birthmark::app
