// SPDX-License-Identifier: Apache-2.0
#include "app/init.h"

#include <unistd.h>

#include "anchors/read.h"
#include "app/factory.h"
#include "app/on_behalf.h"
#include "app/trials.h"
#include "app/vendor_roots.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_writer.h"
#include "line/firmware.h"
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

// Session is what init and import share while they make authorities.
struct Making {
  const Layout& layout;
  const plan::Plan& plan;
  AuthorityMaker& maker;
  std::vector<ledger::Event>& extra;
  ledger::EventContext context;
  const Clock& clock;
  std::map<std::string, std::vector<Authority>> authorities;  // behind anchors, by PKI

  template <class B>
  void Add(const std::string& subject, const B& body) {
    extra.push_back(ledger::MakeEvent(context, clock.Now(), subject, body));
  }
};

bool VerifiesCode(const plan::Plan& plan, const plan::Pki& pki) {
  return std::ranges::any_of(plan.anchors, [&](const plan::Anchor& a) {
    if (a.pki != pki.id) return false;
    return a.verifies == "bundle" || std::ranges::any_of(plan.stages, [&](const plan::Stage& s) {
             return s.verified_by == a.id;
           });
  });
}

// MakeAnchorPki makes the authorities behind generated anchors, and the end entity that signs
// images.
Status MakeAnchorPki(Making& m, const plan::Pki& pki,
                     std::map<std::string, line::SignerChain>& signers) {
  std::optional<fs::path> none;
  BM_TRY(std::vector<Authority> made, m.maker.MakeAll(pki, std::nullopt, &none));
  m.authorities[pki.id] = made;
  line::SignerChain& chain = signers[pki.id];
  if (!made.empty()) chain.root = made.front().certificate;
  if (made.empty()) {
    BM_TRY(chain.key_id, m.maker.MakeLoneKey(pki));
  } else if (VerifiesCode(m.plan, pki)) {
    BM_TRY(Issued issued, m.maker.MakeEndEntity(pki, made, pki::CodeSigningProfile(), "image"));
    chain.key_id = issued.key_id;
    chain.chain = issued.chain;
  } else {
    return {};  // what this PKI signs is made by later commands
  }
  ledger::SignerCertified body{.key = chain.key_id, .pki = pki.id, .chain = {}};
  for (const crypto::Certificate& c : chain.chain)
    body.chain.emplace_back(c.der().begin(), c.der().end());
  m.Add("key:" + chain.key_id, body);
  return {};
}

Status ReadAnchorFiles(Making& m, keystore::KeyStore& keys, const fs::path& plan_folder,
                       const std::map<std::string, line::SignerChain>& signers) {
  line::Materials materials{m.plan, keys, signers, {}};
  for (const plan::Anchor& a : m.plan.anchors) {
    Bytes bytes;
    if (!a.file.empty() && !a.generated) {
      fs::path file = fs::path(a.file).is_absolute() ? fs::path(a.file) : plan_folder / a.file;
      BM_TRY(bytes, ReadFile(file, plan::kMaxAnchorFileBytes));
      BM_CHECK(WriteFileAtomic(m.layout.anchors() / a.id, bytes));
    } else if (a.generated) {
      auto it = a.pki ? signers.find(*a.pki) : signers.end();
      if (it == signers.end()) continue;
      // What is read is the public anchor itself, whatever form the device keeps it in.
      if (it->second.root) {
        bytes.assign(it->second.root->der().begin(), it->second.root->der().end());
        BM_CHECK(WriteFileAtomic(m.layout.public_dir() / ("anchor-" + a.id + ".pem"),
                                 it->second.root->ToPem()));
      } else {
        BM_TRY(crypto::PublicKey key, line::AnchorKey(materials, a));
        bytes.assign(key.spki().begin(), key.spki().end());
        BM_CHECK(WriteFileAtomic(m.layout.public_dir() / ("anchor-" + a.id + ".pem"),
                                 crypto::WritePem("PUBLIC KEY", bytes)));
      }
    } else {
      continue;  // a store that starts empty
    }
    BM_TRY(anchors::AnchorFacts facts, anchors::ReadAnchors(bytes));
    m.Add("anchor:" + a.id, ledger::AnchorRead{.kind = std::string(vocab::ToText(a.kinds.front())),
                                               .facts = cbor::ToValue(facts),
                                               .anchor = a.id,
                                               .file_digest = crypto::Sha256(bytes)});
  }
  return {};
}

std::string Limits(const plan::Level& level, const Authority& a) {
  std::string out;
  if (level.issuing_window)
    out = "issues until " + FormatDate(a.certificate.not_before() + *level.issuing_window);
  if (level.max_count)
    out += fmt::format("{}{} units", out.empty() ? "issues " : " or ", *level.max_count);
  return out;
}

void ShowLevels(const plan::Pki& pki, const std::vector<Authority>& made, const Layout& meant,
                InitResult& r) {
  for (const Authority& a : made) {
    r.levels.push_back({.level = a.level,
                        .name = a.name,
                        .offline = a.offline,
                        .place = a.offline
                                     ? meant.offline().filename().string() + "/"
                                     : Limits(pki.levels[static_cast<size_t>(a.level - 1)], a)});
  }
}

Status AppendAll(ledger::LogWriter& log, std::vector<ledger::Event> events) {
  ledger::Submission all;
  for (const ledger::Event& e : events) {
    BM_TRY(ledger::NewEvent n, ledger::Prepare(e));
    all.push_back(std::move(n));
  }
  BM_CHECK(log.Append(std::move(all)));
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
  missing.Error("init.production", "this release keeps roots in software made by the same command",
                "production waits for a root from a ceremony; rehearse until then");
  return Refused("init.production", "this cannot be a production workspace:\n" + missing.ToString(),
                 "leave --production out to make a rehearsal");
}

}  // namespace

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
  InitResult result;
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
  BM_TRY(OpenKeys keys, CreateKeyStores(layout, source));

  SystemRng rng;
  pki::SerialSource serials(clock, rng, clock.Now());
  std::string workspace = FormatUuid(NewUuid(clock.Now(), rng));
  result.credential = NewPseudonym(rng);
  ledger::EventContext context{
      .actor = result.credential, .clock = "system", .plan = plan.digest, .station = std::nullopt};
  Stores stores{keys.online.get(), keys.offline.get()};
  AuthorityMaker maker(layout, plan, stores, MarksOf(true), workspace, serials, clock, context);

  BM_TRY(std::unique_ptr<crypto::Signer> log_key, maker.MakeLogKey());
  ledger::Genesis genesis{
      .format = 1,
      .origin = plan.product.manufacturer + "/" + workspace,
      .program = "birthmark " BIRTHMARK_VERSION,
      .log_key = Bytes(log_key->public_key().spki().begin(), log_key->public_key().spki().end()),
      .rehearsal = true,
      .workspace = workspace,
      .manufacturer = plan.product.manufacturer};
  // The origin is a key name in signed notes: no spaces and no plus signs (C2SP signed-note).
  std::erase_if(genesis.origin, [](char c) { return c == ' ' || c == '+'; });

  std::vector<ledger::Event> extra;
  Making making{layout, plan, maker, extra, context, clock, {}};
  const plan::Pki* identity = plan.IdentityPki();
  BM_TRY(std::vector<Authority> authorities, maker.MakeAll(*identity, root, &result.waiting));
  ShowLevels(*identity, authorities, meant, result);
  result.root_fingerprint = ToHex(authorities.front().certificate.digest());
  BM_CHECK(
      WriteFileAtomic(layout.public_dir() / "root.pem", authorities.front().certificate.ToPem()));

  // Slots may be certified under PKIs of their own.
  std::optional<fs::path> none;
  for (const plan::Pki& other : plan.pkis) {
    if (other.purpose != plan::Purpose::kIdentity || &other == identity) continue;
    BM_TRY(std::vector<Authority> made, maker.MakeAll(other, std::nullopt, &none));
    ShowLevels(other, made, meant, result);
    BM_CHECK(WriteFileAtomic(layout.public_dir() / ("pki-" + other.id + "-root.pem"),
                             made.front().certificate.ToPem()));
  }

  const plan::Pki* disclosure = plan.DisclosurePki();
  BM_TRY(std::vector<Authority> disclosing, maker.MakeAll(*disclosure, std::nullopt, &none));
  BM_TRY(Issued signer,
         maker.MakeEndEntity(*disclosure, disclosing, pki::DisclosureProfile(), "disclosure"));
  ledger::SignerCertified disclosure_signer{
      .key = signer.key_id, .pki = disclosure->id, .chain = {}};
  for (const crypto::Certificate& c : signer.chain)
    disclosure_signer.chain.emplace_back(c.der().begin(), c.der().end());
  making.Add("key:" + signer.key_id, disclosure_signer);
  result.disclosure_fingerprint = ToHex(disclosing.front().certificate.digest());
  BM_CHECK(WriteFileAtomic(layout.public_dir() / "disclosure-root.pem",
                           disclosing.front().certificate.ToPem()));

  std::map<std::string, line::SignerChain> signers;
  for (const plan::Pki& pki : plan.pkis) {
    if (pki.purpose == plan::Purpose::kAnchor) BM_CHECK(MakeAnchorPki(making, pki, signers));
  }
  BM_CHECK(KeepVendorRoots(layout, plan, options.plan_file.parent_path()));
  BM_CHECK(KeepOtherDisclosures(layout, plan, options.plan_file.parent_path()));
  BM_CHECK(ReadAnchorFiles(making, *keys.online, options.plan_file.parent_path(), signers));
  if (const plan::Anchor* boot = plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot)) {
    BM_TRY(crypto::PublicKey key, line::AnchorKey({plan, *keys.online, signers, {}}, *boot));
    result.boot_anchor = ToHex(key.spki_digest());
  }
  BM_CHECK(MakeTrialKits(layout, plan, stores, making.authorities, signers, clock, rng));
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
  for (ledger::Event& e : extra) events.push_back(std::move(e));
  BM_CHECK(AppendAll(*log, std::move(events)));
  BM_TRY(ledger::NoteKey vkey, ledger::NoteKey::Of(genesis.origin, log_key->public_key()));
  BM_CHECK(WriteFileAtomic(layout.public_dir() / "log.vkey", vkey.ToText() + "\n"));
  log.reset();
  if (result.waiting) result.waiting = meant.requests() / result.waiting->filename();
  BM_CHECK(scratch.Keep());
  return result;
}

Result<InitResult> ImportResponse(const fs::path& workspace, std::string_view response,
                                  const KeySource& source, const Clock& clock, bool dry_run) {
  BM_TRY(auto f, Factory::Open(workspace, source, true, "", "", clock));
  const plan::Plan& plan = f->adopted.plan;
  const plan::Pki* identity = plan.IdentityPki();
  std::vector<Authority> above;
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(std::vector<ledger::CaRow> cas, f->log->registry().Cas());
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != identity->id) continue;
    BM_TRY(ledger::Event event, reader->EventAt(ca.seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    above.push_back({.id = ca.id,
                     .pki = ca.pki,
                     .level = static_cast<int>(ca.level),
                     .offline = ca.offline,
                     .name = ca.name,
                     .certificate = std::move(c)});
  }
  std::ranges::sort(above, {}, &Authority::level);
  if (above.size() >= identity->levels.size()) {
    return Refused("request.nothing-waiting", "every level of the identity PKI has its certificate",
                   "nothing is left to import");
  }
  InitResult result;
  result.root_fingerprint = ToHex(above.front().certificate.digest());
  Stores stores{f->keys.online.get(), f->keys.offline.get()};
  AuthorityMaker maker(f->layout, plan, stores, f->marks, f->genesis.workspace, *f->serials, clock,
                       f->context);
  if (dry_run) return result;
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
