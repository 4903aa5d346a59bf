// SPDX-License-Identifier: Apache-2.0
#include "app/onboard.h"

#include <openssl/pem.h>

#include "base/files.h"
#include "crypto/software_signer.h"
#include "pki/profile.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxKeyFile = 64 * 1024;
constexpr size_t kNonce = 16;

// NoPassphraseHere answers OpenSSL's wish for one with none, so that nothing is asked on a
// terminal.
int NoPassphraseHere(char*, int, int, void*) { return 0; }

Result<Bytes> RequestOctets(const std::string& file) {
  return ReadFile(file, voucher::kMaxMessage);
}

Result<Bytes> NonceFor(const RequestOptions& o, Rng& rng) {
  if (o.no_nonce) return Bytes();
  if (o.nonce.empty()) {
    Bytes out(kNonce);
    rng.Fill(out);
    return out;
  }
  auto typed = FromHex(o.nonce);
  if (!typed || typed->size() < voucher::kMinNonce || typed->size() > voucher::kMaxNonce)
    return Usage("voucher.usage", "--nonce is not 8 to 32 octets in hexadecimal");
  return std::move(*typed);
}

// RegistrarStatement is what a registrar asks for with a device's request in hand.
Result<voucher::Statement> RegistrarStatement(const voucher::Message& prior) {
  voucher::Statement s;
  s.kind = voucher::Kind::kRequest;
  s.serial_number = prior.statement.serial_number;
  s.nonce = prior.statement.nonce;
  s.nonce_text = prior.statement.nonce_text;
  s.assertion = prior.statement.assertion;
  s.prior_signed_request = prior.bytes;
  if (!prior.certificates.empty()) {
    const crypto::CertExtension* aki =
        prior.certificates.front().Extension(pki::oid::kAuthorityKeyId);
    if (aki != nullptr) s.idevid_issuer = aki->value;
  }
  return s;
}

}  // namespace

Result<std::unique_ptr<crypto::Signer>> ReadKeyFile(const std::string& file) {
  BM_TRY(Bytes text, ReadFile(file, kMaxKeyFile));
  const SecretBytes pem = SecretBytes::Take(std::move(text));
  const ByteView view = pem.Read(SecretAccess());
  crypto::BioPtr bio(BIO_new_mem_buf(view.data(), static_cast<int>(view.size())));
  crypto::EvpKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphraseHere, nullptr));
  if (key == nullptr) {
    auto why = crypto::OpenSslError("key.malformed", "reading a private key");
    return Refused("key.malformed", file + " holds no private key in PEM without a passphrase");
  }
  BM_TRY(auto signer, crypto::SoftwareSigner::FromEvp(key.get()));
  return signer;
}

Result<std::vector<crypto::Certificate>> ReadCertificates(const std::string& files) {
  std::vector<crypto::Certificate> out;
  for (size_t at = 0; at < files.size();) {
    const size_t comma = std::min(files.find(',', at), files.size());
    const std::string file = files.substr(at, comma - at);
    at = comma + 1;
    if (file.empty()) continue;
    BM_TRY(std::string text, ReadTextFile(file, 1 << 20));
    auto some = crypto::Certificate::ManyFromPem(text);
    if (!some) return std::unexpected(std::move(some).error().Context(file));
    out.insert(out.end(), some->begin(), some->end());
  }
  return out;
}

Result<Bytes> MakeRequest(const RequestOptions& o, const Clock& clock, Rng& rng) {
  BM_TRY(auto signer, ReadKeyFile(o.key));
  BM_TRY(auto chain, ReadCertificates(o.certificates));
  if (chain.empty())
    return Usage("voucher.usage", "the signer's certificate is missing", "say --cert FILE");
  voucher::Form form = o.form.value_or(voucher::Form::kCms);
  voucher::Statement s;
  if (!o.prior.empty()) {
    BM_TRY(Bytes bytes, RequestOctets(o.prior));
    auto prior = voucher::Open(bytes);
    if (!prior) return std::unexpected(std::move(prior).error().Context(o.prior));
    BM_TRY(s, RegistrarStatement(*prior));
    form = o.form.value_or(prior->form);
  } else {
    s.kind = voucher::Kind::kRequest;
    s.serial_number =
        o.serial.empty() ? chain.front().subject_serial_number().value_or("") : o.serial;
    if (s.serial_number.empty()) {
      return Usage("voucher.usage", "the certificate names no serial number",
                   "say --serial, or --prior where a registrar asks");
    }
    BM_TRY(s.nonce, NonceFor(o, rng));
    if (!o.registrar.empty()) {
      BM_TRY(auto registrar, ReadCertificates(o.registrar));
      if (registrar.empty()) return Usage("voucher.usage", o.registrar + " holds no certificate");
      s.assertion = voucher::Assertion::kProximity;
      s.proximity_registrar_cert.assign(registrar.front().der().begin(),
                                        registrar.front().der().end());
    }
  }
  s.created_on = clock.Now();
  return voucher::Sign(s, form, chain, clock.Now(), *signer);
}

Result<link::DeviceConsole> OpenConsole(const std::string& uri) {
  BM_TRY(link::Uri parsed, link::ParseUri(uri));
  BM_TRY(auto stream, link::OpenStream(parsed));
  return link::DeviceConsole::Over(std::move(stream));
}

}  // namespace birthmark::app
