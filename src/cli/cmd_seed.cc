// SPDX-License-Identifier: Apache-2.0
// seed import, issue, list, show, tell; cert export.
#include <fmt/format.h>

#include "app/onboarding.h"
#include "app/roles.h"
#include "app/seed_package.h"
#include "app/seeds.h"
#include "base/progress.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

// RequireSeedRole is who may open and use seeds.
Status RequireSeedRole(app::Factory& f, std::string_view what) {
  BM_CHECK(app::RequireRole(f, {"operator", "maintainer", "administrator"}, what));
  return {};
}

// Ticker turns counts so far into progress.
struct Ticker {
  explicit Ticker(const Invocation& in, std::string what, uint64_t total)
      : bar(std::move(what), total, StderrIsTerminal() && !in.json()) {}
  void operator()(uint64_t so_far) {
    if (so_far < seen) seen = 0;
    bar.Advance(so_far - seen);
    seen = so_far;
  }
  Progress bar;
  uint64_t seen = 0;
};

// ImportPackage takes in what a site that derives elsewhere tells.
Result<int> ImportPackage(const Invocation& in) {
  if (!in.Arg("FILE").empty() || in.Has("--rehearsal") || in.Has("--derive-now")) {
    return Usage("cli.arguments", "--package brings certificates; there are no seeds to open",
                 "birthmark seed import --help");
  }
  if (!in.Has("--log-key")) {
    return Usage("cli.arguments", "--package needs --log-key",
                 "have the site's public/log.vkey brought by somebody you know");
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(RequireSeedRole(*f, "taking in a site's certificates"));
  Ticker ticker(in, "certificates", 0);
  app::SeedPackageOptions o{.file = in.Get("--package"),
                            .log_key = in.Get("--log-key"),
                            .dry_run = in.dry_run(),
                            .progress = [&](uint64_t done) { ticker(done); }};
  auto done = app::TakeSeedPackage(*f, o, clock);
  ticker.bar.Clear();
  if (!done) return std::unexpected(std::move(done).error());
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"origin": {}, "batches": {}, "certificates": {}, "known": {}, "refused": {}, "dry_run": {}}})",
        JsonString(done->origin), done->batches, done->certificates, done->known, done->refused,
        o.dry_run));
  } else {
    PrintFindings(done->findings, o.file.string(), false);
    PrintLine(fmt::format("{} certificates of {} batches by the word of {}; {} known, {} refused",
                          done->certificates, done->batches, done->origin, done->known,
                          done->refused));
  }
  return done->refused > 0 ? 1 : 0;
}

std::string WhenOrNot(int64_t at) { return at == 0 ? "" : FormatTime(TimeFromMillis(at)); }

}  // namespace

Result<int> SeedImport(const Invocation& in) {
  if (in.Has("--package")) return ImportPackage(in);
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  app::SeedImportOptions o{.file = in.Arg("FILE"),
                           .key = in.Get("--key"),
                           .certificate = in.Get("--certificate"),
                           .shared = in.Get("--shared-key"),
                           .oem = in.Get("--oem"),
                           .place = in.Get("--place"),
                           .serials = in.Get("--serials"),
                           .allow_unencrypted = in.Has("--allow-unencrypted"),
                           .derive_now = in.Has("--derive-now"),
                           .rehearsal = 0,
                           .dry_run = in.dry_run(),
                           .progress = {}};
  if (in.Has("--rehearsal")) {
    BM_TRY(o.rehearsal, in.Number("--rehearsal", 0, 1, 100'000));
  }
  if (o.file.empty() == (o.rehearsal == 0)) {
    return Usage("cli.arguments", "name one file, or --rehearsal N",
                 "birthmark seed import --help");
  }
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(RequireSeedRole(*f, "opening a batch of seeds"));
  Ticker ticker(in, "seeds", o.rehearsal);
  o.progress = [&](uint64_t done) { ticker(done); };
  auto done = app::ImportSeeds(*f, o, clock);
  ticker.bar.Clear();
  if (!done) return std::unexpected(std::move(done).error());
  const seed::Summary& s = done->summary;
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"batch": {}, "file": "{}", "format": {}, "protection": {}, "count": {}, "refused": {}, "issued": {}, "resumed": {}, "dry_run": {}}})",
        JsonString(done->batch), ToHex(s.file), JsonString(s.format), JsonString(s.protection),
        s.count, s.refused, done->issued, done->resumed, o.dry_run));
  } else {
    PrintFindings(done->refused, o.file.string(), false);
    PrintLine(fmt::format(
        "{}{} seeds in {}, {} refused{}", done->batch.empty() ? "" : "batch " + done->batch + ": ",
        s.count, s.format == "pskc" ? "PSKC" : "CMS", s.refused,
        o.derive_now && !o.dry_run ? fmt::format(", {} certificates issued", done->issued) : ""));
  }
  if (s.protection == "none") {
    Note(
        "the seeds were encrypted with nothing: whoever saw the file knows every key. The ledger "
        "says so.");
  }
  return s.refused > 0 ? 1 : 0;
}

Result<int> SeedIssue(const Invocation& in) {
  app::SeedIssueOptions o{.batch = in.Get("--batch"),
                          .count = 0,
                          .chips = in.All("CHIP"),
                          .place = in.Get("--place"),
                          .progress = {}};
  if (in.Has("--count")) {
    if (!o.chips.empty()) {
      return Usage("cli.arguments", "give --count or chips, not both");
    }
    BM_TRY(o.count, in.Number("--count", 0, 1, 1'000'000'000));
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(RequireSeedRole(*f, "using seeds"));
  Ticker ticker(in, "certificates", o.count);
  o.progress = [&](uint64_t done) { ticker(done); };
  Time began = clock.Now();
  auto done = app::IssueSeeds(*f, o, clock);
  ticker.bar.Clear();
  if (!done) return std::unexpected(std::move(done).error());
  double seconds = std::max<double>(1, Millis(clock.Now()) - Millis(began)) / 1000;
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"batch": {}, "issued": {}, "refused": {}, "left": {}, "destroyed": {}, "per_second": {:.0f}}})",
        JsonString(o.batch), done->issued, done->refused, done->left, done->ended,
        done->issued / seconds));
  } else {
    PrintLine(fmt::format("{} certificates, {:.0f} a second; {} refused, {} seeds left{}",
                          done->issued, done->issued / seconds, done->refused, done->left,
                          done->ended ? ": the batch's wrap is erased" : ""));
  }
  return done->refused > 0 ? 1 : 0;
}

Result<int> SeedList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(std::vector<ledger::SeedBatchRow> rows, ledger::SeedBatches(reader->registry().db()));
  Table table({"batch", "product", "from", "origin", "protection", "count", "refused", "used",
               "opened", "destroyed"});
  for (const ledger::SeedBatchRow& r : rows) {
    table.Add({r.id, r.product, r.oem, r.origin, r.protection, std::to_string(r.count),
               std::to_string(r.refused), std::to_string(r.used), WhenOrNot(r.opened_at),
               WhenOrNot(r.destroyed_at)});
  }
  Print(table.Text(in.json()));
  if (rows.empty() && !in.json()) Note("no batch of seeds was ever opened here");
  return 0;
}

Result<int> SeedShow(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  app::SeedOrigins origins(reader->registry(), [&](uint64_t seq) { return reader->EventAt(seq); });
  if (in.Has("--chip") == in.Has("--batch")) {
    return Usage("cli.arguments", "give --batch or --chip", "birthmark seed list WS");
  }
  if (in.Has("--chip")) {
    BM_TRY(std::optional<std::string> unit, origins.UnitOf(in.Get("--chip")));
    if (!unit) {
      return Refused("seeds.chip", "no certificate was issued for the chip " + in.Get("--chip"),
                     "birthmark seed issue WS --batch ID CHIP");
    }
    BM_TRY(auto origin, origins.Of(*unit));
    Fields out;
    out.Add("chip", in.Get("--chip"));
    out.Add("unit", *unit);
    out.Add("batch", origin ? origin->batch : "");
    Print(out.Text(in.json()));
    return 0;
  }
  BM_TRY(app::SeedStory story, app::StoryOf(*reader, in.Get("--batch")));
  BM_TRY(std::optional<app::ToldBy> told, app::ToldByOf(*reader, in.Get("--batch")));
  const ledger::SeedBatchRow& b = story.batch;
  if (in.json()) {
    std::string steps, refused;
    for (const auto& s : story.steps) {
      steps += fmt::format(R"({}{{"at": {}, "what": {}, "by": {}, "place": {}, "how": {}}})",
                           steps.empty() ? "" : ", ", JsonString(WhenOrNot(s.at)),
                           JsonString(s.body.what), JsonString(s.actor), JsonString(s.body.place),
                           JsonString(s.body.how));
    }
    for (const auto& r : story.refused) {
      refused += fmt::format(R"({}{{"chip": {}, "why": {}}})", refused.empty() ? "" : ", ",
                             JsonString(r.element), JsonString(r.why));
    }
    PrintLine(fmt::format(
        R"({{"batch": {}, "product": {}, "oem": {}, "origin": {}, "format": {}, "protection": {}, "file": "{}", "count": {}, "refused": {}, "used": {}, "told_by": {}, "custody": [{}], "not_taken": [{}]}})",
        JsonString(b.id), JsonString(b.product), JsonString(b.oem), JsonString(b.origin),
        JsonString(b.format), JsonString(b.protection), ToHex(b.file), b.count, b.refused, b.used,
        told ? JsonString(told->origin) : "null", steps, refused));
    return 0;
  }
  Fields out;
  out.Add("batch", b.id);
  out.Add("product", b.product);
  out.Add("silicon maker", b.oem);
  out.Add("origin", b.origin);
  out.Add("file", fmt::format("{}, SHA-256 {}", b.format, ToHex(b.file)));
  out.Add("protection", b.protection == "none" ? "none: encrypted with nothing" : b.protection);
  out.Add("seeds", fmt::format("{} taken, {} refused, {} used", b.count, b.refused, b.used));
  if (told) out.Add("told by", told->origin + ": no seed and no private key of it was ever here");
  for (const auto& s : story.steps) {
    out.Add(s.body.what,
            fmt::format("{} at {} by {}: {}", WhenOrNot(s.at), s.body.place, s.actor, s.body.how));
  }
  for (const auto& r : story.refused)
    out.Add("not taken", (r.element.empty() ? "an element" : r.element) + ": " + r.why);
  Print(out.Text(false));
  return 0;
}

Result<int> SeedPackage(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(RequireSeedRole(*f, "handing over certificates"));
  BM_TRY(app::SeedPackage made, app::WriteSeedPackage(*f, in.Get("--output"), clock));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "sha256": "{}", "certificates": {}, "batches": {}}})",
                          JsonString(in.Get("--output")), ToHex(made.file), made.certificates,
                          made.batches));
  } else {
    PrintLine(fmt::format("{} certificates of {} batches; the factory needs public/log.vkey too",
                          made.certificates, made.batches));
  }
  return 0;
}

Result<int> SeedTell(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(RequireSeedRole(*f, "telling of a batch of seeds"));
  app::SeedLeg leg{.batch = in.Get("--batch"),
                   .what = in.Get("--what"),
                   .how = in.Get("--how"),
                   .place = in.Get("--place")};
  if (!in.dry_run()) BM_CHECK(app::TellSeeds(*f, leg, clock));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"batch": {}, "what": {}, "dry_run": {}}})", JsonString(leg.batch),
                          JsonString(leg.what), in.dry_run()));
  } else {
    PrintLine(fmt::format("batch {}: {}{}", leg.batch, leg.what,
                          in.dry_run() ? "  (dry run: nothing was written)" : ""));
  }
  return 0;
}

Result<int> CertExport(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(uint64_t written, app::ExportChains(*view, in.Get("--product"), in.Get("--output")));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"written": {}}})", written));
  } else {
    PrintLine(fmt::format("{} chains under {}", written, in.Get("--output")));
  }
  return 0;
}

}  // namespace birthmark::cli
