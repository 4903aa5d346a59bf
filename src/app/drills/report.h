// SPDX-License-Identifier: Apache-2.0
// What a drill found: who is affected, until when what still works, what to do in which order, and
// what was really done on the copy. As text of at most 80 columns, as JSON, as a drawing. Numbers
// in text and JSON are exact, for whoever runs the drill; the drawing has buckets, since drawings
// travel. No scores and no colours of judgement. Values; thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace birthmark::app {

struct DrillReport {
  std::string name;   // "rogue-station"
  std::string about;  // a sentence: what happened, in this drill's world
  std::string maker;  // the manufacturer
  bool rehearsal = true;
  Time at{};            // the copy's clock when it begins
  uint64_t events = 0;  // of the log that the copy was made of
  std::vector<std::pair<std::string, std::string>> options;

  // Affected is a group of identities: of one product, from one site, issued within one day or
  // month.
  struct Affected {
    std::string product, site, issued;
    uint64_t identities = 0, shipped = 0;
  };
  std::vector<Affected> affected;

  // Life is something that works from `from` until `until`, and what is over then. `tried` says
  // that the copy did it at that hour and saw it refused.
  struct Life {
    std::string what;
    Time from{};
    std::optional<Time> until;  // absent: it goes on
    std::string then;
    bool tried = false;
  };
  std::vector<Life> lives;

  // Step is what to do next, with the command that does it where Birthmark has one.
  struct Step {
    std::string what;
    std::string command;
  };
  std::vector<Step> steps;

  // Done is one thing that was done on the copy.
  struct Done {
    std::string what;
    std::string found;
    bool holds = true;
  };
  std::vector<Done> checks;
  // What a check that holds is called, and one that does not.
  std::string yes = "as expected", no = "NOT SO";

  std::vector<std::string> notes;
  std::vector<std::pair<std::string, uint64_t>> counts;  // of the event, there as buckets
  // Rows of the list of identities: serial, unit, its state, site, when it was issued.
  std::vector<std::vector<std::string>> list;

  void Count(std::string what, uint64_t n) { counts.emplace_back(std::move(what), n); }
  void Do(std::string what, std::string command = "") {
    steps.push_back({std::move(what), std::move(command)});
  }
  void Check(std::string what, bool holds, std::string found) {
    checks.push_back({std::move(what), std::move(found), holds});
  }
  uint64_t failed() const;
};

// ToText is at most 80 columns wide, but for commands, which are never broken.
std::string ToText(const DrillReport& report);
std::string ToJson(const DrillReport& report);
// ToSvg is one self-contained drawing: what works until when on one axis, which is logarithmic in
// the time from the drill's beginning.
std::string ToSvg(const DrillReport& report);
// ListCsv is the list of identities with a line of names.
std::string ListCsv(const DrillReport& report);

}  // namespace birthmark::app
