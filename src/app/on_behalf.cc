// SPDX-License-Identifier: Apache-2.0
#include "app/on_behalf.h"

#include <algorithm>

#include "app/authorities.h"
#include "app/grant.h"
#include "app/roles.h"
#include "audit/audit.h"
#include "crypto/digest.h"
#include "disclose/signed.h"
#include "ledger/events.h"
#include "plan/other_party.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kSiliconPlace = "silicon";
constexpr size_t kMaxDisclosure = 16 << 20;

}  // namespace

Status KeepOtherDisclosures(const Layout& layout, const plan::Plan& plan,
                            const fs::path& plan_folder) {
  for (const plan::IdentitySlot& s : plan.identities) {
    auto ref = plan::OtherDisclosure(s);
    if (!ref) continue;
    BM_TRY(Bytes file, ReadFile(plan_folder / ref->file, kMaxDisclosure));
    if (crypto::Sha256(file) != ref->sha256) {
      return Refused("plan.other-disclosure",
                     fmt::format("{} has another digest than the plan says", ref->file),
                     "is it the disclosure that was meant? sha256sum tells its digest");
    }
    auto opened = disclose::OpenDisclosure(file);
    if (!opened) {
      return Refused(
          "plan.other-disclosure",
          fmt::format("{} is no signed disclosure: {}", ref->file, opened.error().message),
          "ask the other party for its disclosure");
    }
    BM_CHECK(WriteFileAtomic(
        layout.public_dir() / (std::string(vocab::ToText(s.slot)) + "-maker.birthmark"), file));
  }
  return {};
}

Result<OnBehalf> SignOnBehalf(const fs::path& workspace, const fs::path& file,
                              const fs::path& output, const std::string& product,
                              const std::string& as, const KeySource& keys, const Clock& clock,
                              bool dry_run) {
  BM_TRY(std::string text, ReadTextFile(file, pki::kMaxRequestBytes));
  BM_TRY(auto f, Factory::Open(workspace, keys, true, product, as, clock));
  BM_CHECK(RequireRole(*f, {"maintainer", "administrator"}, "signing another party's authority"));
  const plan::Plan& plan = f->adopted.plan;
  const bool silicon = std::ranges::any_of(plan.identities, [](const plan::IdentitySlot& s) {
    return s.ca_option == plan::CaOption::kOnBehalf;
  });
  const bool seeds = std::ranges::any_of(plan.identities, [](const plan::IdentitySlot& s) {
    return s.method == vocab::Method::kCarrot && !s.mixes_entropy;
  });
  if (!silicon && !seeds) {
    return Refused("request.not-on-behalf", "no identity of the plan is certified on our behalf",
                   "say ca-option = \"on-behalf\" or method = \"carrot\" in the plan first");
  }
  const std::string place(silicon ? kSiliconPlace : kDerivationPlace);
  pki::Request request;
  BM_TRY(request.csr, pki::ReadCsrPem(text));
  if (auto hit = audit::CheckKey(request.csr.key))
    return Refused(hit->code, "the authority's key fails its audit: " + hit->detail,
                   "have the other party make another key");
  const plan::Pki& pki = *plan.IdentityPki();
  request.digest = crypto::Sha256(request.csr.der);
  std::string tag = ToHex(ByteView(request.digest).first(4));
  request.terms =
      IslandRequestTerms(plan, f->genesis.workspace, f->genesis.rehearsal, place, tag, clock.Now());
  BM_TRY(request.csr.subject,
         pki::Name::Make({{"O", plan.product.manufacturer}, {"CN", request.terms.name}}));
  OnBehalf out{.ca = IslandAuthorityId(pki, place, tag),
               .name = request.terms.name,
               .file = output.empty() ? f->layout.requests() / (out.ca + ".pem") : output,
               .pem = ""};
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  if (std::ranges::find(cas, out.ca, &ledger::CaRow::id) != cas.end())
    return Refused("request.not-waiting", out.ca + " has its certificate already",
                   "a second authority takes a key of its own");
  BM_TRY(ledger::CaRow parent, ParentOf(*reader, plan));
  if (dry_run) return out;
  keystore::KeyStore& store =
      parent.offline ? static_cast<keystore::KeyStore&>(*f->keys.offline) : *f->keys.online;
  BM_TRY(crypto::Certificate above, CertificateOf(*reader, parent));
  BM_TRY(OpenedIssuer opened,
         OpenIssuer(store, plan, parent.pki, static_cast<int>(parent.level), parent.id, above));
  const pki::Issuer& issuer = *opened.issuer;
  std::vector<crypto::Certificate> chain;
  for (ledger::CaRow at = parent;;) {
    BM_TRY(crypto::Certificate c, CertificateOf(*reader, at));
    chain.push_back(std::move(c));
    auto up = std::ranges::find(cas, at.issuer, &ledger::CaRow::id);
    if (at.issuer == at.id || up == cas.end() || chain.size() > cas.size()) break;
    at = *up;
  }
  BM_TRY(pki::Stamp stamp, f->serials->Next());
  BM_TRY(out.pem, pki::SignRequest(request, issuer, f->marks, stamp, chain));
  BM_TRY(std::vector<crypto::Certificate> made,
         crypto::Certificate::ManyFromPem(
             std::string_view(out.pem).substr(0, out.pem.rfind("-----BEGIN"))));
  // Other parties' tools read certificates and nothing else: our own statement is left out.
  out.pem.clear();
  for (const crypto::Certificate& c : made) out.pem += c.ToPem();
  const plan::Level& level = pki.levels.back();
  ledger::CaCreated created{.id = out.ca,
                            .pki = pki.id,
                            .cert = Bytes(made.front().der().begin(), made.front().der().end()),
                            .name = out.name,
                            .level = static_cast<uint32_t>(request.terms.level),
                            .issuer = parent.id,
                            .offline = false,
                            .max_count = level.max_count,
                            .issues_until = std::nullopt};
  if (level.issuing_window)
    created.issues_until = Millis(made.front().not_before() + *level.issuing_window);
  ledger::RequestCarried carried{.ca = out.ca,
                                 .request = request.digest,
                                 .action = "signed",
                                 .response = crypto::Sha256(AsBytes(out.pem))};
  ledger::Submission all;
  auto add = [&](const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), "ca:" + out.ca, body)));
    all.push_back(std::move(e));
    return {};
  };
  BM_CHECK(add(carried));
  BM_CHECK(add(created));
  // The authority is in the log before its certificate leaves.
  BM_CHECK(f->log->Append(std::move(all)));
  BM_CHECK(WriteFileAtomic(out.file, out.pem));
  return out;
}

Result<std::string> CertifyCredential(const fs::path& workspace, const std::string& role,
                                      const fs::path& request, const fs::path& output,
                                      const KeySource& keys, const Clock& clock, bool dry_run,
                                      int days) {
  BM_TRY(std::string text, ReadTextFile(request, pki::kMaxRequestBytes));
  BM_TRY(pki::Csr csr, pki::ReadCsrPem(text));
  if (auto hit = audit::CheckKey(csr.key))
    return Refused(hit->code, "the credential's key fails its audit: " + hit->detail,
                   "have its holder make another key");
  BM_TRY(auto f, Factory::Open(workspace, keys, false, "", "", clock));
  BM_TRY(std::vector<ledger::CaRow> cas, f->log->registry().Cas());
  auto operations = std::ranges::find(cas, "operations", &ledger::CaRow::id);
  if (operations == cas.end())
    return Internal("credential.authority", "this workspace has no operations authority");
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(crypto::Certificate above, CertificateOf(*reader, *operations));
  Bytes random(6);
  f->rng.Fill(random);
  std::string pseudonym = role + "-" + ToHex(random);
  if (dry_run) return pseudonym;
  BM_TRY(auto signer, f->keys.online->Open(operations->id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(above, *signer));
  BM_TRY(pki::Stamp stamp, f->serials->Next());
  BM_TRY(pki::Name subject,
         pki::Name::Make(
             {{"O", f->adopted.plan.product.manufacturer}, {"OU", role}, {"CN", pseudonym}}));
  pki::Contents contents;
  contents.subject = subject;
  contents.key = csr.key;
  contents.not_after = stamp.at + std::chrono::hours(24) * days;
  BM_TRY(crypto::Certificate made,
         pki::Issue(issuer, pki::PersonProfile(), f->marks, stamp, contents));
  ledger::CredentialIssued body{.cert = Bytes(made.der().begin(), made.der().end()),
                                .kind = "person",
                                .role = role,
                                .pseudonym = pseudonym};
  BM_CHECK(
      f->log->Append(ledger::MakeEvent(f->context, clock.Now(), "credential:" + pseudonym, body)));
  BM_CHECK(WriteFileAtomic(output, made.ToPem()));
  return pseudonym;
}

}  // namespace birthmark::app
