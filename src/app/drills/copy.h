// SPDX-License-Identifier: Apache-2.0
// The copy that a drill works on: the log as it was at one moment, under a clock that the drill
// moves, with throw-away authorities in the place of the real ones. No live key is ever in it: the
// workspace's key folders are not even read. It vanishes with the object. Leaves out what a drill
// does. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/drills/report.h"
#include "app/factory.h"
#include "base/clock.h"
#include "pki/issue.h"

namespace birthmark::app {

// Twin is an authority of the log with a throw-away key and certificate of the same name, validity
// and limits.
struct Twin {
  ledger::CaRow row;  // the original
  std::string id;     // "drill.identity-2.1", in the copy's store and log
  crypto::Certificate original, certificate;
};

class DrillCopy {
 public:
  // Make copies the log of a workspace into a folder of its own under `scratch` (empty: the
  // system's folder for temporary files). The clock begins now, or with the last event if that is
  // later. Errors: those of OpenReader, PlanOf, file.write.
  static Result<std::unique_ptr<DrillCopy>> Make(const fs::path& workspace,
                                                 const std::string& product,
                                                 const fs::path& scratch, const Clock& clock);
  ~DrillCopy();
  DrillCopy(const DrillCopy&) = delete;
  DrillCopy& operator=(const DrillCopy&) = delete;

  // MakeTwins gives every authority of the identity PKIs (or of all PKIs) a twin, and records it
  // in the copy's log, so that the line's own desk issues under twins.
  Status MakeTwins(bool all_pkis);
  // FindTwin finds one by the original's id; null when there is none.
  Twin* FindTwin(std::string_view original);
  std::vector<Twin>& twins() { return twins_; }
  // Above lists the twins over one, itself first, the root last.
  std::vector<Twin*> Above(const Twin& twin);

  Factory& factory() { return *factory_; }
  ledger::Registry& registry() { return factory_->log->registry(); }
  keystore::KeyStore& keys() { return *factory_->keys.online; }
  ManualClock& clock() { return clock_; }
  const plan::Plan& plan() const { return factory_->adopted.plan; }
  Time began() const { return began_; }
  uint64_t events() const { return events_; }  // of the original
  const fs::path& folder() const { return folder_; }

  // Append writes one event into the copy's log.
  template <class B>
  Status Append(const std::string& subject, const B& body) {
    BM_CHECK(
        factory_->log->Append(ledger::MakeEvent(factory_->context, clock_.Now(), subject, body)));
    return {};
  }
  // StampNow draws a certificate's serial number at the copy's time.
  pki::Stamp StampNow();

  // States gives the state of every identity, by certificate serial.
  Result<std::map<Bytes, std::string>> States();
  // All lists the identities that a filter finds.
  Result<std::vector<ledger::IdentityRow>> All(const ledger::IdentityFilter& filter);
  // Affect groups identities by product, site and date, and lists them.
  Status Affect(const std::vector<ledger::IdentityRow>& rows, DrillReport& report);

 private:
  explicit DrillCopy(Time begin) : clock_(begin), began_(begin) {}
  Result<Twin> MakeTwin(const ledger::CaRow& row);

  fs::path folder_;
  ManualClock clock_;
  Time began_;
  uint64_t events_ = 0;
  std::unique_ptr<Factory> factory_;
  std::vector<Twin> twins_;
};

}  // namespace birthmark::app
