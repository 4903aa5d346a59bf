// SPDX-License-Identifier: Apache-2.0
// A watch over what was issued and revoked: against the plan in force then, people signed on, the
// authority's window, and who asked (the draft's section 5: an authorization that failed). Each run
// goes on where the last one ended, which a file in the workspace remembers; without it, it starts
// over. Leaves out what is told of it (status.h). One thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "app/factory.h"

namespace birthmark::app {

// VigilHit is one event that does not fit.
struct VigilHit {
  int64_t at = 0;
  uint64_t seq = 0;    // of the event; its name as an alarm is "event:SEQ"
  std::string what;    // "off-plan", "off-shift", "over-window", "unasked-revocation"
  std::string detail;  // "unit ridgeback-s1/BMC-0007: slot attestation is not in the plan"
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("seq", seq);
    v("what", what);
    v("detail", detail);
  }
};

// LastIssue is when an authority last signed for a unit.
struct LastIssue {
  std::string ca;
  int64_t at = 0;
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("ca", ca);
  }
};

// VigilMarks is what the file remembers.
struct VigilMarks {
  uint64_t hits = 0;  // all of them; `named` holds the first
  std::vector<VigilHit> named;
  uint64_t format = 1;
  std::vector<LastIssue> issues;
  std::string origin;    // of the log
  uint64_t issued = 0;   // identities of events before this one were looked at
  uint64_t revoked = 0;  // and revocations
  template <class V>
  void Fields(V& v) {
    v("hits", hits);
    v("named", named);
    v("format", format);
    v("issued", issued);
    v("issues", issues);
    v("origin", origin);
    v("revoked", revoked);
  }
};
inline constexpr size_t kMaxNamedHits = 1000;

// KeepVigil looks at what is new and remembers; `from_start` looks at everything again. A workspace
// that cannot be written to is looked at all the same. Errors: those of the ledger, plan.stored.
Result<VigilMarks> KeepVigil(ledger::LogReader& reader, const Layout& layout, bool from_start);

// ExplainedAlarms are the names of alarms that somebody looked into.
Result<std::set<std::string>> ExplainedAlarms(ledger::LogReader& reader);

}  // namespace birthmark::app
