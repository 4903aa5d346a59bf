// SPDX-License-Identifier: Apache-2.0
#include "app/station.h"

#include <algorithm>
#include <map>

#include "app/authorities.h"
#include "app/grant.h"
#include "app/release.h"
#include "app/roles.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "pki/issue.h"

namespace birthmark::app {
namespace {

template <class B>
Status Append(Factory& f, const Clock& clock, const std::string& subject, const B& body) {
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), subject, body)));
  return {};
}

bool PlainUrl(std::string_view url) {
  constexpr std::string_view kHead = "https://";
  if (!url.starts_with(kHead) || url.size() <= kHead.size() || url.size() > 200) return false;
  return std::ranges::all_of(url.substr(kHead.size()), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']';
  });
}

}  // namespace

Result<AddedStation> AddStation(const fs::path& workspace, const StationOptions& o,
                                const KeySource& keys, const Clock& clock, bool dry_run) {
  if (!PlainUrl(o.server)) {
    return Usage("station.url", fmt::format("\"{}\" is no address of a server", o.server),
                 "give it as stations reach it: --server https://HOST:PORT");
  }
  BM_TRY(auto f, Factory::Open(workspace, keys, false, o.product, o.as, clock));
  BM_CHECK(RequireRole(*f, {"administrator"}, "add a station"));
  const plan::Plan& plan = f->adopted.plan;
  const plan::Station* station = plan.FindStation(o.station);
  if (station == nullptr) {
    std::string names;
    for (const plan::Station& s : plan.stations) names += (names.empty() ? "" : ", ") + s.id;
    return Usage("station.unknown", fmt::format("the plan has no station \"{}\"", o.station),
                 "the stations are " + names);
  }
  BM_TRY(auto reader, f->NewReader());
  BM_CHECK(ParentOf(*reader, plan));
  AddedStation out{.code = "",
                   .expires = Millis(clock.Now() + std::chrono::hours(kJoinCodeHours)),
                   .site = station->site};
  if (dry_run) return out;
  BM_TRY(line::Firmware firmware, ReleaseImages(*f, clock));
  BM_CHECK(TryAnchorsOnce(*f, firmware, clock));

  JoinCode code{.id = FormatUuid(NewUuid(clock.Now(), f->rng)),
                .pin = {},
                .url = o.server,
                .secret = Bytes(32)};
  f->rng.Fill(code.secret);
  if (o.pin) {
    code.pin = *o.pin;
  } else {
    BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
    auto operations = std::ranges::find(cas, "operations", &ledger::CaRow::id);
    if (operations == cas.end())
      return Internal("credential.authority", "this workspace has no operations authority");
    BM_TRY(crypto::Certificate c, CertificateOf(*reader, *operations));
    code.pin = c.digest();
  }
  BM_CHECK(Append(*f, clock, "station:" + o.station,
                  ledger::StationAdded{.id = code.id,
                                       .days = static_cast<int64_t>(o.days),
                                       .site = station->site,
                                       .count = o.count,
                                       .secret = crypto::Sha256(code.secret),
                                       .window = static_cast<int64_t>(o.hours) * 3600 * 1000,
                                       .expires = out.expires,
                                       .product = plan.product.id,
                                       .station = o.station}));
  out.code = FormatJoinCode(code);
  Wipe(code.secret.data(), code.secret.size());
  return out;
}

Status DisableStation(const fs::path& workspace, const std::string& station,
                      const std::string& reason, const std::string& as, const KeySource& keys,
                      const Clock& clock, bool dry_run) {
  // A workspace with several products has the station in one of them.
  BM_TRY(auto snapshot, OpenReader(workspace));
  BM_TRY(StationTerms terms, TermsOf(*snapshot, station));
  BM_TRY(auto f, Factory::Open(workspace, keys, false, terms.added.product, as, clock));
  BM_CHECK(RequireRole(*f, {"administrator"}, "disable a station"));
  if (dry_run) return {};
  ledger::Submission all;
  auto add = [&](const std::string& subject, const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), subject, body)));
    all.push_back(std::move(e));
    return {};
  };
  BM_CHECK(
      add("station:" + station,
          ledger::StationState{
              .join = std::nullopt, .state = "disabled", .reason = reason, .station = station}));
  BM_CHECK(add("credential:" + station,
               ledger::CredentialRevoked{.reason = reason, .pseudonym = station}));
  BM_CHECK(f->log->Append(std::move(all)));
  return {};
}

Result<std::vector<StationRow>> Stations(ledger::LogReader& reader) {
  std::map<std::string, StationRow> rows;
  auto each =
      [&]<class B>(const std::function<void(const B&, const ledger::Event&)>& fn) -> Status {
    BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(B::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader.EventAt(seq));
      BM_TRY(B body, ledger::BodyOf<B>(e));
      fn(body, e);
    }
    return {};
  };
  BM_CHECK(each.operator()<ledger::StationAdded>(
      [&](const ledger::StationAdded& a, const ledger::Event&) {
        StationRow& r = rows[a.station];
        r.station = a.station;
        r.site = a.site;
        r.product = a.product;
        if (r.state.empty()) r.state = "added";
      }));
  BM_CHECK(each.operator()<ledger::StationState>(
      [&](const ledger::StationState& s, const ledger::Event&) {
        rows[s.station].state = s.state;
      }));
  BM_CHECK(each.operator()<ledger::IslandOpened>(
      [&](const ledger::IslandOpened& i, const ledger::Event&) {
        rows[i.station].origin = i.origin;
        rows[i.station].ca = i.ca;
      }));
  BM_CHECK(each.operator()<ledger::SegmentImported>(
      [&](const ledger::SegmentImported& s, const ledger::Event& e) {
        for (auto& [id, r] : rows) {
          if (r.origin != s.origin) continue;
          r.told_at = e.at;
          r.set_aside += s.set_aside;
        }
      }));
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  std::vector<StationRow> out;
  for (auto& [id, r] : rows) {
    r.station = id;
    if (!r.origin.empty()) {
      BM_TRY(auto log, reader.registry().Foreign(r.origin));
      if (log) r.entries = log->next;
    }
    for (const ledger::CaRow& ca : cas) {
      if (r.ca.empty() || ca.id != r.ca) continue;
      r.issued = ca.issued;
      r.max_count = ca.max_count;
      r.issues_until = ca.issues_until;
    }
    out.push_back(std::move(r));
  }
  return out;
}

Status RevokeCredential(const fs::path& workspace, const std::string& pseudonym,
                        const std::string& reason, const std::string& as, const KeySource& keys,
                        const Clock& clock, bool dry_run) {
  BM_TRY(auto snapshot, OpenReader(workspace));
  BM_TRY(auto plans, PlansOf(*snapshot));
  std::string product = plans.empty() ? "" : plans.begin()->first;
  BM_TRY(auto f, Factory::Open(workspace, keys, false, product, as, clock));
  BM_CHECK(RequireRole(*f, {"administrator"}, "revoke a credential"));
  BM_TRY(std::vector<ledger::CredentialRow> rows, f->log->registry().Credentials());
  bool known = false, live = false, administrators = false;
  for (const ledger::CredentialRow& row : rows) {
    if (row.role == "administrator" && row.pseudonym != pseudonym && !row.revoked_at)
      administrators = true;
    if (row.pseudonym != pseudonym) continue;
    known = true;
    live = live || !row.revoked_at;
  }
  if (!known) {
    return Usage("credential.unknown", "no such credential: " + pseudonym,
                 "see `birthmark credential list`");
  }
  if (!live) return Refused("credential.revoked", pseudonym + " is revoked already");
  if (!administrators) {
    return Refused("credential.last", pseudonym + " is the last administrator",
                   "give another one a credential first: birthmark credential issue WS --role "
                   "administrator");
  }
  if (dry_run) return {};
  return Append(*f, clock, "credential:" + pseudonym,
                ledger::CredentialRevoked{.reason = reason, .pseudonym = pseudonym});
}

Result<SignedRequest> SignIslandRequest(const fs::path& workspace, const fs::path& file,
                                        const KeySource& keys, const std::string& as,
                                        const Clock& clock, bool dry_run) {
  BM_TRY(std::string text, ReadTextFile(file, pki::kMaxRequestBytes));
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  std::string ca = file.stem().string();
  // The authority's id says which station asks.
  BM_TRY(auto snapshot, OpenReader(workspace));
  BM_TRY(std::vector<StationRow> stations, Stations(*snapshot));
  std::optional<StationTerms> terms;
  for (const StationRow& row : stations) {
    if (row.state != "joined") continue;
    BM_TRY(AdoptedPlan adopted, PlanOf(*snapshot, row.product));
    std::string head = IslandAuthorityId(*adopted.plan.IdentityPki(), row.station, "");
    if (!ca.starts_with(head) || ca.size() != head.size() + 8) continue;
    BM_TRY(terms, TermsOf(*snapshot, row.station));
  }
  if (!terms) {
    return Refused("request.not-waiting",
                   fmt::format("{}: no station that has joined asks for this", file.string()),
                   "the requests that wait are in the workspace's folder requests");
  }
  BM_TRY(auto f, Factory::Open(workspace, keys, true, terms->added.product, as, clock));
  const plan::Plan& plan = f->adopted.plan;
  BM_CHECK(CheckIslandRequest(request, ca, terms->added.station, plan, f->genesis.workspace,
                              f->genesis.rehearsal));
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  if (std::ranges::find(cas, ca, &ledger::CaRow::id) != cas.end())
    return Refused("request.not-waiting", ca + " has its certificate already");
  BM_TRY(ledger::CaRow parent, ParentOf(*reader, plan));
  SignedRequest out{.ca = ca, .station = terms->added.station, .count = terms->added.count};
  if (dry_run) return out;
  keystore::KeyStore& store =
      parent.offline ? static_cast<keystore::KeyStore&>(*f->keys.offline) : *f->keys.online;
  BM_TRY(crypto::Certificate above, CertificateOf(*reader, parent));
  BM_TRY(OpenedIssuer opened,
         OpenIssuer(store, plan, parent.pki, static_cast<int>(parent.level), parent.id, above));
  const pki::Issuer& issuer = *opened.issuer;
  std::vector<crypto::Certificate> chain{above};
  ledger::CaRow at = parent;
  for (size_t depth = 0; depth < cas.size() && at.issuer != at.id; ++depth) {
    auto up = std::ranges::find(cas, at.issuer, &ledger::CaRow::id);
    if (up == cas.end()) break;
    BM_TRY(crypto::Certificate c, CertificateOf(*reader, *up));
    chain.push_back(std::move(c));
    at = *up;
  }
  BM_TRY(pki::Stamp stamp, f->serials->Next());
  BM_TRY(std::string response, pki::SignRequest(request, issuer, f->marks, stamp, chain));
  // The file is there before the log says that the quota is granted: the server gives it away.
  BM_CHECK(WriteFileAtomic(f->layout.requests() / (ca + ".response"), response));
  BM_CHECK(Append(*f, clock, "ca:" + ca,
                  ledger::RequestCarried{.ca = ca,
                                         .request = request.digest,
                                         .action = "signed",
                                         .response = crypto::Sha256(AsBytes(response))}));
  BM_TRY(ledger::Submission events,
         GrantEvents(*reader, plan, *terms, ca, request, response, f->context, clock.Now()));
  BM_CHECK(f->log->Append(std::move(events)));
  BM_CHECK(reader->Refresh());
  BM_TRY(*terms, TermsOf(*reader, terms->added.station));
  out.first = terms->island.first;
  out.last = terms->island.last;
  out.issues_until = Millis(stamp.at) + terms->added.window;
  return out;
}

}  // namespace birthmark::app
