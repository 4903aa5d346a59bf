// SPDX-License-Identifier: Apache-2.0
// pkiMessage (RFC 8894 section 3): reading what clients send and writing CertRep. Knows CMS and
// nothing of desks, tokens or HTTP. Free functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "enroll/desk.h"

namespace birthmark::enroll::scep {

inline constexpr size_t kMaxMessageBytes = 64 * 1024;
inline constexpr size_t kNonceBytes = 16;  // RFC 8894 section 3.2.1.5

// MessageType is RFC 8894 section 3.2.1.2.
enum class MessageType {
  kCertRep = 3,
  kRenewalReq = 17,
  kPkcsReq = 19,
  kCertPoll = 20,
  kGetCert = 21,
  kGetCrl = 22,
};

// FailInfo is RFC 8894 section 3.2.1.4.
enum class FailInfo {
  kBadAlg = 0,
  kBadMessageCheck = 1,
  kBadRequest = 2,
  kBadTime = 3,
  kBadCertId = 4,
};

// Failure is why a message is answered with pkiStatus FAILURE.
struct Failure {
  FailInfo info = FailInfo::kBadRequest;
  std::string text;  // for failInfoText: never a secret
};

// Message is a client's message. With `failure` set only transaction and nonce may be used.
struct Message {
  MessageType type = MessageType::kPkcsReq;
  std::string transaction;
  Bytes nonce;
  crypto::Certificate signer;  // its key signed the message; its path is not checked here
  std::vector<crypto::Certificate> others;
  int hash = 0;         // NID of the signer's hash: SHA-2, or SHA-1, which is the caller's to judge
  int cipher = 0;       // NID of the cipher to answer with, AES in CBC: the envelope's if it can be
  SecretBytes content;  // what the envelope held: may have a token's secret in it
  std::optional<Failure> failure;
};

// ReadMessage takes a pkiMessage apart: DER alone, one signer whose certificate is inside, SHA-1 or
// SHA-2, an envelope for `ra` with AES. With `in_tls` the envelope may be DES or triple DES as
// well: it is TLS then that keeps the token secret. Errors: scep.malformed for what cannot be
// answered, because it has no transaction; all else is a Failure in the message.
Result<Message> ReadMessage(ByteView body, const Ra& ra, bool in_tls);

// CertRep is an answer. Without failure and certificates its status is PENDING.
struct CertRep {
  std::string transaction;
  Bytes nonce;  // the sender's, given back as recipientNonce
  std::optional<Failure> failure;
  Bytes certificates;              // certs-only, the unit's own first
  const Message* asked = nullptr;  // the answer is encrypted to its signer, with its algorithms
};

// WriteCertRep signs an answer. The certificates are encrypted with AES to the requester's key: RSA
// by key transport, EC by key agreement (RFC 5753) with SHA-256. Errors: scep.reply.
Result<Bytes> WriteCertRep(const CertRep& reply, const Ra& ra, const std::vector<Bytes>& above);

}  // namespace birthmark::enroll::scep
