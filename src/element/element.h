// SPDX-License-Identifier: Apache-2.0
// Element: a secure element or TPM that makes keys, signs with them and never gives them out. What
// it says about itself comes out as the module says it: facts, raw pieces of evidence. Leaves out
// what evidence proves (attest) and where a part sits (device, line). Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attest/tpm.h"
#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::element {

using attest::Fact;

// kSlots are the identities a part keeps a key for, in the order of their places in it.
inline constexpr std::string_view kSlots[] = {"idevid", "attestation", "decrypt", "group"};
// SlotIndex is a slot's place. Errors: element.slot.
Result<unsigned> SlotIndex(std::string_view slot);

// Description is what the module says it is.
struct Description {
  std::string kind;          // "tpm2", "pkcs11"
  std::string manufacturer;  // "IBM"
  std::string model;
  std::string firmware;
};

// Endorsement is what a TPM shows of its maker, and its attestation key.
struct Endorsement {
  std::vector<Bytes> certificates;  // DER: the EK's first, then intermediates that the part holds
  Bytes ek_public;                  // TPMT_PUBLIC
  Bytes ak_public;                  // TPMT_PUBLIC
};

// Evidence is what a TPM says about one key, in its own octets.
struct Evidence {
  Bytes public_area;         // TPMT_PUBLIC of the key
  Bytes certify;             // TPMS_ATTEST of TPM2_Certify
  Bytes certify_signature;   // TPMT_SIGNATURE
  Bytes creation;            // TPMS_ATTEST of TPM2_CertifyCreation; empty: no ticket was kept
  Bytes creation_signature;  // TPMT_SIGNATURE
  Bytes creation_data;       // TPMS_CREATION_DATA
  Bytes creation_hash;
  Bytes creation_ticket;  // TPMT_TK_CREATION
};

// Errors of all: element.slot, element.missing (no such key, certificate or part), element.refused
// (the module's own no), element.failed (it did not answer as it should), element.unsupported.
class Element {
 public:
  virtual ~Element() = default;

  virtual Result<Description> Describe() = 0;
  // PublicKey is the slot's SubjectPublicKeyInfo; nullopt when it has no key.
  virtual Result<std::optional<Bytes>> PublicKey(std::string_view slot) = 0;
  // Make makes a P-256 key inside and gives its SubjectPublicKeyInfo. A key that is there is kept,
  // or with `restart` destroyed first, with its certificate.
  virtual Result<Bytes> Make(std::string_view slot, bool restart) = 0;
  // Sign signs a SHA-256 digest and gives r || s.
  virtual Result<Bytes> Sign(std::string_view slot, const Digest& digest) = 0;
  // StoreCertificate keeps one certificate (DER) for the slot, in place of an earlier one.
  virtual Status StoreCertificate(std::string_view slot, ByteView der) = 0;
  virtual Result<Bytes> ReadCertificate(std::string_view slot) = 0;
  // Facts are the module's own booleans about the slot's key, by its own names; no order is meant.
  virtual Result<std::vector<Fact>> Facts(std::string_view slot) = 0;

  // What only a TPM can: another part answers element.unsupported.
  virtual Result<Endorsement> Endorse() = 0;
  // Attest has the attestation key sign what the slot's key is, together with `nonce` (64 octets at
  // most).
  virtual Result<Evidence> Attest(std::string_view slot, ByteView nonce) = 0;
  // Activate opens a credential that was made for this part's EK and its attestation key.
  virtual Result<SecretBytes> Activate(ByteView id_object, ByteView secret) = 0;
};

// Open opens a part by URI: "tpm2:" and a TCTI ("tpm2:device:/dev/tpmrm0",
// "tpm2:swtpm:host=127.0.0.1,port=2321", "tpm2:swtpm:path=SOCKET"), or "pkcs11:" (RFC 7512) with
// module-path and pin-source. Errors: element.uri, element.missing, element.refused (among others
// a token that one more wrong PIN would lock), element.failed.
Result<std::unique_ptr<Element>> Open(const std::string& uri);

// SpkiOfPoint is the SubjectPublicKeyInfo of a P-256 key from its affine coordinates, each 32
// octets at most.
Result<Bytes> SpkiOfPoint(ByteView x, ByteView y);

}  // namespace birthmark::element
