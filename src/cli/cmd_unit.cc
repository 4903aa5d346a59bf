// SPDX-License-Identifier: Apache-2.0
// unit scrap, rework, correct, adopt, export.
#include <fmt/format.h>

#include <fstream>

#include "app/adopt_certs.h"
#include "app/export_secrets.h"
#include "app/export_units.h"
#include "app/units.h"
#include "cli/filters.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

// OpenFor opens the workspace for an act on a unit; "PRODUCT/SERIAL" names the product as well.
Result<std::unique_ptr<app::Factory>> OpenFor(const Invocation& in, const std::string& unit,
                                              const Clock& clock) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(std::string id, app::ResolveUnit(reader->registry(), unit));
  reader.reset();
  return app::Factory::Open(in.Arg("WS"), keys, false, id.substr(0, id.find('/')), in.Get("--as"),
                            clock);
}

int PrintActed(const Invocation& in, const app::ActedOn& done) {
  if (in.json()) {
    std::string identities;
    for (const ledger::IdentityRow& i : done.identities) {
      identities += fmt::format(R"({}{{"serial": "{}", "slot": {}, "was": {}}})",
                                identities.empty() ? "" : ", ", ToHex(i.serial), JsonString(i.slot),
                                JsonString(i.state));
    }
    PrintLine(fmt::format(R"({{"unit": {}, "state": {}, "identities": [{}], "dry_run": {}}})",
                          JsonString(done.unit), JsonString(done.state), identities, in.dry_run()));
    return 0;
  }
  PrintLine(fmt::format("{}  {}{}", done.unit, Bold(done.state),
                        in.dry_run() ? "  (dry run: nothing was changed)" : ""));
  for (const ledger::IdentityRow& i : done.identities)
    PrintLine(fmt::format("  {} {} was {}", i.slot, ToHex(i.serial), i.state));
  return 0;
}

}  // namespace

Result<int> UnitScrap(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto f, OpenFor(in, in.Arg("UNIT"), clock));
  BM_TRY(app::ActedOn done,
         app::Scrap(*f,
                    {.unit = in.Arg("UNIT"), .reason = in.Get("--reason"), .dry_run = in.dry_run()},
                    clock));
  return PrintActed(in, done);
}

Result<int> UnitRework(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto f, OpenFor(in, in.Arg("UNIT"), clock));
  app::ReworkAct act;
  act.unit = in.Arg("UNIT");
  act.reason = in.Get("--reason");
  act.dry_run = in.dry_run();
  act.new_identity = in.Has("--new-identity");
  act.override_seal = in.Has("--override");
  BM_TRY(app::ActedOn done, app::Rework(*f, act, clock));
  PrintActed(in, done);
  if (!in.json()) Note("next: birthmark line run WS --units 1 brings it through its steps again");
  return 0;
}

Result<int> UnitCorrect(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto f, OpenFor(in, in.Arg("FROM"), clock));
  BM_TRY(app::ActedOn done,
         app::Correct(
             *f, {.unit = in.Arg("FROM"), .reason = in.Get("--reason"), .dry_run = in.dry_run()},
             in.Arg("TO"), clock));
  return PrintActed(in, done);
}

Result<int> UnitAdopt(const Invocation& in) {
  SystemClock clock;
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  app::AdoptCertsOptions options{
      .paths = {}, .slot = in.Get("--slot", "idevid"), .dry_run = in.dry_run()};
  for (const std::string& p : in.All("PATH")) options.paths.emplace_back(p);
  BM_TRY(app::AdoptedCerts r, app::AdoptCertificates(*f, options, clock));
  if (in.json()) {
    std::string findings;
    for (const Finding& x : r.findings.all()) {
      findings += fmt::format(R"({}{{"code": {}, "message": {}}})", findings.empty() ? "" : ", ",
                              JsonString(x.code), JsonString(x.message));
    }
    PrintLine(fmt::format(
        R"({{"valid": {}, "revoked": {}, "expired": {}, "known": {}, "findings": [{}]}})", r.valid,
        r.revoked, r.expired, r.known, findings));
  } else {
    PrintFindings(r.findings, "", false);
    PrintLine(
        fmt::format("adopted, declared only: {} valid, {} revoked, {} expired; {} were here "
                    "already; {} not taken{}",
                    r.valid, r.revoked, r.expired, r.known, r.findings.all().size(),
                    in.dry_run() ? " (dry run: nothing was changed)" : ""));
  }
  return r.findings.empty() ? 0 : 1;
}

namespace {

// Files spreads rows over NAME, NAME-2, NAME-3…, `limit` rows each; none: standard output.
class Files {
 public:
  Files(std::string name, uint64_t limit) : name_(std::move(name)), limit_(limit) {}
  Status Add(const std::string& row) {
    if (name_.empty()) {
      Print(row);
      return {};
    }
    if (limit_ > 0 && rows_ == limit_) BM_CHECK(Flush());
    text_ += row;
    ++rows_;
    return {};
  }
  Status Flush() {
    if (name_.empty() || (rows_ == 0 && number_ > 0)) return {};
    fs::path path = name_;
    if (++number_ > 1) {
      path.replace_filename(path.stem().string() + fmt::format("-{}", number_) +
                            path.extension().string());
    }
    BM_CHECK(WriteFileAtomic(path, text_));
    written.push_back(path.string());
    text_.clear();
    rows_ = 0;
    return {};
  }
  std::vector<std::string> written;

 private:
  std::string name_, text_;
  uint64_t limit_, rows_ = 0;
  int number_ = 0;
};

}  // namespace

namespace {

Result<int> ExportSecrets(const Invocation& in) {
  if (!in.Has("--output"))
    return Usage("export.output", "secrets go into a file", "name one: -o F");
  SystemClock clock;
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(auto f, app::Factory::Open(in.Arg("WS|B"), keys, false, in.Get("--product"),
                                    in.Get("--as"), clock));
  app::SecretExport options;
  options.output = in.Get("--output");
  if (in.Has("--to")) options.to = in.Get("--to");
  options.role = in.Get("--to-role", "operator");
  options.unencrypted = in.Has("--unencrypted");
  options.forget = in.Has("--forget");
  options.dry_run = in.dry_run();
  BM_TRY(app::SecretsExported done, app::ExportSecrets(*f, options, clock));
  if (options.unencrypted)
    Note("the secrets in this file are encrypted with nothing; that is in the ledger");
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"count": {}, "file": "{}", "protection": {}, "forgotten": {}, "gone": {}, "dry_run": {}}})",
        done.count, ToHex(done.file), JsonString(done.protection), done.forgotten, done.gone,
        in.dry_run()));
  } else {
    PrintLine(fmt::format("{} secrets for the {}, {}{}", done.count, options.role, done.protection,
                          in.dry_run() ? "  (dry run: nothing was written)" : ""));
    if (done.gone > 0)
      PrintLine(fmt::format("{} are not in it: they were forgotten after a delivery", done.gone));
    if (done.forgotten > 0) PrintLine(fmt::format("{} kept copies destroyed", done.forgotten));
  }
  return 0;
}

}  // namespace

Result<int> UnitExport(const Invocation& in) {
  if (in.Has("--secrets")) return ExportSecrets(in);
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(ledger::IdentityFilter filter, IdentityFilterOf(in));
  if (!in.Arg("UNIT").empty()) {
    BM_TRY(filter.unit, app::ResolveUnit(view->registry(), in.Arg("UNIT")));
  }
  bool nrf = in.Get("--format") == "csv-nrf";
  if (nrf && !in.Has("--output")) {
    return Usage("unit.export", "the form csv-nrf comes in files of 1000 rows", "name one: -o F");
  }
  Files files(in.Get("--output"), nrf ? app::kNrfRows : 0);
  BM_TRY(uint64_t count,
         app::ExportUnits(*view, filter, nrf ? app::ExportForm::kCsvNrf : app::ExportForm::kNdjson,
                          [&](const std::string& row) { return files.Add(row); }));
  BM_CHECK(files.Flush());
  for (const std::string& f : files.written) Note("wrote " + f);
  if (!in.json() && in.Has("--output")) PrintLine(fmt::format("{} units", count));
  return 0;
}

}  // namespace birthmark::cli
