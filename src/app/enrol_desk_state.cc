// SPDX-License-Identifier: Apache-2.0
// Reading a desk's state from the log, and telling who a caller is by it.
#include "app/enrol_desk_state.h"

#include <algorithm>
#include <set>

#include "app/vendor_roots.h"
#include "ledger/events.h"
#include "line/key_event.h"
#include "line/lot.h"
#include "line/succession.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

using enroll::Caller;

constexpr auto kRenewAhead = std::chrono::hours(24);
constexpr auto kRaLife = std::chrono::hours(24) * 365;
constexpr size_t kMaxDepth = 16;          // authorities on a path
constexpr size_t kMaxAuthorities = 1024;  // certificates kept at hand

Result<crypto::Certificate> CaCertificate(ledger::LogReader& reader, uint64_t seq) {
  BM_TRY(ledger::Event event, reader.EventAt(seq));
  BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
  return crypto::Certificate::FromDer(body.cert);
}

}  // namespace

// Reads the slots' vendor roots and prepares what attested keys' certificates say more.
Status EnrolDesk::PrepareAttested(const pki::Issuer& issuer,
                                  const pki::IssuerTemplate::Fixed& fixed, const pki::Marks& marks,
                                  const Layout& layout, Product& product) {
  for (const plan::IdentitySlot& slot : product.plan.identities) {
    if (slot.vendor_roots.empty()) continue;
    const std::string name(vocab::ToText(slot.slot));
    BM_TRY(product.vendor_roots[name], VendorRootsOf(layout, product.plan.product.id, name));
  }
  if (product.vendor_roots.empty()) return {};
  using Policies = std::vector<std::string>;
  const std::string residency(attest::oid::kVerifiedResidency);
  for (const Policies& policies :
       {Policies{residency}, Policies{residency, std::string(attest::oid::kVerifiedFixed)},
        Policies{residency, std::string(attest::oid::kVerifiedRestricted)}}) {
    pki::Marks more = marks;
    more.policies.insert(more.policies.end(), policies.begin(), policies.end());
    BM_TRY(pki::IssuerTemplate t,
           pki::IssuerTemplate::Make(issuer, pki::IDevIdProfile(), more, fixed));
    product.attested.emplace(policies, std::move(t));
  }
  return {};
}

const plan::IdentitySlot* SlotNamed(const plan::Plan& plan, const std::string& slot) {
  auto it = std::ranges::find(plan.identities, slot, [](const plan::IdentitySlot& s) {
    return std::string(vocab::ToText(s.slot));
  });
  return it == plan.identities.end() ? nullptr : &*it;
}

Result<std::shared_ptr<EnrolDesk::Product>> EnrolDesk::LoadProduct(ledger::LogReader& reader,
                                                                   plan::Plan plan, bool stopped,
                                                                   const Spent& spent) {
  auto product = std::make_shared<Product>();
  product->plan = std::move(plan);
  product->stopped = stopped;
  product->why_not = "no authority can issue yet";
  const plan::Pki* pki = product->plan.IdentityPki();
  if (pki->levels.empty()) return product;
  const plan::Level& level = pki->levels.back();
  BM_TRY(std::vector<ledger::CaRow> cas,
         reader.registry().CasOf(pki->id, static_cast<uint32_t>(level.level)));
  for (ledger::CaRow& ca : cas) {
    // What is being committed just now counts as well.
    if (auto it = spent.find(ca.id); it != spent.end()) ca.issued = std::max(ca.issued, it->second);
  }
  const Time now = s_.clock.Now();
  // An island's authority is known here, and its key is not.
  auto mine = [this](const std::string& id) -> Result<bool> {
    std::lock_guard keys(keys_mutex_);
    auto facts = s_.keys.Facts(id);
    return facts.has_value() || facts.error().code != "keystore.missing";
  };
  bool any = false;
  BM_TRY(std::optional<line::Turn> turn, line::NextTurn(cas, now, mine, &any));
  if (!turn) {
    if (any) product->why_not = "every subordinate has reached the end of its window or its count";
    return product;
  }
  ledger::EventContext context = s_.context;
  context.plan = product->plan.digest;
  BM_TRY(ledger::Submission begins, line::TurnEvents(*turn, level, context, now));
  if (!begins.empty()) BM_CHECK(s_.queue.Append(std::move(begins)));
  const ledger::CaRow& ca = turn->ca;
  // From the issuer up; a root issues itself in a two-level PKI.
  std::optional<ledger::CaRow> at = ca;
  while (at && product->to_root.size() < kMaxDepth) {
    BM_TRY(crypto::Certificate c, CaCertificate(reader, at->seq));
    if (at->seq == ca.seq) product->issuer = c;
    Bytes der(c.der().begin(), c.der().end());
    if (at->level > 1) product->above.push_back(der);
    product->to_root.push_back(std::move(der));
    if (at->level == 1) break;
    const std::string up = at->issuer;
    BM_TRY(at, reader.registry().Ca(up));
  }
  {
    std::lock_guard keys(keys_mutex_);
    BM_TRY(product->signer, s_.keys.Open(ca.id));
  }
  product->free_signer = product->signer->algorithm() == crypto::Algorithm::kEcdsaP256;
  BM_TRY(pki::Issuer made, pki::Issuer::Make(product->issuer, *product->signer));
  product->urls = line::UrlsOf(level, ca.id);
  const pki::Issuer issuer = std::move(made).With(product->urls);
  const plan::Product& p = product->plan.product;
  BM_TRY(pki::Name subject, pki::Name::Make({{"O", p.manufacturer}}));
  const pki::IssuerTemplate::Fixed fixed{.subject = subject,
                                         .hardware_type = plan::HardwareTypeOid(p),
                                         .masa_url = p.masa_url.value_or(""),
                                         .mud_url = p.mud_url.value_or(""),
                                         .crl_urls = {}};
  BM_TRY(pki::IssuerTemplate prepared,
         pki::IssuerTemplate::Make(issuer, pki::IDevIdProfile(), s_.marks, fixed));
  product->prepared = std::make_unique<pki::IssuerTemplate>(std::move(prepared));
  const Layout layout(s_.log_dir.parent_path());
  BM_CHECK(PrepareAttested(issuer, fixed, s_.marks, layout, *product));
  product->ca = ca.id;
  product->issues_until = ca.issues_until;
  product->max_count = ca.max_count;
  product->issued = ca.issued;
  return product;
}

Result<std::shared_ptr<EnrolDesk::Product>> EnrolDesk::Succeed(
    const std::shared_ptr<Product>& over) {
  std::lock_guard one_at_a_time(succession_mutex_);
  const std::string id = over->plan.product.id;
  std::shared_ptr<const State> before = Now();
  auto it = before->products.find(id);
  // Somebody else found the successor meanwhile.
  if (it != before->products.end() && it->second != over) return it->second;
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  Spent spent;
  // Whoever asks found its window or its count at an end. A certificate of this count that is not
  // committed in the end is not issued by somebody else instead.
  if (over->max_count) spent[over->ca] = *over->max_count;
  BM_TRY(auto next, LoadProduct(*reader, over->plan, over->stopped, spent));
  if (next->ca.empty()) return next;
  auto state = std::make_shared<State>();
  state->products = before->products;
  state->products[id] = next;
  state->device_roots = before->device_roots;
  state->operations_roots = before->operations_roots;
  state->credentials = before->credentials;
  std::lock_guard lock(mutex_);
  state_ = std::move(state);
  return next;
}

Status EnrolDesk::Reload() {
  std::lock_guard one_at_a_time(succession_mutex_);
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  auto next = std::make_shared<State>();
  BM_TRY(auto plans, PlansOf(*reader));
  BM_TRY(auto lots, line::LotsOf(*reader));
  for (auto& [id, adopted] : plans) {
    const bool stopped = lots[id].state == "stopped";
    BM_TRY(next->products[id], LoadProduct(*reader, std::move(adopted.plan), stopped, {}));
  }
  std::set<std::string> pkis{"operations"};
  for (const auto& [id, product] : next->products)
    for (const plan::Pki& pki : product->plan.pkis) pkis.insert(pki.id);
  for (const std::string& pki : pkis) {
    BM_TRY(std::vector<ledger::CaRow> roots, reader->registry().CasOf(pki, 1));
    for (const ledger::CaRow& root : roots) {
      BM_TRY(crypto::Certificate c, CaCertificate(*reader, root.seq));
      (pki == "operations" ? next->operations_roots : next->device_roots).push_back(std::move(c));
    }
  }
  BM_TRY(std::vector<ledger::CredentialRow> credentials, reader->registry().Credentials());
  for (const ledger::CredentialRow& row : credentials)
    next->credentials[row.pseudonym] = {.kind = row.kind, .role = row.role};
  BM_TRY(std::vector<uint64_t> ended,
         reader->registry().EventsOfType(ledger::CredentialRevoked::kType));
  for (uint64_t seq : ended) {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::CredentialRevoked body, ledger::BodyOf<ledger::CredentialRevoked>(event));
    next->credentials[body.pseudonym].revoked = true;
  }
  BM_TRY(auto tokens, TokensOf(*reader));
  BM_TRY(ledger::Event last, reader->EventAt(reader->size() - 1));

  std::shared_ptr<const State> before = Now();
  for (auto& [id, product] : next->products) {
    // The registration authorities' keys are made once and outlive a reload.
    auto old = before ? before->products.find(id) : decltype(before->products.end()){};
    if (before && old != before->products.end() && old->second->ca == product->ca) {
      std::lock_guard lock(old->second->ra_mutex);
      product->ec_ra = std::move(old->second->ec_ra);
      product->rsa_ra = std::move(old->second->rsa_ra);
      product->ec_ra_certificate = old->second->ec_ra_certificate;
      product->rsa_ra_certificate = old->second->rsa_ra_certificate;
    }
  }
  std::lock_guard lock(mutex_);
  state_ = std::move(next);
  tokens_ = std::move(tokens);
  serials_ = std::make_unique<pki::SerialSource>(s_.clock, rng_, TimeFromMillis(last.recorded));
  return {};
}

Result<enroll::Authorities> EnrolDesk::AuthoritiesOf(const std::string& label) {
  BM_TRY(auto product, ProductOf(label));
  if (product->ca.empty()) return Refused("enroll.wait", product->why_not, "sign a successor");
  return enroll::Authorities{product->issuer, product->to_root};
}

Result<enroll::RequestTemplate> EnrolDesk::TemplateOf(const std::string& label,
                                                      const Caller& caller) {
  BM_TRY(auto product, ProductOf(label));
  const plan::Product& p = product->plan.product;
  enroll::RequestTemplate out{.key_algorithm = "",
                              .organization = p.manufacturer,
                              .serial_number = "",
                              .hardware_type = plan::HardwareTypeOid(p),
                              .masa_url = p.masa_url.value_or(""),
                              .mud_url = p.mud_url.value_or("")};
  if (const plan::IdentitySlot* slot = SlotNamed(product->plan, "idevid"))
    out.key_algorithm = vocab::ToText(slot->algorithm);
  if (caller.kind == Caller::Kind::kToken) {
    std::lock_guard lock(mutex_);
    auto it = tokens_.find(caller.id);
    if (it != tokens_.end() && it->second.issued.unit)
      out.serial_number = it->second.issued.unit->substr(p.id.size() + 1);
  } else if (caller.kind == Caller::Kind::kDevice && caller.id.starts_with(p.id + "/")) {
    out.serial_number = caller.id.substr(p.id.size() + 1);
  }
  return out;
}

Result<SecretBytes> EnrolDesk::TokenSecret(const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    auto it = tokens_.find(id);
    // A used-up token still authenticates: a client that lost the reply asks again with the same
    // key and gets the same certificate. What it may have is decided at Enrol.
    if (it == tokens_.end() || it->second.revoked ||
        Millis(s_.clock.Now()) >= it->second.issued.expires)
      return NotAuthorised("the token cannot be used");
  }
  std::lock_guard keys(keys_mutex_);
  auto secret = s_.keys.GetSecret(TokenSecretName(id));
  if (!secret) return NotAuthorised("the token cannot be used");
  return secret;
}

bool EnrolDesk::State::PathKnown(const crypto::Certificate& c, Time now) const {
  std::lock_guard lock(paths_mutex);
  auto it = paths.find(c.digest());
  return it != paths.end() && now < it->second;
}

void EnrolDesk::State::KeepPath(const crypto::Certificate& c, const pki::Path& path) const {
  constexpr size_t kMaxPaths = 100'000;
  Time until = c.not_after();
  for (const crypto::Certificate& each : path) until = std::min(until, each.not_after());
  std::lock_guard lock(paths_mutex);
  if (paths.size() >= kMaxPaths) paths.clear();
  paths[c.digest()] = until;
}

std::vector<crypto::Certificate> EnrolDesk::Intermediates() const {
  std::vector<crypto::Certificate> all;
  for (const auto& [id, product] : Now()->products)
    if (!product->ca.empty() && !product->above.empty()) all.push_back(product->issuer);
  return all;
}

Result<std::vector<crypto::Certificate>> EnrolDesk::Above(ByteView key_id) {
  std::vector<crypto::Certificate> out;
  if (key_id.empty()) return out;
  const Bytes wanted(key_id.begin(), key_id.end());
  {
    std::lock_guard lock(above_mutex_);
    if (auto it = above_.find(wanted); it != above_.end()) return it->second;
  }
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  BM_TRY(std::optional<ledger::CaRow> at, reader->registry().CaByKeyId(wanted));
  while (at && at->level > 1 && out.size() < kMaxDepth) {
    BM_TRY(crypto::Certificate c, CaCertificate(*reader, at->seq));
    out.push_back(std::move(c));
    const std::string up = at->issuer;
    BM_TRY(at, reader->registry().Ca(up));
  }
  // Nothing is kept of authorities that are not ours: anybody can name them.
  if (out.empty()) return out;
  std::lock_guard lock(above_mutex_);
  if (above_.size() >= kMaxAuthorities) above_.clear();
  above_[wanted] = out;
  return out;
}

Result<Caller> EnrolDesk::CallerOf(const crypto::Certificate& c,
                                   const std::vector<crypto::Certificate>& others) {
  auto state = Now();
  Time now = s_.clock.Now();
  for (const crypto::Certificate& root : state->operations_roots) {
    if (c.issuer_der().size() != root.subject_der().size() ||
        !std::ranges::equal(c.issuer_der(), root.subject_der()))
      continue;
    if (!state->PathKnown(c, now)) {
      std::vector<crypto::Certificate> anchors{root};
      auto path = pki::BuildPath(c, {}, anchors, now, pki::Purpose::kClient);
      if (!path) break;
      state->KeepPath(c, *path);
    }
    std::string pseudonym = c.common_name().value_or("");
    auto it = state->credentials.find(pseudonym);
    if (it == state->credentials.end() || it->second.revoked)
      return NotAuthorised("the credential is unknown or was revoked");
    return Caller{
        .kind = it->second.kind == "station" ? Caller::Kind::kStation : Caller::Kind::kPerson,
        .id = pseudonym,
        .certificate = c};
  }
  if (!state->PathKnown(c, now)) {
    BM_TRY(std::vector<crypto::Certificate> between, Above(c.aki().value_or(Bytes{})));
    if (others.size() <= pki::kMaxPathCertificates)
      between.insert(between.end(), others.begin(), others.end());
    auto path = pki::BuildPath(c, between, state->device_roots, now, pki::Purpose::kDevice);
    if (!path)
      return NotAuthorised("the certificate leads to none of our anchors, or is out of its time");
    state->KeepPath(c, *path);
  }
  BM_TRY(std::optional<ledger::IdentityRow> row, IdentityBySerial(c.serial()));
  if (!row || row->spki != c.public_key()->spki_digest())
    return NotAuthorised("the certificate is not in our log");
  if (!ledger::IsLive(row->state) || row->state == "held")
    return NotAuthorised("the certificate was revoked, replaced or is on hold");
  return Caller{.kind = Caller::Kind::kDevice, .id = row->unit, .certificate = c};
}

// RaOf finds or makes a registration authority's key: one for each issuing authority, so that its
// certificate always comes from the authority that issues to the devices.
Result<enroll::Ra> EnrolDesk::RaOf(const std::string& label, bool rsa) {
  BM_TRY(auto product, ProductOf(label));
  if (product->ca.empty()) return Refused("enroll.wait", product->why_not, "sign a successor");
  std::lock_guard lock(product->ra_mutex);
  auto& key = rsa ? product->rsa_ra : product->ec_ra;
  auto& certificate = rsa ? product->rsa_ra_certificate : product->ec_ra_certificate;
  Time now = s_.clock.Now();
  if (key && certificate.not_after() > now + kRenewAhead)
    return enroll::Ra{certificate, key->evp()};
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  std::string prefix = fmt::format("ra-{}-{}", rsa ? "rsa" : "ec", product->ca);
  BM_TRY(std::vector<uint64_t> seqs,
         reader->registry().EventsOfType(ledger::SignerCertified::kType));
  int number = 1;
  std::lock_guard keys(keys_mutex_);
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    if (!body.key.starts_with(prefix + "-") || body.chain.empty()) continue;
    ++number;
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.chain.front()));
    if (c.not_after() <= now + kRenewAhead) continue;
    BM_TRY(SecretBytes pkcs8, s_.keys.Export(body.key));
    BM_TRY(key, crypto::SoftwareSigner::FromPkcs8(pkcs8));
    certificate = c;
    return enroll::Ra{certificate, key->evp()};
  }
  std::string id = fmt::format("{}-{}", prefix, number);
  crypto::Algorithm algorithm = rsa ? crypto::Algorithm::kRsa2048 : crypto::Algorithm::kEcdsaP256;
  // A key whose certificate never became known is left from an interrupted start.
  if (s_.keys.Facts(id)) BM_CHECK(s_.keys.Destroy(id));
  BM_TRY(auto made, s_.keys.Create(id, algorithm));
  BM_TRY(keystore::KeyFacts facts, s_.keys.Facts(id));
  BM_TRY(pki::Issuer plain, pki::Issuer::Make(product->issuer, *product->signer));
  const pki::Issuer issuer = std::move(plain).With(product->urls);
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", product->plan.product.manufacturer},
                          {"CN", rsa ? "SCEP registration authority" : "Enrolment desk"}}));
  BM_TRY(pki::Stamp stamp, NextStamp());
  Time end = std::min(stamp.at + kRaLife, product->issuer.not_after());
  BM_TRY(crypto::Certificate issued, [&] {
    std::lock_guard signing(product->signer_mutex);
    return pki::Issue(issuer, rsa ? pki::ScepRaProfile() : pki::EnrolmentRaProfile(), s_.marks,
                      stamp, {.subject = subject, .key = made->public_key(), .not_after = end});
  }());
  ledger::SignerCertified body{.key = id, .pki = "enrolment", .chain = {}};
  body.chain.emplace_back(issued.der().begin(), issued.der().end());
  for (const Bytes& above : product->above) body.chain.push_back(above);
  const ledger::KeyCreated created = line::KeyMade(id, facts, "enrolment");
  ledger::Submission events;
  BM_TRY(ledger::NewEvent first,
         ledger::Prepare(ledger::MakeEvent(s_.context, now, "key:" + id, created)));
  BM_TRY(ledger::NewEvent second,
         ledger::Prepare(ledger::MakeEvent(s_.context, now, "key:" + id, body)));
  events.push_back(std::move(first));
  events.push_back(std::move(second));
  BM_CHECK(s_.queue.Append(std::move(events)));
  BM_TRY(SecretBytes pkcs8, s_.keys.Export(id));
  BM_TRY(key, crypto::SoftwareSigner::FromPkcs8(pkcs8));
  certificate = issued;
  return enroll::Ra{certificate, key->evp()};
}

Result<enroll::Ra> EnrolDesk::EcRa(const std::string& label) { return RaOf(label, false); }
Result<enroll::Ra> EnrolDesk::RsaRa(const std::string& label) { return RaOf(label, true); }

}  // namespace birthmark::app
