// SPDX-License-Identifier: Apache-2.0
// Runs units through the plan's steps, station by station. Every visit is journalled before it
// begins and told in one event when it ends; a unit that was interrupted goes on with the visit it
// was in. Leaves out starting the line's people and images (session.h, release.h). Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "line/desk.h"
#include "line/fault.h"
#include "line/firmware.h"
#include "line/fixture.h"
#include "line/pool.h"
#include "line/secrets.h"
#include "line/serials.h"
#include "line/steps.h"
#include "method/carrot.h"
#include "method/sapodilla.h"

namespace birthmark::line {

// UnitResult is the lamp: GOOD, RETRY (told as it happens), WAIT (it has not enrolled over the
// network yet: put aside for a later run) or SCRAP, and why.
struct UnitResult {
  std::string serial;
  enum class Lamp { kGood, kRetry, kWait, kScrap } lamp = Lamp::kGood;
  std::string why;
};

// Places opens the fixture for a unit: its emulated device, or a port.
using Places = std::function<Result<Fixture>(const std::string& serial)>;

struct RunServices {
  ledger::LogWriter& log;
  fs::path log_dir;
  const plan::Plan& plan;
  const Firmware& firmware;
  IssuingDesk& desk;
  const Clock& clock;
  Rng& rng;
  Places place;
  std::map<std::string, std::string> sessions;  // station -> session id of the person there
  std::function<void(const UnitResult&)> tell;
  ledger::EventContext context;
  Faults* faults = nullptr;              // of a rehearsal that wants some
  fs::path labels;                       // where labels are printed and scanned; empty: none are
  VendorRoots vendor_roots;              // see StepContext
  method::Elements* elements = nullptr;  // of the plan's sapodilla slot
  SecretDesk* secrets = nullptr;         // of identities that are no key pair
  method::Seeds* seeds = nullptr;  // units then take the serial numbers of certificates made ahead
  Pool* pool = nullptr;            // of the plan's bamboo slot; units then take its serial numbers
  bool patient = false;  // a unit whose link fails again and again stays unfinished: it comes back
};

class LineRun {
 public:
  explicit LineRun(RunServices services);

  // Unfinished lists the serial numbers of units begun and neither packed nor scrapped, oldest
  // first.
  Result<std::vector<std::string>> Unfinished();
  // NextSerial is the pool's oldest number while it has one, else the next free one of the plan's
  // pattern; with an identity from seeds the oldest certificate's. Errors: line.no-seed (none is
  // issued ahead), those of SerialNumbers::Next.
  Result<std::string> NextSerial();
  // RunUnit brings one unit to its end, or to a WAIT or, on a patient line, a RETRY that is left to
  // the next run. Errors are the line's own (ledger, disk, line.held: an
  // identity of the unit is on hold); trouble with the unit ends in a lamp.
  Result<UnitResult> RunUnit(const std::string& serial);

 private:
  struct Visit {
    std::string station;
    std::vector<const plan::Step*> steps;
  };
  std::vector<Visit> Visits() const;
  std::string UnitOf(const std::string& serial) const { return s_.plan.product.id + "/" + serial; }
  // GoodVisits is how many visits of the unit need not be made (again): those that ended well since
  // it began, or since its rework. A rework begins anew, or behind the last visit that needs the
  // programmer's port once that port is locked.
  Result<size_t> GoodVisits(const std::string& unit);
  Result<UnitResult> RunVisit(const std::string& serial, const Visit& visit, bool last);
  Status ScanVisits();
  size_t BehindPort() const;
  Status Ship(const std::string& unit, const plan::Step& step, bool last);
  Status AppendState(ledger::Submission& out, const std::string& unit, const std::string& state,
                     const std::string& reason);

  RunServices s_;
  std::map<std::string, size_t> good_visits_;  // of units that were unfinished when this run began
  bool scanned_ = false;
  std::optional<SerialNumbers> serials_;
  uint64_t carrot_after_ = 0;  // event of the last certificate made ahead that was looked at
};

}  // namespace birthmark::line
