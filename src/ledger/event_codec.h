// SPDX-License-Identifier: Apache-2.0
// Events as bytes: encoding, strict decoding, and the stamp that the writer sets at the commit.
// Values; thread-compatible. Source: docs/formats/events.md.
#pragma once

#include <functional>

#include "ledger/event.h"

namespace birthmark::ledger {

// kMaxEventBytes bounds one encoded event, kMaxStoredBytes one that carries an event of another
// log.
inline constexpr size_t kMaxEventBytes = 1 << 20;
inline constexpr size_t kMaxStoredBytes = kMaxEventBytes + 4096;

// EncodeEvent gives the stored form with an id and a time of recording that the writer will
// overwrite.
Bytes EncodeEvent(Event e);

// DecodeEvent reads an event strictly. Errors: ledger.event-large, those of cbor::FromCbor.
Result<Event> DecodeEvent(ByteView encoded);

// TakenOver says which types count here when another log's entry is imported: what happened to
// units, identities and at stations. Its plans, keys, authorities and credentials are known here
// already, by events of this log.
bool TakenOver(std::string_view type);
// ReadEvent is DecodeEvent for those who ask what happened: an imported entry of a type that is
// taken over is given as the event it carries, with its own actor, station and times, and the log
// it comes from. Whoever verifies bytes uses DecodeEvent.
Result<Event> ReadEvent(ByteView encoded);

// EventStamp is what the writer alone decides. Ids grow strictly along a log, so a fresh one is
// never an old one, and a reader can see that with one look at its neighbour.
struct EventStamp {
  Uuid id{};
  int64_t recorded = 0;
};

// StampEvent writes id and recorded into an encoded event, in place: both have fixed places in the
// deterministic encoding of an envelope. Errors: ledger.event-shape.
Status StampEvent(std::span<uint8_t> encoded, const EventStamp& stamp);
// ReadStamp reads them back without decoding the rest. Errors: ledger.event-shape.
Result<EventStamp> ReadStamp(ByteView encoded);

// KnownType says whether this program defines an event type.
bool KnownType(std::string_view type);
// CheckType takes known types and foreign ones under a name of their owner,
// "example.com/oven-curve". Errors: ledger.event-type.
Status CheckType(std::string_view type);

// EventFn sees an event as ReadEvent gives it, its place in this log and its stored bytes.
using EventFn = std::function<Status(uint64_t seq, const Event& event, ByteView raw)>;

// EventSource is where answers read from: a workspace's own log or a bundle of it.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // ForEach calls fn for every event in order until one call fails, and returns that failure.
  // Redacted leaves of a bundle are skipped.
  virtual Status ForEach(const EventFn& fn) = 0;
};

}  // namespace birthmark::ledger
