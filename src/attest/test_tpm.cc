// SPDX-License-Identifier: Apache-2.0
#include "attest/test_tpm.h"

#include <openssl/x509v3.h>

#include <cstdlib>

#include "attest/octets.h"
#include "crypto/der.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::attest::test {
namespace {

void Need(bool ok) {
  if (!ok) std::abort();
}

void AddExtension(X509* cert, X509V3_CTX* ctx, int nid, const char* value) {
  X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, ctx, nid, value);
  Need(e != nullptr);
  X509_add_ext(cert, e, -1);
  X509_EXTENSION_free(e);
}

crypto::Certificate MakeCert(EVP_PKEY* subject, EVP_PKEY* issuer_key, X509* issuer,
                             const char* name, bool ca, std::string_view usage) {
  static long serial = 1;
  crypto::X509Ptr cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_time_adj_ex(X509_getm_notBefore(cert.get()), -1, 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(cert.get()), 3650, 0, nullptr);
  X509_set_pubkey(cert.get(), subject);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer == nullptr ? cert.get() : issuer));
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer == nullptr ? cert.get() : issuer, cert.get(), nullptr, nullptr, 0);
  AddExtension(cert.get(), &ctx, NID_basic_constraints,
               ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (ca) AddExtension(cert.get(), &ctx, NID_key_usage, "critical,keyCertSign");
  if (!usage.empty()) AddExtension(cert.get(), &ctx, NID_ext_key_usage, std::string(usage).c_str());
  Need(X509_sign(cert.get(), issuer_key, EVP_sha256()) > 0);
  unsigned char* p = nullptr;
  int n = i2d_X509(cert.get(), &p);
  auto parsed = crypto::Certificate::FromDer({p, static_cast<size_t>(n)});
  OPENSSL_free(p);
  Need(parsed.has_value());
  return *parsed;
}

}  // namespace

Bytes AreaOf(const crypto::PublicKey& key, uint32_t attributes) {
  const bool rsa = key.algorithm() == crypto::Algorithm::kRsa2048;
  const size_t half = key.algorithm() == crypto::Algorithm::kEcdsaP384 ? 48 : 32;
  ByteView spki = key.spki();
  const bool parent = (attributes & object::kDecrypt) != 0;
  Bytes out;
  PutU16(out, rsa ? alg::kRsa : alg::kEcc);
  PutU16(out, alg::kSha256);
  PutU32(out, attributes);
  PutSized(out, {});
  PutU16(out, parent ? alg::kAes : alg::kNull);
  if (parent) {
    PutU16(out, 128);
    PutU16(out, alg::kCfb);
  }
  if (rsa) {
    PutU16(out, alg::kNull);  // scheme
    PutU16(out, 2048);
    PutU32(out, 0);
    crypto::DerReader whole(spki);
    auto info = whole.Enter();
    Need(info && info->Next().has_value());
    crypto::DerReader bits(*info->BitStringOctets());
    auto inner = bits.Enter();
    PutSized(out, *inner->Unsigned());
    return out;
  }
  PutU16(out, parent ? alg::kNull : alg::kEcdsa);
  if (!parent) PutU16(out, half == 48 ? alg::kSha384 : alg::kSha256);
  PutU16(out, half == 48 ? kCurveP384 : kCurveP256);
  PutU16(out, alg::kNull);
  PutSized(out, spki.last(2 * half).first(half));
  PutSized(out, spki.last(half));
  return out;
}

FakeKey MakeFakeKey(uint32_t attributes, crypto::Algorithm a) {
  auto signer = crypto::SoftwareSigner::Generate(a);
  Need(signer.has_value());
  FakeKey k{.signer = std::move(*signer), .area = {}};
  k.area = AreaOf(k.signer->public_key(), attributes);
  return k;
}

Bytes MakeAttest(ByteView name, ByteView nonce, ByteView creation_hash) {
  const bool creation = !creation_hash.empty();
  Bytes out;
  PutU32(out, 0xff544347);
  PutU16(out, static_cast<uint16_t>(creation ? AttestKind::kCreation : AttestKind::kCertify));
  Bytes qualified = {0x00, 0x0b};
  qualified.resize(34, 0x77);
  PutSized(out, qualified);
  PutSized(out, nonce);
  out.insert(out.end(), {0, 0, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2, 1});
  out.insert(out.end(), {0x20, 0x19, 0x10, 0x23, 0, 0x16, 0x36, 0x36});  // firmware
  PutSized(out, name);
  PutSized(out, creation ? creation_hash : ByteView(qualified));
  return out;
}

Bytes MakeCreationData(bool primary) {
  Bytes out;
  PutU32(out, 0);
  PutSized(out, {});
  out.push_back(1);
  PutU16(out, primary ? alg::kNull : alg::kSha256);
  Bytes parent = {0x40, 0, 0, 1};
  if (!primary) parent.assign(34, 0x55);
  PutSized(out, parent);
  PutSized(out, parent);
  PutSized(out, {});
  return out;
}

Bytes SignAttest(crypto::SoftwareSigner& ak, ByteView attest) {
  auto signature = ak.Sign(attest);
  Need(signature.has_value());
  TpmSignature s{.hash = alg::kSha256};
  if (ak.algorithm() == crypto::Algorithm::kRsa2048) {
    s.scheme = alg::kRsassa;
    s.rsa = *signature;
  } else {
    s.scheme = alg::kEcdsa;
    const size_t half = ak.algorithm() == crypto::Algorithm::kEcdsaP384 ? 48 : 32;
    if (half == 48) s.hash = alg::kSha384;
    Bytes raw = *crypto::EcdsaDerToRaw(*signature, half);
    s.r.assign(raw.begin(), raw.begin() + static_cast<ptrdiff_t>(half));
    s.s.assign(raw.begin() + static_cast<ptrdiff_t>(half), raw.end());
  }
  return WriteSignature(s);
}

FakeMaker::FakeMaker()
    : key(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256)),
      root(MakeCert(key->evp(), key->evp(), nullptr, "Maker root", true, "")) {}

crypto::Certificate FakeMaker::Certify(const crypto::PublicKey& subject,
                                       std::string_view usage) const {
  return MakeCert(subject.evp(), key->evp(), root.x509(), "TPM 1", false, usage);
}

Scene::Scene(Bytes n, bool creation, FakeMaker m)
    : maker(std::move(m)),
      nonce(std::move(n)),
      ak_certificate(maker.Certify(ak.signer->public_key(), oid::kAikCertificate)),
      ek_certificate(maker.Certify(
          (*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256))->public_key(),
          oid::kEkCertificate)) {
  statement.public_area = key.area;
  Bytes hash;
  if (creation) {
    statement.creation_data = MakeCreationData(false);
    hash = *HashOf(alg::kSha256, statement.creation_data);
  }
  Again(MakeAttest(key.parsed().Name(), nonce, hash));
}

void Scene::Again(ByteView attest) {
  statement.attest.assign(attest.begin(), attest.end());
  statement.signature = SignAttest(*ak.signer, attest);
}

Bundle Scene::ToBundle() const {
  Bundle b;
  b.statements.push_back(EncodeTpmStatement(statement));
  ByteView der = statement.ak_public_area.empty() ? ak_certificate.der() : ek_certificate.der();
  b.certs.emplace_back(der.begin(), der.end());
  return b;
}

TcgCsr Scene::Tcg() {
  TcgCsr c{.product_model = "GW-2",
           .product_serial = "S0001",
           .ek_certificate = Bytes(ek_certificate.der().begin(), ek_certificate.der().end()),
           .attest_public = ak.area,
           .signing_public = key.area,
           .signing_certify_info = statement.attest,
           .signing_certify_signature = statement.signature};
  c.signed_part = *TcgContent(c);
  c.signature = SignAttest(*ak.signer, c.signed_part);
  return c;
}

}  // namespace birthmark::attest::test
