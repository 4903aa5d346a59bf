// SPDX-License-Identifier: Apache-2.0
// artifact send.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/artifact_send.h"
#include "base/progress.h"
#include "cli/handlers_anchors.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

// Row is one partition before and after.
struct Row {
  std::string partition, before, after;
};

std::string StageText(const link::BootStage& s) {
  if (!s.present) return "nothing";
  return fmt::format("{} {}{}", s.name, s.version, s.usable ? "" : ": " + s.text);
}

// StageRows puts the two boot reports side by side; the two buffers of the application are one row.
std::vector<Row> StageRows(const app::Sent& sent) {
  std::vector<Row> out;
  auto name = [](const link::BootStage& s) {
    return s.partition == "application-b" ? std::string("application") : s.partition;
  };
  for (const link::BootStage& s : sent.before) out.push_back({name(s), StageText(s), ""});
  for (const link::BootStage& s : sent.after) {
    auto row = std::ranges::find(out, name(s), &Row::partition);
    if (row == out.end()) row = out.insert(out.end(), Row{name(s), "", ""});
    row->after = StageText(s) + (s.partition == "application-b" ? " (second buffer)" : "");
  }
  return out;
}

void PrintSentJson(const app::Sent& sent, bool dry_run) {
  Table stages({"partition", "before", "after"});
  for (const Row& r : StageRows(sent)) stages.Add({r.partition, r.before, r.after});
  Table anchors({"anchor", "place", "before", "after"});
  for (const app::Sent::Change& c : sent.anchors)
    anchors.Add({c.anchor, c.place, c.before, c.after});
  std::string counters;
  for (const auto& [name, value] : sent.counters)
    counters += fmt::format("{}{}: {}", counters.empty() ? "" : ", ", JsonString(name), value);
  PrintLine(fmt::format(
      R"({{"device": {}, "kind": {}, "component": {}, "version": {}, "sent": {}, "accepted": {}, "why": {}, "text": {}, "anchor": {}, "into": {}, "restarted": {}, "fell_back": {}, "on_trial": {}, "confirmed": {}, "counters": {{{}}}, "stages": {}, "anchors": {}}})",
      JsonString(sent.device), JsonString(sent.kind), JsonString(sent.component), sent.version,
      !dry_run && !sent.kind.empty(), sent.accepted, JsonString(sent.why), JsonString(sent.text),
      JsonString(sent.anchor), JsonString(sent.into), sent.restarted, sent.fell_back, sent.on_trial,
      sent.confirmed, counters, stages.Text(true), anchors.Text(true)));
}

void PrintSent(const app::Sent& sent, bool dry_run) {
  if (!sent.kind.empty() && dry_run) {
    PrintLine(fmt::format("would send {} {} version {} to {}", sent.kind, sent.component,
                          sent.version, sent.device));
  } else if (!sent.kind.empty()) {
    PrintLine(sent.accepted
                  ? fmt::format("{} took {} {} version {}{}", sent.device, sent.kind,
                                sent.component, sent.version,
                                sent.anchor.empty() ? "" : ", under anchor " + sent.anchor)
                  : fmt::format("refused[{}]: {}", sent.why, sent.text));
  }
  if (sent.restarted || dry_run) {
    Table stages({"partition", "before", "after"});
    for (const Row& r : StageRows(sent)) stages.Add({r.partition, r.before, r.after});
    Print(stages.Text(false));
  }
  for (const app::Sent::Change& c : sent.anchors) {
    PrintLine(
        c.before.empty()  ? fmt::format("anchor {} in {} is new: {}", c.anchor, c.place, c.after)
        : c.after.empty() ? fmt::format("anchor {} in {} is gone: {}", c.anchor, c.place, c.before)
                          : fmt::format("anchor {} in {} was replaced: {}, before {}", c.anchor,
                                        c.place, c.after, c.before));
  }
  for (const auto& [name, value] : sent.counters) PrintLine(fmt::format("{}: {}", name, value));
  if (sent.fell_back) PrintLine("the new application did not run: the device went back");
  if (sent.confirmed) PrintLine("confirmed: older versions do not start any more");
  if (sent.on_trial) {
    PrintLine(
        "on trial: the next restart goes back, unless it is confirmed (artifact send "
        "--confirm)");
  }
}

}  // namespace

Result<int> ArtifactSend(const Invocation& in) {
  std::unique_ptr<Progress> bar;
  uint64_t shown = 0;
  auto progress = [&](uint64_t done, uint64_t total) {
    if (!bar) bar = std::make_unique<Progress>("octets", total, StderrIsTerminal() && !in.json());
    bar->Advance(done - shown);
    shown = done;
  };
  auto sent = app::SendArtifact({.device = in.Get("--device"),
                                 .file = in.Arg("FILE"),
                                 .content = in.Get("--content"),
                                 .workspace = in.Get("--into"),
                                 .as = in.Get("--as"),
                                 .in_place = in.Has("--in-place"),
                                 .confirm = in.Has("--confirm"),
                                 .dry_run = in.dry_run()},
                                SystemClock(), progress);
  bar.reset();
  if (!sent) return std::unexpected(std::move(sent).error());
  if (in.json()) {
    PrintSentJson(*sent, in.dry_run());
  } else {
    PrintSent(*sent, in.dry_run());
  }
  const bool failed = !sent->kind.empty() && !in.dry_run() && (!sent->accepted || sent->fell_back);
  return failed ? 1 : 0;
}

}  // namespace birthmark::cli
