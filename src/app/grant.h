// SPDX-License-Identifier: Apache-2.0
// An island's quota: the subordinate authority that it may issue with, its window and count, and
// the numbers its units take. Beside the plan's own last level, so that identities are as deep as
// all others. Leaves out how requests travel. Not thread-safe. Source: docs/decisions/0004.
#pragma once

#include <string>

#include "ledger/sqlite/log_reader.h"
#include "ledger/sqlite/log_writer.h"
#include "pki/request.h"
#include "plan/plan.h"

namespace birthmark::app {

// StationTerms is what `station add` allowed a station that has joined since.
struct StationTerms {
  ledger::StationAdded added;
  std::string actor;            // who added it
  bool joined = false;          // by this very code
  bool disabled = false;        // afterwards
  ledger::IslandOpened island;  // its log, once it has joined
};

// TermsOf gives the newest code by which a station joined. Errors: station.unknown.
Result<StationTerms> TermsOf(ledger::LogReader& reader, const std::string& station);
// TermsOfCode gives those of one code. Errors: station.unknown.
Result<StationTerms> TermsOfCode(ledger::LogReader& reader, const std::string& code);

// IslandAuthorityId is "<pki>-<level>.<station>-<tag>", the tag eight hexadecimal digits that the
// station draws. IslandAuthorityName is the common name that goes with it.
std::string IslandAuthorityId(const plan::Pki& pki, const std::string& station,
                              std::string_view tag);
std::string IslandAuthorityName(const plan::Pki& pki, const std::string& station,
                                std::string_view tag);

// CheckIslandRequest refuses a request that asks for anything but an authority of the plan's last
// level for this station. Errors: station.request.
Status CheckIslandRequest(const pki::Request& request, const std::string& ca,
                          const std::string& station, const plan::Plan& plan,
                          const std::string& workspace, bool rehearsal);

// IslandRequestTerms is what an island asks for.
pki::RequestTerms IslandRequestTerms(const plan::Plan& plan, const std::string& workspace,
                                     bool rehearsal, const std::string& station,
                                     std::string_view tag, Time now);

// ParentOf is the authority above the plan's last level that signs islands' requests.
// Errors: station.no-level (the root issues by itself), station.no-parent.
Result<ledger::CaRow> ParentOf(ledger::LogReader& reader, const plan::Plan& plan);

// GrantEvents are the events of a signed request: the authority with its limits, and the island
// open with its numbers. Errors: those of pki::CheckResponse and of the ledger.
Result<ledger::Submission> GrantEvents(ledger::LogReader& reader, const plan::Plan& plan,
                                       const StationTerms& terms, const std::string& ca,
                                       const pki::Request& request, std::string_view response,
                                       const ledger::EventContext& context, Time now);

// CertificateOf reads an authority's certificate from its event.
Result<crypto::Certificate> CertificateOf(ledger::LogReader& reader, const ledger::CaRow& ca);
// RootOf is the certificate of the identity PKI's level 1.
Result<crypto::Certificate> RootOf(ledger::LogReader& reader, const plan::Plan& plan);

}  // namespace birthmark::app
