// SPDX-License-Identifier: Apache-2.0
// CoAP messages of one peer, each with two octets of length before it, as libcoap hands them on:
// what is put together keeps its limit, and what is answered fits its message.
#include "enroll/coaps/transfer.h"
#include "fuzz/fuzz.h"
#include "server/coap_pdu.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  namespace coaps = enroll::coaps;
  coap_set_log_level(LOG_EMERG);  // every broken option would be a line
  coaps::Transfer transfer;
  while (size >= 2) {
    const size_t n = std::min<size_t>(size - 2, data[0] << 8 | data[1]);
    coap_pdu_t* pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, 1152);
    const bool parsed = coap_pdu_parse(COAP_PROTO_UDP, data + 2, n, pdu) != 0;
    data += 2 + n;
    size -= 2 + n;
    if (auto request = parsed ? server::ReadPdu(pdu) : std::nullopt) {
      auto taken = transfer.Take(*request);
      coaps::Response answer;
      if (auto* whole = std::get_if<coaps::Whole>(&taken)) {
        FUZZ_CHECK(whole->body.size() <= coaps::kMaxBody);
        FUZZ_CHECK(whole->path == request->path);
        coaps::Response full;
        full.format = coaps::kCertsOnly;
        full.payload = whole->body;
        answer = transfer.Answer(*whole, std::move(full));
      } else {
        answer = std::get<coaps::Response>(std::move(taken));
      }
      FUZZ_CHECK(answer.payload.size() <= 1024);
      coap_pdu_t* out = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, 0, 1152);
      FUZZ_CHECK(server::WritePdu(answer, out));
      coap_delete_pdu(out);
    }
    coap_delete_pdu(pdu);
  }
  return 0;
}
