// SPDX-License-Identifier: Apache-2.0
#include "line/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>

#include "vocab/vocab.h"

namespace birthmark::line {

Result<Fault> ParseFault(std::string_view text) {
  auto bad = [&](std::string why) {
    return Usage("line.fault", fmt::format("{}: {}", text, why),
                 "write station|device|link:before|after:STEP, unit:before:STEP, device:write:N or "
                 "link:cut-frame|drop-frame:N");
  };
  size_t first = text.find(':'), second = text.find(':', first + 1);
  if (first == text.npos || second == text.npos) return bad("has not three parts");
  std::string_view of = text.substr(0, first), when = text.substr(first + 1, second - first - 1),
                   rest = text.substr(second + 1);
  Fault f;
  if (of == "station") {
    f.of = Fault::Of::kStation;
  } else if (of == "device") {
    f.of = Fault::Of::kDevice;
  } else if (of == "link") {
    f.of = Fault::Of::kLink;
  } else if (of == "unit") {
    f.of = Fault::Of::kUnit;
  } else {
    return bad("nothing called so can fail");
  }
  if (when == "before" || (when == "after" && f.of != Fault::Of::kUnit)) {
    f.when = when == "before" ? Fault::When::kBefore : Fault::When::kAfter;
    vocab::StepKind step{};
    if (!vocab::FromText(rest, step)) return bad("there is no such step");
    f.step = rest;
    return f;
  }
  if (when == "write" && f.of == Fault::Of::kDevice) {
    f.when = Fault::When::kWrite;
  } else if (when == "cut-frame" && f.of == Fault::Of::kLink) {
    f.when = Fault::When::kCutFrame;
  } else if (when == "drop-frame" && f.of == Fault::Of::kLink) {
    f.when = Fault::When::kDropFrame;
  } else {
    return bad("this cannot happen then");
  }
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), f.number);
  if (error != std::errc() || end != rest.data() + rest.size() || f.number > 1'000'000)
    return bad("ends in no number");
  return f;
}

std::vector<std::string> Faults::ForEmulator() {
  std::vector<std::string> flags;
  std::erase_if(waiting_, [&](const Fault& f) {
    const char* flag = f.when == Fault::When::kWrite       ? "--power-cut-after"
                       : f.when == Fault::When::kCutFrame  ? "--cut-frame"
                       : f.when == Fault::When::kDropFrame ? "--drop-frame"
                                                           : nullptr;
    if (flag == nullptr) return false;
    flags.emplace_back(flag);
    flags.push_back(std::to_string(f.number));
    return true;
  });
  return flags;
}

Status Faults::Strike(Fault::When when, std::string_view step, Fixture& fixture) {
  auto it = std::ranges::find_if(waiting_,
                                 [&](const Fault& f) { return f.when == when && f.step == step; });
  if (it == waiting_.end()) return {};
  Fault::Of of = it->of;
  waiting_.erase(it);
  switch (of) {
    case Fault::Of::kStation:
      raise(SIGKILL);
      return {};
    case Fault::Of::kDevice:
      return fixture.PowerCycle();
    case Fault::Of::kLink:
      fixture.Unplug();
      return {};
    case Fault::Of::kUnit:
      return Refused("line.broken", "the unit is broken (a rehearsal's fault)");
  }
  return {};
}

}  // namespace birthmark::line
