// SPDX-License-Identifier: Apache-2.0
// The envelope of every event. Stored bytes never change: readers upcast, nothing is rewritten.
// The bodies stand in ledger/events.h, the CDDL of both in docs/formats/events.md.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// Event says what happened, when it was seen and when it was written down, by whom and where.
struct Event {
  int64_t at = 0;              // observed, milliseconds since 1970 UTC
  Uuid id{};                   // UUIDv7
  cbor::Value body;            // a map; its shape is the type's
  std::optional<Digest> plan;  // SHA-256 of the plan in force
  std::string type;            // "identity.issued"
  std::string actor;           // credential pseudonym, "birthmark" or "unauthenticated OS user"
  std::string clock;           // clock quality: "system", "ntp", "manual" (drill copies)
  uint32_t schema = 1;         // version of the body
  std::optional<std::string> station;
  std::optional<std::string> subject;  // "unit:BMC-0001", "ca:site-1", "anchor:boot"
  int64_t recorded = 0;                // written down, milliseconds since 1970 UTC
  // Not of the encoding: the log that an imported event comes from, set by ReadEvent.
  std::optional<std::string> log;

  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("id", id);
    v("body", body);
    v("plan", plan);
    v("type", type);
    v("actor", actor);
    v("clock", clock);
    v("schema", schema);
    v("station", station);
    v("subject", subject);
    v("recorded", recorded);
  }
};

// EventContext is what the events of one command share; the ledger fills id and recorded.
struct EventContext {
  std::string actor = "unauthenticated OS user";
  std::string clock = "system";
  std::optional<Digest> plan;
  std::optional<std::string> station;
};

// MakeEvent wraps a body; B::kType names it. `at` is when it was observed.
template <cbor::Reflected B>
Event MakeEvent(const EventContext& context, Time at, std::string subject, const B& body) {
  Event e;
  e.type = B::kType;
  e.at = Millis(at);
  e.body = cbor::ToValue(body);
  e.plan = context.plan;
  e.actor = context.actor;
  e.clock = context.clock;
  e.station = context.station;
  if (!subject.empty()) e.subject = std::move(subject);
  return e;
}

// BodyOf reads a body as B. Errors: those of cbor::FromValue, ledger.event-type.
template <cbor::Reflected B>
Result<B> BodyOf(const Event& e) {
  if (e.type != B::kType) {
    return Refused("ledger.event-type", fmt::format("event is {}, not {}", e.type, B::kType));
  }
  return cbor::FromValue<B>(e.body);
}

}  // namespace birthmark::ledger
