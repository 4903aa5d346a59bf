// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/attributes.h"

#include <fmt/format.h>

#include "crypto/openssl.h"

namespace birthmark::enroll::scep {
namespace {

using ObjectPtr = crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;

std::unexpected<Error> Malformed(const char* oid, std::string_view why) {
  return Refused("scep.malformed", fmt::format("the signed attribute {} {}", oid, why));
}

}  // namespace

Result<Bytes> ReadAttribute(const CMS_SignerInfo* signer, const char* oid, int asn1_type,
                            size_t max) {
  ObjectPtr object(OBJ_txt2obj(oid, 1));
  const int at = CMS_signed_get_attr_by_OBJ(signer, object.get(), -1);
  if (at < 0) return Malformed(oid, "is missing");
  if (CMS_signed_get_attr_by_OBJ(signer, object.get(), at) >= 0) {
    return Malformed(oid, "stands twice");
  }
  X509_ATTRIBUTE* attribute = CMS_signed_get_attr(signer, at);
  if (X509_ATTRIBUTE_count(attribute) != 1) return Malformed(oid, "has not one value");
  const auto* s =
      static_cast<const ASN1_STRING*>(X509_ATTRIBUTE_get0_data(attribute, 0, asn1_type, nullptr));
  if (s == nullptr) return Malformed(oid, "is of another type");
  const size_t n = static_cast<size_t>(ASN1_STRING_length(s));
  if (n == 0 || n > max) return Malformed(oid, fmt::format("has {} octets", n));
  const uint8_t* p = ASN1_STRING_get0_data(s);
  return Bytes(p, p + n);
}

Status AddAttribute(CMS_SignerInfo* signer, const char* oid, int asn1_type, ByteView value) {
  ObjectPtr object(OBJ_txt2obj(oid, 1));
  // The length is given: with -1 OpenSSL takes the pointer for an ASN1_STRING.
  if (CMS_signed_add1_attr_by_OBJ(signer, object.get(), asn1_type, value.data(),
                                  static_cast<int>(value.size())) != 1) {
    return std::unexpected(crypto::OpenSslError("scep.reply", "adding a signed attribute"));
  }
  return {};
}

}  // namespace birthmark::enroll::scep
