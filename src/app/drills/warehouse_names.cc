// SPDX-License-Identifier: Apache-2.0
#include "app/drills/warehouse_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::app {
namespace {

using anchors::AnchorState;
using anchors::RootKey;

// kWatched is how long the device is followed after its first start.
constexpr std::chrono::days kWatched{400};

std::string NameOf(const anchors::KeyId& id) {
  for (const RootKey& k : anchors::RootKeys())
    if (anchors::IdOf(k.Record()) == id) return fmt::format("{} ({})", k.tag, k.name);
  return "a key that is not the root's";
}

// SignerAt is the key that signs the root's keys.
std::string SignerAt(Time at) {
  for (const RootKey& k : anchors::RootKeys())
    if (at >= k.signs_from && (!k.signs_until || at < *k.signs_until))
      return fmt::format("{} ({})", k.name, k.tag);
  return "no key that is known here";
}

std::string Says(const anchors::KeyChange& c) {
  return fmt::format("{}: {} goes from {} to {}", FormatDate(c.at), NameOf(c.key),
                     anchors::ToText(c.from), anchors::ToText(c.to));
}

}  // namespace

NamesPlayed PlayNames(const anchors::AnchorFacts& facts, Time built, Time open) {
  NamesPlayed out;
  std::vector<anchors::KeyId> box;
  bool endless = false;
  for (const anchors::KeyId& id : anchors::KeyIdsIn(facts, built)) {
    const auto known = std::ranges::find_if(
        anchors::RootKeys(), [&](const RootKey& k) { return anchors::IdOf(k.Record()) == id; });
    if (known == anchors::RootKeys().end()) continue;
    if (known->published > built) {
      out.notes.push_back(
          fmt::format("{} is in the file that the log read and was not published when the unit was "
                      "built: it is taken not to be in the box",
                      known->name));
      continue;
    }
    box.push_back(id);
    out.in_the_box += (out.in_the_box.empty() ? "" : ", ") + NameOf(id);
    endless = endless || !known->signs_until;
    if (known->signs_until) out.until = std::max(out.until.value_or(Time{}), *known->signs_until);
  }
  if (endless) out.until = std::nullopt;
  const std::string has =
      out.in_the_box.empty() ? "no key of the root that is known here" : out.in_the_box;

  anchors::TrustPoint device(box);
  const anchors::TrustPoint::Seen first = device.See(anchors::RootKeySetAt(open), open);
  out.works = first.validated;
  out.unsigned_names = device.Deleted();
  if (out.works) {
    out.found = fmt::format("the box has {}; {} signs the root that day", has, SignerAt(open));
  } else if (out.unsigned_names) {
    out.found = fmt::format(
        "the box has {}; {} signs the root that day, and the zone says, signed by the key itself, "
        "that the box's key is revoked: without any anchor left the device believes names unsigned "
        "(RFC 5011 section 5)",
        has, SignerAt(open));
  } else {
    out.found = fmt::format(
        "the box has {}; {} signs the root that day, and no name validates. To learn that key the "
        "device had to be on-line for {} days before the change (RFC 5011 section 2.4.1)",
        has, SignerAt(open), anchors::kAddHoldDown.count());
  }
  for (const anchors::KeyChange& c : first.changes)
    out.notes.push_back("names, " + Says(c) + " at its first question");

  // What RFC 5011 makes of it from then on.
  const anchors::Followed after =
      anchors::Follow(device, anchors::RootKeySetAt, open + first.next, open + kWatched);
  bool announced = anchors::IsAnnounced(open);
  for (const anchors::KeyChange& c : after.changes) {
    out.notes.push_back("names, " + Says(c));
    announced = announced || anchors::IsAnnounced(c.at);
  }
  if (device.Deleted() && !out.unsigned_names)
    out.notes.push_back(fmt::format(
        "names: left on-line from {} on, it believes them unsigned once its last key is "
        "revoked (RFC 5011 section 5)",
        FormatDate(open)));
  if (out.works && after.first_failure) {
    out.notes.push_back(fmt::format(
        "names: left on-line from {} on, it validates until {} and never again: the new key had "
        "not "
        "been there for {} days when the old one stopped",
        FormatDate(open), FormatDate(*after.first_failure), anchors::kAddHoldDown.count()));
  }
  if (announced) {
    out.notes.push_back(
        "the root's key changes from 2026-10-11 on are taken from their announcement");
  }
  return out;
}

}  // namespace birthmark::app
