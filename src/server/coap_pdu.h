// SPDX-License-Identifier: Apache-2.0
// Between libcoap's messages and our values. Leaves out sessions and DTLS (coaps). Only on
// libcoap's thread.
#pragma once

#include <coap3/coap.h>

#include <optional>

#include "enroll/coaps/message.h"

namespace birthmark::server {

// ReadPdu takes a request apart; nullopt when an option is not what its number says. The payload is
// a view into the message.
std::optional<enroll::coaps::Request> ReadPdu(const coap_pdu_t* pdu);

// WritePdu fills a response. False when it does not fit into one message.
bool WritePdu(const enroll::coaps::Response& response, coap_pdu_t* pdu);

}  // namespace birthmark::server
