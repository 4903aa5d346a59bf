// SPDX-License-Identifier: Apache-2.0
#include "anchors/change_conclude.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace birthmark::anchors {
namespace {

// A right key's own way first: what the chip lets through besides is in the notes.
constexpr std::string_view kWays[] = {"voucher", "update", "chip", "reset", "fuses", "port"};

const ChangeResult* HeldBy(std::string_view aspect, bool right,
                           const std::vector<ChangeResult>& results) {
  for (std::string_view way : kWays) {
    const auto it = std::ranges::find_if(results, [&](const ChangeResult& r) {
      return r.aspect == aspect && r.held && r.way == way && (r.by == "right-key") == right;
    });
    if (it != results.end()) return &*it;
  }
  return nullptr;
}

}  // namespace

std::string_view ChannelOfWay(std::string_view way, bool is_signed) {
  if (way == "update") return is_signed ? "signed update" : "update";
  if (way == "voucher") return "voucher";
  if (way == "reset") return "a reset over the console";
  if (way == "chip") return is_signed ? "signed image on the flash chip" : "the flash chip";
  if (way == "fuses") return "fuses";
  return "the programmer's port";
}

ChangeConclusion ConcludeChange(std::string_view aspect, const std::vector<ChangeResult>& results) {
  ChangeConclusion out;
  // One line a way and signature, in the order they were tried; the same words once.
  std::vector<std::string> lines;
  for (const ChangeResult& r : results) {
    if (r.aspect != aspect) continue;
    std::string line = fmt::format("{} by {}: {}", r.way, r.by, r.held ? "held" : r.verdict);
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  if (lines.empty()) return out;
  out.notes = std::move(lines);
  plan::Change change;
  if (const ChangeResult* open = HeldBy(aspect, false, results)) {
    change.by = plan::Change::By::kUnprotected;
    change.channel = ChannelOfWay(open->way, false);
  } else if (const ChangeResult* key = HeldBy(aspect, true, results)) {
    change.by = plan::Change::By::kArtifact;
    change.who = key->signer;
    change.channel = ChannelOfWay(key->way, true);
  }
  out.change = std::move(change);
  return out;
}

}  // namespace birthmark::anchors
