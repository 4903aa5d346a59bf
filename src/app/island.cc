// SPDX-License-Identifier: Apache-2.0
#include "app/island.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "app/authorities.h"
#include "app/factory.h"
#include "app/grant.h"
#include "app/key_places.h"
#include "ledger/events.h"
#include "ledger/sqlite/export.h"
#include "line/key_event.h"
#include "pki/csr.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

constexpr const char* kStationKey = "station";
constexpr size_t kSegmentTarget = 16 << 20;  // octets of events in one segment, about

std::string Draw(Rng& rng, size_t octets) {
  Bytes b(octets);
  rng.Fill(b);
  return ToHex(b);
}

// Scratch is the folder that joining works in; it vanishes unless it is kept.
class Scratch {
 public:
  explicit Scratch(const Layout& meant)
      : meant_(meant),
        layout_(meant.root.parent_path() /
                fmt::format(".{}.join-{}", meant.root.filename().string(), getpid())) {}
  ~Scratch() {
    std::error_code ec;
    if (!kept_) fs::remove_all(layout_.root, ec);
  }
  const Layout& layout() const { return layout_; }
  Status Keep() {
    std::error_code ec;
    fs::rename(layout_.root, meant_.root, ec);
    if (ec) return std::unexpected(FromErrno("station.rename", meant_.root.string(), ec.value()));
    kept_ = true;
    fs::path parent = meant_.root.parent_path();
    return SyncDir(parent.empty() ? fs::path(".") : parent);
  }

 private:
  const Layout& meant_;
  Layout layout_;
  bool kept_ = false;
};

// KeyEvent tells of a key that this station made.
Result<ledger::KeyCreated> KeyEvent(keystore::KeyStore& store, const std::string& id,
                                    const std::string& purpose) {
  BM_TRY(keystore::KeyFacts facts, store.Facts(id));
  return line::KeyMade(id, facts, purpose);
}

Result<Bytes> Request(const std::string& name, crypto::Signer& signer) {
  BM_TRY(pki::Name subject, pki::Name::Make({{"CN", name}}));
  return pki::BuildCsr(subject, signer);
}

// Inherited types are what a server may put at the beginning of an island's log.
bool Inherited(std::string_view type) {
  for (std::string_view t :
       {ledger::PlanAdopted::kType, ledger::CaCreated::kType, ledger::SignerCertified::kType,
        ledger::KeyCreated::kType, ledger::ImageReleased::kType, ledger::AnchorRead::kType,
        ledger::TrialsRun::kType, ledger::CredentialIssued::kType, ledger::IslandOpened::kType}) {
    if (type == t) return true;
  }
  return false;
}

std::unexpected<Error> BadReply(std::string_view what) {
  return Refused("station.malformed", fmt::format("the server's answer {}", what),
                 "check that server and station run the same release");
}

// TakeOver adds events of the server's log to a submission, with their own times and actors.
Status TakeOver(const std::vector<Bytes>& events, ledger::Submission& out,
                std::vector<ledger::Event>* seen = nullptr) {
  for (const Bytes& raw : events) {
    auto e = ledger::DecodeEvent(raw);
    if (!e) return BadReply(e.error().message);
    if (!Inherited(e->type)) return BadReply(fmt::format("has an event {}", e->type));
    if (seen != nullptr) seen->push_back(*e);
    BM_TRY(ledger::NewEvent n, ledger::Prepare(*e));
    out.push_back(std::move(n));
  }
  return {};
}

// HasCertificateFor looks for a credential of this key among the events.
bool HasCertificateFor(const std::vector<ledger::Event>& events, const std::string& pseudonym,
                       const crypto::PublicKey& key) {
  return std::ranges::any_of(events, [&](const ledger::Event& e) {
    auto body = ledger::BodyOf<ledger::CredentialIssued>(e);
    if (!body || body->pseudonym != pseudonym) return false;
    auto c = crypto::Certificate::FromDer(body->cert);
    return c && c->public_key() && c->public_key()->spki_digest() == key.spki_digest();
  });
}

Result<StationIdentity> IdentityOf(Factory& f, const std::string& station) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::vector<ledger::CredentialRow> rows, reader->registry().Credentials());
  std::optional<StationIdentity> found;
  for (const ledger::CredentialRow& row : rows) {
    if (row.kind != "station" || row.pseudonym != station) continue;
    BM_TRY(ledger::Event e, reader->EventAt(row.seq));
    BM_TRY(ledger::CredentialIssued body, ledger::BodyOf<ledger::CredentialIssued>(e));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    BM_TRY(SecretBytes key, f.keys.online->Export(kStationKey));
    found = StationIdentity{std::move(c), std::move(key)};
  }
  if (!found) return Internal("station.credential", "the station's log has no credential for it");
  return std::move(*found);
}

// OpenStation opens the folder for changing, and the link to its server.
struct Station {
  StationFile file;
  std::unique_ptr<Factory> factory;
  std::unique_ptr<StationLink> link;
};
Result<Station> OpenStation(const fs::path& folder, const KeySource& keys, const Dial& dial,
                            const Clock& clock) {
  Station s;
  BM_TRY(s.file, ReadStationFile(folder));
  BM_TRY(s.factory, Factory::Open(folder, keys, false, "", "", clock));
  BM_TRY(StationIdentity identity, IdentityOf(*s.factory, s.file.station));
  BM_TRY(s.link, dial(s.file.server, s.file.pin, std::move(identity)));
  return s;
}

// Newest gives the island's authority that was granted last.
Result<Quota> QuotaIn(ledger::LogReader& reader) {
  Quota q;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::IslandOpened::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::IslandOpened body, ledger::BodyOf<ledger::IslandOpened>(e));
    if (body.origin == reader.genesis().origin) q.ca = body.ca;
  }
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (const ledger::CaRow& ca : cas) {
    if (ca.id != q.ca) continue;
    q.granted = true;
    q.max_count = ca.max_count;
    q.issues_until = ca.issues_until;
    q.issued = ca.issued;
  }
  return q;
}

Status AppendAll(ledger::LogWriter& log, ledger::Submission all) {
  BM_CHECK(log.Append(std::move(all)));
  return {};
}

// Waiting is the request of an authority that has no certificate yet, if there is one.
Result<std::optional<std::string>> Waiting(Factory& f) {
  BM_TRY(std::vector<ledger::CaRow> cas, f.log->registry().Cas());
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(f.layout.requests(), ec)) {
    if (entry.path().extension() != ".request") continue;
    std::string id = entry.path().stem().string();
    if (std::ranges::find(cas, id, &ledger::CaRow::id) == cas.end()) return id;
  }
  return std::nullopt;
}

Result<Quota> AskQuota(Station& s, const Clock& clock) {
  Factory& f = *s.factory;
  const plan::Plan& plan = f.adopted.plan;
  const plan::Pki& pki = *plan.IdentityPki();
  if (pki.levels.size() < 2) {
    return Refused("station.no-level",
                   "the identity PKI has one authority only, which cannot be in two places");
  }
  BM_TRY(std::optional<std::string> id, Waiting(f));
  if (!id) {
    std::string tag = Draw(f.rng, 4);
    id = IslandAuthorityId(pki, s.file.station, tag);
    BM_TRY(crypto::Algorithm algorithm, ToCrypto(pki.levels.back().algorithm));
    BM_TRY(std::string scheme, SchemeOf(pki.levels.back().custody));
    BM_TRY(auto signer, f.keys.online->CreateIn(scheme, *id, algorithm));
    BM_TRY(ledger::KeyCreated body, KeyEvent(*f.keys.online, *id, "ca"));
    BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "key:" + *id, body)));
    pki::RequestTerms terms = IslandRequestTerms(plan, f.genesis.workspace, f.genesis.rehearsal,
                                                 s.file.station, tag, clock.Now());
    BM_TRY(pki::Name subject,
           pki::Name::Make({{"O", plan.product.manufacturer}, {"CN", terms.name}}));
    BM_TRY(std::string text, pki::MakeRequest(terms, subject, *signer));
    BM_CHECK(WriteFileAtomic(f.layout.requests() / (*id + ".request"), text));
  }
  BM_TRY(std::string text,
         ReadTextFile(f.layout.requests() / (*id + ".request"), pki::kMaxRequestBytes));
  BM_TRY(ledger::KeyCreated key, KeyEvent(*f.keys.online, *id, "ca"));
  RenewRequest ask{.ca = *id, .facts = key.facts, .store = key.store, .request = text};
  BM_TRY(Bytes answer,
         Answered(s.link->Call("POST", "/station/renew", "", kStationType, cbor::ToCbor(ask))));
  BM_TRY(RenewReply reply, ReadMessage<RenewReply>(answer, kMaxStationReply));
  if (reply.state == "waiting") {
    Quota q;
    q.ca = *id;
    return q;
  }
  if (reply.state != "granted") return BadReply(fmt::format("says \"{}\"", reply.state));
  // The answer counts when it is for our own request and leads to the root we know.
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(crypto::Certificate root, RootOf(*reader, plan));
  std::vector<crypto::Certificate> anchors{root};
  BM_TRY(pki::Response response, pki::CheckResponse(reply.response, request, anchors, clock.Now()));
  ledger::Submission all;
  std::vector<ledger::Event> seen;
  BM_CHECK(TakeOver(reply.events, all, &seen));
  bool ours = std::ranges::any_of(seen, [&](const ledger::Event& e) {
    auto body = ledger::BodyOf<ledger::CaCreated>(e);
    return body && body->id == *id &&
           std::ranges::equal(ByteView(body->cert), response.certificate.der());
  });
  if (!ours) return BadReply("has no authority of this station");
  BM_CHECK(AppendAll(*f.log, std::move(all)));
  BM_CHECK(WriteFileAtomic(f.layout.requests() / (*id + ".response"), reply.response));
  BM_CHECK(reader->Refresh());
  return QuotaIn(*reader);
}

}  // namespace

Result<JoinResult> JoinStation(const fs::path& folder, const JoinCode& code, const KeySource& keys,
                               const Dial& dial, const Clock& clock) {
  Layout meant(folder);
  if (fs::exists(meant.root)) {
    return Refused("station.exists", meant.root.string() + ": is there already",
                   "name another folder; to ask again for a quota: birthmark station join DIR "
                   "without a code");
  }
  Scratch scratch(meant);
  const Layout& l = scratch.layout();
  for (const fs::path& p : {l.root, l.requests(), l.public_dir(), l.anchors(), l.images()})
    BM_CHECK(MakeDirs(p, p == l.public_dir() ? 0755 : 0700));
  keystore::PassphraseSource source = keys.online;
  source.twice = true;
  source.prompt = "New passphrase for this station's keys: ";
  BM_TRY(SecretBytes passphrase, keystore::ReadPassphrase(source));
  BM_TRY(auto store, keystore::SoftwareKeyStore::Init(l.keys(), passphrase));

  SystemRng rng;
  JoinResult result;
  result.operators = "p-" + Draw(rng, 5);
  std::string person_key = "credential-" + result.operators;
  BM_TRY(auto station, store->Create(kStationKey, crypto::Algorithm::kEcdsaP256));
  BM_TRY(auto person, store->Create(person_key, crypto::Algorithm::kEcdsaP256));
  BM_TRY(auto log_key, store->Create("log", crypto::Algorithm::kEd25519));
  JoinRequest ask{.id = code.id, .log = {}, .secret = code.secret, .station = {}, .operators = {}};
  BM_TRY(ask.station, Request("station", *station));
  BM_TRY(ask.operators, Request(result.operators, *person));
  BM_TRY(ask.log, Request("log", *log_key));
  BM_TRY(auto link, dial(code.url, code.pin, std::nullopt));
  Bytes body = cbor::ToCbor(ask);
  Wipe(ask.secret.data(), ask.secret.size());
  auto answer = Answered(link->Call("POST", "/station/join", "", kStationType, body));
  Wipe(body.data(), body.size());
  if (!answer) return std::unexpected(std::move(answer).error());
  BM_TRY(JoinReply reply, ReadMessage<JoinReply>(*answer, kMaxStationReply));
  result.station = reply.station;
  result.product = reply.product;
  result.origin = reply.origin;

  for (const CarriedFile& f : reply.files) {
    BM_CHECK(CheckCarriedName(f.name));
    fs::path to = l.root / f.name;
    BM_CHECK(MakeDirs(to.parent_path(), 0700));
    BM_CHECK(WriteFileAtomic(to, f.bytes));
  }
  ledger::EventContext context{
      .actor = result.operators, .clock = "system", .plan = std::nullopt, .station = reply.station};
  ByteView spki = log_key->public_key().spki();
  ledger::Genesis genesis{.format = 1,
                          .origin = reply.origin,
                          .program = "birthmark " BIRTHMARK_VERSION,
                          .log_key = Bytes(spki.begin(), spki.end()),
                          .rehearsal = reply.rehearsal,
                          .workspace = reply.workspace,
                          .manufacturer = reply.manufacturer};
  BM_TRY(ledger::NoteKey vkey, ledger::NoteKey::Of(genesis.origin, log_key->public_key()));
  ledger::Submission all;
  std::vector<ledger::Event> inherited;
  BM_CHECK(TakeOver(reply.events, all, &inherited));
  if (!HasCertificateFor(inherited, reply.station, station->public_key()) ||
      !HasCertificateFor(inherited, result.operators, person->public_key())) {
    return BadReply("has no certificate for this station's keys");
  }
  for (const auto& [id, purpose] : {std::pair<std::string, std::string>{"log", "log"},
                                    {kStationKey, "credential"},
                                    {person_key, "credential"}}) {
    BM_TRY(ledger::KeyCreated key, KeyEvent(*store, id, purpose));
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(context, clock.Now(), "key:" + id, key)));
    all.push_back(std::move(e));
  }
  {
    BM_TRY(auto log, ledger::LogWriter::Create(
                         l.ledger(), ledger::MakeEvent(context, clock.Now(), "", genesis), clock));
    BM_CHECK(log->Append(std::move(all)));
  }
  BM_CHECK(WriteFileAtomic(l.public_dir() / "log.vkey", vkey.ToText() + "\n"));
  BM_CHECK(WriteFileAtomic(l.local_credential(), result.operators + "\n", 0600));
  StationFile file{
      .station = reply.station, .server = code.url, .pin = code.pin, .link = "emulator:"};
  BM_CHECK(WriteFileAtomic(StationFileOf(l.root), FormatStationFile(file)));

  // Whatever becomes of the quota, the station has joined and can ask for it again.
  auto ask_quota = [&]() -> Result<Quota> {
    Station s;
    s.file = file;
    s.factory = std::make_unique<Factory>(l.root);
    Factory& f = *s.factory;
    BM_TRY(f.log, ledger::LogWriter::Open(l.ledger(), clock));
    BM_TRY(auto reader, f.NewReader());
    BM_TRY(f.adopted, PlanOf(*reader, reply.product));
    f.genesis = reader->genesis();
    f.context = context;
    f.context.plan = f.adopted.plan.digest;
    f.keys.online = std::make_unique<keystore::RoutedKeyStore>(std::move(*store));
    BM_TRY(StationIdentity identity, IdentityOf(f, file.station));
    BM_TRY(s.link, dial(file.server, file.pin, std::move(identity)));
    return AskQuota(s, clock);
  };
  if (auto quota = ask_quota()) result.quota = *quota;
  BM_CHECK(scratch.Keep());
  return result;
}

Result<Quota> RenewQuota(const fs::path& folder, const KeySource& keys, const Dial& dial,
                         const Clock& clock) {
  BM_TRY(Station s, OpenStation(folder, keys, dial, clock));
  return AskQuota(s, clock);
}

Result<Quota> QuotaOf(const fs::path& folder) {
  BM_TRY(auto reader, OpenReader(folder));
  return QuotaIn(*reader);
}

Result<PushResult> PushLog(const fs::path& folder, const KeySource& keys, const Dial& dial,
                           const Clock& clock) {
  BM_TRY(Station s, OpenStation(folder, keys, dial, clock));
  Factory& f = *s.factory;
  BM_TRY(auto signer, f.keys.online->Open("log"));
  BM_TRY(std::string last, f.log->MakeCheckpoint(*signer));
  BM_TRY(auto reader, f.NewReader());
  PushResult out{.entries = reader->size(), .before = 0, .taken = 0, .set_aside = 0, .named = {}};
  BM_TRY(Bytes answer,
         Answered(s.link->Call("GET", "/station/push", LogQuery(f.genesis.origin), "", {})));
  BM_TRY(PushReply reply, ReadMessage<PushReply>(answer, kMaxStationReply));
  out.before = std::min(reply.next, out.entries);
  uint64_t next = reply.next;
  while (next < out.entries) {
    // A long outage makes many segments; each ends at a checkpoint of its own.
    uint64_t to = next;
    size_t octets = 0;
    BM_CHECK(reader->ForEachRaw(next, out.entries, [&](uint64_t seq, ByteView raw) -> Status {
      if (octets > kSegmentTarget) return {};
      octets += raw.size();
      to = seq + 1;
      return {};
    }));
    std::string checkpoint = last;
    if (to != out.entries) {
      BM_TRY(Digest root, reader->Root(to));
      BM_TRY(checkpoint, ledger::SignCheckpoint({f.genesis.origin, to, root, {}}, *signer));
    }
    std::ostringstream segment;
    BM_CHECK(ledger::ExportBundle(*reader, checkpoint, {.from = next, .redact = {}}, segment));
    BM_TRY(answer, Answered(s.link->Call("POST", "/station/push", "", kSegmentType,
                                         AsBytes(segment.view()))));
    BM_TRY(reply, ReadMessage<PushReply>(answer, kMaxStationReply));
    out.taken += reply.taken;
    out.set_aside += reply.set_aside;
    out.named.insert(out.named.end(), reply.named.begin(), reply.named.end());
    if (reply.next <= next) return BadReply("does not go on");
    next = reply.next;
  }
  return out;
}

}  // namespace birthmark::app
