// SPDX-License-Identifier: Apache-2.0
// The numbers of CMP: bodies, states, failures, and object identifiers as the octets that stand in
// DER, so that comparing one costs no conversion. Constants only.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace birthmark::enroll::cmp {

// Body is the choice in PKIBody. Source: RFC 9810 section 5.1.2.
enum class Body : int {
  kIr = 0,
  kIp = 1,
  kCr = 2,
  kCp = 3,
  kP10cr = 4,
  kKur = 7,
  kKup = 8,
  kRr = 11,
  kRp = 12,
  kPkiConf = 19,
  kGenm = 21,
  kGenp = 22,
  kError = 23,
  kCertConf = 24,
  kPollReq = 25,
  kPollRep = 26,
};

// PkiStatus. Source: RFC 9810 section 5.2.3.
enum class PkiStatus : int { kAccepted = 0, kGrantedWithMods = 1, kRejection = 2, kWaiting = 3 };

// FailBit is a bit of PKIFailureInfo. Source: RFC 9810 section 5.2.3.
enum class FailBit : int {
  kBadAlg = 0,
  kBadMessageCheck = 1,
  kBadRequest = 2,
  kBadTime = 3,
  kBadCertId = 4,
  kBadDataFormat = 5,
  kBadPop = 9,
  kCertRevoked = 10,
  kCertConfirmed = 11,
  kBadRecipientNonce = 13,
  kUnacceptedPolicy = 15,
  kBadSenderNonce = 18,
  kBadCertTemplate = 19,
  kSignerNotTrusted = 20,
  kTransactionIdInUse = 21,
  kUnsupportedVersion = 22,
  kNotAuthorized = 23,
  kSystemUnavail = 24,
  kSystemFailure = 25,
  kDuplicateCertReq = 26,
};

namespace oid {
template <size_t N>
using Octets = std::array<uint8_t, N>;

// RFC 4211 section 4.4: PasswordBasedMac.
inline constexpr Octets<9> kPbm = {0x2a, 0x86, 0x48, 0x86, 0xf6, 0x7d, 0x07, 0x42, 0x0d};
// RFC 8018 appendix A.5.
inline constexpr Octets<9> kPbmac1 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e};

// Hashes: RFC 5754 section 2, RFC 3370 section 2.1.
inline constexpr Octets<5> kSha1 = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
inline constexpr Octets<9> kSha256 = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
inline constexpr Octets<9> kSha384 = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};
inline constexpr Octets<9> kSha512 = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03};
// MACs: RFC 9481 section 6.2. HMAC with SHA-1 has two names.
inline constexpr Octets<8> kHmacSha1 = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x08, 0x01, 0x02};
inline constexpr Octets<8> kHmacWithSha1 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07};
inline constexpr Octets<8> kHmacWithSha256 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09};
inline constexpr Octets<8> kHmacWithSha384 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a};
inline constexpr Octets<8> kHmacWithSha512 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b};
// Signatures: RFC 9481 section 3.
inline constexpr Octets<8> kEcdsaSha256 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
inline constexpr Octets<8> kEcdsaSha384 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
inline constexpr Octets<8> kEcdsaSha512 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
inline constexpr Octets<9> kRsaSha256 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};
inline constexpr Octets<9> kRsaSha384 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c};
inline constexpr Octets<9> kRsaSha512 = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d};
inline constexpr Octets<3> kEd25519 = {0x2b, 0x65, 0x70};

// InfoType is an identifier under id-it, 1.3.6.1.5.5.7.4 (RFC 9810 section 5.3.19).
constexpr Octets<8> InfoType(uint8_t n) { return {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x04, n}; }
inline constexpr auto kSignKeyPairTypes = InfoType(2);
inline constexpr auto kImplicitConfirm = InfoType(13);
inline constexpr auto kConfirmWaitTime = InfoType(14);
inline constexpr auto kCaCerts = InfoType(17);
inline constexpr auto kRootCaKeyUpdate = InfoType(18);
inline constexpr auto kCertReqTemplate = InfoType(19);
inline constexpr auto kRootCaCert = InfoType(20);
inline constexpr auto kCertProfile = InfoType(21);
// RegCtrl is an identifier under id-regCtrl, 1.3.6.1.5.5.7.5.1 (RFC 4211 section 6).
constexpr Octets<9> RegCtrl(uint8_t n) {
  return {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x05, 0x01, n};
}
inline constexpr auto kOldCertId = RegCtrl(5);
inline constexpr auto kAlgId = RegCtrl(11);
inline constexpr auto kRsaKeyLen = RegCtrl(12);
inline constexpr Octets<3> kCrlReason = {0x55, 0x1d, 0x15};  // RFC 5280 section 5.3.1
}  // namespace oid

}  // namespace birthmark::enroll::cmp
