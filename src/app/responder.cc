// SPDX-License-Identifier: Apache-2.0
#include "app/responder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/grant.h"
#include "app/ocsp_static.h"
#include "app/roles.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "line/key_event.h"
#include "pki/request.h"

namespace birthmark::app {
namespace {

constexpr int kMostResponders = 10'000;
constexpr auto kResponderSoon = std::chrono::hours(24) * 21;  // time for a way to the other machine

std::string ResponderId(const std::string& ca, int number) {
  return fmt::format("ocsp-{}-{}", ca, number);
}

// RootAbove follows an authority's issuers up.
Result<crypto::Certificate> RootAbove(ledger::LogReader& reader, ledger::CaRow ca) {
  for (int i = 0; i < 16 && ca.issuer != ca.id; ++i) {
    BM_TRY(std::optional<ledger::CaRow> above, reader.registry().Ca(ca.issuer));
    if (!above) break;
    ca = std::move(*above);
  }
  return CertificateOf(reader, ca);
}

Result<ledger::CaRow> OfflineAuthorityOf(Factory& f, ledger::LogReader& reader,
                                         const std::string& id) {
  BM_TRY(std::optional<ledger::CaRow> ca, reader.registry().Ca(id));
  if (!ca) return Refused("ca.unknown", "no such authority: " + id, "`birthmark ca list WS`");
  if (ca->state == "compromised") return Refused("ca.ended", id + " is compromised");
  if (!ca->offline && f.keys.online->Facts(ca->id))
    return Refused("responder.online", "the key of " + id + " is on this machine",
                   "birthmark serve makes its responder itself");
  return std::move(*ca);
}

// Certified are the responders that the log knows, by key id.
Result<std::map<std::string, crypto::Certificate>> Certified(ledger::LogReader& reader) {
  std::map<std::string, crypto::Certificate> out;
  BM_TRY(std::vector<uint64_t> seqs,
         reader.registry().EventsOfType(ledger::SignerCertified::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    if (body.pki != "ocsp" || body.chain.empty()) continue;
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.chain.front()));
    out.insert_or_assign(body.key, std::move(c));
  }
  return out;
}

}  // namespace

Result<ResponderRow> AskResponder(const ResponderAsked& o, const KeySource& source,
                                  const Clock& clock) {
  BM_TRY(auto f, Factory::Open(o.workspace, source, false, o.product, o.as, clock));
  BM_CHECK(RequireRole(*f, {"maintainer", "administrator"}, "asking for a responder"));
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(const ledger::CaRow ca, OfflineAuthorityOf(*f, *reader, o.ca));
  BM_TRY(const auto certified, Certified(*reader));
  ResponderRow row{.id = "", .state = "requested", .file = {}};
  for (int n = 1; n <= kMostResponders; ++n) {
    row.id = ResponderId(ca.id, n);
    if (!certified.contains(row.id)) break;
  }
  row.file = f->layout.requests() / (row.id + ".request");
  BM_TRY(std::vector<ledger::KeyRow> known, reader->registry().Keys());
  const bool made = std::ranges::find(known, row.id, &ledger::KeyRow::id) != known.end();
  if ((made && fs::exists(row.file)) || o.dry_run) return row;

  // A key whose request never left is left from an interrupted run.
  if (f->keys.online->Facts(row.id)) BM_CHECK(f->keys.online->Destroy(row.id));
  BM_TRY(auto signer, f->keys.online->Create(row.id, crypto::Algorithm::kEcdsaP256));
  BM_TRY(keystore::KeyFacts facts, f->keys.online->Facts(row.id));
  BM_TRY(crypto::Certificate above, CertificateOf(*reader, ca));
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", above.SubjectAttribute("2.5.4.10").value_or("Birthmark")},
                          {"CN", "OCSP " + ca.id}}));
  BM_TRY(std::string text, pki::MakeRequest({.workspace = f->genesis.workspace,
                                             .name = "OCSP " + ca.id,
                                             .level = static_cast<int>(ca.level) + 1,
                                             .lifetime_days = o.days,
                                             .path_len = 0,
                                             .profile = "ocsp-responder",
                                             .pki = ca.pki,
                                             .rehearsal = f->genesis.rehearsal,
                                             .created = clock.Now()},
                                            subject, *signer));
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  BM_CHECK(MakeDirs(f->layout.requests(), 0700));
  BM_CHECK(WriteFileAtomic(row.file, text));
  ledger::Submission events;
  auto add = [&](const std::string& subject_id, const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), subject_id, body)));
    events.push_back(std::move(e));
    return {};
  };
  if (!made) BM_CHECK(add("key:" + row.id, line::KeyMade(row.id, facts, "ocsp")));
  BM_CHECK(add("ca:" + row.id,
               ledger::RequestCarried{
                   .ca = row.id, .request = request.digest, .action = "exported", .response = {}}));
  BM_CHECK(f->log->Append(std::move(events)));
  return row;
}

Result<std::optional<ResponderRow>> AcceptResponder(Factory& f, std::string_view response,
                                                    const Clock& clock, bool dry_run) {
  BM_TRY(auto reader, f.NewReader());
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(f.layout.requests(), ec)) {
    const fs::path& file = entry.path();
    const std::string id = file.stem().string();
    if (file.extension() != ".request" || !id.starts_with("ocsp-")) continue;
    BM_TRY(std::string text, ReadTextFile(file, pki::kMaxRequestBytes));
    BM_TRY(pki::Request request, pki::CheckRequest(text));
    const size_t dash = id.rfind('-');
    BM_TRY(std::optional<ledger::CaRow> ca, reader->registry().Ca(id.substr(5, dash - 5)));
    if (!ca) continue;
    BM_TRY(crypto::Certificate above, CertificateOf(*reader, *ca));
    BM_TRY(crypto::Certificate root, RootAbove(*reader, *ca));
    auto answered = pki::CheckResponse(response, request, std::vector{root}, clock.Now());
    if (!answered && (answered.error().code == "response.other-request" ||
                      answered.error().code == "response.other-key"))
      continue;
    if (!answered) return std::unexpected(answered.error());
    // RFC 6960 section 4.2.2.2: a delegated responder is certified by the very authority.
    if (!std::ranges::equal(answered->certificate.issuer_der(), above.subject_der()) ||
        !above.public_key() || !answered->certificate.IsSignedBy(*above.public_key()))
      return Refused("responder.issuer", "the responder of " + ca->id + " was certified by another",
                     "have that authority sign the request: birthmark request sign F --offline DIR "
                     "--ca " +
                         ca->id);
    ResponderRow row{.id = id, .state = "certified", .file = file};
    if (dry_run) return row;
    ledger::SignerCertified body{.key = id, .pki = "ocsp", .chain = {}};
    for (const crypto::Certificate* c : {&answered->certificate, &above})
      body.chain.emplace_back(c->der().begin(), c->der().end());
    ledger::Submission events;
    auto add = [&](const std::string& subject, const auto& b) -> Status {
      BM_TRY(ledger::NewEvent e,
             ledger::Prepare(ledger::MakeEvent(f.context, clock.Now(), subject, b)));
      events.push_back(std::move(e));
      return {};
    };
    BM_CHECK(
        add("ca:" + id, ledger::RequestCarried{.ca = id,
                                               .request = request.digest,
                                               .action = "imported",
                                               .response = crypto::Sha256(AsBytes(response))}));
    BM_CHECK(add("key:" + id, body));
    BM_CHECK(f.log->Append(std::move(events)));
    fs::remove(file, ec);  // it is answered
    return row;
  }
  return std::nullopt;
}

Status WatchResponders(ledger::LogReader& reader, Time now, Findings& out) {
  BM_TRY(const auto certified, Certified(reader));
  std::map<std::string, Time> until;  // by authority: the last one's end
  for (const auto& [id, c] : certified) {
    const size_t dash = id.rfind('-');
    if (!id.starts_with("ocsp-") || dash < 5) continue;
    Time& end = until[id.substr(5, dash - 5)];
    end = std::max(end, c.not_after());
  }
  for (const auto& [id, end] : until) {
    BM_TRY(std::optional<ledger::CaRow> ca, reader.registry().Ca(id));
    if (!ca || !ca->offline || ca->state == "compromised" || end > now + kResponderSoon) continue;
    out.Error("status.responder-ends",
              fmt::format("the responder of {}, whose key is offline, {} on {}", id,
                          end <= now ? "ended" : "ends", FormatDate(end)),
              "birthmark request export WS --responder " + id + " --to DIR");
  }
  return {};
}

}  // namespace birthmark::app
