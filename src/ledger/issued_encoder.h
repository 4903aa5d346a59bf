// SPDX-License-Identifier: Apache-2.0
// The fast road for identity.issued: what the certificates of one authority repeat is encoded once,
// and the rest is written between it. The bytes are those of EncodeEvent. Leaves out every other
// event: they are few. Immutable; thread-safe.
#pragma once

#include <string_view>

#include "ledger/events.h"
#include "ledger/fold.h"

namespace birthmark::ledger {

class IssuedEncoder {
 public:
  // Common is what one authority, method and slot share.
  struct Common {
    std::string ca, slot, proof, method;
  };
  // Certificate is what differs. The views must outlive the call only.
  struct Certificate {
    Time at{};
    ByteView der;
    const Digest& spki;
    std::string_view unit;  // "<product>/<serial>"; the event's subject is "unit:" before it
    ByteView serial;
  };

  IssuedEncoder(const EventContext& context, Common common);

  // Encode gives an event ready for the writer, its fold included. Errors: ledger.event-large.
  Result<NewEvent> Encode(const Certificate& c) const;

 private:
  Common common_;
  std::string station_;
  // Runs of encoded items; each is named after what is written behind it.
  Bytes to_at_, to_der_, to_spki_, to_unit_, to_serial_, to_subject_, to_end_;
};

}  // namespace birthmark::ledger
