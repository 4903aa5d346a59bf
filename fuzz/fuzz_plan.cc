// SPDX-License-Identifier: Apache-2.0
// Any text is a plan or findings, each with a line inside the file; what parses can be judged,
// shown and compared with itself. Anchor files are not opened: their paths are the fuzzer's.
#include <algorithm>

#include "fuzz/fuzz.h"
#include "plan/diff.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "plan/show.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  plan::Parsed p = plan::ParsePlan(text);
  FUZZ_CHECK(p.plan || p.findings.HasErrors());
  if (!p.plan) return 0;
  plan::CheckSteps(*p.plan, p.findings);
  plan::CheckPkis(*p.plan, p.findings);
  plan::CheckDevice(*p.plan, p.findings);
  plan::CheckDeclared(*p.plan, p.findings);
  auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const Finding& f : p.findings.all()) {
    FUZZ_CHECK(f.line >= 0 && f.line <= lines);
    FUZZ_CHECK(!plan::ExplainCode(f.code).empty());
  }
  FUZZ_CHECK(!plan::ShowPlan(*p.plan).empty());
  FUZZ_CHECK(plan::DiffPlans(*p.plan, *p.plan).empty());
  if (!p.findings.HasErrors()) FUZZ_CHECK(plan::CheckAdopt(*p.plan, *p.plan).empty());
  return 0;
}
