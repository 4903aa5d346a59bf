// SPDX-License-Identifier: Apache-2.0
// Requests as OpenSSL writes them, for the tests of EST. Tests only.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "crypto/software_signer.h"

namespace birthmark::enroll::est::test {

// RequestWish is what a test wants in a request.
struct RequestWish {
  std::string serial = "BMC-0001";
  std::string organization = "Acme Light";
  std::string challenge;   // challengePassword; empty: none
  int challenges = 1;      // how many values it has
  std::string attribute;   // one more attribute by its OID
  Bytes subject_alt_name;  // extnValue; empty: none
};

inline std::unique_ptr<crypto::SoftwareSigner> NewSigner(
    crypto::Algorithm a = crypto::Algorithm::kEcdsaP256) {
  return std::move(*crypto::SoftwareSigner::Generate(a));
}

inline Bytes MakeRequest(const crypto::SoftwareSigner& key, const RequestWish& wish = {}) {
  crypto::X509ReqPtr req(X509_REQ_new());
  X509_REQ_set_version(req.get(), 0);
  X509_NAME* name = X509_REQ_get_subject_name(req.get());
  auto add = [&](const char* type, const std::string& value) {
    if (value.empty()) return;
    X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                               reinterpret_cast<const uint8_t*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  };
  add("O", wish.organization);
  add("serialNumber", wish.serial);
  X509_REQ_set_pubkey(req.get(), key.evp());
  if (!wish.challenge.empty()) {
    X509_ATTRIBUTE* a = X509_ATTRIBUTE_create_by_NID(nullptr, NID_pkcs9_challengePassword,
                                                     MBSTRING_UTF8, wish.challenge.data(),
                                                     static_cast<int>(wish.challenge.size()));
    for (int i = 1; i < wish.challenges; ++i) {
      X509_ATTRIBUTE_set1_data(a, MBSTRING_UTF8, "another", 7);
    }
    X509_REQ_add1_attr(req.get(), a);
    X509_ATTRIBUTE_free(a);
  }
  if (!wish.attribute.empty()) {
    const uint8_t octet = 1;
    X509_REQ_add1_attr_by_txt(req.get(), wish.attribute.c_str(), V_ASN1_OCTET_STRING, &octet, 1);
  }
  if (!wish.subject_alt_name.empty()) {
    ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, wish.subject_alt_name.data(),
                          static_cast<int>(wish.subject_alt_name.size()));
    X509_EXTENSION* e = X509_EXTENSION_create_by_NID(nullptr, NID_subject_alt_name, 0, value);
    STACK_OF(X509_EXTENSION)* list = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(list, e);
    X509_REQ_add_extensions(req.get(), list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    ASN1_OCTET_STRING_free(value);
  }
  X509_REQ_sign(req.get(), key.evp(), EVP_sha256());
  uint8_t* out = nullptr;
  const int n = i2d_X509_REQ(req.get(), &out);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  return der;
}

}  // namespace birthmark::enroll::est::test
