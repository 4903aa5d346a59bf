// SPDX-License-Identifier: Apache-2.0
// Reading a desk's state from the log, and telling who a caller is by it.
#include "app/enrol_desk_state.h"

#include <algorithm>

#include "app/vendor_roots.h"
#include "ledger/events.h"
#include "line/lot.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

using enroll::Caller;

constexpr auto kRenewAhead = std::chrono::hours(24);
constexpr auto kRaLife = std::chrono::hours(24) * 365;

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

Status EnrolDesk::Reload() {
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  auto next = std::make_shared<State>();
  BM_TRY(auto plans, PlansOf(*reader));
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  Time now = s_.clock.Now();

  BM_TRY(auto lots, line::LotsOf(*reader));

  for (const ledger::CaRow& ca : cas) {
    BM_TRY(crypto::Certificate c, CaCertificate(*reader, ca.seq));
    if (ca.level == 1)
      (ca.pki == "operations" ? next->operations_roots : next->device_roots).push_back(c);
    if (ca.level > 1) next->authorities.push_back(c);
  }
  for (auto& [id, adopted] : plans) {
    auto product = std::make_shared<Product>();
    product->plan = std::move(adopted.plan);
    product->stopped = lots[id].state == "stopped";
    const plan::Pki* pki = product->plan.IdentityPki();
    product->why_not = "no authority can issue yet";
    for (const ledger::CaRow& ca : cas) {
      if (ca.pki != pki->id || ca.level != pki->levels.size()) continue;
      {
        // An island's authority is known here, and its key is not.
        std::lock_guard keys(keys_mutex_);
        if (auto facts = s_.keys.Facts(ca.id); !facts && facts.error().code == "keystore.missing")
          continue;
      }
      // An island's authority is known here, and its key is not.
      if (auto facts = s_.keys.Facts(ca.id); !facts && facts.error().code == "keystore.missing")
        continue;
      if ((ca.issues_until && Millis(now) >= *ca.issues_until) ||
          (ca.max_count && ca.issued >= *ca.max_count)) {
        product->why_not = "every subordinate has reached the end of its window or its count";
        continue;
      }
      BM_TRY(product->issuer, CaCertificate(*reader, ca.seq));
      // From the issuer up; a root issues itself in a two-level PKI.
      const ledger::CaRow* at = &ca;
      for (size_t depth = 0; depth < cas.size() && at != nullptr; ++depth) {
        BM_TRY(crypto::Certificate c, CaCertificate(*reader, at->seq));
        Bytes der(c.der().begin(), c.der().end());
        if (at->level > 1) product->above.push_back(der);
        product->to_root.push_back(std::move(der));
        if (at->level == 1) break;
        auto up = std::ranges::find(cas, at->issuer, &ledger::CaRow::id);
        at = up == cas.end() ? nullptr : &*up;
      }
      {
        std::lock_guard keys(keys_mutex_);
        BM_TRY(product->signer, s_.keys.Open(ca.id));
      }
      product->free_signer = product->signer->algorithm() == crypto::Algorithm::kEcdsaP256;
      BM_TRY(pki::Issuer issuer, pki::Issuer::Make(product->issuer, *product->signer));
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
      break;
    }
    next->products[id] = std::move(product);
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
    std::vector<crypto::Certificate> between = state->authorities;
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
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(product->issuer, *product->signer));
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
  ledger::KeyCreated created{.id = id,
                             .spki = made->public_key().spki_digest(),
                             .facts = {.local = facts.local,
                                       .sensitive = facts.sensitive,
                                       .extractable = facts.extractable,
                                       .always_sensitive = facts.always_sensitive,
                                       .never_extractable = facts.never_extractable},
                             .store = facts.scheme,
                             .offline = false,
                             .purpose = "enrolment",
                             .algorithm = std::string(crypto::ToText(algorithm))};
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
