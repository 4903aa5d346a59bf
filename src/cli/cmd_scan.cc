// SPDX-License-Identifier: Apache-2.0
// scan, and where its findings become evidence.
#include <fmt/format.h>

#include <algorithm>

#include "app/anchor_material.h"
#include "app/record.h"
#include "base/clock.h"
#include "cli/handlers_anchors.h"
#include "cli/terminal.h"
#include "ledger/events_anchors.h"
#include "scan/command.h"
#include "scan/match.h"

namespace birthmark::cli {
namespace {

std::optional<std::string> GivenFile(const Invocation& in, const std::string& option) {
  if (!in.Has(option)) return std::nullopt;
  return in.Get(option);
}

// Wanted are the plan's anchors by what the workspace has of them.
Result<std::vector<scan::Wanted>> WantedOf(const app::AnchorSource& source) {
  std::vector<scan::Wanted> out;
  for (const plan::Anchor& a : source.adopted.plan.anchors) {
    BM_TRY(const app::AnchorMaterial material, app::MaterialOf(source, a));
    scan::Wanted w{.id = a.id, .digest = {}, .set_digest = std::nullopt, .entries = {}};
    if (material.facts) {
      w.digest = material.facts->digest;
      w.set_digest = material.facts->set_digest;
      w.entries = material.facts->entries;
    } else if (!material.anchors.empty()) {
      const Bytes key = trust::KeyDigestOf(material.anchors.front());
      if (key.size() == w.digest.size()) std::ranges::copy(key, w.digest.begin());
    }
    out.push_back(std::move(w));
  }
  return out;
}

// Record writes what was found of the plan's anchors into the log.
Status Record(const Invocation& in, const scan::Report& report) {
  const std::string ws = in.Get("--into");
  BM_TRY(const app::AnchorSource source, app::AnchorSource::Open(ws, in.Get("--product")));
  BM_TRY(const std::vector<scan::Wanted> wanted, WantedOf(source));
  const scan::Sightings seen = scan::LookFor(report, wanted);
  ledger::ImageScanned body;
  body.tool = "birthmark " BIRTHMARK_VERSION;
  if (report.image) body.image = *report.image;
  body.others = seen.others;
  size_t found = 0;
  for (const scan::Sighting& s : seen.wanted) {
    body.anchors.push_back({.found = s.found,
                            .where = s.where,
                            .anchor = s.id,
                            .certainty = s.found ? std::string(scan::ToText(s.certainty)) : ""});
    if (s.found) ++found;
  }
  const app::Layout layout(ws);
  SystemClock clock;
  ledger::EventContext context;
  context.plan = source.adopted.plan.digest;
  BM_TRY(context.actor, app::ActorHere(layout, in.Get("--as")));
  BM_CHECK(app::AppendHere(
      layout,
      ledger::MakeEvent(context, clock.Now(), "product:" + source.adopted.plan.product.id, body),
      clock));
  Note(fmt::format("recorded in {}: {} of {} anchors of the plan are in the image, {} others", ws,
                   found, seen.wanted.size(), seen.others));
  return {};
}

}  // namespace

Result<int> Scan(const Invocation& in) {
  BM_TRY(const uint64_t depth, in.Number("--depth", 4, 0, 16));
  scan::ScanArgs args{.path = in.Arg("PATH"),
                      .json = in.json(),
                      .all = in.Has("--all"),
                      .summary = in.Has("--summary"),
                      .search = !in.Has("--rules-only"),
                      .other_file_systems = in.Has("--other-file-systems"),
                      .hash_image = in.Has("--into"),
                      .progress = StderrIsTerminal(),
                      .depth = static_cast<int>(depth),
                      .at = in.Get("--time"),
                      .cyclonedx = GivenFile(in, "--cyclonedx"),
                      .rfc5914 = GivenFile(in, "--rfc5914"),
                      .against = GivenFile(in, "--against")};
  BM_TRY(const scan::Scanned scanned, scan::RunScan(args));
  if (in.Has("--into") && !in.dry_run()) BM_CHECK(Record(in, scanned.report));
  Print(scanned.said.out);
  if (!scanned.said.err.empty()) Note(scanned.said.err.substr(0, scanned.said.err.size() - 1));
  return scanned.said.exit;
}

}  // namespace birthmark::cli
