// SPDX-License-Identifier: Apache-2.0
#include "app/grant.h"

#include <algorithm>

#include "crypto/digest.h"
#include "ledger/events.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kBlock = 1000;  // numbers left to the factory's own line before an island's

std::unexpected<Error> BadRequest(std::string_view what) {
  return Refused("station.request", fmt::format("the station's request {}", what),
                 "ask again with: birthmark station join DIR");
}

// Each calls fn with the events of a type, in order.
template <class B, class F>
Status Each(ledger::LogReader& reader, F&& fn) {
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(B::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(B body, ledger::BodyOf<B>(e));
    fn(body, e);
  }
  return {};
}

// Complete adds what came after the code was made.
Status Complete(ledger::LogReader& reader, StationTerms& t) {
  bool mine = false;
  BM_CHECK(
      Each<ledger::StationState>(reader, [&](const ledger::StationState& s, const ledger::Event&) {
        if (s.station != t.added.station) return;
        if (s.state == "joined") mine = s.join == t.added.id;
        if (s.state == "joined" && mine) t.joined = true;
        if (s.state == "disabled" && mine) t.disabled = true;
      }));
  return Each<ledger::IslandOpened>(reader,
                                    [&](const ledger::IslandOpened& i, const ledger::Event&) {
                                      if (i.station == t.added.station) t.island = i;
                                    });
}

Result<StationTerms> Find(ledger::LogReader& reader, const std::string& what,
                          const std::function<bool(const ledger::StationAdded&)>& wanted) {
  std::optional<StationTerms> found;
  BM_CHECK(Each<ledger::StationAdded>(reader,
                                      [&](const ledger::StationAdded& a, const ledger::Event& e) {
                                        if (!wanted(a)) return;
                                        found.emplace();
                                        found->added = a;
                                        found->actor = e.actor;
                                      }));
  if (!found) {
    return Refused("station.unknown", what,
                   "add it first: birthmark station add WS --station ID --server URL");
  }
  BM_CHECK(Complete(reader, *found));
  return std::move(*found);
}

std::string Tail(std::string_view station, std::string_view tag) {
  return fmt::format("{}-{}", station, tag);
}

}  // namespace

Result<StationTerms> TermsOf(ledger::LogReader& reader, const std::string& station) {
  std::string code;
  BM_CHECK(
      Each<ledger::StationState>(reader, [&](const ledger::StationState& s, const ledger::Event&) {
        if (s.station == station && s.state == "joined") code = s.join.value_or("");
      }));
  return Find(reader, fmt::format("no station \"{}\" has joined", station),
              [&](const ledger::StationAdded& a) { return a.id == code && !code.empty(); });
}

Result<StationTerms> TermsOfCode(ledger::LogReader& reader, const std::string& code) {
  return Find(reader, "no such join code", [&](const auto& a) { return a.id == code; });
}

std::string IslandAuthorityId(const plan::Pki& pki, const std::string& station,
                              std::string_view tag) {
  return fmt::format("{}-{}.{}", pki.id, pki.levels.size(), Tail(station, tag));
}

std::string IslandAuthorityName(const plan::Pki& pki, const std::string& station,
                                std::string_view tag) {
  std::string name = pki.levels.back().name;
  if (size_t at = name.find("{}"); at != std::string::npos) {
    name.replace(at, 2, Tail(station, tag));
    return name;
  }
  return name + " " + Tail(station, tag);
}

pki::RequestTerms IslandRequestTerms(const plan::Plan& plan, const std::string& workspace,
                                     bool rehearsal, const std::string& station,
                                     std::string_view tag, Time now) {
  const plan::Pki& pki = *plan.IdentityPki();
  const plan::Level& level = pki.levels.back();
  pki::RequestTerms terms{
      .workspace = workspace,
      .name = IslandAuthorityName(pki, station, tag),
      .level = level.level,
      .lifetime_days = std::nullopt,
      .path_len = pki::PathLenFor(pki::PkiLevel(level.level), pki::PkiLevel(pki.EeLevel())),
      .rehearsal = rehearsal,
      .created = now};
  if (!level.lifetime.never) terms.lifetime_days = level.lifetime.duration / std::chrono::hours(24);
  return terms;
}

Status CheckIslandRequest(const pki::Request& request, const std::string& ca,
                          const std::string& station, const plan::Plan& plan,
                          const std::string& workspace, bool rehearsal) {
  const plan::Pki& pki = *plan.IdentityPki();
  std::string head = IslandAuthorityId(pki, station, "");
  std::string_view tag = ca.size() > head.size() ? std::string_view(ca).substr(head.size()) : "";
  bool plain = tag.size() == 8 && std::ranges::all_of(tag, [](char c) {
                 return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
               });
  if (!ca.starts_with(head) || !plain) return BadRequest("names an authority that is not its own");
  pki::RequestTerms meant = IslandRequestTerms(plan, workspace, rehearsal, station, tag, {});
  const pki::RequestTerms& t = request.terms;
  if (t.workspace != meant.workspace || t.rehearsal != meant.rehearsal)
    return BadRequest("is of another workspace");
  if (t.name != meant.name || t.level != meant.level || t.path_len != meant.path_len ||
      t.lifetime_days != meant.lifetime_days) {
    return BadRequest("asks for another kind of authority than the plan's last level");
  }
  if (request.csr.subject.Find("O") != plan.product.manufacturer ||
      request.csr.subject.Find("CN") != meant.name) {
    return BadRequest("is for another name");
  }
  return {};
}

Result<crypto::Certificate> CertificateOf(ledger::LogReader& reader, const ledger::CaRow& ca) {
  BM_TRY(ledger::Event event, reader.EventAt(ca.seq));
  BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
  return crypto::Certificate::FromDer(body.cert);
}

Result<crypto::Certificate> RootOf(ledger::LogReader& reader, const plan::Plan& plan) {
  BM_TRY(std::vector<ledger::CaRow> roots, reader.registry().CasOf(plan.IdentityPki()->id, 1));
  if (!roots.empty()) return CertificateOf(reader, roots.front());
  return Internal("station.no-root", "the log has no root of the identity PKI");
}

Result<ledger::CaRow> ParentOf(ledger::LogReader& reader, const plan::Plan& plan) {
  const plan::Pki& pki = *plan.IdentityPki();
  if (pki.levels.size() < 2) {
    return Refused("station.no-level",
                   "the identity PKI has one authority only, which cannot be in two places",
                   "give the plan a level below the root, or let devices enrol with the server");
  }
  BM_TRY(std::vector<ledger::CaRow> cas,
         reader.registry().CasOf(pki.id, static_cast<uint32_t>(pki.levels.size() - 1)));
  std::optional<ledger::CaRow> found;
  for (ledger::CaRow& ca : cas)
    if (ca.state == "active") found = std::move(ca);
  if (found) return std::move(*found);
  return Refused("station.no-parent", "the authority above the plan's last level is not there yet",
                 "bring back the response of the level above: birthmark request import WS FILE");
}

Result<ledger::Submission> GrantEvents(ledger::LogReader& reader, const plan::Plan& plan,
                                       const StationTerms& terms, const std::string& ca,
                                       const pki::Request& request, std::string_view response,
                                       const ledger::EventContext& context, Time now) {
  BM_TRY(crypto::Certificate root, RootOf(reader, plan));
  std::vector<crypto::Certificate> anchors{root};
  BM_TRY(pki::Response got, pki::CheckResponse(response, request, anchors, now));
  BM_TRY(ledger::CaRow parent, ParentOf(reader, plan));
  const plan::Pki& pki = *plan.IdentityPki();
  const std::string& station = terms.added.station;

  // Numbers come after all that were given away, and leave a block to the line beside the server.
  ledger::IslandOpened opened = terms.island;
  opened.ca = ca;
  opened.product = plan.product.id;
  if (!plan.product.serial_list) {
    BM_TRY(uint64_t units,
           reader.registry().CountUnits(
               {.product = plan.product.id, .state = std::nullopt, .site = std::nullopt}));
    uint64_t after = (units / kBlock + 1) * kBlock;
    BM_CHECK(Each<ledger::IslandOpened>(reader,
                                        [&](const ledger::IslandOpened& i, const ledger::Event&) {
                                          if (i.product == plan.product.id)
                                            after = std::max(after, i.last);
                                        }));
    opened.first = after + 1;
    // A unit that is scrapped before it has an identity takes a number and nothing of the quota.
    opened.last = after + 2 * terms.added.count;
  }
  ledger::CaCreated made{.id = ca,
                         .pki = pki.id,
                         .cert = Bytes(got.certificate.der().begin(), got.certificate.der().end()),
                         .name = request.terms.name,
                         .level = static_cast<uint32_t>(request.terms.level),
                         .issuer = parent.id,
                         .offline = false,
                         .max_count = terms.added.count,
                         .issues_until = Millis(got.certificate.not_before()) + terms.added.window};
  ledger::RequestCarried carried{.ca = ca,
                                 .request = request.digest,
                                 .action = "imported",
                                 .response = crypto::Sha256(AsBytes(response))};
  ledger::Submission out;
  auto add = [&](const std::string& subject, const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(context, now, subject, body)));
    out.push_back(std::move(e));
    return {};
  };
  BM_CHECK(add("ca:" + ca, carried));
  BM_CHECK(add("ca:" + ca, made));
  BM_CHECK(add("station:" + station, opened));
  return out;
}

}  // namespace birthmark::app
