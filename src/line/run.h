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
#include "line/firmware.h"
#include "line/fixture.h"

namespace birthmark::line {

// UnitResult is the lamp: GOOD, RETRY (told as it happens) or SCRAP, and why.
struct UnitResult {
  std::string serial;
  enum class Lamp { kGood, kRetry, kScrap } lamp = Lamp::kGood;
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
};

class LineRun {
 public:
  explicit LineRun(RunServices services);

  // Unfinished lists the serial numbers of units begun and neither packed nor scrapped, oldest
  // first.
  Result<std::vector<std::string>> Unfinished();
  // NextSerial is the first of the plan's pattern or list that no unit has. Errors:
  // line.serials-used-up.
  Result<std::string> NextSerial();
  // RunUnit brings one unit to its end. Errors are the line's own (ledger, disk); trouble with the
  // unit ends in a lamp.
  Result<UnitResult> RunUnit(const std::string& serial);

 private:
  struct Visit {
    std::string station;
    std::vector<const plan::Step*> steps;
  };
  std::vector<Visit> Visits() const;
  std::string UnitOf(const std::string& serial) const { return s_.plan.product.id + "/" + serial; }
  // GoodVisits is how many visits of the unit have ended well.
  Result<size_t> GoodVisits(const std::string& unit);
  Result<UnitResult> RunVisit(const std::string& serial, const Visit& visit, bool last);
  Status Ship(const std::string& unit, const plan::Step& step);
  Status Scrap(const std::string& unit, const std::string& reason);
  Status AppendState(ledger::Submission& out, const std::string& unit, const std::string& state,
                     const std::string& reason);

  RunServices s_;
  std::map<std::string, size_t> good_visits_;  // of units that were unfinished when this run began
  bool scanned_ = false;
  uint64_t next_number_ = 1;
};

}  // namespace birthmark::line
