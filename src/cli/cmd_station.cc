// SPDX-License-Identifier: Apache-2.0
// birthmark station add|list|disable|join|check, line push, request sign, credential revoke.
#include "app/island.h"
#include "app/on_behalf.h"
#include "app/station.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

std::string When(const std::optional<int64_t>& at) {
  return at ? FormatTime(TimeFromMillis(*at)) : "";
}

std::string QuotaText(const app::Quota& q) {
  if (!q.granted) return q.ca.empty() ? "not asked for yet" : "waits for the offline level";
  return fmt::format("{} of {} issued, until {}", q.issued, q.max_count.value_or(0),
                     When(q.issues_until));
}

void PrintQuota(const Invocation& in, const app::Quota& q) {
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"granted": {}, "ca": {}, "issued": {}, "max_count": {}, "issues_until": {}}})",
        q.granted, JsonString(q.ca), q.issued, q.max_count.value_or(0),
        q.issues_until ? JsonString(When(q.issues_until)) : "null"));
    return;
  }
  PrintLine(fmt::format("quota    {}", QuotaText(q)));
  if (q.granted) {
    PrintLine(fmt::format("next: birthmark line run {} --units 20", in.Arg("DIR")));
  } else if (!q.ca.empty()) {
    PrintLine(fmt::format("next: birthmark request sign WS WS/requests/{}.request, at the factory",
                          q.ca));
    PrintLine(fmt::format("then: birthmark station join {}", in.Arg("DIR")));
  }
}

}  // namespace

Result<int> StationAdd(const Invocation& in) {
  app::StationOptions options{.station = in.Get("--station"),
                              .server = in.Get("--server"),
                              .product = in.Get("--product"),
                              .pin = std::nullopt,
                              .as = in.Get("--as")};
  BM_TRY(options.hours, in.Number("--hours", 72, 1, 24 * 92));
  BM_TRY(options.count, in.Number("--count", 500, 1, 10'000'000));
  BM_TRY(options.days, in.Number("--days", 30, 1, 366));
  if (in.Has("--fingerprint")) {
    std::optional<Bytes> pin = FromHex(in.Get("--fingerprint"));
    if (!pin || pin->size() != 32)
      return Usage("station.pin", "--fingerprint takes 64 hexadecimal digits",
                   "openssl x509 -noout -fingerprint -sha256 -in CERT, without the colons");
    std::ranges::copy(*pin, options.pin.emplace().begin());
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::AddedStation added,
         app::AddStation(in.Arg("WS"), options, keys, SystemClock(), in.dry_run()));
  if (in.dry_run()) {
    Note(fmt::format("would let {} at {} join", options.station, added.site));
    return 0;
  }
  if (in.Has("--output")) {
    BM_CHECK(WriteFileAtomic(in.Get("--output"), added.code + "\n", 0600));
  } else if (in.json()) {
    PrintLine(fmt::format(R"({{"station": {}, "site": {}, "code": {}, "expires": {}}})",
                          JsonString(options.station), JsonString(added.site),
                          JsonString(added.code), JsonString(When(added.expires))));
  } else {
    PrintLine(added.code);
  }
  Wipe(added.code.data(), added.code.size());
  Note(fmt::format("works once, until {}; read it at the station: birthmark station join DIR",
                   When(added.expires)));
  return 0;
}

Result<int> StationList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(std::vector<app::StationRow> rows, app::Stations(*reader));
  Table table(
      {"station", "site", "state", "issued", "of", "until", "entries", "set aside", "last heard"});
  for (const app::StationRow& r : rows) {
    table.Add({r.station, r.site, r.state, r.max_count ? fmt::format("{}", r.issued) : "",
               r.max_count ? fmt::format("{}", *r.max_count) : "", When(r.issues_until),
               fmt::format("{}", r.entries), fmt::format("{}", r.set_aside), When(r.told_at)});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> StationDisable(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_CHECK(app::DisableStation(in.Arg("WS"), in.Arg("STATION"), in.Get("--reason", "disabled"),
                               in.Get("--as"), keys, SystemClock(), in.dry_run()));
  if (!in.json()) {
    PrintLine(
        fmt::format("{}{}: nothing of it is taken any more; what it made meanwhile is named "
                    "by `birthmark reconcile`",
                    in.dry_run() ? "would disable " : "", in.Arg("STATION")));
  }
  return 0;
}

Result<int> StationJoin(const Invocation& in) {
  fs::path folder = in.Arg("DIR");
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  // A folder that is there asks for its quota; a new one needs a code.
  if (app::IsStation(folder)) {
    BM_TRY(app::Quota q, app::RenewQuota(folder, keys, app::DialHttps, clock));
    PrintQuota(in, q);
    return q.granted ? 0 : 1;
  }
  keystore::PassphraseSource source;
  source.variable = "BIRTHMARK_JOIN_CODE_FILE";
  source.credential = "birthmark.join-code";
  source.prompt = "Join code: ";
  if (in.Has("--code-file")) source.file = in.Get("--code-file");
  if (in.Has("--code-fd")) {
    BM_TRY(uint64_t fd, in.Number("--code-fd", 0, 0, 1 << 20));
    source.fd = static_cast<int>(fd);
  }
  BM_TRY(SecretBytes text, keystore::ReadPassphrase(source));
  BM_TRY(app::JoinCode code, app::ParseJoinCode(AsText(text.Read(SecretAccess()))));
  BM_TRY(app::JoinResult r, app::JoinStation(folder, code, keys, app::DialHttps, clock));
  Wipe(code.secret.data(), code.secret.size());
  if (!in.json()) {
    PrintLine(fmt::format("station  {}", r.station));
    PrintLine(fmt::format("product  {}", r.product));
    PrintLine(fmt::format("log      {}", r.origin));
    PrintLine(fmt::format("person   {}", r.operators));
    PrintLine(fmt::format("ports    {}", app::StationFileOf(folder).string()));
  }
  PrintQuota(in, r.quota);
  return 0;
}

Result<int> StationCheck(const Invocation& in) {
  BM_TRY(app::StationCheck c, app::CheckStation(in.Arg("DIR"), app::DialHttps, SystemClock()));
  Fields fields;
  fields.Add("link", c.link);
  fields.Add("clock",
             c.clock == "ok" ? fmt::format("ok, {} ms from the server's", c.clock_ms) : c.clock);
  fields.Add("probe", c.probe);
  fields.Add("disk", c.disk == "ok" ? fmt::format("ok, {} GiB free", c.disk_free >> 30) : c.disk);
  auto quota = app::QuotaOf(in.Arg("DIR"));
  fields.Add("quota", quota ? QuotaText(*quota) : quota.error().message);
  Print(fields.Text(in.json()));
  return c.Good() ? 0 : 1;
}

Result<int> LinePush(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::PushResult r, app::PushLog(in.Arg("DIR"), keys, app::DialHttps, SystemClock()));
  if (in.json()) {
    std::string named;
    for (const std::string& n : r.named) named += (named.empty() ? "" : ", ") + JsonString(n);
    PrintLine(fmt::format(
        R"({{"entries": {}, "before": {}, "taken": {}, "set_aside": {}, "named": [{}]}})",
        r.entries, r.before, r.taken, r.set_aside, named));
  } else {
    PrintLine(fmt::format("{} entries, {} were there, {} taken, {} set aside", r.entries, r.before,
                          r.taken, r.set_aside));
    for (const std::string& n : r.named) PrintLine("set aside: " + n);
  }
  return r.set_aside > 0 ? 1 : 0;
}

Result<int> RequestSign(const Invocation& in) {
  if (in.Has("--offline")) return RequestSignOffline(in);
  BM_TRY(app::KeySource keys, KeysFor(in));
  if (in.Has("--on-behalf")) {
    BM_TRY(app::OnBehalf r,
           app::SignOnBehalf(in.Arg("WS"), in.Arg("F"), in.Get("--output"), in.Get("--product"),
                             in.Get("--as"), keys, SystemClock(), in.dry_run()));
    if (in.json()) {
      PrintLine(fmt::format(R"({{"ca": {}, "name": {}, "file": {}}})", JsonString(r.ca),
                            JsonString(r.name), JsonString(r.file.string())));
      return 0;
    }
    PrintLine(fmt::format("{}{}  {}", in.dry_run() ? "would sign " : "", r.ca, r.name));
    if (!in.dry_run())
      PrintLine(fmt::format("wrote {}: give it to the other party", r.file.string()));
    return 0;
  }
  BM_TRY(app::SignedRequest r, app::SignIslandRequest(in.Arg("WS"), in.Arg("F"), keys,
                                                      in.Get("--as"), SystemClock(), in.dry_run()));
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"ca": {}, "station": {}, "count": {}, "issues_until": {}, "first": {}, "last": {}}})",
        JsonString(r.ca), JsonString(r.station), r.count,
        r.issues_until != 0 ? JsonString(When(r.issues_until)) : "null", r.first, r.last));
    return 0;
  }
  if (in.dry_run()) {
    PrintLine(fmt::format("would sign {} for {}", r.ca, r.station));
    return 0;
  }
  PrintLine(fmt::format("{}  {} units until {}", r.ca, r.count, When(r.issues_until)));
  PrintLine("next: birthmark station join DIR, at the station");
  return 0;
}

Result<int> CredentialRevoke(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_CHECK(app::RevokeCredential(in.Arg("WS"), in.Arg("PSEUDONYM"), in.Get("--reason"),
                                 in.Get("--as"), keys, SystemClock(), in.dry_run()));
  if (!in.json()) {
    PrintLine(fmt::format("{} {}", in.Arg("PSEUDONYM"),
                          in.dry_run() ? "would be revoked" : "is revoked"));
  }
  return 0;
}

}  // namespace birthmark::cli
