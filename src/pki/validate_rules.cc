// SPDX-License-Identifier: Apache-2.0
#include "pki/validate_rules.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

namespace birthmark::pki {
namespace {

struct EngineRule {
  int error;
  const char* code;
  const char* rule;
  const char* section;
};

// What each refusal of the engine stands for. Numbers not in here are named by the engine's words.
constexpr EngineRule kEngineRules[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "chain.no-anchor", "a path leads to a trust anchor",
     "RFC 5280 section 6.1"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "chain.no-anchor",
     "a path leads to a trust anchor", "RFC 5280 section 6.1"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "chain.no-anchor",
     "a path leads to a trust anchor", "RFC 5280 section 6.1"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "chain.no-anchor",
     "a path leads to a trust anchor, and this root is none of those named",
     "RFC 5280 section 6.1"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "chain.no-anchor",
     "a path leads to a trust anchor, and this certificate is none of those named",
     "RFC 5280 section 6.1"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "chain.depth", "a path is no longer than was asked for",
     "RFC 5280 section 6.1"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "chain.signature",
     "the issuer's key verifies the signature", "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, "chain.signature",
     "the issuer's key verifies the signature", "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "chain.signature",
     "the issuer's key reads as a key", "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_NO_ISSUER_PUBLIC_KEY, "chain.signature", "the issuer's key reads as a key",
     "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, "chain.signature",
     "the algorithm of the signature is one of the issuer's key", "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, "chain.signature",
     "the algorithm inside the certificate and the one beside the signature are the same",
     "RFC 5280 section 4.1.1.2"},
    {X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, "chain.signature",
     "the algorithm of the signature is known", "RFC 5280 section 6.1.3 (a)(1)"},
    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, "chain.signature", "a curve is named, not described",
     "RFC 5480 section 2.1.1"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "chain.not-yet", "the time lies after notBefore",
     "RFC 5280 section 6.1.3 (a)(2)"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "chain.expired", "the time lies before notAfter",
     "RFC 5280 section 6.1.3 (a)(2)"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "chain.date", "notBefore is a time",
     "RFC 5280 section 4.1.2.5"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "chain.date", "notAfter is a time",
     "RFC 5280 section 4.1.2.5"},
    {X509_V_ERR_CERT_REVOKED, "chain.revoked", "no certificate of a path is revoked",
     "RFC 5280 section 6.1.3 (a)(3)"},
    {X509_V_ERR_SUBJECT_ISSUER_MISMATCH, "chain.name",
     "the issuer's name is the subject of the certificate above", "RFC 5280 section 6.1.3 (a)(4)"},
    {X509_V_ERR_AKID_SKID_MISMATCH, "chain.key-identifier",
     "authorityKeyIdentifier names the key of the certificate above", "RFC 5280 section 4.2.1.1"},
    {X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, "chain.key-identifier",
     "authorityKeyIdentifier names the certificate above", "RFC 5280 section 4.2.1.1"},
    {X509_V_ERR_INVALID_CA, "chain.not-ca", "who signs certificates is an authority",
     "RFC 5280 section 6.1.4 (k)"},
    {X509_V_ERR_INVALID_NON_CA, "chain.not-ca", "who signs certificates is an authority",
     "RFC 5280 section 6.1.4 (k)"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "chain.key-usage",
     "keyUsage of who signs certificates allows keyCertSign", "RFC 5280 section 6.1.4 (n)"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "chain.path-length",
     "no more authorities follow than pathLenConstraint allows",
     "RFC 5280 sections 6.1.4 (l) and (m)"},
    {X509_V_ERR_INVALID_PURPOSE, "chain.use", "the key may be used for what is asked",
     "RFC 5280 section 4.2.1.12"},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "chain.critical",
     "every critical extension is understood", "RFC 5280 sections 6.1.4 (o) and 6.1.5 (f)"},
    {X509_V_ERR_INVALID_EXTENSION, "chain.extension", "extensions read as what they say they are",
     "RFC 5280 section 4.2"},
    {X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED, "chain.critical",
     "proxy certificates (RFC 3820) are taken by nobody here", "RFC 5280 section 6.1.4 (o)"},
    {X509_V_ERR_PERMITTED_VIOLATION, "chain.name-constraint",
     "names lie in the subtrees that the authorities above permit", "RFC 5280 section 6.1.3 (b)"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "chain.name-constraint",
     "names lie in no subtree that the authorities above exclude", "RFC 5280 section 6.1.3 (c)"},
    {X509_V_ERR_SUBTREE_MINMAX, "chain.name-constraint", "a subtree has no minimum and no maximum",
     "RFC 5280 section 4.2.1.10"},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, "chain.name-constraint",
     "a constraint that names are under is understood", "RFC 5280 section 4.2.1.10"},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, "chain.name-constraint",
     "a name constraint is well formed", "RFC 5280 section 4.2.1.10"},
    {X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, "chain.name-constraint",
     "a name under a constraint is well formed", "RFC 5280 section 4.2.1.10"},
    {X509_V_ERR_INVALID_POLICY_EXTENSION, "chain.policy", "policy extensions are well formed",
     "RFC 5280 sections 4.2.1.4 and 4.2.1.5"},
    {X509_V_ERR_NO_EXPLICIT_POLICY, "chain.policy",
     "where a policy is required, the path is valid under one that is accepted",
     "RFC 5280 section 6.1.5 (g)"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "chain.crl-missing",
     "each certificate's status is known from its issuer's CRL", "RFC 5280 section 6.3.3"},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, "chain.crl-signature",
     "who signed the CRL is known and may", "RFC 5280 section 6.3.3 (f)"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, "chain.crl-signature",
     "the CRL issuer's key verifies the CRL", "RFC 5280 section 6.3.3 (g)"},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, "chain.crl-signature",
     "the CRL issuer's key verifies the CRL", "RFC 5280 section 6.3.3 (g)"},
    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, "chain.crl-signature",
     "the CRL issuer's own path holds and leads to the same anchor", "RFC 5280 section 6.3.3 (f)"},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, "chain.crl-signature",
     "keyUsage of who signs CRLs allows cRLSign", "RFC 5280 section 6.3.3 (f)"},
    {X509_V_ERR_CRL_NOT_YET_VALID, "chain.crl-early", "the time lies after the CRL's thisUpdate",
     "RFC 5280 section 5.1.2.4"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "chain.crl-old", "the time lies before the CRL's nextUpdate",
     "RFC 5280 section 6.3.3 (a)"},
    {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, "chain.crl-early", "thisUpdate is a time",
     "RFC 5280 section 5.1.2.4"},
    {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, "chain.crl-old", "nextUpdate is a time",
     "RFC 5280 section 5.1.2.5"},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, "chain.crl-missing",
     "the CRL speaks of this kind of certificate", "RFC 5280 section 6.3.3 (b)"},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, "chain.crl-critical",
     "every critical extension of a CRL and its entries is understood", "RFC 5280 section 5.2"},
    {X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA, "chain.profile",
     "pathLenConstraint stands in authorities' certificates alone", "RFC 5280 section 4.2.1.9"},
    {X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN, "chain.profile",
     "pathLenConstraint comes with keyCertSign", "RFC 5280 section 4.2.1.9"},
    {X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA, "chain.profile",
     "keyCertSign stands in authorities' certificates alone", "RFC 5280 section 4.2.1.9"},
    {X509_V_ERR_ISSUER_NAME_EMPTY, "chain.profile", "the issuer has a name",
     "RFC 5280 section 4.1.2.4"},
    {X509_V_ERR_SUBJECT_NAME_EMPTY, "chain.profile", "an authority has a name",
     "RFC 5280 section 4.1.2.6"},
    {X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, "chain.profile",
     "authorityKeyIdentifier is present but in self-signed certificates",
     "RFC 5280 section 4.2.1.1"},
    {X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER, "chain.profile",
     "authorities have a subjectKeyIdentifier", "RFC 5280 section 4.2.1.2"},
    {X509_V_ERR_EMPTY_SUBJECT_ALT_NAME, "chain.profile", "subjectAltName holds a name",
     "RFC 5280 section 4.2.1.6"},
    {X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL, "chain.profile",
     "without a subject, subjectAltName is critical", "RFC 5280 section 4.1.2.6"},
    {X509_V_ERR_CA_BCONS_NOT_CRITICAL, "chain.profile",
     "basicConstraints of authorities is critical", "RFC 5280 section 4.2.1.9"},
    {X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL, "chain.profile",
     "authorityKeyIdentifier is not critical", "RFC 5280 section 4.2.1.1"},
    {X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL, "chain.profile",
     "subjectKeyIdentifier is not critical", "RFC 5280 section 4.2.1.2"},
    {X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, "chain.profile", "authorities have keyUsage",
     "RFC 5280 section 4.2.1.3"},
    {X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3, "chain.profile",
     "a certificate with extensions is of version 3", "RFC 5280 section 4.1.2.1"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "chain.weak", "keys have at least 112 bits of strength",
     "NIST SP 800-57 part 1 section 5.6"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "chain.weak", "keys have at least 112 bits of strength",
     "NIST SP 800-57 part 1 section 5.6"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "chain.weak", "digests have at least 112 bits of strength",
     "NIST SP 800-57 part 1 section 5.6"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "chain.host",
     "a DNS name of the certificate is the one asked for", "RFC 9525 section 6"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "chain.host",
     "an address of the certificate is the one asked for", "RFC 9525 section 6"},
};

struct UseRule {
  Wanted use;
  const char* oid;
  const char* name;
  bool must_be_named;
};
constexpr UseRule kUseRules[] = {
    {Wanted::kDevice, "1.3.6.1.5.5.7.3.2", "clientAuth", false},
    {Wanted::kClient, "1.3.6.1.5.5.7.3.2", "clientAuth", false},
    {Wanted::kServer, "1.3.6.1.5.5.7.3.1", "serverAuth", false},
    {Wanted::kCodeSigning, "1.3.6.1.5.5.7.3.3", "codeSigning", true},
    {Wanted::kUpdateSigning, "1.3.6.1.5.5.7.3.43", "updatePackageSigning", true},
    {Wanted::kDisclosure, "1.3.6.1.5.5.7.3.36", "documentSigning", true},
};
constexpr std::string_view kAnyUse = "2.5.29.37.0";

void Refuse(std::vector<RuleFinding>& out, size_t place, const char* rule, const char* section,
            std::string detail = "") {
  out.push_back({Severity::kError, "chain.use", place, "", rule, section, std::move(detail)});
}

}  // namespace

RuleFinding EngineFinding(int error) {
  RuleFinding f;
  f.detail = X509_verify_cert_error_string(error);
  for (const EngineRule& r : kEngineRules) {
    if (r.error != error) continue;
    f.code = r.code;
    f.rule = r.rule;
    f.section = r.section;
    return f;
  }
  f.code = "chain.invalid";
  f.rule = "the path is valid";
  f.section = "RFC 5280 section 6.1";
  return f;
}

void CheckUse(const Path& path, Wanted use, std::vector<RuleFinding>& out) {
  const crypto::Certificate& end = path.front();
  if (use == Wanted::kAny) return;
  if (use == Wanted::kAuthority) {
    if (!end.is_ca()) {
      Refuse(out, 0, "an authority's certificate says cA", "RFC 5280 section 4.2.1.9");
    }
    return;
  }
  if (end.is_ca()) {
    Refuse(out, 0, "an end entity is no authority", "RFC 5280 section 4.2.1.9",
           "the certificate says cA");
  }
  if (end.key_usage() &&
      std::ranges::find(*end.key_usage(), "digitalSignature") == end.key_usage()->end()) {
    Refuse(out, 0, "keyUsage allows digitalSignature", "RFC 5280 section 4.2.1.3");
  }
  const UseRule* rule = std::ranges::find(kUseRules, use, &UseRule::use);
  auto names = [&](const crypto::Certificate& c, bool any_counts) {
    return std::ranges::any_of(c.eku(), [&](const std::string& oid) {
      return oid == rule->oid || (any_counts && oid == kAnyUse);
    });
  };
  if (end.eku().empty() ? rule->must_be_named : !names(end, !rule->must_be_named)) {
    Refuse(out, 0, "extendedKeyUsage names what is asked for", "RFC 5280 section 4.2.1.12",
           fmt::format("{} is not there", rule->name));
  }
  // RFC 5280 leaves open what the extension means in authorities' certificates; relying parties
  // take it as a bound on what is below.
  for (size_t i = 1; i < path.size(); ++i) {
    if (!path[i].eku().empty() && !names(path[i], true)) {
      Refuse(out, i, "an authority with extendedKeyUsage stands above those uses alone",
             "RFC 5280 section 4.2.1.12, as relying parties read it",
             fmt::format("{} is not there", rule->name));
    }
  }
}

}  // namespace birthmark::pki
