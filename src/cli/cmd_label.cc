// SPDX-License-Identifier: Apache-2.0
// `birthmark unit label`: draws a unit's label, or compares a picture of one with the unit.
#include <fmt/format.h>

#include "app/view.h"
#include "base/files.h"
#include "cli/handlers.h"
#include "cli/terminal.h"
#include "label/label.h"

namespace birthmark::cli {
namespace {

struct Unit {
  std::string id;
  label::Label label;
};

// FindUnit takes "BMC-0001" or "ridgeback-s1/BMC-0001".
Result<Unit> FindUnit(app::View& view, const std::string& typed) {
  std::optional<Unit> found;
  BM_TRY(std::vector<ledger::PlanRow> plans, view.registry().Plans());
  for (const ledger::PlanRow& p : plans) {
    const std::string prefix = p.product + "/";
    const std::string id = typed.starts_with(prefix) ? typed : prefix + typed;
    BM_TRY(std::optional<ledger::UnitRow> row, view.registry().Unit(id));
    if (!row || (found && found->id == id)) continue;
    if (found) {
      return Usage("unit.which", typed + ": several products have such a unit",
                   "write PRODUCT/" + typed);
    }
    BM_TRY(label::Label l, label::Make(p.product, id.substr(prefix.size())));
    found = Unit{id, std::move(l)};
  }
  if (found) return std::move(*found);
  return Refused("unit.unknown", "no unit is called " + typed,
                 "`birthmark unit list WS` lists them");
}

Status Draw(const label::Label& l, const std::string& file) {
  if (file.ends_with(".svg")) {
    BM_TRY(std::string svg, label::ToSvg(l));
    return WriteFileAtomic(file, svg);
  }
  if (file.ends_with(".png")) {
    BM_TRY(Bytes png, label::ToPng(l));
    return WriteFileAtomic(file, png);
  }
  return Usage("label.format", file + ": neither .svg nor .png", "name the file F.svg or F.png");
}

Status Check(const Unit& unit, const std::string& file) {
  BM_TRY(Bytes png, ReadFile(file, label::kMaxPngBytes));
  auto seen = label::ReadPng(png);
  if (!seen) return std::unexpected(std::move(seen).error().Context(file));
  if (*seen == unit.label) return {};
  return Refused("label.other-unit",
                 fmt::format("{} shows the label of {}/{}, not of {}", file, seen->product,
                             seen->serial, unit.id),
                 "take the label off, or find out which unit is on the bench");
}

}  // namespace

Result<int> UnitLabel(const Invocation& in) {
  if (!in.Has("--output") && !in.Has("--check")) {
    return Usage("label.nothing", "neither -o nor --check is given",
                 "-o F.svg draws the label, --check F.png compares a picture of it");
  }
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(Unit unit, FindUnit(*view, in.Arg("UNIT")));
  if (in.Has("--output")) BM_CHECK(Draw(unit.label, in.Get("--output")));
  if (in.Has("--check")) BM_CHECK(Check(unit, in.Get("--check")));
  if (in.json()) {
    PrintLine(fmt::format("{{\"unit\": {}, \"product\": {}, \"serial\": {}}}", JsonString(unit.id),
                          JsonString(unit.label.product), JsonString(unit.label.serial)));
  } else if (in.Has("--check")) {
    PrintLine("the label is that of " + unit.id);
  }
  return 0;
}

}  // namespace birthmark::cli
