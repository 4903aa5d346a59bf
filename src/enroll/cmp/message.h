// SPDX-License-Identifier: Apache-2.0
// PKIMessage (RFC 9810 section 5.1) read strictly: the header, the body's octets, the protection,
// the certificates beside it. A message is a set of views; the octets must outlive it. Nothing here
// is believed before protect.h has checked it. Leaves out what bodies hold (request.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/der.h"
#include "enroll/cmp/names.h"

namespace birthmark::enroll::cmp {

inline constexpr size_t kMaxMessage = 64 * 1024;
inline constexpr size_t kMaxExtraCerts = 10;

// Header is PKIHeader without what a server has no use for.
struct Header {
  int version = 0;
  ByteView sender;  // GeneralName, whole
  std::optional<Time> time;
  ByteView protection_algorithm;  // AlgorithmIdentifier, whole; empty when there is none
  ByteView sender_kid, transaction_id, sender_nonce, recipient_nonce;
  bool implicit_confirm = false;
  std::optional<std::string> profile;  // certProfile, RFC 9483 section 4.1
};

struct Message {
  Header header;
  Body type{};
  ByteView body;  // the choice's own element, inside its [n]
  ByteView
      protected_part;   // header and body as they came: what protection covers, without its head
  ByteView protection;  // the BIT STRING's octets; empty when there is none
  std::vector<ByteView> extra_certs;
};

// ReadMessage takes one message and nothing after it. Errors: cmp.too-large, cmp.bad-data-format.
Result<Message> ReadMessage(ByteView data);

// SignedInteger reads an INTEGER of up to 31 bits with its sign: certReqId is -1 in answers to
// p10cr. Errors: those of DerReader.
Result<int> SignedInteger(crypto::DerReader& r);

// Algorithm is an AlgorithmIdentifier taken apart.
struct AlgorithmId {
  ByteView oid;
  ByteView parameters;  // whole element; empty when absent
};
// ReadAlgorithm takes one AlgorithmIdentifier. Errors: those of DerReader.
Result<AlgorithmId> ReadAlgorithm(ByteView whole);

// Is compares an object identifier's octets.
template <size_t N>
bool Is(ByteView content, const std::array<uint8_t, N>& oid) {
  return content.size() == N && std::memcmp(content.data(), oid.data(), N) == 0;
}

}  // namespace birthmark::enroll::cmp
