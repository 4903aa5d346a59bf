// SPDX-License-Identifier: Apache-2.0
#include "app/init.h"

#include <unistd.h>

#include "app/factory.h"
#include "app/key_places.h"
#include "app/making.h"
#include "app/on_behalf.h"
#include "app/trials.h"
#include "app/vendor_roots.h"
#include "ledger/events.h"
#include "offline/askers.h"
#include "pki/path.h"
#include "plan/check.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxCertificateFile = 64 * 1024;

// Scratch is the pair of folders that init works in; they vanish unless they are kept.
class Scratch {
 public:
  explicit Scratch(const Layout& meant)
      : meant_(meant),
        layout_(meant.root.parent_path() /
                fmt::format(".{}.init-{}", meant.root.filename().string(), getpid())) {}
  ~Scratch() {
    if (kept_) return;
    std::error_code ec;
    fs::remove_all(layout_.root, ec);
    fs::remove_all(layout_.offline(), ec);
  }
  const Layout& layout() const { return layout_; }
  // Keep renames the offline side first: a workspace never stands without it.
  Status Keep() {
    std::error_code ec;
    fs::rename(layout_.offline(), meant_.offline(), ec);
    if (!ec) fs::rename(layout_.root, meant_.root, ec);
    if (ec) return std::unexpected(FromErrno("init.rename", meant_.root.string(), ec.value()));
    kept_ = true;
    fs::path parent = meant_.root.parent_path();
    return SyncDir(parent.empty() ? fs::path(".") : parent);
  }

 private:
  const Layout& meant_;
  Layout layout_;
  bool kept_ = false;
};

Status MakeFolders(const Layout& l) {
  for (const fs::path& p : {l.root, l.requests(), l.public_dir(), l.anchors(), l.images(),
                            l.offline(), l.offline_in(), l.offline_out()}) {
    BM_CHECK(MakeDirs(p, p == l.public_dir() ? 0755 : 0700));
  }
  return {};
}

std::string NewPseudonym(Rng& rng) {
  Bytes b(5);
  rng.Fill(b);
  return "p-" + ToHex(b);
}

Status CheckBefore(const InitOptions& o, const Layout& meant, const plan::Plan& plan) {
  for (const fs::path& p : {meant.root, meant.offline()}) {
    if (fs::exists(p)) {
      return Refused("init.exists", p.string() + ": is there already",
                     "name another folder, or remove that one");
    }
  }
  if (!o.production) return {};
  Findings missing = plan::CheckForProduction(plan);
  for (const plan::Pki& pki : plan.pkis) {
    if (!pki.levels.empty() && !WaitsForCeremony(o, pki) && !o.root_cert) {
      missing.Error(
          "init.production",
          fmt::format("pki \"{}\": its root would be made in software by this command", pki.id),
          "say offline = true at its level 1: a ceremony makes it then");
    }
    if (pki.end_entity.proof == plan::Attestation::kRequired &&
        pki.end_entity.custody == plan::Custody::kSoftware) {
      missing.Error(
          "init.production",
          fmt::format("pki \"{}\" wants its signers' keys in hardware, and this command would make "
                      "one in software",
                      pki.id),
          "say custody = \"pkcs11\" or \"tpm\" at its end entity");
    }
  }
  if (!missing.HasErrors()) return {};
  return Refused("init.production", "this cannot be a production workspace:\n" + missing.ToString(),
                 "leave --production out to make a rehearsal");
}

// MakeOrAsk makes a PKI's authorities here, or leaves them to a ceremony and writes the request
// that it signs: then it gives none.
Result<std::vector<Authority>> MakeOrAsk(Making& m, const InitOptions& o, const plan::Pki& pki,
                                         InitResult& r) {
  std::optional<fs::path> none;
  if (!WaitsForCeremony(o, pki)) return m.maker.MakeAll(pki, std::nullopt, &none);
  BM_TRY(std::optional<fs::path> request, m.maker.Ask(pki, ProfileOfSigner(m.plan, pki)));
  r.ceremony.push_back(pki.id);
  if (request) r.requests.push_back(*request);
  return std::vector<Authority>{};
}

}  // namespace

bool WaitsForCeremony(const InitOptions& o, const plan::Pki& pki) {
  if (pki.levels.empty() || !pki.levels.front().offline) return false;
  if (o.root_cert && pki.purpose == plan::Purpose::kIdentity) return false;
  const plan::Custody custody = pki.levels.front().custody;
  if (o.production || custody == plan::Custody::kSplit || custody == plan::Custody::kThreshold)
    return true;
  // A rehearsal's anchors stay at hand: the objects that devices are tried with are signed by them.
  return o.ceremony && pki.purpose != plan::Purpose::kAnchor;
}

pki::Marks MarksOf(bool rehearsal) {
  return rehearsal ? pki::RehearsalMarks() : pki::ProductionMarks();
}

Result<InitResult> Init(const InitOptions& options, const plan::Plan& plan, const KeySource& source,
                        const Clock& clock) {
  Layout meant(options.workspace);
  BM_CHECK(CheckBefore(options, meant, plan));
  std::optional<crypto::Certificate> root;
  if (options.root_cert) {
    BM_TRY(std::string pem, ReadTextFile(*options.root_cert, kMaxCertificateFile));
    BM_TRY(root, crypto::Certificate::FromPem(pem));
  }
  const bool rehearsal = !options.production;
  InitResult result;
  result.rehearsal = rehearsal;
  if (options.dry_run) {
    for (const plan::Level& level : plan.IdentityPki()->levels) {
      result.levels.push_back(
          {.level = level.level, .name = level.name, .offline = level.offline, .place = ""});
    }
    return result;
  }
  Scratch scratch(meant);
  const Layout& layout = scratch.layout();
  BM_CHECK(MakeFolders(layout));
  if (options.keys_file)
    BM_CHECK(InstallKeyPlaces(*options.keys_file, layout.root, layout.offline()));
  BM_TRY(OpenKeys keys, CreateKeyStores(layout, source, rehearsal));

  SystemRng rng;
  pki::SerialSource serials(clock, rng, clock.Now());
  std::string workspace = FormatUuid(NewUuid(clock.Now(), rng));
  result.credential = NewPseudonym(rng);
  ledger::EventContext context{
      .actor = result.credential, .clock = "system", .plan = plan.digest, .station = std::nullopt};
  Stores stores{keys.online.get(), keys.offline.get()};
  AuthorityMaker maker(layout, plan, stores, MarksOf(rehearsal), workspace, serials, clock,
                       context);

  BM_TRY(std::unique_ptr<crypto::Signer> log_key, maker.MakeLogKey());
  BM_CHECK(offline::KeepAsker(layout.offline(), workspace, log_key->public_key()));
  ledger::Genesis genesis{
      .format = 1,
      .origin = plan.product.manufacturer + "/" + workspace,
      .program = "birthmark " BIRTHMARK_VERSION,
      .log_key = Bytes(log_key->public_key().spki().begin(), log_key->public_key().spki().end()),
      .rehearsal = rehearsal,
      .workspace = workspace,
      .manufacturer = plan.product.manufacturer};
  // The origin is a key name in signed notes: no spaces and no plus signs (C2SP signed-note).
  std::erase_if(genesis.origin, [](char c) { return c == ' ' || c == '+'; });

  Making m{layout, plan, maker, stores, context, clock, {}, {}, {}};
  for (const plan::Pki& pki : plan.pkis) {
    std::vector<Authority>& made = m.authorities[pki.id];
    if (root && &pki == plan.IdentityPki()) {
      BM_TRY(made, maker.MakeAll(pki, root, &result.waiting));
    } else {
      BM_TRY(made, MakeOrAsk(m, options, pki, result));
    }
    if (made.empty() && !pki.levels.empty()) continue;  // waits for its ceremony
    switch (pki.purpose) {
      case plan::Purpose::kIdentity:  // slots may be certified under PKIs of their own
        BM_CHECK(FinishIdentity(m, pki, made, meant, result));
        break;
      case plan::Purpose::kDisclosure:
        BM_CHECK(FinishDisclosure(m, pki, made, std::nullopt, result));
        break;
      case plan::Purpose::kAnchor:
        BM_CHECK(FinishAnchorPki(m, pki, made, std::nullopt));
    }
  }
  BM_CHECK(KeepVendorRoots(layout, plan, options.plan_file.parent_path()));
  BM_CHECK(KeepOtherDisclosures(layout, plan, options.plan_file.parent_path()));
  BM_CHECK(ReadGivenAnchors(m, options.plan_file.parent_path()));
  BM_CHECK(ReadGeneratedAnchors(m, result));
  if (rehearsal)
    BM_CHECK(MakeTrialKits(layout, plan, stores, m.authorities, m.signers, clock, rng));
  BM_TRY(Authority operations, maker.MakeOperations());
  BM_TRY(Issued person, maker.MakeCredential(operations, result.credential, "person",
                                             "administrator", CredentialDays("administrator")));
  BM_CHECK(WriteFileAtomic(layout.local_credential(), result.credential + "\n", 0600));

  BM_TRY(auto log,
         ledger::LogWriter::Create(layout.ledger(),
                                   ledger::MakeEvent(context, clock.Now(), "", genesis), clock));
  std::vector<ledger::Event> events{
      ledger::MakeEvent(context, clock.Now(), "product:" + plan.product.id,
                        ledger::PlanAdopted{.text = ToBytes(plan.raw),
                                            .digest = plan.digest,
                                            .product = plan.product.id,
                                            .version = 1})};
  for (ledger::Event& e : maker.TakeEvents()) events.push_back(std::move(e));
  for (ledger::Event& e : m.events) events.push_back(std::move(e));
  BM_CHECK(AppendAll(*log, std::move(events)));
  BM_TRY(ledger::NoteKey vkey, ledger::NoteKey::Of(genesis.origin, log_key->public_key()));
  BM_CHECK(WriteFileAtomic(layout.public_dir() / "log.vkey", vkey.ToText() + "\n"));
  log.reset();
  if (result.waiting) result.waiting = meant.requests() / result.waiting->filename();
  for (fs::path& request : result.requests) request = meant.requests() / request.filename();
  BM_CHECK(scratch.Keep());
  return result;
}

Result<InitResult> ImportResponse(const fs::path& workspace, std::string_view response,
                                  const KeySource& source, const Clock& clock, bool dry_run) {
  // What is to be made, and whether an offline key is needed for it, is known before any is opened.
  bool offline_below = false;
  InitResult result;
  {
    BM_TRY(auto reader, OpenReader(workspace));
    BM_TRY(AdoptedPlan adopted, PlanOf(*reader, ""));
    const plan::Pki* identity = adopted.plan.IdentityPki();
    BM_TRY(std::vector<Authority> above, AuthoritiesInLog(*reader, *identity));
    if (above.empty()) {
      return Refused("request.ceremony", "the identity PKI has no root yet: a ceremony makes it",
                     "birthmark ceremony accept WS RECORD");
    }
    if (above.size() >= identity->levels.size()) {
      return Refused("request.nothing-waiting",
                     "every level of the identity PKI has its certificate",
                     "nothing is left to import");
    }
    result.root_fingerprint = ToHex(above.front().certificate.digest());
    // The level that was asked for has its key; those below it get theirs now, and each is signed
    // by the one above it.
    for (size_t i = above.size(); i < identity->levels.size(); ++i)
      offline_below |= identity->levels[i].offline;
  }
  BM_TRY(auto f, Factory::Open(workspace, source, offline_below, "", "", clock));
  if (dry_run) return result;
  const plan::Pki* identity = f->adopted.plan.IdentityPki();
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(std::vector<Authority> above, AuthoritiesInLog(*reader, *identity));
  Stores stores{f->keys.online.get(), f->keys.offline.get()};
  AuthorityMaker maker(f->layout, f->adopted.plan, stores, f->marks, f->genesis.workspace,
                       *f->serials, clock, f->context);
  BM_TRY(std::vector<Authority> made, maker.Continue(*identity, std::move(above), response));
  ShowLevels(*identity, made, f->layout, result);
  BM_CHECK(AppendAll(*f->log, maker.TakeEvents()));
  return result;
}

int CredentialDays(std::string_view role) {
  return role == "operator" || role == "maintainer" ? 30 : 90;
}

Result<std::string> IssueCredential(const fs::path& workspace, const std::string& role,
                                    const KeySource& source, const Clock& clock, bool dry_run,
                                    int days) {
  BM_TRY(auto f, Factory::Open(workspace, source, false, "", "", clock));
  BM_TRY(std::vector<ledger::CaRow> cas, f->log->registry().Cas());
  auto operations = std::ranges::find(cas, "operations", &ledger::CaRow::id);
  if (operations == cas.end())
    return Internal("credential.authority", "this workspace has no operations authority");
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(ledger::Event event, reader->EventAt(operations->seq));
  BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
  BM_TRY(crypto::Certificate certificate, crypto::Certificate::FromDer(body.cert));
  std::string pseudonym = NewPseudonym(f->rng);
  if (dry_run) return pseudonym;
  Stores stores{f->keys.online.get(), nullptr};
  AuthorityMaker maker(f->layout, f->adopted.plan, stores, f->marks, f->genesis.workspace,
                       *f->serials, clock, f->context);
  BM_CHECK(maker.MakeCredential({.id = "operations",
                                 .pki = "operations",
                                 .level = 1,
                                 .offline = false,
                                 .name = "",
                                 .certificate = certificate},
                                pseudonym, "person", role, days > 0 ? days : CredentialDays(role)));
  BM_CHECK(AppendAll(*f->log, maker.TakeEvents()));
  return pseudonym;
}

}  // namespace birthmark::app
