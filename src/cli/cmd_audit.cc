// SPDX-License-Identifier: Apache-2.0
// `birthmark audit keys`: the intake audit over files, without a workspace.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/factory.h"
#include "audit/audit.h"
#include "base/lists.h"
#include "cli/handlers.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

std::string Json(const audit::Intake& intake, const audit::Report& r) {
  nlohmann::ordered_json lists = nlohmann::ordered_json::array(), hits = lists;
  for (const audit::ListUsed& l : r.lists)
    lists.push_back({{"kind", l.kind}, {"path", l.path}, {"entries", l.entries}});
  for (const audit::Hit& h : r.hits) {
    hits.push_back({{"code", h.code},
                    {"name", h.name},
                    {"place", h.place},
                    {"spki_sha256", h.spki == Digest{} ? "" : ToHex(h.spki)},
                    {"detail", h.detail}});
  }
  const nlohmann::ordered_json all = {{"files", intake.files},
                                      {"keys", r.keys},
                                      {"different_keys", r.different},
                                      {"rsa_moduli", r.rsa},
                                      {"ecdsa_signatures", r.signatures},
                                      {"earlier_keys", r.earlier},
                                      {"again_under_the_same_name", r.again},
                                      {"lists", std::move(lists)},
                                      {"not_checked", r.absent},
                                      {"passed_over", intake.passed_over},
                                      {"passed_over_count", intake.passed_over_count},
                                      {"hits", std::move(hits)}};
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Tell(const audit::Intake& intake, const audit::Report& r) {
  if (!r.hits.empty()) {
    Table table({"code", "name", "place", "detail"});
    for (const audit::Hit& h : r.hits) table.Add({h.code, h.name, h.place, h.detail});
    Print(table.Text(false));
  }
  for (const std::string& p : intake.passed_over) PrintLine("passed over: " + p);
  if (intake.passed_over_count > intake.passed_over.size()) {
    PrintLine(fmt::format("passed over: {} more files or blocks",
                          intake.passed_over_count - intake.passed_over.size()));
  }
  for (const audit::ListUsed& l : r.lists)
    PrintLine(fmt::format("compared with {}: {} entries ({})", l.kind, l.entries, l.path));
  for (const std::string& a : r.absent) PrintLine("not compared: " + a);
  if (r.again > 0) PrintLine(fmt::format("{} keys came more than once under one name", r.again));
  PrintLine(fmt::format(
      "{} keys in {} files: {} different, {} RSA moduli, {} ECDSA signatures, {} keys of earlier "
      "batches; {} hits",
      r.keys, intake.files, r.different, r.rsa, r.signatures, r.earlier, r.hits.size()));
}

}  // namespace

Result<int> AuditKeys(const Invocation& in) {
  audit::Options options;
  for (std::string& file : CommaParts(in.Get("--weak-list")))
    options.weak_lists.emplace_back(std::move(file));
  options.state = in.Get("--state");
  options.progress = StderrIsTerminal();
  if (in.Has("--group-list")) {
    BM_TRY(options.group_keys, audit::ReadDigests(in.Get("--group-list")));
  }
  if (in.Has("--groups-of")) {
    BM_TRY(auto reader, app::OpenReader(in.Get("--groups-of")));
    BM_TRY(std::vector<ledger::GroupRow> groups, ledger::AllGroups(reader->registry().db()));
    for (const ledger::GroupRow& g : groups) options.group_keys.insert(g.spki);
  }
  std::vector<std::filesystem::path> paths;
  for (const std::string& p : in.All("PATH")) paths.emplace_back(p);
  BM_TRY(audit::Intake intake, audit::ReadPaths(paths));
  BM_TRY(audit::Report report, audit::Audit(intake, options));
  if (in.json()) {
    PrintLine(Json(intake, report));
  } else {
    Tell(intake, report);
  }
  return report.hits.empty() ? 0 : 1;
}

}  // namespace birthmark::cli
