// SPDX-License-Identifier: Apache-2.0
#include "line/succession.h"

#include "ledger/events_revocation.h"

namespace birthmark::line {

pki::RevocationUrls UrlsOf(const plan::Level& level, std::string_view ca) {
  auto fill = [&](const std::optional<std::string>& url) -> std::vector<std::string> {
    if (!url) return {};
    std::string text = *url;
    if (size_t at = text.find("{}"); at != std::string::npos) text.replace(at, 2, ca);
    return {text};
  };
  return {.crl = fill(level.crl_url), .ocsp = fill(level.ocsp_url)};
}

std::string_view WhyOver(const ledger::CaRow& ca, Time now) {
  if (ca.state == "retired") return "retired";
  if (ca.state == "compromised") return "compromised";
  if (ca.state == "waiting") return "";
  if (ca.issues_until && Millis(now) >= *ca.issues_until) return "time";
  if (ca.max_count && ca.issued >= *ca.max_count) return "count";
  return "";
}

Result<std::optional<Turn>> NextTurn(std::span<const ledger::CaRow> cas, Time now,
                                     const std::function<Result<bool>(const std::string&)>& mine,
                                     bool* any) {
  std::optional<Turn> turn;
  std::vector<ledger::CaRow> retired;
  for (const ledger::CaRow& ca : cas) {
    const std::string_view over = WhyOver(ca, now);
    const bool recorded = ca.state == "retired" || ca.state == "compromised";
    // Of many authorities most have ended: nobody asks for their keys.
    if (recorded && (any == nullptr || *any)) continue;
    if (turn && !turn->begins && over.empty()) continue;
    if (turn && turn->begins && ca.state == "waiting") continue;
    BM_TRY(bool here, mine(ca.id));
    if (!here) continue;
    if (any != nullptr) *any = true;
    if (recorded) continue;
    if (!over.empty()) {
      retired.push_back(ca);
      continue;
    }
    const bool begins = ca.state == "waiting";
    if (!turn || !begins) turn = Turn{.ca = ca, .begins = begins, .retired = {}};
  }
  if (turn && turn->begins) turn->retired = std::move(retired);
  return turn;
}

Result<ledger::Submission> TurnEvents(Turn& turn, const plan::Level& level,
                                      const ledger::EventContext& context, Time now) {
  ledger::Submission out;
  if (!turn.begins) return out;
  auto add = [&](const ledger::CaState& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(context, now, "ca:" + body.id, body)));
    out.push_back(std::move(e));
    return {};
  };
  for (const ledger::CaRow& ca : turn.retired) {
    BM_CHECK(add({.id = ca.id,
                  .state = "retired",
                  .until = std::nullopt,
                  .reason = std::string(WhyOver(ca, now))}));
  }
  ledger::CaState active{
      .id = turn.ca.id, .state = "active", .until = std::nullopt, .reason = "takes over"};
  if (level.issuing_window) active.until = Millis(now + *level.issuing_window);
  turn.ca.issues_until = active.until;
  turn.ca.state = active.state;
  BM_CHECK(add(active));
  return out;
}

}  // namespace birthmark::line
