// SPDX-License-Identifier: Apache-2.0
// Certificates and revocation lists met in the field, compared with the ledger: what a key of ours
// signed and this log knows nothing of means that the key was disclosed, or used past the ledger
// (the draft's section 5.1). Leaves out fetching anything. One thread.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"
#include "ledger/events_field.h"

namespace birthmark::app {

struct SeenOptions {
  fs::path workspace;
  std::vector<fs::path> paths;  // files, folders: PEM, DER, lines of JSON; certificates and CRLs
  std::string as;
  bool dry_run = false;
};

struct Seen {
  uint64_t looked = 0;     // certificates and entries of lists
  uint64_t known = 0;      // ours, and here
  uint64_t foreign = 0;    // of others; what merely names an authority of ours counts here too
  uint64_t pretended = 0;  // of those: name an authority of ours, but its key signed not
  std::vector<std::string> unreadable;          // "file: why", the first hundred
  std::vector<ledger::SeenStranger> strangers;  // alarms, until explained
};

// LookAtSeen compares, and writes field.seen when it found strangers. Errors: seen.nothing (no path
// leads to a certificate or a list), seen.too-many, files', those of the ledger.
Result<Seen> LookAtSeen(const SeenOptions& options, const Clock& clock);

// StrangerName is what `status` calls it: "seen:HEX" of what was seen and its serial number.
std::string StrangerName(const ledger::SeenStranger& s);

// ExplainAlarm writes that an alarm was looked into. Errors: alarm.unknown (`status` has no such
// alarm), credential.role (administrators and maintainers alone), those of the ledger.
Status ExplainAlarm(Factory& factory, const std::string& alarm, const std::string& reason,
                    bool dry_run, const Clock& clock);

}  // namespace birthmark::app
