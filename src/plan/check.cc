// SPDX-License-Identifier: Apache-2.0
#include "plan/check.h"

#include <fmt/format.h>

#include "plan/examples.h"

namespace birthmark::plan {
namespace {

// CheckFiles reads every anchor file and lets the inspector look into it.
void CheckFiles(const Plan& plan, const fs::path& folder, AnchorInspector* inspector,
                Findings& out) {
  for (const Anchor& a : plan.anchors) {
    if (a.file.empty()) continue;
    fs::path path = fs::path(a.file).is_absolute() ? fs::path(a.file) : folder / a.file;
    Result<Bytes> file = ReadFile(path, kMaxAnchorFileBytes);
    if (!file) {
      out.Error("plan.anchor-file", fmt::format("anchor \"{}\": {}", a.id, file.error().message),
                file.error().fix.empty() ? "install or name the file" : file.error().fix, a.line);
      continue;
    }
    if (inspector == nullptr) continue;
    Findings seen = inspector->Inspect(a, *file);
    for (Finding f : seen.all()) {
      if (f.line == 0) f.line = a.line;
      out.Add(std::move(f));
    }
  }
  if (!plan.product.serial_list) return;
  fs::path list = folder / *plan.product.serial_list;
  if (std::error_code ec; !fs::is_regular_file(list, ec)) {
    out.Error("plan.serial-list", fmt::format("there is no serial list {}", list.string()),
              "put the file beside the plan, a serial a line", plan.product.line);
  }
}

}  // namespace

bool DeviceVerifierCan(vocab::Algorithm a) {
  switch (a) {
    case vocab::Algorithm::kEcdsaP256:
    case vocab::Algorithm::kEcdsaP384:
    case vocab::Algorithm::kRsa2048:
    case vocab::Algorithm::kRsa3072:
    case vocab::Algorithm::kRsa4096:
      return true;
    case vocab::Algorithm::kEcdsaP521:
    case vocab::Algorithm::kEd25519:
    case vocab::Algorithm::kEd448:
    case vocab::Algorithm::kEcdhP256:
    case vocab::Algorithm::kSymmetric128:
    case vocab::Algorithm::kSymmetric256:
    case vocab::Algorithm::kPbkdf2:
      return false;
  }
  return false;
}

Findings CheckPlan(const Plan& plan, const fs::path& folder, AnchorInspector* inspector) {
  Findings out;
  CheckSteps(plan, out);
  CheckPkis(plan, out);
  CheckDevice(plan, out);
  CheckDeclared(plan, out);
  CheckFiles(plan, folder, inspector, out);
  if (int left = FillLines(plan.raw); left > 0) {
    out.Note("plan.fill-left", fmt::format("{} lines are still marked FILL", left),
             "put your own values there and take the mark away; a rehearsal runs without");
  }
  out.SortByLine();
  return out;
}

Findings CheckForProduction(const Plan& plan) {
  Findings out;
  if (plan.product.enterprise_number == kRehearsalPen) {
    out.Error("plan.pen-rehearsal",
              fmt::format("enterprise-number {} is the one for documentation", kRehearsalPen),
              "use your own number; IANA gives one to anybody, free", plan.product.line);
  }
  if (plan.example) {
    out.Error("plan.example", "this is an example's plan",
              "start from `birthmark plan new` and make it yours");
  }
  if (int left = FillLines(plan.raw); left > 0) {
    out.Error("plan.fill-left", fmt::format("{} lines are still marked FILL", left),
              "put your own values there and take the mark away");
  }
  if (plan.board) {
    out.Error("plan.emulated", "the plan is for emulated devices ([device] board)",
              "take [device] out");
  }
  for (const Station& s : plan.stations) {
    if (s.link == "emulator" || s.link == "qemu") {
      out.Error("plan.emulated", fmt::format("station \"{}\" talks to emulators", s.id),
                "give it the link of the real station", s.line);
    }
  }
  out.SortByLine();
  return out;
}

}  // namespace birthmark::plan
