// SPDX-License-Identifier: Apache-2.0
#include "cli/filters.h"

#include "base/clock.h"

namespace birthmark::cli {
namespace {

Result<std::optional<int64_t>> TimeOf(const Invocation& in, const std::string& option) {
  if (!in.Has(option)) return std::nullopt;
  std::string text = in.Get(option);
  auto time = ParseTime(text);
  if (!time) {
    return Usage("cli.time", option + ": \"" + text + "\" is no time",
                 "write 2026-11-21, or 2026-11-21T10:00:00Z");
  }
  // The whole day is meant by its date.
  bool date = text.find('T') == std::string::npos;
  if (date && option == "--until") *time += std::chrono::days(1);
  return Millis(*time);
}

std::optional<std::string> TextOf(const Invocation& in, const std::string& option) {
  if (!in.Has(option)) return std::nullopt;
  return in.Get(option);
}

}  // namespace

Status PeriodOf(const Invocation& in, std::optional<int64_t>& since,
                std::optional<int64_t>& until) {
  BM_TRY(since, TimeOf(in, "--since"));
  BM_TRY(until, TimeOf(in, "--until"));
  return {};
}

Result<ledger::IdentityFilter> IdentityFilterOf(const Invocation& in) {
  ledger::IdentityFilter f;
  f.product = TextOf(in, "--product");
  f.ca = TextOf(in, "--ca");
  f.station = TextOf(in, "--station");
  f.state = TextOf(in, "--state");
  BM_CHECK(PeriodOf(in, f.since, f.until));
  return f;
}

Result<ledger::UnitFilter> UnitFilterOf(const Invocation& in) {
  ledger::UnitFilter f;
  f.product = TextOf(in, "--product");
  f.ca = TextOf(in, "--ca");
  f.station = TextOf(in, "--station");
  f.state = TextOf(in, "--state");
  BM_CHECK(PeriodOf(in, f.since, f.until));
  return f;
}

}  // namespace birthmark::cli
