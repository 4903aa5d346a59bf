// SPDX-License-Identifier: Apache-2.0
#include "device/tests/firmware.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace birthmark::device {
namespace {

void Require(bool good) {
  if (!good) std::abort();
}

Bytes Spki(const crypto::SoftwareSigner& key) {
  ByteView spki = key.public_key().spki();
  return Bytes(spki.begin(), spki.end());
}

void AddText(X509_NAME* name, const char* field, const std::string& text) {
  Require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()), -1, 0) == 1);
}

void AddExtension(X509* cert, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, cert, nullptr, nullptr, 0);
  CONF* none = NCONF_new(nullptr);  // certificatePolicies insists on a configuration
  X509V3_set_nconf(&context, none);
  X509_EXTENSION* e = X509V3_EXT_nconf_nid(none, &context, nid, value.c_str());
  Require(e != nullptr && X509_add_ext(cert, e, -1) == 1);
  X509_EXTENSION_free(e);
  NCONF_free(none);
}

void AddUnknown(X509* cert, const std::string& oid) {
  ASN1_OBJECT* object = OBJ_txt2obj(oid.c_str(), 1);
  ASN1_OCTET_STRING* data = ASN1_OCTET_STRING_new();
  const unsigned char null[2] = {5, 0};
  ASN1_OCTET_STRING_set(data, null, 2);
  X509_EXTENSION* e = X509_EXTENSION_create_by_OBJ(nullptr, object, 1, data);
  Require(X509_add_ext(cert, e, -1) == 1);
  X509_EXTENSION_free(e);
  ASN1_OCTET_STRING_free(data);
  ASN1_OBJECT_free(object);
}

}  // namespace

Key NewKey(crypto::Algorithm a) {
  auto key = crypto::SoftwareSigner::Generate(a);
  Require(key.has_value());
  return std::move(*key);
}

Bytes MakeCertificate(const CertificateOptions& o, crypto::SoftwareSigner& subject,
                      crypto::SoftwareSigner& issuer, const std::string& issuer_cn) {
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
  if (!o.organization.empty()) AddText(X509_get_subject_name(cert), "O", o.organization);
  AddText(X509_get_subject_name(cert), "CN", o.cn);
  AddText(X509_get_issuer_name(cert), "CN", issuer_cn);
  X509_gmtime_adj(X509_getm_notBefore(cert), -172800);
  X509_gmtime_adj(X509_getm_notAfter(cert), o.expired ? -86400 : 86400);
  X509_set_pubkey(cert, subject.evp());
  std::string basic = o.ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
  if (o.path_length >= 0) basic += ",pathlen:" + std::to_string(o.path_length);
  AddExtension(cert, NID_basic_constraints, basic);
  if (!o.key_usage.empty()) AddExtension(cert, NID_key_usage, "critical," + o.key_usage);
  if (!o.eku.empty()) AddExtension(cert, NID_ext_key_usage, o.eku);
  if (!o.dns.empty()) AddExtension(cert, NID_subject_alt_name, "DNS:" + o.dns);
  if (!o.policy.empty()) AddExtension(cert, NID_certificate_policies, o.policy);
  if (!o.critical_unknown.empty()) AddUnknown(cert, o.critical_unknown);
  Require(X509_sign(cert, issuer.evp(), o.sha1 ? EVP_sha1() : EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  int n = i2d_X509(cert, &der);
  Require(n > 0);
  Bytes out(der, der + n);
  OPENSSL_free(der);
  X509_free(cert);
  return out;
}

Bytes MustImage(const link::Manifest& manifest, ByteView payload, crypto::SoftwareSigner& signer,
                const link::SignerHeaders& headers) {
  auto image = link::BuildImage(manifest, payload, signer, headers);
  Require(image.has_value());
  return *image;
}

Firmware MakeFirmware(uint64_t version, bool factory_application) {
  Firmware f;
  f.boot_anchor = f.boot->public_key().spki_digest();
  link::SignerHeaders bare{.x5chain = {}, .bare_key = true};
  link::Stage test{.code = Bytes(900, 0x11), .anchors = {}};
  link::Stage first{.code = Bytes(700, 0x22),
                    .anchors = {{"second",
                                 "secured-first-boot",
                                 "second-stage",
                                 "spki",
                                 Spki(*f.update),
                                 {.levels = {1}, .algorithms = {"ES256"}}},
                                {"direct",
                                 "secured-first-boot",
                                 "application",
                                 "spki",
                                 Spki(*f.update),
                                 {.levels = {1}}}}};
  link::Stage second{
      .code = Bytes(800, 0x33),
      .anchors = {
          {"update", "software-update", "application", "spki", Spki(*f.update), {.levels = {1}}}}};
  link::Stage application{.code = Bytes(5000, 0x44), .anchors = {}};
  f.test_image =
      MustImage({"test-image", "test", version, true}, link::EncodeStage(test), *f.boot, bare);
  f.first_stage =
      MustImage({"first-stage", "first", version, false}, link::EncodeStage(first), *f.boot, bare);
  f.second_stage =
      MustImage({"second-stage", "second", version, false}, link::EncodeStage(second), *f.update);
  f.application = MustImage({"application", "product", version, factory_application},
                            link::EncodeStage(application), *f.update);
  return f;
}

}  // namespace birthmark::device
