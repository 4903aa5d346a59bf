// SPDX-License-Identifier: Apache-2.0
// birthmark unit unlock: a device's closed debug port, asked and answered.
#include <fmt/format.h>

#include "app/onboard.h"
#include "base/files.h"
#include "cli/handlers_anchors.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> UnitUnlock(const Invocation& in) {
  constexpr size_t kMaxAnswer = 16384;
  BM_TRY(link::DeviceConsole console, app::OpenConsole(in.Get("--device")));
  if (in.Arg("FILE").empty()) {
    BM_TRY(const link::DebugChallenge asked, console.AskDebug());
    PrintLine(in.json() ? fmt::format(R"({{"nonce": "{}", "serial": {}}})", ToHex(asked.nonce),
                                      JsonString(asked.serial))
                        : fmt::format("--nonce {} --serial {}", ToHex(asked.nonce), asked.serial));
    return 0;
  }
  BM_TRY(const Bytes answer, ReadFile(in.Arg("FILE"), kMaxAnswer));
  BM_TRY(const link::VoucherJudged judged, console.UnlockDebug(answer));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"accepted": {}, "why": {}, "text": {}, "level": {}}})",
                          judged.accepted, JsonString(judged.why), JsonString(judged.text),
                          judged.level));
  } else {
    PrintLine(judged.accepted
                  ? fmt::format("accepted, signed at level {}: {}", judged.level, judged.text)
                  : fmt::format("refused[{}]: {}", judged.why, judged.text));
  }
  return judged.accepted ? 0 : 1;
}

}  // namespace birthmark::cli
