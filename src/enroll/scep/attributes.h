// SPDX-License-Identifier: Apache-2.0
// The signed attributes of a pkiMessage (RFC 8894 section 3.2.1): one value each, of one type.
// Leaves out what they mean (message). Free functions; thread-safe.
#pragma once

#include <openssl/cms.h>

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::enroll::scep {

inline constexpr char kMessageType[] = "2.16.840.1.113733.1.9.2";
inline constexpr char kPkiStatus[] = "2.16.840.1.113733.1.9.3";
inline constexpr char kFailInfo[] = "2.16.840.1.113733.1.9.4";
inline constexpr char kSenderNonce[] = "2.16.840.1.113733.1.9.5";
inline constexpr char kRecipientNonce[] = "2.16.840.1.113733.1.9.6";
inline constexpr char kTransactionId[] = "2.16.840.1.113733.1.9.7";
inline constexpr char kFailInfoText[] = "1.3.6.1.5.5.7.24.1";

// ReadAttribute gives the octets of an attribute that must be there once, with one value of
// `asn1_type` and of at most `max` octets. Errors: scep.malformed.
Result<Bytes> ReadAttribute(const CMS_SignerInfo* signer, const char* oid, int asn1_type,
                            size_t max);
// AddAttribute writes one. Errors: scep.reply.
Status AddAttribute(CMS_SignerInfo* signer, const char* oid, int asn1_type, ByteView value);

}  // namespace birthmark::enroll::scep
