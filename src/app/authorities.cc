// SPDX-License-Identifier: Apache-2.0
#include "app/authorities.h"

#include "app/artifact_signers.h"
#include "app/key_places.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "ledger/events_revocation.h"
#include "line/key_event.h"
#include "line/succession.h"
#include "offline/side.h"
#include "pki/issue.h"
#include "pki/path.h"
#include "pki/request.h"

namespace birthmark::app {
namespace {

constexpr auto kDay = std::chrono::hours(24);

pki::NotAfter EndOf(const plan::Lifetime& lifetime, Time from) {
  if (lifetime.never) return std::nullopt;
  return from + lifetime.duration;
}

std::string FillNumber(std::string name, int number) {
  if (size_t at = name.find("{}"); at != std::string::npos)
    name.replace(at, 2, std::to_string(number));
  return name;
}

const plan::Level& LevelOf(const plan::Pki& pki, int level) {
  return pki.levels[static_cast<size_t>(level - 1)];
}

Result<pki::Name> SubjectOf(const plan::Plan& plan, const std::string& name) {
  return pki::Name::Make({{"O", plan.product.manufacturer}, {"CN", name}});
}

}  // namespace

std::string AuthorityId(const plan::Pki& pki, int level, int number) {
  return fmt::format("{}-{}.{}", pki.id, level, number);
}

Result<OpenedIssuer> OpenIssuer(keystore::KeyStore& store, const plan::Plan& plan,
                                const std::string& pki_id, int level, const std::string& id,
                                const crypto::Certificate& certificate) {
  OpenedIssuer out;
  BM_TRY(out.signer, store.Open(id));
  BM_TRY(pki::Issuer made, pki::Issuer::Make(certificate, *out.signer));
  const plan::Pki* pki = plan.FindPki(pki_id);
  if (pki != nullptr && level >= 1 && static_cast<size_t>(level) <= pki->levels.size())
    made = std::move(made).With(line::UrlsOf(LevelOf(*pki, level), id));
  out.issuer = std::move(made);
  return out;
}

Result<crypto::Algorithm> ToCrypto(vocab::Algorithm a) {
  crypto::Algorithm out{};
  if (crypto::FromText(vocab::ToText(a), out)) return out;
  return Refused("plan.algorithm", fmt::format("no key store here makes {} keys", vocab::ToText(a)),
                 "use ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519");
}

Result<std::unique_ptr<crypto::Signer>> AuthorityMaker::MakeKey(const std::string& id,
                                                                crypto::Algorithm algorithm,
                                                                bool offline,
                                                                const std::string& purpose,
                                                                plan::Custody custody) {
  keystore::RoutedKeyStore& store = StoreOf(offline);
  BM_TRY(std::string scheme, SchemeOf(custody));
  BM_TRY(auto signer, store.CreateIn(scheme, id, algorithm));
  BM_TRY(keystore::KeyFacts facts, store.Facts(id));
  Add("key:" + id, line::KeyMade(id, facts, purpose, offline));
  return signer;
}

void AuthorityMaker::Record(const plan::Pki& pki, const plan::Level& level, const Authority& a,
                            const std::string& issuer) {
  ledger::CaCreated body{.id = a.id,
                         .pki = pki.id,
                         .cert = Bytes(a.certificate.der().begin(), a.certificate.der().end()),
                         .name = a.name,
                         .level = static_cast<uint32_t>(a.level),
                         .issuer = issuer,
                         .offline = a.offline,
                         .max_count = level.max_count};
  if (level.issuing_window)
    body.issues_until = Millis(a.certificate.not_before() + *level.issuing_window);
  Add("ca:" + a.id, body);
}

Result<Authority> AuthorityMaker::MakeRoot(const plan::Pki& pki, const plan::Level& level) {
  BM_TRY(crypto::Algorithm algorithm, ToCrypto(level.algorithm));
  Authority a{.id = AuthorityId(pki, 1, 1),
              .pki = pki.id,
              .level = 1,
              .offline = level.offline,
              .name = FillNumber(level.name, 1),
              .certificate = {}};
  BM_TRY(auto signer, MakeKey(a.id, algorithm, level.offline, "ca", level.custody));
  BM_TRY(pki::Stamp stamp, serials_.Next());
  BM_TRY(pki::Name subject, SubjectOf(plan_, a.name));
  BM_TRY(
      a.certificate,
      pki::SelfSign(*signer, pki::RootProfile(), marks_, stamp,
                    {.subject = subject,
                     .key = signer->public_key(),
                     .not_after = EndOf(level.lifetime, stamp.at),
                     .path_len = pki::PathLenFor(pki::PkiLevel(1), pki::PkiLevel(pki.EeLevel()))}));
  Record(pki, level, a, a.id);
  return a;
}

Result<fs::path> AuthorityMaker::WriteRequest(const plan::Pki& pki, const plan::Level& level,
                                              int number) {
  std::string id = AuthorityId(pki, level.level, number);
  BM_TRY(crypto::Algorithm algorithm, ToCrypto(level.algorithm));
  BM_TRY(auto signer, MakeKey(id, algorithm, level.offline, "ca", level.custody));
  BM_TRY(pki::Name subject, SubjectOf(plan_, FillNumber(level.name, number)));
  pki::RequestTerms terms{
      .workspace = workspace_,
      .name = FillNumber(level.name, number),
      .level = level.level,
      .lifetime_days = std::nullopt,
      .path_len = pki::PathLenFor(pki::PkiLevel(level.level), pki::PkiLevel(pki.EeLevel())),
      .pki = pki.id,
      .rehearsal = !marks_.policies.empty(),
      .created = clock_.Now()};
  if (!level.lifetime.never) terms.lifetime_days = level.lifetime.duration / kDay;
  return Export(id, terms, subject, *signer);
}

Result<fs::path> AuthorityMaker::Export(const std::string& id, const pki::RequestTerms& terms,
                                        const pki::Name& subject, crypto::Signer& signer) {
  BM_TRY(std::string text, pki::MakeRequest(terms, subject, signer));
  fs::path file = layout_.requests() / (id + ".request");
  BM_CHECK(WriteFileAtomic(file, text));
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  Add("ca:" + id,
      ledger::RequestCarried{.ca = id, .request = request.digest, .action = "exported"});
  return file;
}

Result<pki::Response> AuthorityMaker::Import(const std::string& id,
                                             const std::vector<Authority>& above,
                                             std::string_view response_text) {
  BM_TRY(std::string text,
         ReadTextFile(layout_.requests() / (id + ".request"), pki::kMaxRequestBytes));
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  std::vector<crypto::Certificate> anchors{above.front().certificate};
  BM_TRY(pki::Response response, pki::CheckResponse(response_text, request, anchors, clock_.Now()));
  Add("ca:" + id, ledger::RequestCarried{.ca = id,
                                         .request = request.digest,
                                         .action = "imported",
                                         .response = crypto::Sha256(AsBytes(response_text))});
  return response;
}

Result<std::string> AuthorityMaker::CarryAndSign(const fs::path& request_file,
                                                 const std::vector<Authority>& above) {
  const Authority& parent = above.back();
  const std::string id = request_file.stem().string();
  BM_TRY(std::string text, ReadTextFile(request_file, pki::kMaxRequestBytes));
  BM_TRY(pki::Request request, pki::CheckRequest(text));
  std::string response;
  if (parent.offline) {
    // The offline side works from the file that was carried in, not from our memory of it.
    const fs::path in = layout_.offline_in() / request_file.filename();
    BM_CHECK(WriteFileAtomic(in, text));
    BM_TRY(text, ReadTextFile(in, pki::kMaxRequestBytes));
    BM_CHECK(KeepOffline(above));
    BM_TRY(offline::Answered answered,
           offline::Answer(
               {.side = layout_.offline(), .ca = parent.id, .name = id}, text,
               [&](const std::string& ca) { return stores_.offline->Open(ca); }, clock_));
    BM_TRY(response, ReadTextFile(answered.file, pki::kMaxRequestBytes));
  } else {
    BM_TRY(OpenedIssuer opened, OpenIssuer(StoreOf(false), plan_, parent.pki, parent.level,
                                           parent.id, parent.certificate));
    std::vector<crypto::Certificate> chain;
    for (auto it = above.rbegin(); it != above.rend(); ++it) chain.push_back(it->certificate);
    BM_TRY(pki::Stamp stamp, serials_.Next());
    BM_TRY(response, pki::SignRequest(request, *opened.issuer, marks_, stamp, chain));
  }
  Add("ca:" + id, ledger::RequestCarried{.ca = id,
                                         .request = request.digest,
                                         .action = "signed",
                                         .response = crypto::Sha256(AsBytes(response))});
  BM_CHECK(WriteFileAtomic(layout_.requests() / (id + ".response"), response));
  return response;
}

Status AuthorityMaker::KeepOffline(const std::vector<Authority>& made) {
  const Authority& a = made.back();
  // One whose key was made elsewhere (an external root) is none of this offline side.
  if (!a.offline || stores_.offline == nullptr || !stores_.offline->Facts(a.id)) return {};
  offline::OfflineAuthority known{
      .id = a.id, .pki = a.pki, .level = a.level, .chain = {}, .urls = {}, .rehearsal = true};
  for (auto it = made.rbegin(); it != made.rend(); ++it) known.chain.push_back(it->certificate);
  const plan::Pki* pki = plan_.FindPki(a.pki);
  if (pki != nullptr && static_cast<size_t>(a.level) <= pki->levels.size())
    known.urls = line::UrlsOf(LevelOf(*pki, a.level), a.id);
  return offline::KeepAuthority(layout_.offline(), known);
}

Result<Authority> AuthorityMaker::AcceptResponse(const plan::Pki& pki, const plan::Level& level,
                                                 const std::vector<Authority>& above,
                                                 std::string_view response_text) {
  std::string id = AuthorityId(pki, level.level, 1);
  BM_TRY(pki::Response response, Import(id, above, response_text));
  Authority a{.id = id,
              .pki = pki.id,
              .level = level.level,
              .offline = level.offline,
              .name = FillNumber(level.name, 1),
              .certificate = response.certificate};
  Record(pki, level, a, above.back().id);
  return a;
}

Result<Authority> AuthorityMaker::AcceptSuccessor(const plan::Pki& pki, const plan::Level& level,
                                                  const std::vector<Authority>& above,
                                                  std::string_view response_text, int number) {
  std::string id = AuthorityId(pki, level.level, number);
  BM_TRY(pki::Response response, Import(id, above, response_text));
  Authority a{.id = id,
              .pki = pki.id,
              .level = level.level,
              .offline = level.offline,
              .name = FillNumber(level.name, number),
              .certificate = response.certificate};
  // Its window begins with its turn.
  plan::Level without_window = level;
  without_window.issuing_window.reset();
  Record(pki, without_window, a, above.back().id);
  Add("ca:" + id,
      ledger::CaState{
          .id = id, .state = "waiting", .until = std::nullopt, .reason = "signed ahead"});
  return a;
}

Result<std::vector<Authority>> AuthorityMaker::MakeBelow(const plan::Pki& pki,
                                                         std::vector<Authority> made) {
  BM_CHECK(KeepOffline(made));
  while (made.size() < pki.levels.size()) {
    const plan::Level& level = LevelOf(pki, static_cast<int>(made.size()) + 1);
    BM_TRY(fs::path request, WriteRequest(pki, level));
    BM_TRY(std::string response, CarryAndSign(request, made));
    BM_TRY(Authority a, AcceptResponse(pki, level, made, response));
    made.push_back(std::move(a));
    BM_CHECK(KeepOffline(made));
  }
  return made;
}

Result<std::vector<Authority>> AuthorityMaker::MakeAll(
    const plan::Pki& pki, const std::optional<crypto::Certificate>& root,
    std::optional<fs::path>* waiting) {
  std::vector<Authority> made;
  if (pki.levels.empty()) return made;
  if (!root) {
    BM_TRY(Authority a, MakeRoot(pki, LevelOf(pki, 1)));
    made.push_back(std::move(a));
    return MakeBelow(pki, std::move(made));
  }
  if (pki.levels.size() < 2) {
    return Refused("init.root-cert",
                   "an existing root needs a plan with at least two levels of authorities",
                   "add a level 2 to the identity PKI of the plan");
  }
  Authority a{.id = AuthorityId(pki, 1, 1),
              .pki = pki.id,
              .level = 1,
              .offline = true,
              .name = root->common_name().value_or(root->subject()),
              .certificate = *root};
  Record(pki, LevelOf(pki, 1), a, a.id);
  made.push_back(std::move(a));
  BM_TRY(fs::path request, WriteRequest(pki, LevelOf(pki, 2)));
  *waiting = request;
  return made;
}

Result<std::vector<Authority>> AuthorityMaker::Continue(const plan::Pki& pki,
                                                        std::vector<Authority> above,
                                                        std::string_view response) {
  const plan::Level& level = LevelOf(pki, static_cast<int>(above.size()) + 1);
  BM_TRY(Authority a, AcceptResponse(pki, level, above, response));
  above.push_back(std::move(a));
  return MakeBelow(pki, std::move(above));
}

Result<std::optional<fs::path>> AuthorityMaker::Ask(const plan::Pki& pki,
                                                    const pki::Profile* signer) {
  for (const plan::Level& level : pki.levels) {
    if (level.offline) continue;
    BM_TRY(fs::path file, WriteRequest(pki, level));
    return file;
  }
  if (signer == nullptr) return std::nullopt;
  const std::string id = pki.id + "-ee";
  BM_TRY(crypto::Algorithm algorithm,
         ToCrypto(pki.end_entity.algorithm.value_or(vocab::Algorithm::kEcdsaP256)));
  BM_TRY(auto key, MakeKey(id, algorithm, false, PurposeOfSigner(*signer)));
  BM_TRY(pki::Name subject, SubjectOf(plan_, NameOfSigner(pki, 0)));
  pki::RequestTerms terms{.workspace = workspace_,
                          .name = FillNumber(pki.end_entity.name, 1),
                          .level = pki.EeLevel(),
                          .lifetime_days = std::nullopt,
                          .path_len = 0,
                          .profile = std::string(signer->id),
                          .pki = pki.id,
                          .rehearsal = !marks_.policies.empty(),
                          .created = clock_.Now()};
  if (!pki.end_entity.lifetime.never) terms.lifetime_days = pki.end_entity.lifetime.duration / kDay;
  BM_TRY(fs::path file, Export(id, terms, subject, *key));
  return file;
}

void AuthorityMaker::TakeOver(const plan::Pki& pki, const Authority& a, const std::string& issuer,
                              const ledger::KeyCreated& key) {
  Add("key:" + key.id, key);
  Record(pki, LevelOf(pki, a.level), a, issuer);
}

Result<Issued> AuthorityMaker::AcceptEndEntity(const plan::Pki& pki,
                                               const std::vector<Authority>& above,
                                               std::string_view response_text) {
  Issued out{.key_id = pki.id + "-ee", .chain = {}};
  BM_TRY(pki::Response response, Import(out.key_id, above, response_text));
  out.chain.push_back(std::move(response.certificate));
  for (auto it = above.rbegin(); it != above.rend(); ++it) {
    if (it->level > 1) out.chain.push_back(it->certificate);
  }
  return out;
}

Result<Issued> AuthorityMaker::MakeEndEntity(const plan::Pki& pki,
                                             const std::vector<Authority>& authorities,
                                             const pki::Profile& profile,
                                             const std::string& purpose) {
  BM_TRY(crypto::Algorithm algorithm,
         ToCrypto(pki.end_entity.algorithm.value_or(vocab::Algorithm::kEcdsaP256)));
  const std::string id = pki.id + "-ee";
  BM_TRY(auto signer, MakeKey(id, algorithm, false, purpose, pki.end_entity.custody));
  BM_TRY(pki::Name subject, SubjectOf(plan_, NameOfSigner(pki, 0)));
  return CertifyEndEntity(pki, authorities, profile, signer->public_key(), id, subject);
}

Result<Issued> AuthorityMaker::CertifyEndEntity(const plan::Pki& pki,
                                                const std::vector<Authority>& authorities,
                                                const pki::Profile& profile,
                                                const crypto::PublicKey& key,
                                                const std::string& key_id, const pki::Name& subject,
                                                const std::vector<std::string>& dns_names) {
  Issued out{.key_id = key_id, .chain = {}};
  BM_TRY(pki::Stamp stamp, serials_.Next());
  pki::Contents contents{.subject = subject,
                         .key = key,
                         .not_after = EndOf(pki.end_entity.lifetime, stamp.at),
                         .dns_names = dns_names};
  const SignerTerms terms = TermsOfSigner(plan_, pki);
  pki::Profile wanted = profile;
  const std::vector<std::string_view> uses(terms.uses.begin(), terms.uses.end());
  if (!uses.empty()) wanted.extended_key_usages = uses;
  pki::Marks marks = marks_;
  marks.policies.insert(marks.policies.end(), terms.policies.begin(), terms.policies.end());
  const Authority& parent = authorities.back();
  BM_TRY(OpenedIssuer opened, OpenIssuer(StoreOf(parent.offline), plan_, parent.pki, parent.level,
                                         parent.id, parent.certificate));
  BM_TRY(crypto::Certificate certificate,
         pki::Issue(*opened.issuer, wanted, marks, stamp, contents));
  if (parent.offline) {
    Add("ca:" + parent.id, ledger::RequestCarried{.ca = parent.id,
                                                  .request = crypto::Sha256(key.spki()),
                                                  .action = "signed",
                                                  .response = certificate.digest()});
  }
  out.chain.push_back(std::move(certificate));
  for (auto it = authorities.rbegin(); it != authorities.rend(); ++it) {
    if (it->level > 1) out.chain.push_back(it->certificate);
  }
  return out;
}

Result<std::string> AuthorityMaker::MakeLoneKey(const plan::Pki& pki) {
  BM_TRY(crypto::Algorithm algorithm,
         ToCrypto(pki.end_entity.algorithm.value_or(vocab::Algorithm::kEcdsaP256)));
  std::string id = pki.id + "-ee";
  BM_TRY(auto signer, MakeKey(id, algorithm, false, "anchor"));
  return id;
}

Result<std::unique_ptr<crypto::Signer>> AuthorityMaker::MakeLogKey() {
  return MakeKey("log", crypto::Algorithm::kEd25519, false, "log");
}

Result<Authority> AuthorityMaker::MakeOperations() {
  Authority a{.id = "operations",
              .pki = "operations",
              .level = 1,
              .offline = false,
              .name = plan_.product.manufacturer + " Operations CA",
              .certificate = {}};
  BM_TRY(auto signer, MakeKey(a.id, crypto::Algorithm::kEcdsaP256, false, "ca"));
  BM_TRY(pki::Stamp stamp, serials_.Next());
  BM_TRY(pki::Name subject, SubjectOf(plan_, a.name));
  BM_TRY(a.certificate, pki::SelfSign(*signer, pki::RootProfile(), marks_, stamp,
                                      {.subject = subject,
                                       .key = signer->public_key(),
                                       .not_after = stamp.at + kDay * 3653,
                                       .path_len = 0}));
  Add("ca:" + a.id,
      ledger::CaCreated{.id = a.id,
                        .pki = a.pki,
                        .cert = Bytes(a.certificate.der().begin(), a.certificate.der().end()),
                        .name = a.name,
                        .level = 1,
                        .issuer = a.id});
  return a;
}

Result<Issued> AuthorityMaker::MakeCredential(const Authority& operations,
                                              const std::string& pseudonym, const std::string& kind,
                                              const std::string& role, int days) {
  Issued out{.key_id = "credential-" + pseudonym, .chain = {}};
  BM_TRY(auto signer, MakeKey(out.key_id, crypto::Algorithm::kEcdsaP256, false, "credential"));
  BM_TRY(auto issuer_key, stores_.online->Open(operations.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(operations.certificate, *issuer_key));
  BM_TRY(pki::Stamp stamp, serials_.Next());
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", plan_.product.manufacturer}, {"OU", role}, {"CN", pseudonym}}));
  const pki::Profile& profile = kind == "station" ? pki::StationProfile() : pki::PersonProfile();
  BM_TRY(crypto::Certificate certificate, pki::Issue(issuer, profile, marks_, stamp,
                                                     {.subject = subject,
                                                      .key = signer->public_key(),
                                                      .not_after = stamp.at + kDay * days}));
  Add("credential:" + pseudonym,
      ledger::CredentialIssued{.cert = Bytes(certificate.der().begin(), certificate.der().end()),
                               .kind = kind,
                               .role = role,
                               .pseudonym = pseudonym});
  out.chain = {certificate};
  return out;
}

}  // namespace birthmark::app
