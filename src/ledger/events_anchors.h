// SPDX-License-Identifier: Apache-2.0
// Events of trust anchors: what a device let change, where anchors were really found, what a device
// said of itself. What is signed under them is in events_artifact.h, vouchers are in
// events_voucher.h. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// ChangeTry is one object offered to a device to change an anchor, and what came of it.
struct ChangeTry {
  std::string by;   // whose signature: "right-key", "wrong-key", "nobody"
  std::string way;  // "update" (the device's own), "chip", "fuses", "port"
  // held: the change was there after a restart.
  bool held = false;
  std::string aspect;   // "replace", "add", "remove"; "roll-back": the same, but an older version
  Digest object{};      // SHA-256 of what was offered
  std::string signer;   // the anchor whose key signed; empty: nobody's that the device knows
  std::string verdict;  // the device's own words
  bool accepted = false;
  template <class V>
  void Fields(V& v) {
    v("by", by);
    v("way", way);
    v("held", held);
    v("aspect", aspect);
    v("object", object);
    v("signer", signer);
    v("verdict", verdict);
    v("accepted", accepted);
  }
};

// ChangesTried is what a sacrificial device let be done to one anchor.
struct ChangesTried {
  static constexpr std::string_view kType = "anchor.changes-tried";
  std::string unit;
  std::string anchor;
  std::vector<ChangeTry> results;
  std::string verifier;  // the device core's version
  template <class V>
  void Fields(V& v) {
    v("unit", unit);
    v("anchor", anchor);
    v("results", results);
    v("verifier", verifier);
  }
};

// AnchorReplaced is one replacement of an anchor in devices that are made or in use.
struct AnchorReplaced {
  static constexpr std::string_view kType = "anchor.replaced";
  std::string means;  // "signed-update", "rfc5011", "est-cacerts", "voucher", "new-plan"
  std::string anchor;
  Digest before{}, after{};  // SHA-256 of the files
  template <class V>
  void Fields(V& v) {
    v("after", after);
    v("means", means);
    v("anchor", anchor);
    v("before", before);
  }
};

// AnchorFound is one anchor of the plan looked for in an image.
struct AnchorFound {
  bool found = false;
  std::string where;  // path inside the image; empty when it is not there
  std::string anchor;
  std::string certainty;  // the scanner's own word
  template <class V>
  void Fields(V& v) {
    v("found", found);
    v("where", where);
    v("anchor", anchor);
    v("certainty", certainty);
  }
};

// ImageScanned is an image in which the plan's anchors were looked for.
struct ImageScanned {
  static constexpr std::string_view kType = "anchor.image-scanned";
  std::string tool;     // the scanner's version
  Digest image{};       // SHA-256 of the image; of the sorted listing for a folder
  uint64_t others = 0;  // anchors found that are none of the plan's
  std::vector<AnchorFound> anchors;
  template <class V>
  void Fields(V& v) {
    v("tool", tool);
    v("image", image);
    v("others", others);
    v("anchors", anchors);
  }
};

// UnitAttested is what a device said of itself in a token, compared with log and disclosure.
struct UnitAttested {
  static constexpr std::string_view kType = "unit.attested";
  std::string unit;
  Digest token{};
  std::vector<std::string> differs;  // claims that do not agree; empty: all do
  template <class V>
  void Fields(V& v) {
    v("unit", unit);
    v("token", token);
    v("differs", differs);
  }
};

}  // namespace birthmark::ledger
