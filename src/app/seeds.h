// SPDX-License-Identifier: Apache-2.0
// Seed batches of a silicon maker (draft 4.1.1.3): taken in, kept wrapped, used ahead or on demand,
// and destroyed, each told as it happened. Leaves out the files' formats (seed/read.h) and the
// deriving itself (seed_issue.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "base/findings.h"
#include "ledger/events.h"
#include "method/carrot.h"
#include "seed/read.h"

namespace birthmark::app {

struct SeedImportOptions {
  fs::path file;
  fs::path key;          // PEM private key of the recipient; empty: none
  fs::path certificate;  // the recipient's, when the file names it by issuer
  std::string shared;    // "NAME=FILE": a key both companies hold, raw octets or hex in a file
  std::string oem;       // empty: as the file names it
  std::string place;     // empty: "derivation site"
  fs::path serials;      // "chip,serial" lines; empty: the next numbers of the plan
  bool allow_unencrypted = false;
  bool derive_now = false;
  uint64_t rehearsal = 0;  // play the silicon maker for so many chips, with no file
  bool dry_run = false;
  std::function<void(uint64_t done)> progress;
};

struct SeedImported {
  std::string batch;  // empty after a dry run
  seed::Summary summary;
  uint64_t issued = 0;
  bool resumed = false;  // a batch that an earlier --derive-now did not finish
  Findings refused;      // the first ones, by name
};

// ImportSeeds opens a batch. The whole file is checked before anything of it is used. Without
// derive_now its seeds are kept sealed until `IssueSeeds`; with it they are used while the file is
// read a second time, and never stored. Errors: seeds.plan (no slot of the plan comes from seeds),
// seeds.not-recomputable (the plan's device mixes entropy), seeds.known (the file was taken
// before), seeds.serials, seeds.key; those of seed::Read, the desk and the ledger.
Result<SeedImported> ImportSeeds(Factory& factory, const SeedImportOptions& options,
                                 const Clock& clock);

struct SeedIssueOptions {
  std::string batch;
  uint64_t count = 0;              // 0: all that is left
  std::vector<std::string> chips;  // these alone
  std::string place;
  std::function<void(uint64_t done)> progress;
};

struct SeedIssued {
  uint64_t issued = 0;
  uint64_t refused = 0;
  uint64_t left = 0;   // seeds still kept
  bool ended = false;  // the wrap was erased
};

// IssueSeeds derives and certifies from a kept batch; when nothing of it is left its wrap is
// erased, and that is recorded after it happened. Errors: seeds.batch (none of that name),
// seeds.ended, seeds.chip (no such chip is left), seed.store; those of the desk and the ledger.
Result<SeedIssued> IssueSeeds(Factory& factory, const SeedIssueOptions& options,
                              const Clock& clock);

// SeedLeg is something a person tells about a batch or its courier: a leg, a copy destroyed.
struct SeedLeg {
  std::string batch;
  std::string what;  // "couriered", "received", "destroyed"
  std::string how;
  std::string place;
};
// TellSeeds records it. Errors: seeds.batch, seeds.what.
Status TellSeeds(Factory& factory, const SeedLeg& leg, const Clock& clock);

// SeedStory is all that the ledger knows about a batch.
struct SeedStory {
  ledger::SeedBatchRow batch;
  struct Step {
    int64_t at = 0;
    std::string actor;
    ledger::SeedCustody body;
  };
  std::vector<Step> steps;
  std::vector<ledger::SeedRefused> refused;
};
Result<SeedStory> StoryOf(ledger::LogReader& reader, const std::string& batch);

// SeedOrigins finds which chip and batch a unit's carrot identity came from. One thread.
class SeedOrigins : public method::Seeds {
 public:
  using EventAt = std::function<Result<ledger::Event>(uint64_t)>;
  SeedOrigins(ledger::Registry& registry, EventAt event)
      : registry_(registry), event_(std::move(event)) {}
  struct Origin {
    std::string chip, batch;
  };
  // Of gives nothing for a unit whose identity is from no seed.
  Result<std::optional<Origin>> Of(const std::string& unit);
  Result<std::optional<std::string>> ChipOf(const std::string& unit) override;
  Result<std::optional<std::string>> UnitOf(const std::string& chip) override;

 private:
  Result<const ledger::SeedsUsed*> Run(uint64_t seq);
  ledger::Registry& registry_;
  EventAt event_;
  uint64_t run_seq_ = 0;
  std::optional<ledger::SeedsUsed> run_;  // the last one that was read
};

// EventsOf reads events through a writer's registry.
SeedOrigins::EventAt EventsOf(ledger::Registry& registry);

// FusesOf are the emulator's arguments for the device of a unit whose chip came with a seed: what a
// rehearsal's silicon maker fused into it. Empty for plans without such an identity. Errors: those
// of the ledger and the disk.
Result<std::vector<std::string>> FusesOf(Factory& factory, SeedOrigins& origins,
                                         const std::string& serial);

// ChipSeedFile is where a rehearsal's silicon maker keeps what it fused into a chip.
fs::path ChipSeedFile(const Layout& layout, const std::string& chip);

}  // namespace birthmark::app
