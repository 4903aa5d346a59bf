// SPDX-License-Identifier: Apache-2.0
// plan new|check|show|diff; adopt changes a workspace and goes through app.
#include <fmt/format.h>

#include "anchors/inspect.h"
#include "app/adopt.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "plan/diff.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "plan/show.h"

namespace birthmark::cli {
namespace {

// LoadClean reads a plan that must have no errors; findings are printed.
Result<plan::Plan> LoadClean(const std::string& file, bool json) {
  anchors::Inspector inspector;
  BM_TRY(plan::Parsed parsed, plan::LoadPlan(file, &inspector));
  if (parsed.findings.HasErrors() || !parsed.plan) {
    PrintFindings(parsed.findings, file, json);
    return Refused("plan.findings", fmt::format("{}: the plan has errors", file),
                   "mend the lines named, then run it again");
  }
  return std::move(*parsed.plan);
}

}  // namespace

Result<int> PlanNew(const Invocation& in) {
  std::string name = in.Get("--like", "bmc");
  const plan::Example* example = plan::FindExample(name);
  if (example == nullptr)
    return Usage("plan.example", "no example is called " + name, "use bmc or bulb");
  fs::path out = in.Get("--output");
  if (fs::exists(out)) {
    return Refused("plan.exists", out.string() + ": is there already",
                   "name another file, or remove that one");
  }
  std::string text = plan::NewPlanLike(example->text);
  BM_CHECK(WriteFileAtomic(out, text));
  int lines = plan::FillLines(text);
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "fill": {}}})", JsonString(out.string()), lines));
  } else {
    PrintLine(fmt::format("wrote {}; lines marked FILL are yours", out.string()));
  }
  return 0;
}

Result<int> PlanCheck(const Invocation& in) {
  anchors::Inspector inspector;
  std::string file = in.Arg("F");
  BM_TRY(plan::Parsed parsed, plan::LoadPlan(file, &inspector));
  PrintFindings(parsed.findings, file, in.json());
  bool bad = parsed.findings.HasErrors() || !parsed.plan;
  if (!bad && !in.json()) PrintLine(fmt::format("{}: no errors", file));
  return bad ? 1 : 0;
}

Result<int> PlanShow(const Invocation& in) {
  BM_TRY(plan::Plan p, LoadClean(in.Arg("F"), in.json()));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"product": {}, "digest": "{}", "text": {}}})",
                          JsonString(p.product.id), ToHex(p.digest),
                          JsonString(plan::ShowPlan(p))));
  } else {
    Print(plan::ShowPlan(p));
  }
  return 0;
}

Result<int> PlanDiff(const Invocation& in) {
  BM_TRY(plan::Plan a, LoadClean(in.Arg("F"), in.json()));
  BM_TRY(plan::Plan b, LoadClean(in.Arg("G"), in.json()));
  std::vector<plan::PlanChange> changes = plan::DiffPlans(a, b);
  if (in.json()) {
    std::string out = "{\"changes\": [";
    for (size_t i = 0; i < changes.size(); ++i) {
      out += fmt::format("{}\n  {{\"where\": {}, \"before\": {}, \"after\": {}}}", i ? "," : "",
                         JsonString(changes[i].where), JsonString(changes[i].before),
                         JsonString(changes[i].after));
    }
    PrintLine(out + "\n]}");
  } else {
    Print(plan::DiffText(changes));
  }
  return changes.empty() ? 0 : 1;
}

Result<int> PlanAdopt(const Invocation& in) {
  BM_TRY(plan::Plan next, LoadClean(in.Arg("F"), in.json()));
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::Adopted done, app::AdoptPlan(in.Arg("WS"), next, fs::path(in.Arg("F")).parent_path(),
                                           keys, in.Get("--as"), in.dry_run(), SystemClock()));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"version": {}, "digest": "{}", "adopted": {}, "difference": {}}})",
                          done.version, ToHex(next.digest), !in.dry_run(),
                          JsonString(done.difference)));
    return 0;
  }
  Print(done.difference);
  PrintLine(
      in.dry_run()
          ? "nothing was changed (dry run)"
          : fmt::format("adopted as version {}; units begun keep the version they started with",
                        done.version));
  return 0;
}

}  // namespace birthmark::cli
