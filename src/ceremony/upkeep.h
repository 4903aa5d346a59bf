// SPDX-License-Identifier: Apache-2.0
// Between ceremonies: how old each holder's proof is, what happened to vaults and seals, and what
// needs attention. Works on an unlocked sealed log, on the offline machine. Source:
// docs/formats/ceremony.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/findings.h"
#include "ceremony/sealed_log.h"

namespace birthmark::ceremony {

// HolderStatus is one share's state.
struct HolderStatus {
  std::string key;
  std::string who;  // pseudonym
  std::string continent;
  uint16_t index = 0;
  std::optional<Time> proven;  // last
  std::string how;             // "read-back", "proof", "brought"
  bool healthy = false;        // proven within the limit, and not noted as lost
  std::string last_note;       // event of the last note
};

// CustodyReport is what custody status prints.
struct CustodyReport {
  std::string origin;
  bool rehearsal = true;
  std::vector<HolderStatus> holders;
  Findings findings;  // errors are alarms
};
// ReportCustody judges a folder. Codes: custody.silent, custody.at-risk, custody.no-spare,
// custody.lost, custody.seal-broken, ceremony.not-closed.
CustodyReport ReportCustody(const SealedLog& log, Time now, std::chrono::days silent_after);

// NoteEvents are the words of what can be noted about a holder's share.
const std::vector<std::string>& NoteEvents();
// NoteHolder puts one into the log. `holder` is a pseudonym or the index of a share. A seal that is
// checked against another number than the last one put is noted as broken, and told. Errors:
// custody.holder, custody.event, custody.seal.
struct NotedSeal {
  bool broken = false;
};
Result<NotedSeal> NoteHolder(SealedLog& log, const std::string& holder, const std::string& event,
                             const std::string& seal, const std::string& text);

}  // namespace birthmark::ceremony
