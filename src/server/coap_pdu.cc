// SPDX-License-Identifier: Apache-2.0
#include "server/coap_pdu.h"

#include <array>

namespace birthmark::server {
namespace {

namespace coaps = enroll::coaps;

std::optional<uint64_t> Unsigned(ByteView v, size_t max) {
  if (v.size() > max) return std::nullopt;
  uint64_t n = 0;
  for (uint8_t b : v) n = n << 8 | b;
  return n;
}

// RFC 7959 section 2.2: number, more, size exponent.
coaps::Block BlockOf(uint64_t v) {
  return {static_cast<uint32_t>(v >> 4), (v & 8) != 0, static_cast<int>(v & 7)};
}

uint64_t ValueOf(const coaps::Block& b) {
  return static_cast<uint64_t>(b.number) << 4 | (b.more ? 8u : 0u) | static_cast<uint64_t>(b.szx);
}

bool ReadOption(coap_option_num_t number, ByteView v, coaps::Request& r) {
  auto number_into = [&](auto& field, size_t max) {
    auto n = Unsigned(v, max);
    if (!n || field) return false;  // none of them may stand twice (RFC 7252 section 5.4.5)
    field = *n;
    return true;
  };
  auto block_into = [&](std::optional<coaps::Block>& field) {
    auto n = Unsigned(v, 3);
    if (!n || field) return false;
    field = BlockOf(*n);
    return true;
  };
  switch (number) {
    case COAP_OPTION_URI_PATH:
      r.path.emplace_back(AsText(v));
      return r.path.size() <= 8;
    case COAP_OPTION_URI_QUERY:
      r.queries.emplace_back(AsText(v));
      return r.queries.size() <= 8;
    case COAP_OPTION_CONTENT_FORMAT:
      return number_into(r.format, 2);
    case COAP_OPTION_ACCEPT:
      return number_into(r.accept, 2);
    case COAP_OPTION_SIZE1:
      return number_into(r.size1, 4);
    case COAP_OPTION_BLOCK1:
      return block_into(r.block1);
    case COAP_OPTION_BLOCK2:
      return block_into(r.block2);
    case COAP_OPTION_RTAG:
      r.request_tag.assign(v.begin(), v.end());
      return true;
    default:
      return true;  // libcoap has refused unknown critical ones
  }
}

bool Add(coap_pdu_t* pdu, coap_option_num_t number, ByteView v) {
  return coap_add_option(pdu, number, v.size(), v.data()) != 0;
}

bool AddUnsigned(coap_pdu_t* pdu, coap_option_num_t number, uint64_t value) {
  std::array<uint8_t, 8> buffer;
  const unsigned n = coap_encode_var_safe8(buffer.data(), buffer.size(), value);
  return Add(pdu, number, {buffer.data(), n});
}

}  // namespace

std::optional<coaps::Request> ReadPdu(const coap_pdu_t* pdu) {
  coaps::Request r;
  r.method = static_cast<coaps::Code>(coap_pdu_get_code(pdu));
  r.message_id = static_cast<uint16_t>(coap_pdu_get_mid(pdu));
  coap_opt_iterator_t it;
  coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
  while (const coap_opt_t* option = coap_option_next(&it)) {
    if (!ReadOption(it.number, {coap_opt_value(option), coap_opt_length(option)}, r)) {
      return std::nullopt;
    }
  }
  size_t n = 0;
  const uint8_t* p = nullptr;
  if (coap_get_data(pdu, &n, &p) != 0) r.payload = {p, n};
  return r;
}

bool WritePdu(const coaps::Response& r, coap_pdu_t* pdu) {
  const int code = static_cast<int>(r.code);
  coap_pdu_set_code(pdu, static_cast<coap_pdu_code_t>((code / 100) << 5 | code % 100));
  bool ok = true;
  // In the order of their numbers (RFC 7252 section 3.1).
  if (!r.etag.empty()) ok = ok && Add(pdu, COAP_OPTION_ETAG, r.etag);
  if (r.format) ok = ok && AddUnsigned(pdu, COAP_OPTION_CONTENT_FORMAT, *r.format);
  if (r.max_age) ok = ok && AddUnsigned(pdu, COAP_OPTION_MAXAGE, *r.max_age);
  if (r.block2) ok = ok && AddUnsigned(pdu, COAP_OPTION_BLOCK2, ValueOf(*r.block2));
  if (r.block1) ok = ok && AddUnsigned(pdu, COAP_OPTION_BLOCK1, ValueOf(*r.block1));
  if (r.size2) ok = ok && AddUnsigned(pdu, COAP_OPTION_SIZE2, *r.size2);
  if (r.size1) ok = ok && AddUnsigned(pdu, COAP_OPTION_SIZE1, *r.size1);
  if (!r.payload.empty()) ok = ok && coap_add_data(pdu, r.payload.size(), r.payload.data()) != 0;
  return ok;
}

}  // namespace birthmark::server
