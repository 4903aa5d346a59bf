// SPDX-License-Identifier: Apache-2.0
#include "app/station_service.h"

#include <algorithm>
#include <set>

#include "app/factory.h"
#include "app/grant.h"
#include "app/release.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "line/succession.h"
#include "pki/csr.h"
#include "pki/issue.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxWaiting = 64;
constexpr auto kOneDay = std::chrono::hours(24);

int HttpStatus(const Error& e) {
  if (e.code == "station.not-authorised" || e.code == "import.other-station") return 403;
  if (e.code == "station.malformed" || e.code == "station.request") return 400;
  if (e.code == "station.no-route") return 404;
  if (e.kind != ErrorKind::kNegative) return 503;
  return 409;
}

enroll::HttpResponse Say(const Error& e) {
  enroll::HttpResponse r{.status = HttpStatus(e),
                         .content_type = "text/plain; charset=utf-8",
                         .headers = {},
                         .body = {}};
  // What is wrong inside is for the server's own log.
  std::string text = r.status == 503 ? "station.busy: the server cannot do this now\n"
                                     : fmt::format("{}: {}\n", e.code, e.message);
  r.body = ToBytes(text);
  return r;
}

std::unexpected<Error> NotAuthorised(std::string_view why) {
  return Refused("station.not-authorised", std::string(why),
                 "add the station again: birthmark station add WS --station ID --server URL");
}

bool PlainPseudonym(std::string_view p) {
  return p.size() == 12 && p.starts_with("p-") && std::ranges::all_of(p.substr(2), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Carry reads the files of a folder that have one of these names, or all of them.
Status Carry(const fs::path& folder, const std::string& prefix, std::string_view ending,
             std::vector<CarriedFile>& out) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || !name.ends_with(ending)) continue;
    if (!CheckCarriedName(prefix + name)) continue;
    BM_TRY(Bytes bytes, ReadFile(entry.path(), kMaxImage));
    out.push_back({prefix + name, std::move(bytes)});
  }
  std::ranges::sort(out, {}, &CarriedFile::name);
  return {};
}

// Inheritance lists the events that an island's log begins with: the plan in force, the authorities
// above its own, who signed the images, and what the images are.
Result<std::vector<uint64_t>> Inheritance(ledger::LogReader& reader, const plan::Plan& plan) {
  std::set<uint64_t> seqs;
  BM_TRY(std::vector<ledger::PlanRow> plans, reader.registry().Plans());
  for (const ledger::PlanRow& p : plans)
    if (p.product == plan.product.id && p.digest == plan.digest) seqs.insert(p.seq);
  const plan::Pki& identity = *plan.IdentityPki();
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (const ledger::CaRow& ca : cas)
    if (ca.pki != identity.id || ca.level < identity.levels.size()) seqs.insert(ca.seq);
  std::set<std::string> signers;
  BM_TRY(std::vector<uint64_t> certified,
         reader.registry().EventsOfType(ledger::SignerCertified::kType));
  for (uint64_t seq : certified) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(e));
    signers.insert(body.key);
    seqs.insert(seq);
  }
  BM_TRY(std::vector<ledger::KeyRow> keys, reader.registry().Keys());
  for (const ledger::KeyRow& key : keys)
    if (signers.contains(key.id)) seqs.insert(key.seq);
  for (std::string_view type :
       {ledger::ImageReleased::kType, ledger::AnchorRead::kType, ledger::TrialsRun::kType}) {
    BM_TRY(std::vector<uint64_t> of_type, reader.registry().EventsOfType(type));
    for (uint64_t seq : of_type) {
      BM_TRY(ledger::Event e, reader.EventAt(seq));
      if (e.plan == plan.digest) seqs.insert(seq);
    }
  }
  return std::vector<uint64_t>(seqs.begin(), seqs.end());
}

}  // namespace

StationService::StationService(StationServices services)
    : s_(std::move(services)),
      layout_(s_.workspace),
      importer_([this](const auto& fn) { s_.queue.Run(fn); }, layout_.ledger(), s_.clock,
                s_.context),
      thread_([this] { Loop(); }) {}

StationService::~StationService() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  filled_.notify_all();
  thread_.join();
  for (Work& w : waiting_)
    w.reply(Say({ErrorKind::kEnvironment, "station.busy", "the server is stopping", ""}));
}

void StationService::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  if (request.path == "/station/time" && request.method == "GET") {
    // Answered at once: the station measures its clock by it.
    reply({.status = 200,
           .content_type = "text/plain; charset=utf-8",
           .headers = {{"Cache-Control", "no-store"}},
           .body = ToBytes(fmt::format("{}\n", Millis(s_.clock.Now())))});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() < kMaxWaiting && !stop_) {
      waiting_.push_back({std::move(request), std::move(reply)});
      filled_.notify_one();
      return;
    }
  }
  reply(Say({ErrorKind::kEnvironment, "station.busy", "many stations ask at once", ""}));
}

void StationService::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    auto answer = Answer(work.request);
    if (answer) {
      work.reply({.status = 200,
                  .content_type = std::string(kStationType),
                  .headers = {{"Cache-Control", "no-store"}},
                  .body = std::move(*answer)});
    } else {
      work.reply(Say(answer.error()));
    }
    lock.lock();
  }
}

Result<Bytes> StationService::Answer(const enroll::HttpRequest& request) {
  bool post = request.method == "POST";
  if (post && request.path == "/station/join") return Join(request);
  if (post && request.path == "/station/renew") return Renew(request);
  if (request.path == "/station/push" && (post || request.method == "GET")) return Push(request);
  return Refused("station.no-route", "nothing of stations is here");
}

Result<crypto::Certificate> StationService::IssueCredential(
    ledger::LogReader& reader, const std::string& kind, const std::string& role,
    const std::string& pseudonym, const std::string& manufacturer, const crypto::PublicKey& key,
    int64_t days) {
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  auto operations = std::ranges::find(cas, "operations", &ledger::CaRow::id);
  if (operations == cas.end())
    return Internal("credential.authority", "this workspace has no operations authority");
  BM_TRY(crypto::Certificate certificate, CertificateOf(reader, *operations));
  BM_TRY(auto signer, s_.open_key("operations"));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(certificate, *signer));
  if (!serials_) {
    BM_TRY(ledger::Event last, reader.EventAt(reader.size() - 1));
    serials_ = std::make_unique<pki::SerialSource>(s_.clock, rng_, TimeFromMillis(last.recorded));
  }
  BM_TRY(pki::Stamp stamp, serials_->Next());
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", manufacturer}, {"OU", role}, {"CN", pseudonym}}));
  const pki::Profile& profile = kind == "station" ? pki::StationProfile() : pki::PersonProfile();
  return pki::Issue(issuer, profile, s_.marks, stamp,
                    {.subject = subject, .key = key, .not_after = stamp.at + kOneDay * days});
}

Result<Bytes> StationService::Join(const enroll::HttpRequest& request) {
  BM_TRY(JoinRequest m, ReadMessage<JoinRequest>(request.body, kMaxStationRequest));
  Digest secret = crypto::Sha256(m.secret);
  Wipe(m.secret.data(), m.secret.size());
  BM_TRY(auto reader, ledger::LogReader::Open(layout_.ledger()));
  auto terms = TermsOfCode(*reader, m.id);
  int64_t now = Millis(s_.clock.Now());
  // One answer for every reason: whoever guesses learns nothing.
  if (!terms || !EqualSecret(secret, terms->added.secret) || terms->joined ||
      now >= terms->added.expires) {
    return NotAuthorised("this join code is unknown, used up or too old");
  }
  const ledger::StationAdded& added = terms->added;
  auto csr = [](ByteView der, std::string_view what) -> Result<pki::Csr> {
    auto c = pki::ReadCsr(der);
    if (!c) return Refused("station.request", fmt::format("the {}: {}", what, c.error().message));
    return c;
  };
  BM_TRY(pki::Csr station_csr, csr(m.station, "station's request"));
  BM_TRY(pki::Csr person_csr, csr(m.operators, "person's request"));
  BM_TRY(pki::Csr log_csr, csr(m.log, "log's request"));
  if (log_csr.key.algorithm() != crypto::Algorithm::kEd25519)
    return Refused("station.request", "a log is signed by an Ed25519 key");
  std::string pseudonym = person_csr.subject.Find("CN").value_or("");
  if (!PlainPseudonym(pseudonym))
    return Refused("station.request", "the person's request has no pseudonym");
  BM_TRY(std::vector<ledger::CredentialRow> known, reader->registry().Credentials());
  if (std::ranges::find(known, pseudonym, &ledger::CredentialRow::pseudonym) != known.end())
    return Refused("station.request", "that pseudonym is somebody's already");
  for (const pki::Csr* c : {&station_csr, &person_csr, &log_csr}) {
    BM_TRY(auto own, reader->registry().KeyBySpki(c->key.spki_digest()));
    BM_TRY(auto of_unit, reader->registry().IdentitiesByKey(c->key.spki_digest()));
    if (own || !of_unit.empty())
      return Refused("station.request", "one of its keys is known already");
  }
  BM_TRY(AdoptedPlan adopted, PlanOf(*reader, added.product));
  const plan::Plan& plan = adopted.plan;
  const ledger::Genesis& genesis = reader->genesis();
  BM_TRY(crypto::Certificate station_cert,
         IssueCredential(*reader, "station", "station", added.station, genesis.manufacturer,
                         station_csr.key, added.days));
  BM_TRY(crypto::Certificate person_cert,
         IssueCredential(*reader, "person", "operator", pseudonym, genesis.manufacturer,
                         person_csr.key, added.days));

  JoinReply reply{.files = {},
                  .events = {},
                  .origin = "",
                  .product = plan.product.id,
                  .station = added.station,
                  .rehearsal = genesis.rehearsal,
                  .workspace = genesis.workspace,
                  .manufacturer = genesis.manufacturer};
  Bytes tail(4);
  rng_.Fill(tail);
  reply.origin = fmt::format("{}/island-{}-{}", genesis.origin, added.station, ToHex(tail));
  ledger::EventContext context = s_.context;
  // Who let the station in is who made its code, whoever runs the server.
  context.actor = terms->actor;
  context.plan = plan.digest;
  Time at = s_.clock.Now();
  ledger::Submission all;
  auto add = [&](const std::string& subject, const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(context, at, subject, body)));
    all.push_back(std::move(e));
    return {};
  };
  std::string subject = "station:" + added.station;
  for (const ledger::CredentialRow& c : known) {
    if (c.pseudonym != added.station || c.kind != "station" || c.revoked_at) continue;
    BM_CHECK(add("credential:" + added.station,
                 ledger::CredentialRevoked{.reason = "the station joined anew",
                                           .pseudonym = added.station}));
    break;
  }
  auto der = [](const crypto::Certificate& c) { return Bytes(c.der().begin(), c.der().end()); };
  size_t first_kept = all.size();
  BM_CHECK(
      add("credential:" + added.station, ledger::CredentialIssued{.cert = der(station_cert),
                                                                  .kind = "station",
                                                                  .role = "station",
                                                                  .pseudonym = added.station}));
  BM_CHECK(add(
      "credential:" + pseudonym,
      ledger::CredentialIssued{
          .cert = der(person_cert), .kind = "person", .role = "operator", .pseudonym = pseudonym}));
  ByteView log_key = log_csr.key.spki();
  BM_CHECK(add(subject, ledger::IslandOpened{.ca = "",
                                             .last = 0,
                                             .first = 0,
                                             .origin = reply.origin,
                                             .log_key = Bytes(log_key.begin(), log_key.end()),
                                             .product = plan.product.id,
                                             .station = added.station}));
  size_t last_kept = all.size();
  BM_CHECK(add(
      subject,
      ledger::StationState{
          .join = added.id, .state = "joined", .reason = "by its code", .station = added.station}));
  BM_TRY(std::vector<uint64_t> seqs, Inheritance(*reader, plan));
  BM_TRY(ledger::Receipt receipt, s_.queue.Append(std::move(all)));
  BM_CHECK(reader->Refresh());
  for (size_t i = first_kept; i < last_kept; ++i) seqs.push_back(receipt.seqs[i]);
  for (uint64_t seq : seqs) {
    BM_TRY(Bytes raw, reader->RawAt(seq));
    reply.events.push_back(std::move(raw));
  }
  fs::path images = ImageFolder(layout_, plan);
  BM_CHECK(Carry(images, "images/" + images.filename().string() + "/", "", reply.files));
  BM_CHECK(Carry(layout_.anchors(), "anchors/", "", reply.files));
  BM_CHECK(Carry(layout_.public_dir(), "public/", ".pem", reply.files));
  return cbor::ToCbor(reply);
}

Result<std::string> StationService::StationOf(const enroll::Peer& peer, ledger::LogReader& reader,
                                              bool expired_too) {
  if (!peer.certificate) return NotAuthorised("this takes the station's own certificate");
  const crypto::Certificate& c = *peer.certificate;
  BM_TRY(std::vector<ledger::CredentialRow> known, reader.registry().Credentials());
  for (const ledger::CredentialRow& row : known) {
    if (row.kind != "station" || row.revoked_at || c.common_name() != row.pseudonym) continue;
    BM_TRY(ledger::Event e, reader.EventAt(row.seq));
    BM_TRY(ledger::CredentialIssued body, ledger::BodyOf<ledger::CredentialIssued>(e));
    // Issued by us and not ended since: it is in the log, octet for octet.
    if (!std::ranges::equal(c.der(), ByteView(body.cert))) continue;
    if (!expired_too && s_.clock.Now() > c.not_after())
      return NotAuthorised("the station's certificate has run out");
    BM_TRY(StationTerms terms, TermsOf(reader, row.pseudonym));
    if (terms.disabled) return NotAuthorised("this station is disabled");
    return row.pseudonym;
  }
  return NotAuthorised("this certificate is no station's");
}

Result<Bytes> StationService::Renew(const enroll::HttpRequest& request) {
  BM_TRY(auto reader, ledger::LogReader::Open(layout_.ledger()));
  BM_TRY(std::string station, StationOf(request.peer, *reader, false));
  BM_TRY(RenewRequest m, ReadMessage<RenewRequest>(request.body, kMaxStationRequest));
  BM_TRY(StationTerms terms, TermsOf(*reader, station));
  BM_TRY(AdoptedPlan adopted, PlanOf(*reader, terms.added.product));
  const plan::Plan& plan = adopted.plan;
  const ledger::Genesis& genesis = reader->genesis();
  auto checked = pki::CheckRequest(m.request);
  if (!checked) return Refused("station.request", checked.error().message);
  BM_CHECK(CheckIslandRequest(*checked, m.ca, station, plan, genesis.workspace, genesis.rehearsal));
  BM_TRY(ledger::CaRow parent, ParentOf(*reader, plan));

  fs::path file = layout_.requests() / (m.ca + ".request");
  fs::path answer = layout_.requests() / (m.ca + ".response");
  ledger::EventContext context = s_.context;
  context.actor = terms.actor;
  context.plan = plan.digest;
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  auto granted = [&] { return std::ranges::find(cas, m.ca, &ledger::CaRow::id) != cas.end(); };
  if (fs::exists(file)) {
    BM_TRY(std::string before, ReadTextFile(file, pki::kMaxRequestBytes));
    if (before != m.request) return Refused("station.request", "another request has that name");
  } else {
    // A quota is a limit only if the next one waits until this one is used and told of.
    BM_TRY(Island island, FindIsland(*reader, terms.island.origin));
    for (const ledger::CaRow& ca : cas) {
      bool its = std::ranges::find(island.authorities, ca.id, &IslandAuthority::id) !=
                 island.authorities.end();
      if (!its || !ca.max_count || !ca.issues_until) continue;
      bool over = Millis(s_.clock.Now()) >= *ca.issues_until || ca.issued * 10 >= *ca.max_count * 8;
      if (!over) {
        return Refused("station.quota-left",
                       fmt::format("{} has {} of {} left as far as the server knows", ca.id,
                                   *ca.max_count - ca.issued, *ca.max_count),
                       "bring the log first: birthmark line push DIR");
      }
    }
    BM_CHECK(MakeDirs(layout_.requests(), 0700));
    BM_CHECK(WriteFileAtomic(file, m.request));
    ledger::Submission out;
    BM_TRY(ledger::NewEvent key,
           ledger::Prepare(ledger::MakeEvent(
               context, s_.clock.Now(), "key:" + m.ca,
               ledger::KeyCreated{
                   .id = m.ca,
                   .spki = checked->csr.key.spki_digest(),
                   .facts = m.facts,
                   .store = m.store,
                   .offline = false,
                   .purpose = "ca",
                   .algorithm = std::string(crypto::ToText(checked->csr.key.algorithm()))})));
    BM_TRY(
        ledger::NewEvent carried,
        ledger::Prepare(ledger::MakeEvent(
            context, s_.clock.Now(), "ca:" + m.ca,
            ledger::RequestCarried{.ca = m.ca, .request = checked->digest, .action = "exported"})));
    out.push_back(std::move(key));
    out.push_back(std::move(carried));
    BM_CHECK(s_.queue.Append(std::move(out)));
  }
  if (!granted() && !parent.offline) {
    // The level above is online: its own key signs now.
    BM_TRY(crypto::Certificate above, CertificateOf(*reader, parent));
    BM_TRY(auto signer, s_.open_key(parent.id));
    BM_TRY(pki::Issuer made, pki::Issuer::Make(above, *signer));
    const plan::Level& level = plan.IdentityPki()->levels[parent.level - 1];
    const pki::Issuer issuer = std::move(made).With(line::UrlsOf(level, parent.id));
    std::vector<crypto::Certificate> chain{above};
    ledger::CaRow at = parent;
    for (size_t depth = 0; depth < cas.size() && at.issuer != at.id; ++depth) {
      auto up = std::ranges::find(cas, at.issuer, &ledger::CaRow::id);
      if (up == cas.end()) break;
      BM_TRY(crypto::Certificate c, CertificateOf(*reader, *up));
      chain.push_back(std::move(c));
      at = *up;
    }
    if (!serials_) {
      serials_ = std::make_unique<pki::SerialSource>(s_.clock, rng_, s_.clock.Now());
    }
    BM_TRY(pki::Stamp stamp, serials_->Next());
    BM_TRY(std::string response, pki::SignRequest(*checked, issuer, s_.marks, stamp, chain));
    BM_CHECK(WriteFileAtomic(answer, response));
    BM_CHECK(reader->Refresh());
    BM_TRY(ledger::Submission events,
           GrantEvents(*reader, plan, terms, m.ca, *checked, response, context, s_.clock.Now()));
    BM_CHECK(s_.queue.Append(std::move(events)));
    BM_CHECK(reader->Refresh());
    BM_TRY(cas, reader->registry().Cas());
  }
  RenewReply reply{.state = "waiting", .events = {}, .response = ""};
  if (!granted()) return cbor::ToCbor(reply);
  reply.state = "granted";
  BM_TRY(reply.response, ReadTextFile(answer, pki::kMaxRequestBytes));
  auto ca = std::ranges::find(cas, m.ca, &ledger::CaRow::id);
  BM_TRY(Bytes raw, reader->RawAt(ca->seq));
  reply.events.push_back(std::move(raw));
  BM_TRY(std::vector<uint64_t> opened,
         reader->registry().EventsOfType(ledger::IslandOpened::kType));
  for (uint64_t seq : opened) {
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::IslandOpened body, ledger::BodyOf<ledger::IslandOpened>(e));
    if (body.ca != m.ca) continue;
    BM_TRY(Bytes event, reader->RawAt(seq));
    reply.events.push_back(std::move(event));
  }
  return cbor::ToCbor(reply);
}

Result<Bytes> StationService::Push(const enroll::HttpRequest& request) {
  BM_TRY(auto reader, ledger::LogReader::Open(layout_.ledger()));
  // A station that was away for longer than its credential lives can still tell what it did: its
  // log is signed by a key of its own.
  BM_TRY(std::string station, StationOf(request.peer, *reader, true));
  PushReply reply{.next = 0, .named = {}, .taken = 0, .set_aside = 0};
  if (request.method == "GET") {
    BM_TRY(std::vector<ledger::ForeignRow> logs, reader->registry().ForeignLogs());
    for (const ledger::ForeignRow& log : logs)
      if (request.query == LogQuery(log.origin)) reply.next = log.next;
    return cbor::ToCbor(reply);
  }
  if (request.body.size() > kMaxSegment)
    return Refused("station.malformed", "the segment is too large");
  BM_TRY(ImportResult done, importer_.Import(ledger::FromMemory(request.body), station));
  reply.next = done.next;
  reply.named = std::move(done.named);
  reply.taken = done.taken;
  reply.set_aside = done.set_aside;
  return cbor::ToCbor(reply);
}

}  // namespace birthmark::app
