// SPDX-License-Identifier: Apache-2.0
// TPM 2.0 structures as a verifier needs them: big-endian, every size checked, nothing left over.
// Reads what a TPM signed or described; talks to no TPM and holds no private key. Values;
// thread-safe. Source: TPM 2.0 Library, Part 2, sections named at each structure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::attest {

// Fact is one word a module said about a key, true or false. Facts have no order.
struct Fact {
  std::string name;
  bool value = false;
  bool operator==(const Fact&) const = default;
};

// TPM_ALG_ID values that are read here. Part 2 section 6.3.
namespace alg {
inline constexpr uint16_t kRsa = 0x0001, kSha1 = 0x0004, kAes = 0x0006, kSha256 = 0x000b,
                          kSha384 = 0x000c, kSha512 = 0x000d, kNull = 0x0010, kRsassa = 0x0014,
                          kRsaes = 0x0015, kRsapss = 0x0016, kOaep = 0x0017, kEcdsa = 0x0018,
                          kEcdh = 0x0019, kEcc = 0x0023, kCfb = 0x0043;
}  // namespace alg
// TPM_ECC_CURVE. Part 2 section 6.4.
inline constexpr uint16_t kCurveP256 = 0x0003, kCurveP384 = 0x0004;

// TPMA_OBJECT. Part 2 section 8.3.
namespace object {
inline constexpr uint32_t kFixedTpm = 0x2, kStClear = 0x4, kFixedParent = 0x10,
                          kSensitiveDataOrigin = 0x20, kUserWithAuth = 0x40,
                          kAdminWithPolicy = 0x80, kNoDa = 0x400, kEncryptedDuplication = 0x800,
                          kRestricted = 0x10000, kDecrypt = 0x20000, kSign = 0x40000,
                          kX509Sign = 0x80000;
}  // namespace object
struct ObjectAttribute {
  uint32_t bit;
  std::string_view name;  // the specification's own: "fixedTPM"
};
std::span<const ObjectAttribute> ObjectAttributes();

// TpmPublic is a TPMT_PUBLIC of an RSA or ECC key. Part 2 section 12.2.4.
struct TpmPublic {
  uint16_t type = 0;  // alg::kRsa or alg::kEcc
  uint16_t name_alg = 0;
  uint32_t attributes = 0;
  Bytes policy;
  uint16_t symmetric = alg::kNull;  // of a parent: alg::kAes
  uint16_t symmetric_bits = 0, symmetric_mode = 0;
  uint16_t scheme = alg::kNull, scheme_hash = 0;
  uint16_t rsa_bits = 0;
  uint32_t rsa_exponent = 0;  // 0 is 65537, as the TPM writes it
  Bytes rsa_modulus;
  uint16_t curve = 0;
  Bytes x, y;
  Bytes octets;  // the TPMT_PUBLIC itself

  bool Has(uint32_t bits) const { return (attributes & bits) == bits; }
  // Name is nameAlg || H(TPMT_PUBLIC), which says everything that is said here. Part 1 section 16.
  Bytes Name() const;
  // Spki is the SubjectPublicKeyInfo of the key. Errors: tpm.key (no point of the curve, an odd
  // size).
  Result<Bytes> Spki() const;
  // Facts are all attribute bits by name, set or not.
  std::vector<Fact> Facts() const;
};
// ReadPublic reads TPMT_PUBLIC. Errors: tpm.truncated, tpm.trailing, tpm.value.
Result<TpmPublic> ReadPublic(ByteView tpmt);
// ReadSizedPublic reads TPM2B_PUBLIC (what tpm2-tools write) or a bare TPMT_PUBLIC.
Result<TpmPublic> ReadSizedPublic(ByteView file);

// AttestKind is the type of a TPMS_ATTEST. Part 2 section 10.12.
enum class AttestKind : uint16_t { kCertify = 0x8017, kCreation = 0x801a };

// TpmAttest is what a TPM signs about an object. Part 2 section 10.12.12.
struct TpmAttest {
  AttestKind kind = AttestKind::kCertify;
  Bytes signer;  // qualified name of the signing key
  Bytes extra;   // what the caller had it sign along: the nonce
  uint64_t clock = 0;
  uint32_t reset_count = 0, restart_count = 0;
  bool clock_safe = false;
  uint64_t firmware = 0;
  Bytes name;            // of the object
  Bytes qualified_name;  // kCertify
  Bytes creation_hash;   // kCreation
  Bytes octets;
};
// ReadAttest reads TPMS_ATTEST, or TPM2B_ATTEST around one. Errors: as ReadPublic; tpm.magic when
// it was not made inside a TPM (TPM_GENERATED_VALUE), tpm.attest-kind for a quote and others.
Result<TpmAttest> ReadAttest(ByteView b);

// TpmSignature is a TPMT_SIGNATURE. Part 2 section 11.3.4.
struct TpmSignature {
  uint16_t scheme = 0;  // alg::kRsassa, kRsapss, kEcdsa
  uint16_t hash = 0;
  Bytes rsa;
  Bytes r, s;
};
// ReadSignature reads TPMT_SIGNATURE; also, where `spki` is the signing key's, the bare forms that
// are around: an RSA signature of the modulus' length (RSASSA with SHA-256), a DER
// ECDSA-Sig-Value. Errors: as ReadPublic.
Result<TpmSignature> ReadSignature(ByteView b, ByteView spki = {});
Bytes WriteSignature(const TpmSignature& s);
// VerifySignature checks a signature over `message`. Errors: attest.signature (not of the key's
// kind), attest.tampered (does not verify), tpm.key.
Status VerifySignature(ByteView spki, const TpmSignature& s, ByteView message);

// CreationData is a TPMS_CREATION_DATA. Part 2 section 15.1.
struct CreationData {
  uint8_t locality = 0;
  uint16_t parent_name_alg = 0;  // alg::kNull: the parent is a hierarchy, the key a primary one
  Bytes parent_name;             // then its handle
  Bytes parent_qualified_name;
  Bytes outside_info;
  Bytes octets;

  // IsPrimary: made by TPM2_CreatePrimary, derived from a hierarchy's seed.
  bool IsPrimary() const { return parent_name_alg == alg::kNull; }
};
// ReadCreationData reads TPMS_CREATION_DATA, or TPM2B_CREATION_DATA around one.
Result<CreationData> ReadCreationData(ByteView b);

// HashOf hashes with a TPM_ALG_ID. Errors: tpm.value for an unknown hash.
Result<Bytes> HashOf(uint16_t hash_alg, ByteView data);
// AlgorithmText names a TPM_ALG_ID: "sha256", "ecdsa"; "0x0099" for an unknown one.
std::string AlgorithmText(uint16_t id);

}  // namespace birthmark::attest
