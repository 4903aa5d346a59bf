// SPDX-License-Identifier: Apache-2.0
// What was signed under an anchor reaches a device: images of its stages, update manifests with
// their content, messages to its TAM. The device is the judge; what it said is told word by word,
// and what runs before and after. Leaves out artifacts that this device core does not take. Not
// thread-safe.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/device_link.h"
#include "base/clock.h"

namespace birthmark::app {

struct SendOptions {
  std::string device;  // URI of its console
  fs::path file;       // empty: nothing is sent, the trial is confirmed
  fs::path content;    // of an update manifest
  fs::path workspace;  // where emulated units are, and what was replaced is recorded; or empty
  std::string as;
  bool in_place = false;  // over the application that runs, instead of into the other buffer
  bool confirm = false;   // keep the application that is on trial
  bool dry_run = false;
};

// Sent is what became of it.
struct Sent {
  std::string kind;       // "device-image", "update", "tam"; empty: a confirmation alone
  std::string component;  // partition, or what the message asks for
  uint64_t version = 0;   // of the image, or the message's sequence number
  bool accepted = false;
  std::string why;     // the verdict's word: "accepted", "signature", "rolled-back", …
  std::string text;    // the same as the device puts it
  std::string anchor;  // that verified it, where the device tells
  std::string into;    // the partition that was written
  bool restarted = false;
  std::vector<link::BootStage> before, after;  // boot reports; the same without a restart
  // Anchors that are not as they were: id, then before and after in hexadecimal, or empty.
  struct Change {
    std::string anchor, place, before, after;
  };
  std::vector<Change> anchors;
  std::vector<std::pair<std::string, uint64_t>> counters;  // that a message asked for
  bool fell_back = false;                                  // the image was taken and does not run
  bool on_trial = false;  // it runs, and the next restart goes back unless it is confirmed
  bool confirmed = false;
  std::string device;  // how the device names itself: its serial number, or its uid
};

// SendProgress hears of octets that were sent, and of all there are.
using SendProgress = std::function<void(uint64_t done, uint64_t total)>;

// SendArtifact errors: artifact.send-kind (no device of this core takes it), artifact.send-content
// (an update's content is missing, not a device image, or not for what the manifest names),
// artifact.too-large (it fits no message, and only applications are streamed), artifact.content;
// those of DeviceLink and the console: a device that has no TAM, or is not ready for an update,
// refuses with device.*. A refusal by verdict is a result.
Result<Sent> SendArtifact(const SendOptions& options, const Clock& clock,
                          const SendProgress& progress);

}  // namespace birthmark::app
