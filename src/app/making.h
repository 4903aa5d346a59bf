// SPDX-License-Identifier: Apache-2.0
// What making a workspace's authorities comes to, whether init makes them, an external root's
// response brings them, or a ceremony's record: files, events, what people are shown. Leaves out
// where the authorities come from. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/authorities.h"
#include "app/init.h"
#include "ledger/sqlite/log_writer.h"
#include "line/firmware.h"

namespace birthmark::app {

// Making is what the commands that make authorities share.
struct Making {
  const Layout& layout;
  const plan::Plan& plan;
  AuthorityMaker& maker;
  Stores stores;
  ledger::EventContext context;
  const Clock& clock;
  std::vector<ledger::Event> events;                          // beside the maker's own
  std::map<std::string, std::vector<Authority>> authorities;  // by PKI
  std::map<std::string, line::SignerChain> signers;           // behind anchors, by PKI

  template <class B>
  void Add(const std::string& subject, const B& body) {
    events.push_back(ledger::MakeEvent(context, clock.Now(), subject, body));
  }
};

// ProfileOfSigner is what the end entity of a PKI that signs for the manufacturer is: disclosures,
// code or vouchers behind an anchor; null where the PKI has none.
const pki::Profile* ProfileOfSigner(const plan::Plan& plan, const plan::Pki& pki);
// PurposeOfSigner is the word for its key in the log.
std::string PurposeOfSigner(const pki::Profile& profile);

// FinishIdentity, FinishDisclosure and FinishAnchorPki do what remains once a PKI's authorities
// exist: public files, fingerprints and the manufacturer's own end entity. `signer` is that end
// entity where somebody else certified it; else it is made here.
Status FinishIdentity(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                      const Layout& meant, InitResult& r);
Status FinishDisclosure(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                        std::optional<Issued> signer, InitResult& r);
Status FinishAnchorPki(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                       std::optional<Issued> signer);

// ReadGivenAnchors reads the anchors that the plan names as files; ReadGeneratedAnchors those whose
// signers are in `m`, and sets the boot anchor's digest. Errors: those of anchors::ReadAnchors,
// file.missing, file.write.
Status ReadGivenAnchors(Making& m, const fs::path& plan_folder);
Status ReadGeneratedAnchors(Making& m, InitResult& r);

// ShowLevels adds a row for each authority.
void ShowLevels(const plan::Pki& pki, const std::vector<Authority>& made, const Layout& meant,
                InitResult& r);

// AppendAll writes the maker's events and the others in one commit.
Status AppendAll(ledger::LogWriter& log, std::vector<ledger::Event> events);

// AuthoritiesInLog reads a PKI's authorities that exist, the root first, one a level.
Result<std::vector<Authority>> AuthoritiesInLog(ledger::LogReader& reader, const plan::Pki& pki);

}  // namespace birthmark::app
