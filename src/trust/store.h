// SPDX-License-Identifier: Apache-2.0
// TrustAnchor: one anchor in the form that keeps what a store says of it, after RFC 5914; and
// Store: what one file of anchors holds. Every format has a pair of files of its own, and reads
// into and writes from these values. Leaves out judgement (anchors/inspect.h) and finding stores in
// images (scan). Values; thread-compatible. Written down in docs/formats/trust-stores.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/findings.h"

namespace birthmark::trust {

// Form is what the store itself keeps of one anchor.
enum class Form {
  kCertificate,
  kTrustAnchorInfo,    // a key with a name and constraints, RFC 5914 section 2
  kPublicKey,          // a bare SubjectPublicKeyInfo
  kKeyDigest,          // the hash of a public key
  kCertificateDigest,  // the hash of a certificate, as lists of what is refused have it
  kImageDigest,        // the hash of one program: an anchor that verifies exactly that
  kDnskey,
  kDs,
};
std::string_view ToText(Form f);

// TrustAnchor is one anchor. Empty fields are not said by the store.
struct TrustAnchor {
  Form form = Form::kCertificate;
  Bytes certificate;  // DER; kCertificate, and kTrustAnchorInfo that names a certificate
  Bytes spki;         // DER SubjectPublicKeyInfo; every form with a key
  Bytes digest;       // kKeyDigest, kCertificateDigest, kImageDigest
  Bytes record;       // kDnskey, kDs: the record's wire form (RFC 4034 sections 2.1 and 5.1)
  Bytes key_id;
  std::string title;  // for people: subject, alias, the name of a node
  std::string place;  // inside the store: "db", "/signature/key-dev"
  std::string owner;  // who put it there: a GUID
  Bytes name;         // DER Name that paths under the anchor begin with

  // What the store lets the anchor's key be used for.
  std::vector<std::string> policies;  // OIDs
  Bytes name_constraints;             // DER NameConstraints
  std::optional<uint32_t> path_length;
  // CertPolicyFlags of RFC 5914 section 2.3.
  bool inhibit_policy_mapping = false;
  bool require_explicit_policy = false;
  bool inhibit_any_policy = false;
  std::vector<std::string> purposes;  // extended key usages, OIDs; empty: any
  std::vector<std::string> refused;   // what it is not to be used for, OIDs
  bool rejected = false;              // the store says: never believe this one, for anything
  // Units: s since 1970-01-01T00:00:00Z. What the store says, not the certificate.
  std::optional<int64_t> valid_from, valid_until;

  bool operator==(const TrustAnchor&) const = default;
};

// Format is a kind of store.
enum class Format {
  kPem,                  // CERTIFICATE, TRUSTED CERTIFICATE and PUBLIC KEY blocks
  kPkcs12,               // RFC 7292, certificates alone
  kJavaKeystore,         // JKS and JCEKS
  kP11Kit,               // p11-kit's persist files
  kSignatureList,        // EFI_SIGNATURE_LIST
  kSignatureListSha256,  // the same, each certificate or key by its digest
  kVariableStore,        // UEFI variables in a flash image
  kFit,                  // /signature nodes of a device tree
  kMcubootKey,           // DER inside a C array
  kMcubootImage,         // an image's own TLVs: whose key signed it
  kPins,                 // curl's sha256// pins
  kDnssec,               // DNSKEY and DS records
  kRootAnchorsXml,       // RFC 9718
  kEstCacerts,           // certs-only CMS, base64 (RFC 7030 section 4.1.3)
  kTruststoreJson,       // ietf-truststore (RFC 9641) as JSON (RFC 7951)
  kCoseKeySet,           // RFC 9052 section 7
  kRfc5914,              // TrustAnchorList
  kRfc5914Cms,           // the same inside CMS
};
std::string_view ToText(Format f);
bool FromText(std::string_view s, Format& f);

// Store is what was read of one store. A malformed anchor is a finding with its place, and what
// stands beside it is read all the same; only where nothing more can be found is the read an error.
struct Store {
  Format format = Format::kPem;
  std::vector<TrustAnchor> anchors;
  Findings findings;
};

// kMaxStore bounds every store that is read whole. Units: bytes.
inline constexpr size_t kMaxStore = 16 << 20;
// kMaxAnchors bounds the anchors of one store; kMaxAnchorSize what one of them may take.
inline constexpr size_t kMaxAnchors = 20000;
inline constexpr size_t kMaxAnchorSize = 64 << 10;

// AnchorOfCertificate fills an anchor from one DER certificate: key, name, identifier, and a title
// from its subject. It reads the certificate's frame alone, so that old and odd algorithms pass.
// Errors: trust.certificate-malformed.
Result<TrustAnchor> AnchorOfCertificate(ByteView der);
// AnchorOfKey fills an anchor from one DER SubjectPublicKeyInfo. Errors: trust.key-malformed.
Result<TrustAnchor> AnchorOfKey(ByteView spki);
// KeyDigestOf is SHA-256 of the anchor's key, or what the store keeps instead; empty for anchors
// without a key.
Bytes KeyDigestOf(const TrustAnchor& a);
// KeyIdOf is SHA-1 over the key's bits (RFC 5280 section 4.2.1.2, method 1); empty when malformed.
Bytes KeyIdOf(ByteView spki);

// CannotCarry is the error of a writer whose format has no place for an anchor: trust.cannot-carry.
std::unexpected<Error> CannotCarry(Format format, const TrustAnchor& a, std::string_view why,
                                   std::string_view fix);

}  // namespace birthmark::trust
