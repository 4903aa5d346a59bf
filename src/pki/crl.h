// SPDX-License-Identifier: Apache-2.0
// Certificate revocation lists (RFC 5280 section 5): written entry by entry in bounded memory,
// signed by the authority itself, and read strictly. Leaves out delta and indirect lists, and who
// was revoked (app/crls.h). Free functions; thread-safe where their Signer is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "pki/issue.h"

namespace birthmark::pki {

// CrlReason is RFC 5280 section 5.3.1; 7 is not used.
enum class CrlReason : uint8_t {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};
// ToText gives RFC 5280's word: "keyCompromise".
std::string_view ToText(CrlReason r);
std::optional<CrlReason> CrlReasonOf(uint8_t code);

// CrlEntry is one certificate that is not to be trusted. Its views outlive the call only.
struct CrlEntry {
  ByteView serial;  // big-endian, without a sign octet
  Time at{};
  CrlReason reason = CrlReason::kUnspecified;
};

// CrlTerms is what a list says beside its entries.
struct CrlTerms {
  IssuerIdentity issuer;
  uint64_t number = 1;  // cRLNumber: grows with every list of this authority
  Time this_update{};
  Time next_update{};
  // The URL that the certificates name, where lists of authorities of the same name must be told
  // apart (issuingDistributionPoint, RFC 5280 section 5.2.5, critical). Empty: the list is of all
  // that its issuer signed.
  std::string distribution_point;
};

// CrlSource calls back with each entry, in the order in which they are to stand.
using CrlSource = std::function<Status(const std::function<Status(const CrlEntry&)>&)>;
// NoEntries is the source of an empty list.
Status NoEntries(const std::function<Status(const CrlEntry&)>&);

inline constexpr size_t kMaxCrlInMemory = size_t{16} << 20;
inline constexpr size_t kMaxCrlBytes = size_t{2} << 30;  // of a file

// SignCrl gives a list's DER. Errors: crl.terms (dates, a URL or an entry that cannot stand in a
// list; removeFromCRL, which only delta lists have), crl.too-large (more than kMaxCrlInMemory:
// write it to a file), pki.issuer-key, pki.signature-fault; those of the source and the Signer.
Result<Bytes> SignCrl(const CrlTerms& terms, const CrlSource& entries, crypto::Signer& signer);

// WrittenCrl is what became of SignCrlFile.
struct WrittenCrl {
  uint64_t count = 0;
  uint64_t octets = 0;
  Digest sha256{};
};
// SignCrlFile writes a list of any length to a file, durable, in bounded memory; files beside it
// hold what is not signed yet, and go. Errors: those of SignCrl, file.write.
Result<WrittenCrl> SignCrlFile(const CrlTerms& terms, const CrlSource& entries,
                               crypto::Signer& signer, const fs::path& path);

// Crl is a list that was read; its views are into what it was read from.
struct Crl {
  Name issuer;
  Bytes key_id;                    // of the signer; empty: not said
  std::optional<uint64_t> number;  // cRLNumber
  Time this_update{};
  std::optional<Time> next_update;
  std::string distribution_point;
  uint64_t count = 0;
  ByteView tbs, signature;

  // IsSignedBy checks the signature alone.
  bool IsSignedBy(const crypto::PublicKey& key) const { return key.Verify(tbs, signature); }
};
// ReadCrl walks a list and calls back with each entry. Errors: crl.malformed, crl.critical (an
// extension that we do not know and that must not be ignored), crl.delta, crl.indirect; those of
// the callback.
Result<Crl> ReadCrl(ByteView der, const std::function<Status(const CrlEntry&)>& entry = {});

}  // namespace birthmark::pki
