// SPDX-License-Identifier: Apache-2.0
#include "bench/factory.h"

#include <openssl/x509v3.h>

#include <algorithm>

#include "bench/measure.h"
#include "crypto/p256.h"
#include "pki/csr.h"

namespace birthmark::bench {
namespace {

constexpr std::string_view kProduct = "bmc/";

pki::IssuerTemplate MakeTemplate(const crypto::Certificate& certificate, crypto::Signer& key) {
  pki::Issuer issuer = Must(pki::Issuer::Make(certificate, key));
  return Must(pki::IssuerTemplate::Make(issuer, pki::IDevIdProfile(), pki::RehearsalMarks(),
                                        {.subject = Must(pki::Name::Make({{"O", "Acme Light"}})),
                                         .hardware_type = "1.3.6.1.4.1.32473.2.7",
                                         .masa_url = "masa.acme.example",
                                         .mud_url = "https://acme.example/mud/bmc.json",
                                         .crl_urls = {}}));
}

}  // namespace

std::vector<crypto::PublicKey> NewKeys(size_t n) {
  std::vector<crypto::PublicKey> out;
  out.reserve(n);
  Bytes spki(crypto::kP256SpkiPrefix.begin(), crypto::kP256SpkiPrefix.end());
  for (size_t i = 0; i < n; ++i) {
    crypto::P256Point point = crypto::P256PointOf(crypto::P256Generate().get());
    spki.resize(crypto::kP256SpkiPrefix.size());
    spki.insert(spki.end(), point.begin(), point.end());
    out.push_back(Must(crypto::PublicKey::FromSpki(spki)));
  }
  return out;
}

std::vector<Bytes> NewRequests(size_t n) {
  std::vector<Bytes> out;
  out.reserve(n);
  pki::Name subject = Must(pki::Name::Make({{"O", "Acme Light"}, {"serialNumber", "BMC-0001"}}));
  for (size_t i = 0; i < n; ++i) {
    auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    out.push_back(Must(pki::BuildCsr(subject, *key)));
  }
  return out;
}

Factory::Factory()
    : serials_(clock_, rng_, clock_.Now()),
      authority_(MakeAuthority()),
      template_(MakeTemplate(authority_.certificate, *authority_.key)),
      encoder_({.actor = "birthmark", .plan = Digest{}, .station = "station-1"},
               {.ca = "identity-site-1",
                .slot = "idevid",
                .proof = "csr-signature",
                .method = "avocado"}) {
  ledger::NewEvent first = Issue(NewKeys(1).front());
  event_bytes_ = first.encoded.size();
  auto event = Must(ledger::DecodeEvent(first.encoded));
  sample_ = Must(ledger::BodyOf<ledger::IdentityIssued>(event)).cert;
}

Factory::Authority Factory::MakeAuthority() {
  auto root_key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const pki::Marks marks = pki::RehearsalMarks();
  auto name = [](const char* cn) {
    return Must(pki::Name::Make({{"O", "Acme Light"}, {"CN", cn}}));
  };
  crypto::Certificate root =
      Must(pki::SelfSign(*root_key, pki::RootProfile(), marks, Must(serials_.Next()),
                         {.subject = name("Acme Root R1"), .path_len = 1}));
  pki::Issuer above = Must(pki::Issuer::Make(root, *root_key));
  crypto::Certificate own = Must(
      pki::Issue(above, pki::SubordinateProfile(), marks, Must(serials_.Next()),
                 {.subject = name("Acme Site CA 1"), .key = key->public_key(), .path_len = 0}));
  return {std::move(key), std::move(own)};
}

std::string Factory::NextUnit() { return fmt::format("{}BMC-{:010}", kProduct, next_++); }

ledger::NewEvent Factory::Issue(const crypto::PublicKey& key) {
  const pki::Stamp stamp = Must(serials_.Next());
  const std::string unit = NextUnit();
  const std::string_view serial = std::string_view(unit).substr(kProduct.size());
  const Bytes der =
      Must(template_.Issue(stamp, {serial, AsBytes(serial), key, {}}, *authority_.key));
  return Must(encoder_.Encode({stamp.at, der, key.spki_digest(), unit, stamp.serial.bytes}));
}

ledger::NewEvent Factory::IssueFromRequest(ByteView request) {
  return Issue(Must(pki::ReadCsr(request)).key);
}

ledger::NewEvent Factory::Filler() {
  const pki::Stamp stamp = Must(serials_.Next());
  Digest spki;
  rng_.Fill(spki);
  return Must(encoder_.Encode({stamp.at, sample_, spki, NextUnit(), stamp.serial.bytes}));
}

void Factory::IssueByLibrary(size_t n) {
  static const crypto::EvpKeyPtr device(EVP_EC_gen("P-256")), own(EVP_EC_gen("P-256"));
  static const crypto::X509Ptr like = [this] {
    const uint8_t* p = sample_.data();
    return crypto::X509Ptr(d2i_X509(nullptr, &p, static_cast<long>(sample_.size())));
  }();
  for (size_t i = 0; i < n; ++i) {
    crypto::X509Ptr x(X509_new());
    bool ok = X509_set_version(x.get(), X509_VERSION_3) == 1 &&
              X509_set_serialNumber(x.get(), X509_get_serialNumber(like.get())) == 1 &&
              X509_set_issuer_name(x.get(), X509_get_issuer_name(like.get())) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(x.get()), 0) != nullptr &&
              X509_set1_notAfter(x.get(), X509_get0_notAfter(like.get())) == 1 &&
              X509_set_subject_name(x.get(), X509_get_subject_name(like.get())) == 1 &&
              X509_set_pubkey(x.get(), device.get()) == 1;
    for (int e = 0; ok && e < X509_get_ext_count(like.get()); ++e) {
      ok = X509_add_ext(x.get(), X509_get_ext(like.get(), e), -1) == 1;
    }
    uint8_t* der = nullptr;
    ok = ok && X509_sign(x.get(), own.get(), EVP_sha256()) > 0 && i2d_X509(x.get(), &der) > 0;
    OPENSSL_free(der);
    if (!ok) std::exit(1);
  }
}

}  // namespace birthmark::bench
