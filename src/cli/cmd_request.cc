// SPDX-License-Identifier: Apache-2.0
// request show, list, export, and request sign on an offline side.
#include <fmt/format.h>

#include <cstdio>

#include "app/requests.h"
#include "app/responder.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "pki/crl_request.h"

namespace birthmark::cli {
namespace {

std::string Moment(const std::optional<int64_t>& ms) {
  return ms ? FormatTime(TimeFromMillis(*ms)) : "-";
}

std::string CarriedJson(const std::vector<app::CarriedRow>& rows) {
  std::string out;
  auto when = [](const std::optional<int64_t>& ms) {
    return ms ? JsonString(FormatTime(TimeFromMillis(*ms))) : "null";
  };
  for (const app::CarriedRow& r : rows) {
    out += fmt::format(
        R"({}{{"id": {}, "kind": {}, "request": "{}", "exported": {}, "signed": {}, "imported": {}, "waits": {}, "file": {}}})",
        out.empty() ? "" : ", ", JsonString(r.id), r.kind.empty() ? "null" : JsonString(r.kind),
        ToHex(r.request), when(r.exported), when(r.signed_at), when(r.imported), r.Waits(),
        r.file.empty() ? "null" : JsonString(r.file.string()));
  }
  return "[" + out + "]";
}

}  // namespace

Result<int> RequestShow(const Invocation& in) {
  BM_TRY(std::string text, ReadTextFile(in.Arg("F"), pki::kMaxCrlRequestBytes));
  BM_TRY(offline::Shown shown, offline::Show(text));
  if (in.json()) {
    PrintLine(shown.json);
  } else {
    std::fputs(shown.text.c_str(), stdout);
  }
  return 0;
}

Result<int> RequestList(const Invocation& in) {
  BM_TRY(std::vector<app::CarriedRow> rows, app::CarriedRequests(in.Arg("WS")));
  if (in.json()) {
    PrintLine(CarriedJson(rows));
    return 0;
  }
  for (const app::CarriedRow& r : rows) {
    PrintLine(fmt::format("{:<24} {}  exported {}  signed {}  imported {}{}", r.id,
                          ToHex(r.request).substr(0, 16), Moment(r.exported), Moment(r.signed_at),
                          Moment(r.imported), r.Waits() ? "  WAITS" : ""));
  }
  return 0;
}

Result<int> RequestExport(const Invocation& in) {
  if (in.Has("--responder")) {
    BM_TRY(app::KeySource keys, KeysFor(in));
    BM_TRY(uint64_t days, in.Number("--days", app::kResponderDays, 1, 3660));
    BM_TRY(app::ResponderRow made, app::AskResponder({.workspace = in.Arg("WS"),
                                                      .product = in.Get("--product"),
                                                      .as = in.Get("--as"),
                                                      .ca = in.Get("--responder"),
                                                      .days = static_cast<int>(days),
                                                      .dry_run = in.dry_run()},
                                                     keys, SystemClock()));
    if (in.dry_run()) {
      PrintLine(in.json() ? fmt::format(R"([{{"id": {}}}])", JsonString(made.id))
                          : fmt::format("would ask for {}", made.id));
      return 0;
    }
  }
  BM_TRY(std::vector<app::CarriedRow> rows,
         app::ExportRequests(in.Arg("WS"), in.Get("--to"), in.dry_run()));
  if (in.json()) {
    PrintLine(CarriedJson(rows));
    return 0;
  }
  for (const app::CarriedRow& r : rows) {
    PrintLine(fmt::format("{:<24} {}  {}{}", r.id, ToHex(r.request),
                          in.dry_run() ? "would be copied: " : "", r.file.string()));
  }
  PrintLine("next: birthmark-offline request sign FILE --offline DIR, on the other machine");
  return 0;
}

Result<int> RequestSignOffline(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  if (!in.Arg("F").empty()) {
    return Usage("request.workspace", "--offline works without a workspace",
                 "birthmark request sign FILE --offline DIR");
  }
  BM_TRY(
      offline::Answered r,
      app::AnswerOffline(
          {.side = in.Get("--offline"), .ca = in.Get("--ca"), .name = "", .dry_run = in.dry_run()},
          in.Arg("WS"), keys, SystemClock()));
  if (in.Has("--output") && !in.dry_run())
    BM_CHECK(WriteFileAtomic(in.Get("--output"), r.response));
  if (in.json()) {
    PrintLine(
        fmt::format(R"({{"kind": {}, "authority": {}, "request": "{}", "file": {}, "before": {}}})",
                    JsonString(r.kind), JsonString(r.authority), ToHex(r.request),
                    JsonString(r.file.string()), r.before));
    return 0;
  }
  if (in.dry_run()) {
    PrintLine(fmt::format("{} would sign it ({})", r.authority, r.kind));
    return 0;
  }
  PrintLine(fmt::format("{}  {}{}", r.authority, r.kind,
                        r.before ? "  (signed before: the same response again)" : ""));
  if (!r.asked_by.empty())
    PrintLine(fmt::format("asked by  {}, whose key is registered here", r.asked_by));
  PrintLine(fmt::format("next: carry {} back; birthmark request import WS FILE",
                        in.Get("--output", r.file.string())));
  return 0;
}

}  // namespace birthmark::cli
