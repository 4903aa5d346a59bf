// SPDX-License-Identifier: Apache-2.0
// Revocation lists asked of an offline authority (docs/formats/request.md): a PEM file that says
// which serials, numbers and dates, and the lists that answer it. Leaves out carrying, the ledger
// and who was revoked. Free functions; thread-safe where their Signer is.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "pki/crl.h"

namespace birthmark::pki {

// An offline level revokes authorities and signers, not devices: these are generous.
inline constexpr size_t kMaxCrlRequestBytes = size_t{16} << 20;
inline constexpr size_t kMaxCrlRequestEntries = 100'000;
inline constexpr uint32_t kMaxCrlReserve = 1000;

// CrlRequest asks for a list of now and a reserve of later ones, all with the same entries.
struct CrlRequest {
  struct Entry {
    Bytes serial;  // big-endian, without a sign octet
    Time at{};
    CrlReason reason = CrlReason::kUnspecified;
  };
  std::string workspace;  // the id of the workspace that asks
  std::string ca;         // the authority that shall sign
  Digest issuer{};        // SHA-256 of its SubjectPublicKeyInfo
  bool rehearsal = true;
  uint64_t number = 1;   // cRLNumber of the list of now
  uint32_t reserve = 0;  // how many more, for later
  Time first{};          // thisUpdate of the list of now
  std::chrono::milliseconds lifetime{};
  uint64_t upto = 0;               // how much of the log it speaks of
  std::string distribution_point;  // see CrlTerms
  std::vector<Entry> entries;
  // SHA-256 of the SubjectPublicKeyInfo that signed the file, which ReadCrlRequest has verified;
  // no part of what the lists are made from.
  std::optional<Digest> asker;

  // At is thisUpdate of the n-th list: a reserve's lists overlap by a tenth of their life.
  Time At(uint32_t n) const {
    return std::chrono::floor<std::chrono::seconds>(first + lifetime / 10 * 9 * n);
  }
};

// WriteCrlRequest gives the file, signed by who asks. Errors: crl.request (terms out of range),
// those of the signer.
Result<std::string> WriteCrlRequest(const CrlRequest& request, crypto::Signer* asker = nullptr);
// IsCrlRequest and IsCrlResponse tell files by their first label.
bool IsCrlRequest(std::string_view text);
bool IsCrlResponse(std::string_view text);
// ReadCrlRequest reads one strictly; whether the key that signed it may ask is for its reader to
// know. Errors: crl.request, crl.request-signature.
Result<CrlRequest> ReadCrlRequest(std::string_view text);
// CrlRequestDigest names a request: SHA-256 of what stands in its block.
Digest CrlRequestDigest(const CrlRequest& request);

// SignCrls signs all lists that a request asks for. Errors: crl.other-request (it is for another
// authority), request.rehearsal; those of SignCrl and of Issuer::Make.
Result<std::vector<Bytes>> SignCrls(const CrlRequest& request, const crypto::Certificate& authority,
                                    crypto::Signer& signer);
// WriteCrlResponse gives the file of the answer: the lists in PEM, which openssl reads.
std::string WriteCrlResponse(std::span<const Bytes> lists);
// CheckCrlResponse gives the lists' DER when they are exactly what was asked for. Errors:
// crl.request (no lists), crl.other-request (number, dates, entries or issuer differ),
// crl.signature; those of ReadCrl.
Result<std::vector<Bytes>> CheckCrlResponse(std::string_view text, const CrlRequest& request,
                                            const crypto::Certificate& authority);

}  // namespace birthmark::pki
