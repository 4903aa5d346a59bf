// SPDX-License-Identifier: Apache-2.0
// birthmark lot list|stop|release.
#include "app/factory.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "line/lot.h"

namespace birthmark::cli {
namespace {

Result<int> SetLot(const Invocation& in, const std::string& state) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  const std::string& product = f->adopted.plan.product.id;
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(auto lots, line::LotsOf(*reader));
  bool stopped = lots[product].state == "stopped";
  if (stopped == (state == "stopped")) {
    return Refused("lot.same", fmt::format("the lot of {} is {} already", product,
                                           stopped ? "stopped" : "running"));
  }
  if (!in.dry_run()) {
    BM_CHECK(f->log->Append(ledger::MakeEvent(
        f->context, clock.Now(), "product:" + product,
        ledger::LotState{.state = state, .reason = in.Get("--reason"), .product = product})));
  }
  if (in.json()) {
    PrintLine(fmt::format(R"({{"product": {}, "state": "{}"}})", JsonString(product), state));
  } else {
    PrintLine(fmt::format("{}  {}{}", product, state, in.dry_run() ? " (not written)" : ""));
  }
  return 0;
}

}  // namespace

Result<int> LotList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(auto plans, app::PlansOf(*reader));
  BM_TRY(auto lots, line::LotsOf(*reader));
  Table table({"product", "state", "reason"});
  for (const auto& [id, plan] : plans) {
    const ledger::LotState& lot = lots[id];
    table.Add({id, lot.state == "stopped" ? "stopped" : "running", lot.reason});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> LotStop(const Invocation& in) { return SetLot(in, "stopped"); }
Result<int> LotRelease(const Invocation& in) { return SetLot(in, "released"); }

}  // namespace birthmark::cli
