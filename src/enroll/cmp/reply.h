// SPDX-License-Identifier: Apache-2.0
// Writing CMP: the header and protection around a body, and the bodies a server sends. Leaves out
// which of them is due (session.h). Free functions; thread-safe.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "enroll/cmp/names.h"
#include "enroll/cmp/protect.h"
#include "enroll/desk.h"

namespace birthmark::enroll::cmp {

// FailBitOf maps an error's code to the bit a client is told.
FailBit FailBitOf(const Error& e);

// StatusInfo is PKIStatusInfo.
Bytes StatusInfo(PkiStatus status, std::string_view text = {}, std::optional<FailBit> bit = {});
// Rejection is the status of an error. What the factory's own trouble is stays here.
Bytes Rejection(const Error& e);

// Issued is what a CertResponse carries beside its status.
struct Issued {
  ByteView certificate;
  ByteView encrypted_key;  // EnvelopedData for central key generation; empty otherwise
  std::vector<Bytes> ca_pubs;
};
// CertRep is CertRepMessage with one response.
Bytes CertRep(int id, ByteView status_info, const Issued* issued = nullptr);
Bytes ErrorContent(ByteView status_info);
Bytes RevRep(ByteView status_info);
Bytes PollRep(int id, int64_t check_after_seconds);
// InfoTypeAndValue is one answer of genp; `value` is a whole element or nothing.
Bytes InfoTypeAndValue(ByteView type, ByteView value);
// CertReqTemplate is CertReqTemplateValue (RFC 9483 section 4.3.3). Errors: those of pki::Name.
Result<Bytes> CertReqTemplate(const RequestTemplate& t);
// KeyPairTypes lists the one kind of key that is certified.
Result<Bytes> KeyPairTypes(const RequestTemplate& t);

// ReplyParts is all of a message but its protection.
struct ReplyParts {
  int version = 2;
  ByteView sender, recipient;  // GeneralName, whole
  Time time;
  ByteView sender_kid, transaction_id, sender_nonce, recipient_nonce;
  bool implicit_confirm = false;
  std::optional<Time> confirm_until;
  Body type{};
  ByteView content;
};
// HeaderAndBody writes a message's first two elements.
Bytes HeaderAndBody(const ReplyParts& r, ByteView protection_algorithm);
// Whole puts a message together.
Bytes Whole(ByteView header_and_body, ByteView protection, const std::vector<ByteView>& certs);

// DirectoryName is a GeneralName of a Name.
Bytes DirectoryName(ByteView name);

}  // namespace birthmark::enroll::cmp
