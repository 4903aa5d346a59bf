// SPDX-License-Identifier: Apache-2.0
// voucher request, issue, verify, list, put, owner.
#include <fmt/format.h>

#include "app/est_carry.h"
#include "app/masa.h"
#include "app/onboard.h"
#include "cli/handlers_anchors.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "voucher/verify.h"

namespace birthmark::cli {
namespace {

Result<std::optional<voucher::Form>> FormOf(const Invocation& in) {
  if (!in.Has("--form")) return std::nullopt;
  voucher::Form form{};
  if (!voucher::FromText(in.Get("--form"), form))
    return Usage("voucher.usage", "--form is cms or cose");
  return form;
}

int SaidJudged(const Invocation& in, const link::VoucherJudged& j) {
  if (in.json()) {
    PrintLine(fmt::format(R"({{"accepted": {}, "why": {}, "text": {}, "level": {}}})", j.accepted,
                          JsonString(j.why), JsonString(j.text), j.level));
  } else {
    PrintLine(j.accepted ? fmt::format("accepted, signed at level {}", j.level)
                         : fmt::format("refused[{}]: {}", j.why, j.text));
  }
  return j.accepted ? 0 : 1;
}

// SaidFetched tells of a session that came to nothing, or of what the device made of the answer.
int SaidFetched(const Invocation& in, const link::TlsStep& step) {
  const bool refused = step.state == "refused" && !step.accepted;
  const std::string why =
      refused ? std::string(link::VerdictWord(step.verdict)) : step.cacerts->why;
  const std::string& text = refused ? step.text : step.cacerts->text;
  const bool accepted = !refused && step.cacerts->accepted;
  if (in.json()) {
    PrintLine(fmt::format(R"({{"accepted": {}, "why": {}, "text": {}, "count": {}, "level": {}}})",
                          accepted, JsonString(why), JsonString(text), step.cacerts->count,
                          step.level));
  } else {
    PrintLine(accepted ? fmt::format("accepted, {} certificate{}, from a server at level {}",
                                     step.cacerts->count, step.cacerts->count == 1 ? "" : "s",
                                     step.level)
                       : fmt::format("refused[{}]: {}", why, text));
  }
  return accepted ? 0 : 1;
}

}  // namespace

Result<int> VoucherRequest(const Invocation& in) {
  SystemClock clock;
  Bytes request;
  if (in.Has("--device")) {
    Bytes registrar;
    if (in.Has("--registrar-cert")) {
      BM_TRY(auto seen, app::ReadCertificates(in.Get("--registrar-cert")));
      if (!seen.empty()) registrar.assign(seen.front().der().begin(), seen.front().der().end());
    }
    BM_TRY(link::DeviceConsole console, app::OpenConsole(in.Get("--device")));
    BM_TRY(link::VoucherAsked asked, console.AskVoucher(registrar));
    request = std::move(asked.request);
  } else {
    app::RequestOptions o{.key = in.Get("--key"),
                          .certificates = in.Get("--cert"),
                          .prior = in.Get("--prior"),
                          .registrar = in.Get("--registrar-cert"),
                          .serial = in.Get("--serial"),
                          .nonce = in.Get("--nonce"),
                          .no_nonce = in.Has("--no-nonce"),
                          .form = std::nullopt};
    if (o.key.empty() || o.certificates.empty()) {
      return Usage("voucher.usage", "nobody is named who signs",
                   "say --device URI, or --key FILE and --cert FILE");
    }
    BM_TRY(o.form, FormOf(in));
    SystemRng rng;
    BM_TRY(request, app::MakeRequest(o, clock, rng));
  }
  BM_CHECK(WriteFileAtomic(in.Get("--output"), request));
  BM_TRY(voucher::Message m, voucher::Open(request));
  const voucher::Statement& s = m.statement;
  if (in.json()) {
    PrintLine(fmt::format(R"({{"file": {}, "form": "{}", "serial": {}, "nonce": {}}})",
                          JsonString(in.Get("--output")), voucher::ToText(m.form),
                          JsonString(s.serial_number),
                          s.nonce.empty() ? "null" : JsonString(voucher::NonceText(s))));
  } else {
    PrintLine(fmt::format("{}: asks for {}, as {}", in.Get("--output"), s.serial_number,
                          voucher::MediaType(m.form)));
  }
  return 0;
}

Result<int> VoucherIssue(const Invocation& in) {
  SystemClock clock;
  BM_TRY(app::KeySource keys, KeysFor(in));
  app::VoucherIssueOptions o{.workspace = in.Arg("WS"),
                             .request = in.Get("--request"),
                             .as = in.Get("--as"),
                             .form = std::nullopt,
                             .order = {.nonceless = in.Has("--nonceless"),
                                       .claim = in.Has("--claim"),
                                       .transfer = in.Has("--transfer"),
                                       .dry_run = in.dry_run()}};
  BM_TRY(o.form, FormOf(in));
  BM_TRY(app::MasaGrant grant, app::IssueVoucher(o, keys, clock));
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), grant.voucher));
  const ledger::VoucherIssued& e = grant.event;
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"unit": {}, "form": "{}", "assertion": "{}", "domain": "{}", "claim": {}, "dry_run": {}}})",
        JsonString(e.unit), e.form, e.assertion, ToBase64(e.domain), e.claim, in.dry_run()));
    return 0;
  }
  PrintLine(fmt::format("{} to the domain {} ({}){}", e.unit, ToBase64(e.domain), e.assertion,
                        in.dry_run() ? "  (dry run: nothing was signed)" : ""));
  return 0;
}

Result<int> VoucherVerify(const Invocation& in) {
  BM_TRY(voucher::Verdict v, voucher::RunVerify({.file = in.Arg("FILE"),
                                                 .anchors = in.Get("--anchor"),
                                                 .at = in.Get("--time"),
                                                 .serial = in.Get("--serial"),
                                                 .nonce = in.Get("--nonce"),
                                                 .json = in.json()}));
  Print(v.text);
  return v.holds ? 0 : 1;
}

Result<int> VoucherList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  std::map<std::string, std::vector<app::OwnershipEntry>> all;
  BM_CHECK(app::ReadOwnership(*reader, 0, all));
  Table table({"unit", "at", "domain", "assertion", "claim", "form", "expires", "voucher"});
  for (const auto& [unit, entries] : all) {
    for (const app::OwnershipEntry& e : entries) {
      table.Add({unit, FormatTime(TimeFromMillis(e.at)), ToBase64(e.body.domain), e.body.assertion,
                 e.body.claim ? "yes" : "no", e.body.form,
                 e.body.expires ? FormatTime(TimeFromMillis(*e.body.expires)) : "",
                 ToHex(e.body.voucher)});
    }
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> VoucherPut(const Invocation& in) {
  BM_TRY(Bytes bytes, ReadFile(in.Arg("FILE"), voucher::kMaxMessage));
  BM_TRY(link::DeviceConsole console, app::OpenConsole(in.Get("--device")));
  BM_TRY(link::VoucherJudged judged, console.GiveVoucher(bytes));
  return SaidJudged(in, judged);
}

Result<int> VoucherOwner(const Invocation& in) {
  BM_TRY(link::DeviceConsole console, app::OpenConsole(in.Get("--device")));
  if (in.Has("--reset")) {
    BM_TRY(const bool forgotten, console.ResetOwner());
    PrintLine(in.json()   ? fmt::format(R"({{"forgotten": {}}})", forgotten)
              : forgotten ? "the device has no owner any more; its maker's anchors stay"
                          : "the device had no owner");
    return 0;
  }
  if (in.Has("--est")) {
    BM_TRY(const app::EstPlace place, app::ReadEstPlace(in.Get("--est"), in.Get("--connect")));
    BM_TRY(const link::TlsStep step, app::CarryCacerts(console, place));
    return SaidFetched(in, step);
  }
  BM_TRY(link::DeviceOwner owner, console.Owner());
  Table table({"means", "subject", "sha256"});
  for (const Bytes& der : owner.certificates) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    table.Add({owner.means, c.subject(), ToHex(c.digest())});
  }
  Print(table.Text(in.json()));
  if (!owner.present && !in.json()) Note("the device has no owner");
  return owner.present ? 0 : 1;
}

}  // namespace birthmark::cli
