// SPDX-License-Identifier: Apache-2.0
// horizon.
#include <fmt/format.h>

#include "app/horizon_show.h"
#include "cli/handlers.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> HorizonOf(const Invocation& in) {
  BM_TRY(uint64_t years, in.Number("--years", 30, 1, 100));
  Time from = SystemClock().Now();
  if (in.Has("--from")) {
    auto at = ParseTime(in.Get("--from"));
    if (!at) {
      return Usage("horizon.from", in.Get("--from") + ": is no time",
                   "2026-11-21, or 2026-11-21T10:00:00Z");
    }
    from = *at;
  }
  BM_TRY(app::Horizon h, app::Foresee(in.Arg("WS"), from, years));
  if (in.Has("--svg")) BM_CHECK(WriteFileAtomic(in.Get("--svg"), app::HorizonSvg(h)));
  Print(in.json() ? app::HorizonJson(h) : app::HorizonText(h));
  return 0;
}

}  // namespace birthmark::cli
