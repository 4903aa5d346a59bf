// SPDX-License-Identifier: Apache-2.0
// One CoAP exchange as a value, so that EST-coaps is tested without sockets. Leaves out datagrams,
// DTLS and retransmission (server/coaps). Values; thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace birthmark::enroll::coaps {

// Code is a method or response code (RFC 7252 section 12.1) as people write it: 2.05 is 205.
enum class Code : int {
  kGet = 1,
  kPost = 2,
  kChanged = 204,
  kContent = 205,
  kContinue = 231,
  kBadRequest = 400,
  kForbidden = 403,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kNotAcceptable = 406,
  kIncomplete = 408,
  kConflict = 409,
  kTooLarge = 413,
  kUnsupportedFormat = 415,
  kServerError = 500,
  kUnavailable = 503,
};

// Content formats, from IANA's registry.
inline constexpr int kText = 0, kLinkFormat = 40, kMultipartCore = 62, kCertsOnly = 281,
                     kPkcs8 = 284, kCsrAttrs = 285, kPkcs10 = 286, kPkixCert = 287;

// Block is a Block1 or Block2 option (RFC 7959 section 2.2).
struct Block {
  uint32_t number = 0;
  bool more = false;
  int szx = 6;  // the block has 2^(szx + 4) octets; 7 is reserved
  size_t size() const { return size_t{1} << (szx + 4); }
  size_t offset() const { return number * size(); }
  bool operator==(const Block&) const = default;
};

struct Request {
  Code method = Code::kGet;
  std::vector<std::string> path;     // Uri-Path options
  std::vector<std::string> queries;  // Uri-Query options
  std::optional<int> format;         // Content-Format
  std::optional<int> accept;
  std::optional<Block> block1, block2;
  std::optional<uint64_t> size1;
  Bytes request_tag;  // RFC 9175
  uint16_t message_id = 0;
  ByteView payload;
};

struct Response {
  Code code = Code::kContent;
  std::optional<int> format;
  std::optional<uint32_t> max_age;  // seconds
  std::optional<Block> block1, block2;
  std::optional<uint64_t> size1, size2;
  Bytes etag;
  Bytes payload;
  bool secret = false;  // the payload holds a private key: it is wiped when it was sent
  std::shared_ptr<const void> copy;  // of GrantedKey: let go of once the payload is wiped
  std::string note;                  // for the log, never sent
};

// PathText is a path as people write it.
inline std::string PathText(const std::vector<std::string>& path) {
  std::string out;
  for (const std::string& segment : path) out += "/" + segment;
  return out;
}

}  // namespace birthmark::enroll::coaps
