// SPDX-License-Identifier: Apache-2.0
// The bodies of events about the workspace's own life: drills, backups, restores, upgrades. Values;
// thread-compatible. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// DrillCount is one number of a drill's outcome, as a bucket ("<= 100"): the open ledger holds no
// volumes that a drill alone would give away.
struct DrillCount {
  std::string name;
  std::string bucket;
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("bucket", bucket);
  }
};

// DrillDone says that a failure was rehearsed on a copy. The report stays with whoever ran it.
struct DrillDone {
  static constexpr std::string_view kType = "drill.done";
  std::string name;     // "lose", "rogue-station", …
  uint64_t checks = 0;  // that were made on the copy
  std::vector<DrillCount> counts;
  uint64_t failed = 0;     // checks that did not come out as they should
  Digest report{};         // SHA-256 of the report as JSON
  Digest options{};        // SHA-256 of the drill's options as one text
  uint64_t rehearsed = 0;  // events of the log that the copy was made of
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("checks", checks);
    v("counts", counts);
    v("failed", failed);
    v("report", report);
    v("options", options);
    v("rehearsed", rehearsed);
  }
};

// BackupMade says that a backup of the log's first `events` events stands somewhere.
struct BackupMade {
  static constexpr std::string_view kType = "backup.made";
  uint64_t files = 0;
  uint64_t events = 0;
  uint64_t octets = 0;
  bool offline = false;  // the offline keys are in it
  Digest manifest{};     // SHA-256 of its manifest
  template <class V>
  void Fields(V& v) {
    v("files", files);
    v("events", events);
    v("octets", octets);
    v("offline", offline);
    v("manifest", manifest);
  }
};

// LostNumbers are serial numbers of a product that the lost events may have used.
struct LostNumbers {
  uint64_t last = 0;
  uint64_t first = 0;
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("last", last);
    v("first", first);
    v("product", product);
  }
};

// WorkspaceRestored stands where a restored log goes on by itself: what was recorded behind
// `events` on the machine that was lost is on another branch. The checkpoints that readers kept of
// that branch stand here, so that a fork is seen and explained, never unseen.
struct WorkspaceRestored {
  static constexpr std::string_view kType = "workspace.restored";
  uint64_t lost = 0;                 // at least so many events; 0: nobody saw a later checkpoint
  uint64_t tokens = 0;               // one-time tokens that were revoked here
  uint64_t events = 0;               // that were in the backup
  Digest backup{};                   // SHA-256 of the backup's manifest
  uint64_t pooled = 0;               // identities made ahead that were ended here
  std::vector<LostNumbers> numbers;  // never used again
  std::string program;
  uint32_t prefix_to = 0;  // certificate serials' minutes that the other branch may hold
  uint32_t prefix_from = 0;
  std::vector<std::string> checkpoints;  // signed notes of the other branch
  template <class V>
  void Fields(V& v) {
    v("lost", lost);
    v("backup", backup);
    v("events", events);
    v("pooled", pooled);
    v("tokens", tokens);
    v("numbers", numbers);
    v("program", program);
    v("prefix_to", prefix_to);
    v("checkpoints", checkpoints);
    v("prefix_from", prefix_from);
  }
};

// WorkspaceUpgraded says which program took a workspace over from which.
struct WorkspaceUpgraded {
  static constexpr std::string_view kType = "workspace.upgraded";
  std::string to;
  std::string from;
  Digest backup{};  // SHA-256 of the manifest of the backup made first
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("backup", backup);
  }
};

}  // namespace birthmark::ledger
