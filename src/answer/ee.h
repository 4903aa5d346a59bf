// SPDX-License-Identifier: Apache-2.0
// A device's certificate read by a strict walk over its DER: the few facts that a million of them
// are checked for. Leaves out profiles and everything only a person reads (pki,
// crypto::Certificate).
#pragma once

#include <optional>

#include "base/error.h"
#include "crypto/cert.h"

namespace birthmark::answer {

// EndEntity views a certificate's octets, which must outlive it.
struct EndEntity {
  ByteView tbs;     // the signed part, whole
  ByteView serial;  // big-endian, without the sign octet
  ByteView issuer;  // the Name, whole
  ByteView spki;    // whole
  ByteView signature;
  std::optional<ByteView> authority_key_id;
  std::optional<int64_t> not_after;  // milliseconds since 1970; absent for 99991231235959Z
};

// ReadEndEntity walks one certificate. Errors: those of crypto::DerReader.
Result<EndEntity> ReadEndEntity(ByteView der);
// MatchesEvent is true when key and serial number are those that the event names.
bool MatchesEvent(const EndEntity& ee, const Digest& spki, ByteView serial);
// NamesIssuer is true when the issuer's name and key identifier are this authority's.
bool NamesIssuer(const EndEntity& ee, const crypto::Certificate& authority);

}  // namespace birthmark::answer
