// SPDX-License-Identifier: Apache-2.0
// Lists and shows what the registry holds: products, authorities, certificates, units, keys,
// credentials.
#include <fmt/format.h>

#include "app/revoke.h"
#include "app/units.h"
#include "app/view.h"
#include "cli/filters.h"
#include "cli/handlers.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "crypto/cert.h"
#include "ledger/events.h"
#include "line/succession.h"
#include "pki/lint.h"

namespace birthmark::cli {
namespace {

std::string Date(int64_t ms) { return FormatDate(TimeFromMillis(ms)); }
std::string Moment(int64_t ms) { return FormatTime(TimeFromMillis(ms)); }
std::string_view Side(bool offline) { return offline ? "offline" : "online"; }

Result<crypto::Certificate> CertificateAt(app::View& view, uint64_t seq) {
  BM_TRY(ledger::Event event, view.EventAt(seq));
  return app::CertificateIn(event);
}

std::string CertificateFacts(const crypto::Certificate& c, Fields& f) {
  f.Add("subject", c.subject());
  f.Add("issuer", c.issuer());
  f.Add("serial", c.serial_hex());
  f.Add("not before", FormatTime(c.not_before()));
  f.Add("not after", FormatTime(c.not_after()));
  f.Add("key", c.key_text());
  f.Add("signature", c.signature_algorithm());
  f.Add("SHA-256", ToHex(c.digest()));
  return c.ToPem();
}

// StateOf is an authority's turn as it is now: its end is recorded when another takes over.
std::string StateOf(const ledger::CaRow& ca, Time now) {
  const std::string_view over = line::WhyOver(ca, now);
  return over == "time" || over == "count" ? fmt::format("retired ({})", over) : ca.state;
}

}  // namespace

Result<int> ProductList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::PlanRow> plans, view->registry().Plans());
  std::map<std::string, ledger::PlanRow> newest;
  for (ledger::PlanRow& p : plans) newest[p.product] = p;
  Table table({"product", "plan", "adopted", "units"});
  for (const auto& [id, p] : newest) {
    BM_TRY(uint64_t units, view->registry().CountUnits(
                               {.product = id, .state = std::nullopt, .site = std::nullopt}));
    table.Add(
        {id, fmt::format("version {}", p.version), Date(p.adopted_at), std::to_string(units)});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> ProductShow(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::PlanRow> plans, view->registry().Plans());
  std::string product = in.Arg("PRODUCT");
  Table table({"product", "version", "adopted", "plan SHA-256"});
  for (const ledger::PlanRow& p : plans) {
    if (!product.empty() && p.product != product) continue;
    table.Add({p.product, std::to_string(p.version), Moment(p.adopted_at), ToHex(p.digest)});
  }
  if (table.empty())
    return Refused("product.unknown", "no such product: " + product,
                   "`birthmark product list WS` lists them");
  Print(table.Text(in.json()));
  return 0;
}

Result<int> CaList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::CaRow> cas, view->registry().Cas());
  std::ranges::stable_sort(cas, [](const auto& a, const auto& b) {
    return std::tie(a.pki, a.level) < std::tie(b.pki, b.level);
  });
  Table table({"ca", "level", "name", "side", "state", "issues until", "issued"});
  const Time now = SystemClock().Now();
  for (const ledger::CaRow& c : cas) {
    table.Add(
        {c.id, std::to_string(c.level), c.name, std::string(Side(c.offline)), StateOf(c, now),
         c.issues_until ? Date(*c.issues_until) : "",
         c.max_count ? fmt::format("{} of {}", c.issued, *c.max_count) : std::to_string(c.issued)});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> CaShow(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::CaRow> cas, view->registry().Cas());
  auto ca = std::ranges::find(cas, in.Arg("CA"), &ledger::CaRow::id);
  if (ca == cas.end())
    return Refused("ca.unknown", "no such authority: " + in.Arg("CA"),
                   "`birthmark ca list WS` lists them");
  BM_TRY(ledger::Event event, view->EventAt(ca->seq));
  BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
  BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
  Fields f;
  f.Add("ca", ca->id);
  f.Add("pki", ca->pki);
  f.Add("level", std::to_string(ca->level));
  f.Add("side", std::string(Side(ca->offline)));
  f.Add("state", StateOf(*ca, SystemClock().Now()));
  if (ca->state_at != 0) f.Add("state since", Moment(ca->state_at));
  f.Add("issued", std::to_string(ca->issued));
  if (ca->max_count) f.Add("issues at most", std::to_string(*ca->max_count));
  if (ca->issues_until) f.Add("issues until", Moment(*ca->issues_until));
  std::string pem = CertificateFacts(c, f);
  f.Add("certificate", pem);
  Print(f.Text(in.json()));
  return 0;
}

Result<int> CertList(const Invocation& in) {
  BM_TRY(uint64_t limit, in.Number("--limit", 100, 1, 1'000'000));
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(ledger::IdentityFilter filter, IdentityFilterOf(in));
  if (in.Has("--unit")) {
    BM_TRY(filter.unit, app::ResolveUnit(view->registry(), in.Get("--unit")));
  }
  BM_TRY(std::vector<ledger::IdentityRow> rows,
         view->registry().Identities(
             filter, {.limit = limit, .after_seq = std::nullopt, .after_unit = std::nullopt}));
  Table table({"serial", "unit", "slot", "method", "state", "issued", "at"});
  for (const ledger::IdentityRow& r : rows) {
    table.Add({ToHex(r.serial), r.unit, r.slot, r.method.empty() ? "adopted" : r.method, r.state,
               Moment(r.issued_at), r.via.empty() ? r.station : r.via});
  }
  Print(table.Text(in.json()));
  if (rows.size() == limit && !in.json())
    Note(fmt::format("only the first {}: --limit N shows more", limit));
  return 0;
}

Result<int> CertShow(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  std::string what = in.Arg("CERT");
  std::optional<crypto::Certificate> certificate;
  std::optional<ledger::IdentityRow> row;
  if (auto serial = FromHex(what); serial && !serial->empty()) {
    BM_TRY(row, view->registry().IdentityBySerial(*serial));
  }
  if (!row && fs::is_regular_file(what)) {
    BM_TRY(std::string pem, ReadTextFile(what, 64 * 1024));
    BM_TRY(certificate, crypto::Certificate::FromPem(pem));
    BM_TRY(row, view->registry().IdentityBySerial(certificate->serial()));
  }
  if (!row && !certificate) {
    BM_TRY(std::string unit, app::ResolveUnit(view->registry(), what));
    BM_TRY(std::vector<ledger::IdentityRow> rows, view->registry().IdentitiesOf(unit));
    if (rows.empty()) return Refused("cert.none", what + " has no certificate");
    row = rows.back();
  }
  if (!certificate) {
    BM_TRY(certificate, CertificateAt(*view, row->seq));
  }
  if (in.Has("--pem")) {
    Print(certificate->ToPem());
    return 0;
  }
  Fields f;
  if (row) {
    f.Add("unit", row->unit);
    f.Add("slot", row->slot);
    f.Add("method", row->method.empty() ? "adopted: declared only" : row->method);
    f.Add("state", row->state);
    f.Add("ca", row->ca);
  } else {
    f.Add("in this ledger", "no: it was not issued here");
  }
  CertificateFacts(*certificate, f);
  Findings findings = pki::LintCertificate(certificate->der(), pki::LintKind::kIDevId);
  static constexpr const char* kWord[] = {"error", "warning", "note"};
  for (const Finding& finding : findings.all()) {
    f.Add(kWord[static_cast<int>(finding.severity)], finding.code + ": " + finding.message);
  }
  Print(f.Text(in.json()));
  return row ? 0 : 1;
}

Result<int> UnitList(const Invocation& in) {
  BM_TRY(uint64_t limit, in.Number("--limit", 100, 1, 1'000'000));
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(ledger::UnitFilter filter, UnitFilterOf(in));
  BM_TRY(std::vector<ledger::UnitRow> rows,
         view->registry().Units(
             filter, {.limit = limit, .after_seq = std::nullopt, .after_unit = std::nullopt}));
  Table table({"unit", "state", "site", "visits", "last seen"});
  for (const ledger::UnitRow& r : rows)
    table.Add({r.unit, r.state, r.site, std::to_string(r.visits), Moment(r.last_at)});
  Print(table.Text(in.json()));
  if (rows.size() == limit && !in.json())
    Note(fmt::format("only the first {}: --limit N shows more", limit));
  return 0;
}

Result<int> UnitShow(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::string unit, app::ResolveUnit(view->registry(), in.Arg("UNIT")));
  BM_TRY(std::optional<ledger::UnitRow> row, view->registry().Unit(unit));
  if (!row)
    return Refused("unit.unknown", "no unit is called " + unit,
                   "`birthmark unit list WS` lists them");
  BM_TRY(std::vector<ledger::IdentityRow> identities, view->registry().IdentitiesOf(unit));
  BM_TRY(std::vector<ledger::SecretRow> secrets, ledger::SecretsOf(view->registry().db(), unit));
  Table table({"at", "station", "what", "outcome", "shown by", "detail"});
  bool seeded = std::ranges::any_of(identities, [](const auto& i) { return i.method == "carrot"; });
  BM_CHECK(view->events().ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (seeded && e.type == ledger::SeedsUsed::kType) {
      BM_TRY(ledger::SeedsUsed used, ledger::BodyOf<ledger::SeedsUsed>(e));
      auto it = std::ranges::find(used.units, unit);
      auto at = static_cast<size_t>(it - used.units.begin());
      if (it == used.units.end() || at >= used.chips.size()) return {};
      table.Add({Moment(used.from), "", "key outside", used.form, "",
                 fmt::format("from the seed of chip {}, batch {}; {} for {} ms at most; {}",
                             used.chips[at], used.batch, used.place, used.to - used.from + 1,
                             used.destroyed)});
      return {};
    }
    if (e.subject != "unit:" + unit) return {};
    if (e.type == ledger::UnitVisit::kType) {
      BM_TRY(ledger::UnitVisit v, ledger::BodyOf<ledger::UnitVisit>(e));
      for (const ledger::StepRecord& s : v.steps)
        table.Add({Moment(s.at), v.station, s.step, s.outcome, s.proof, s.detail.value_or("")});
    } else if (e.type == ledger::IdentityIssued::kType) {
      BM_TRY(ledger::IdentityIssued i, ledger::BodyOf<ledger::IdentityIssued>(e));
      table.Add({Moment(e.at), e.station.value_or(""), "certificate", "issued", i.proof,
                 ToHex(i.serial)});
    } else if (e.type == ledger::SecretProvisioned::kType) {
      BM_TRY(ledger::SecretProvisioned s, ledger::BodyOf<ledger::SecretProvisioned>(e));
      table.Add({Moment(e.at), e.station.value_or(""), s.slot, s.how, s.check ? "key-check" : "",
                 s.batch   ? "key of " + *s.batch
                 : s.check ? fmt::format("{} bits, check {}", s.bits, ToHex(*s.check))
                           : fmt::format("{} bits", s.bits)});
    } else if (e.type == ledger::IdentityState::kType) {
      BM_TRY(ledger::IdentityState i, ledger::BodyOf<ledger::IdentityState>(e));
      table.Add({Moment(e.at), e.station.value_or(""), "identity", i.state, "", i.reason});
    } else if (e.type == ledger::KeyOutside::kType) {
      BM_TRY(ledger::KeyOutside k, ledger::BodyOf<ledger::KeyOutside>(e));
      for (const ledger::KeyPlace& p : k.places) {
        table.Add({Moment(p.from), e.station.value_or(""), "key outside", p.form, "",
                   p.to == 0
                       ? p.place + ", still there when this was written"
                       : fmt::format("{} for {} ms; {}", p.place, p.to - p.from, k.destroyed)});
      }
    }
    return {};
  }));
  if (in.json()) {
    Print(table.Text(true));
    return 0;
  }
  PrintLine(
      fmt::format("{}  {}  at {}  {} visits", Bold(unit), row->state, row->site, row->visits));
  for (const ledger::IdentityRow& i : identities)
    PrintLine(fmt::format("{}  {}  {}  {}", i.slot, i.method, i.state, ToHex(i.serial)));
  for (const ledger::SecretRow& s : secrets) {
    PrintLine(fmt::format(
        "{}  {}  {}", s.slot, s.how,
        s.batch.empty() ? fmt::format("{} bits, no certificate", s.bits) : "key of " + s.batch));
  }
  Print(table.Text(false));
  return 0;
}

Result<int> KeyList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::KeyRow> keys, view->registry().Keys());
  Table table({"key", "purpose", "algorithm", "store", "side", "made", "destroyed"});
  for (const ledger::KeyRow& k : keys) {
    table.Add({k.id, k.purpose, k.algorithm, k.store, std::string(Side(k.offline)),
               Date(k.created_at), k.destroyed_at ? Date(*k.destroyed_at) : ""});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> CredentialList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<ledger::CredentialRow> rows, view->registry().Credentials());
  Table table({"pseudonym", "kind", "role", "issued", "ends", "state"});
  const int64_t now = Millis(SystemClock().Now());
  for (const ledger::CredentialRow& r : rows) {
    BM_TRY(ledger::Event event, view->EventAt(r.seq));
    BM_TRY(ledger::CredentialIssued body, ledger::BodyOf<ledger::CredentialIssued>(event));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    std::string state = r.revoked_at                   ? "revoked " + Date(*r.revoked_at)
                        : Millis(c.not_after()) <= now ? "expired"
                                                       : "valid";
    table.Add({r.pseudonym, r.kind, r.role, Date(r.issued_at), FormatDate(c.not_after()), state});
  }
  Print(table.Text(in.json()));
  return 0;
}

}  // namespace birthmark::cli
