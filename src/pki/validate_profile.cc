// SPDX-License-Identifier: Apache-2.0
// Rules of RFC 5280 section 4 that the engine does not look at.
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/der.h"
#include "pki/validate_rules.h"

namespace birthmark::pki {
namespace {

using crypto::DerReader;

constexpr const char* kNameConstraintsOid = "2.5.29.30";
constexpr const char* kSubjectAltNameOid = "2.5.29.17";
constexpr const char* kAuthorityKeyIdOid = "2.5.29.35";

class Profile {
 public:
  Profile(const crypto::Certificate& c, size_t place, std::vector<RuleFinding>& out)
      : c_(c), place_(place), out_(out) {}

  void Check() {
    Serial();
    Extensions();
    NameConstraints();
    DnsNames();
    KeyIdentifier();
  }

 private:
  void Add(Severity severity, const char* code, const char* rule, const char* section,
           std::string detail) {
    out_.push_back({severity, code, place_, "", rule, section, std::move(detail)});
  }

  void Serial() {
    constexpr const char* kSection = "RFC 5280 section 4.1.2.2";
    const ASN1_INTEGER* serial = X509_get0_serialNumber(c_.x509());
    // Relying parties should bear with negative numbers and zero: a warning.
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) {
      Add(Severity::kWarning, "chain.serial", "serial numbers are positive", kSection,
          "it is negative");
    } else if (std::ranges::all_of(c_.serial(), [](uint8_t b) { return b == 0; })) {
      Add(Severity::kWarning, "chain.serial", "serial numbers are positive", kSection,
          "it is zero");
    }
    const size_t octets =  // the sign octet counts
        c_.serial().size() + (!c_.serial().empty() && c_.serial()[0] >= 0x80 ? 1 : 0);
    if (octets > 20) {
      Add(Severity::kError, "chain.serial", "serial numbers have 20 octets at most", kSection,
          fmt::format("it has {}", octets));
    }
  }

  // Extensions that are known must read, critical or not.
  void Extensions() {
    for (int i = 0; i < X509_get_ext_count(c_.x509()); ++i) {
      X509_EXTENSION* e = X509_get_ext(c_.x509(), i);
      const X509V3_EXT_METHOD* method = X509V3_EXT_get(e);
      if (method == nullptr) continue;
      const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(e);
      const unsigned char* at = ASN1_STRING_get0_data(value);
      const unsigned char* last = at + ASN1_STRING_length(value);
      ASN1_VALUE* read = method->it != nullptr
                             ? ASN1_item_d2i(nullptr, &at, last - at, ASN1_ITEM_ptr(method->it))
                             : nullptr;
      if (method->it != nullptr && (read == nullptr || at != last)) {
        Add(Severity::kError, "chain.extension", "extensions read as what they say they are",
            "RFC 5280 section 4.2",
            std::string(OBJ_nid2sn(OBJ_obj2nid(X509_EXTENSION_get_object(e)))) + " is malformed");
      }
      if (read != nullptr) ASN1_item_free(read, ASN1_ITEM_ptr(method->it));
    }
  }

  void NameConstraints() {
    constexpr const char* kSection = "RFC 5280 section 4.2.1.10";
    const crypto::CertExtension* e = c_.Extension(kNameConstraintsOid);
    if (e == nullptr) return;
    if (!c_.is_ca()) {
      Add(Severity::kError, "chain.profile", "nameConstraints stands in authorities alone",
          kSection, "the certificate is no authority's");
    }
    if (!e->critical) {
      Add(Severity::kError, "chain.profile", "nameConstraints is critical", kSection, "it is not");
    }
    DerReader whole(e->value);
    auto fields = whole.Enter();
    bool any = false, empty = false;
    while (fields && !fields->AtEnd()) {
      auto trees = fields->Next();
      if (!trees) return;  // Extensions has said so
      any = true;
      empty |= trees->content.empty();
    }
    if (!any || empty) {
      Add(Severity::kError, "chain.profile", "nameConstraints holds a subtree", kSection,
          any ? "a list of subtrees is empty" : "it is empty");
    }
  }

  // Letters, digits, hyphens and, as in practice, underscores; "*" for the first label.
  static bool IsDnsName(std::string_view name) {
    if (name.starts_with("*.")) name.remove_prefix(2);
    if (name.empty() || name.size() > 253) return false;
    size_t label = 0;
    for (char c : name) {
      if (c == '.') {
        if (label == 0) return false;
        label = 0;
        continue;
      }
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!letter || ++label > 63) return false;
    }
    return label > 0;
  }

  void DnsNames() {
    const crypto::CertExtension* e = c_.Extension(kSubjectAltNameOid);
    if (e == nullptr) return;
    DerReader whole(e->value);
    auto names = whole.Enter();
    while (names && !names->AtEnd()) {
      auto name = names->Next();
      if (!name) return;
      if (name->tag != crypto::der::Context(2, false) || IsDnsName(AsText(name->content))) continue;
      Add(Severity::kError, "chain.profile", "a dNSName is a domain name in its preferred form",
          "RFC 5280 section 4.2.1.6", "subjectAltName holds one that is not");
      return;
    }
  }

  void KeyIdentifier() {
    if (c_.Extension(kAuthorityKeyIdOid) == nullptr || c_.aki()) return;
    Add(Severity::kError, "chain.profile", "authorityKeyIdentifier holds a keyIdentifier",
        "RFC 5280 section 4.2.1.1", "it does not");
  }

  const crypto::Certificate& c_;
  size_t place_;
  std::vector<RuleFinding>& out_;
};

}  // namespace

void CheckProfile(const crypto::Certificate& c, size_t place, std::vector<RuleFinding>& out) {
  Profile(c, place, out).Check();
}

}  // namespace birthmark::pki
