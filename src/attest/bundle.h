// SPDX-License-Identifier: Apache-2.0
// How evidence travels: the AttestationBundle of draft-ietf-lamps-csr-attestation with its
// statements, as attribute of a PKCS #10 request or extension of a CRMF one, and the TCG's
// TCG_CSR_IDEVID. Encodes and decodes strictly; believes nothing (verify.h). Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attest/tpm.h"
#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::attest {

inline constexpr size_t kMaxBundleBytes = 64 * 1024;

namespace oid {
// id-aa-attestation; IANA still lists it as id-aa-evidence.
inline constexpr std::string_view kAttestation = "1.2.840.113549.1.9.16.2.59";
inline constexpr std::string_view kTpmCertify = "2.23.133.20.1";  // tcg-attest-tpm-certify
// Ours, under 32473 (RFC 5612), because nobody has registered a type for them: a statement with
// creation data or with an attestation key that has no certificate; a TCG_CSR_IDEVID in an OCTET
// STRING.
inline constexpr std::string_view kTpmCreation = "1.3.6.1.4.1.32473.1.2";
inline constexpr std::string_view kTcgCsrIdevid = "1.3.6.1.4.1.32473.1.3";
inline constexpr std::string_view kAikCertificate = "2.23.133.8.3";  // tcg-kp-AIKCertificate (EKU)
inline constexpr std::string_view kEkCertificate = "2.23.133.8.1";   // tcg-kp-EKCertificate (EKU)
// Certificate policies of "TPM 2.0 Keys for Device Identity and Attestation", section 3.
inline constexpr std::string_view kVerifiedResidency = "2.23.133.11.1.1";
inline constexpr std::string_view kVerifiedFixed = "2.23.133.11.1.2";
inline constexpr std::string_view kVerifiedRestricted = "2.23.133.11.1.3";
}  // namespace oid

// Statement is one AttestationStatement: a type, and DER of that type.
struct Statement {
  std::string type;  // OID
  Bytes stmt;        // one DER element
};
// Bundle is an AttestationBundle.
struct Bundle {
  std::vector<Statement> statements;  // at least one
  std::vector<Bytes> certs;           // DER certificates; the other kinds of the CHOICE
  size_t other_certs = 0;             // ([3] other) are counted and not kept
};
// EncodeBundle aborts on an empty bundle: that is a fault of ours.
Bytes EncodeBundle(const Bundle& b);
// DecodeBundle takes one AttestationBundle. A hint after stmt, as drafts before -20 had it, is
// skipped. Errors: attest.malformed, attest.too-large.
Result<Bundle> DecodeBundle(ByteView der);

// EncodeAttribute is the PKCS #10 attribute (OID and SET of one bundle); EncodeExtension is the
// CRMF Extension, not critical.
Bytes EncodeAttribute(ByteView bundle);
Bytes EncodeExtension(ByteView bundle);
// BundleInAttributes finds the bundle in the content of a request's attributes ([0]), or in the
// content of an Extensions SEQUENCE. nullopt when there is none. Errors: attest.malformed (twice,
// no or several values).
Result<std::optional<Bytes>> BundleInAttributes(ByteView content);
Result<std::optional<Bytes>> BundleInExtensions(ByteView content);

// TpmStatement is what a TPM said about one key, in parts. Encoded as tcg-attest-tpm-certify when
// neither creation data nor the attestation key's public area is there, else as kTpmCreation:
//   SEQUENCE { tpmSAttest OCTET STRING, signature OCTET STRING, tpmTPublic OCTET STRING,
//              [0] creationData OCTET STRING OPTIONAL, [1] akTPublic OCTET STRING OPTIONAL }
struct TpmStatement {
  Bytes attest;          // TPMS_ATTEST
  Bytes signature;       // TPMT_SIGNATURE
  Bytes public_area;     // TPMT_PUBLIC of the key; may be empty in a tcg-attest-tpm-certify
  Bytes creation_data;   // TPMS_CREATION_DATA
  Bytes ak_public_area;  // TPMT_PUBLIC
};
Statement EncodeTpmStatement(const TpmStatement& s);
// Errors: attest.malformed, attest.kind for a type that is neither.
Result<TpmStatement> DecodeTpmStatement(const Statement& s);

// TcgCsr is a TCG_CSR_IDEVID: sizes and octets, all big-endian 32-bit. Source: "TPM 2.0 Keys for
// Device Identity and Attestation" 1.10, section 13.1.
struct TcgCsr {
  uint16_t hash_alg = alg::kSha256;
  std::string product_model, product_serial;
  Bytes product_ca_data, boot_event_log;
  Bytes ek_certificate;          // DER
  Bytes attest_public;           // IAK, TPMT_PUBLIC
  Bytes attest_creation_ticket;  // opaque to everybody but the TPM
  Bytes attest_certify_info;     // may be empty
  Bytes attest_certify_signature;
  Bytes signing_public;             // IDevID, TPMT_PUBLIC
  Bytes signing_certify_info;       // TPMS_ATTEST by the IAK
  Bytes signing_certify_signature;  // TPMT_SIGNATURE
  Bytes signature;                  // over `signed_part`; TPMT_SIGNATURE
  // Filled by DecodeTcgCsr: the TCG_IDEVID_CONTENT as it stands.
  Bytes signed_part;
};
// TcgContent encodes the TCG_IDEVID_CONTENT with its hash: what the signature is made over.
// Padded to a multiple of 16 octets.
Result<Bytes> TcgContent(const TcgCsr& c);
// EncodeTcgCsr puts content and signature together.
Result<Bytes> EncodeTcgCsr(const TcgCsr& c);
// DecodeTcgCsr checks sizes and the hash. Errors: attest.malformed, attest.too-large,
// attest.tampered (the hash is of something else).
Result<TcgCsr> DecodeTcgCsr(ByteView b);
Statement EncodeTcgStatement(ByteView tcg_csr);

}  // namespace birthmark::attest
