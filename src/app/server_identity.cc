// SPDX-License-Identifier: Apache-2.0
#include "app/server_identity.h"

#include <algorithm>

#include "crypto/der.h"
#include "ledger/events.h"
#include "pki/issue.h"

namespace birthmark::app {
namespace {

constexpr auto kDay = std::chrono::hours(24);
constexpr auto kLife = kDay * 90;
constexpr std::string_view kPki = "operations";
constexpr std::string_view kPrefix = "server-";

// Serves tells whether a certificate's subjectAltName is made of exactly these DNS names.
bool Serves(const crypto::Certificate& c, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  const crypto::CertExtension* san = c.Extension(pki::oid::kSubjectAltName);
  if (san == nullptr) return false;
  crypto::DerReader all(san->value);
  auto list = all.Enter();
  while (list && !list->AtEnd()) {
    auto name = list->Next();
    if (!name) return false;
    if (name->tag == crypto::der::Context(2, false)) found.emplace_back(AsText(name->content));
  }
  return std::ranges::is_permutation(found, names);
}

}  // namespace

Result<ServerIdentity> ServerIdentityFor(Factory& f, const std::vector<std::string>& names,
                                         const Clock& clock) {
  Time now = clock.Now();
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  auto operations = std::ranges::find(cas, kPki, &ledger::CaRow::id);
  if (operations == cas.end())
    return Internal("serve.authority", "this workspace has no operations authority");
  BM_TRY(ledger::Event event, reader->EventAt(operations->seq));
  BM_TRY(ledger::CaCreated ca, ledger::BodyOf<ledger::CaCreated>(event));
  ServerIdentity out;
  BM_TRY(out.root, crypto::Certificate::FromDer(ca.cert));
  BM_CHECK(WriteFileAtomic(f.layout.public_dir() / "operations-root.pem", out.root.ToPem()));

  BM_TRY(std::vector<uint64_t> seqs,
         reader->registry().EventsOfType(ledger::SignerCertified::kType));
  int number = 1;
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(e));
    if (body.pki != kPki || !body.key.starts_with(kPrefix) || body.chain.empty()) continue;
    ++number;
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.chain.front()));
    if (c.not_after() < now + kDay * 7 || !Serves(c, names)) continue;
    BM_TRY(SecretBytes pkcs8, f.keys.online->Export(body.key));
    BM_TRY(out.key, crypto::SoftwareSigner::FromPkcs8(pkcs8));
    out.certificate = std::move(c);
    return out;
  }
  std::string id = fmt::format("{}{}", kPrefix, number);
  // A key whose certificate never became known is left from an interrupted start.
  if (f.keys.online->Facts(id)) BM_CHECK(f.keys.online->Destroy(id));
  BM_TRY(auto made, f.keys.online->Create(id, crypto::Algorithm::kEcdsaP256));
  BM_TRY(auto authority, f.keys.online->Open(kPki));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(out.root, *authority));
  BM_TRY(pki::Stamp stamp, f.serials->Next());
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", f.adopted.plan.product.manufacturer}, {"CN", names.front()}}));
  BM_TRY(out.certificate, pki::Issue(issuer, pki::TlsServerProfile(), f.marks, stamp,
                                     {.subject = subject,
                                      .key = made->public_key(),
                                      .not_after = stamp.at + kLife,
                                      .dns_names = names}));
  ledger::SignerCertified body{.key = id, .pki = std::string(kPki), .chain = {}};
  body.chain.emplace_back(out.certificate.der().begin(), out.certificate.der().end());
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, now, "key:" + id, body)));
  BM_TRY(SecretBytes pkcs8, f.keys.online->Export(id));
  BM_TRY(out.key, crypto::SoftwareSigner::FromPkcs8(pkcs8));
  return out;
}

}  // namespace birthmark::app
