// SPDX-License-Identifier: Apache-2.0
// The fold: what one event changes in the registry's tables. Pure: it looks at the event alone, so
// the registry can be dropped and rebuilt at any time. Leaves out how tables are stored
// (ledger/sqlite).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ledger/event_codec.h"
#include "ledger/merkle.h"

namespace birthmark::ledger {

// IdentityRow is one certificate. Its DER stands in the event `seq`.
struct IdentityRow {
  uint64_t seq = 0;  // of identity.issued
  Bytes serial;
  Digest spki{};
  std::string unit, slot, ca;
  std::string method;  // empty: adopted, nothing is known of how the key was made
  std::string state = "issued";
  std::string station;  // where it was issued; empty: over a network or in an office
  std::string via;      // the protocol, where it was issued over a network
  int64_t issued_at = 0;
  int64_t state_at = 0;
};

// IsLive is false for identities that ended: superseded, revoked, void, destroyed, expired. A
// certificate lost at a station, or on hold, still counts until somebody ends it.
bool IsLive(std::string_view identity_state);

struct IdentityStateChange {
  Bytes serial;
  std::string state;
  int64_t at = 0;
  uint8_t reason = 0;  // RFC 5280 section 5.3.1; 0 where none is named
};

// ReasonCode is the code of the first word of a reason, by RFC 5280 section 5.3.1; 0 where it is
// none of its words. ReasonWord is the way back; empty for a code that has no word.
uint8_t ReasonCode(std::string_view reason);
std::string_view ReasonWord(uint8_t code);

// UnitRow is one unit; `product` is the part of its name before the first "/".
struct UnitRow {
  std::string unit, product, state, site;
  int64_t first_at = 0, last_at = 0;
  uint64_t visits = 0;
};
// IsFinished is true for states in which a unit is on no line: packed, shipped, scrapped, adopted,
// corrected.
bool IsFinished(std::string_view unit_state);

struct UnitChange {
  std::string unit;
  int64_t at = 0;
  std::optional<std::string> state, site;
  bool visit = false;
};

// VisitRow is a unit at a station, however often it was there.
struct VisitRow {
  std::string station, unit;
  std::string chip;  // the chip's own identifier, hex; empty: not read there
  int64_t first_at = 0, last_at = 0;
};

// PoolRow is an identity made ahead; its place in the sealed batch is `pos`.
struct PoolRow {
  uint64_t seq = 0;  // of pool.filled
  uint64_t pos = 0;
  std::string unit, id, station, product;
  int64_t filled_at = 0;
  int64_t at = 0;              // when its state began
  std::string state = "left";  // "left", "released", "ended" (its identity ended in the pool)
};
struct PoolEnd {
  std::string unit;
  int64_t at = 0;
};

struct CaRow {
  uint64_t seq = 0;
  std::string id, pki, name, issuer;
  uint32_t level = 1;
  bool offline = false;
  std::optional<uint64_t> max_count;
  std::optional<int64_t> issues_until;
  uint64_t issued = 0;           // identities so far
  std::string state = "active";  // or "waiting", "retired", "compromised": what was said last
  int64_t state_at = 0;          // 0: nothing was said
  uint64_t state_seq = 0;        // of the event that said it
  uint8_t reason = 0;            // why it was compromised, RFC 5280 section 5.3.1
  Bytes serial, key_id;          // of its certificate; empty when that does not read
};
// CaStateChange is an authority's turn, said by an event.
struct CaStateChange {
  std::string id, state;
  int64_t at = 0;
  std::optional<int64_t> until;
  uint8_t reason = 0;
};

// CrlRow is a revocation list that was signed: the newest of its authority, and those of its
// reserve.
struct CrlRow {
  uint64_t seq = 0;
  std::string ca;
  uint64_t number = 0, upto = 0, count = 0;
  Digest sha256{}, signer{};
  int64_t this_update = 0, next_update = 0;
  bool reserve = false;
};

struct KeyRow {
  uint64_t seq = 0;
  std::string id, store, purpose, algorithm;
  Digest spki{};
  bool offline = false;
  int64_t created_at = 0;
  std::optional<int64_t> destroyed_at;
};
struct KeyEnd {
  Digest spki{};
  int64_t at = 0;
};

struct CredentialRow {
  uint64_t seq = 0;
  std::string pseudonym, kind, role;
  int64_t issued_at = 0;
  std::optional<int64_t> revoked_at;
};

// CredentialEnd ends every credential of this pseudonym that was issued before.
struct CredentialEnd {
  std::string pseudonym;
  int64_t at = 0;
};

struct PlanRow {
  uint64_t seq = 0;
  std::string product;
  uint32_t version = 1;
  Digest digest{};
  int64_t adopted_at = 0;
};

struct SessionRow {
  uint64_t seq = 0;
  std::string id, pseudonym, role, station;
  int64_t opened_at = 0;
  std::optional<int64_t> closed_at;
};
struct SessionEnd {
  std::string id;
  int64_t at = 0;
};

// ForeignEntry is one entry of another log, taken in or set aside: the next of its log.
struct ForeignEntry {
  std::string origin;
  uint64_t seq = 0;
  Digest leaf{};
  bool set_aside = false;
};
// ForeignEnd is the end of an import of another log.
struct ForeignEnd {
  std::string origin;
  uint64_t to = 0;
};
// ForeignRow is how much of another log is here, and the tree that this much makes.
struct ForeignRow {
  std::string origin;
  uint64_t next = 0;       // the first entry that is not here
  uint64_t sealed = 0;     // up to where a segment.imported closes what is here
  uint64_t set_aside = 0;  // entries set aside from `sealed` on
  Frontier tree;           // of [0, next)
};

// Notable marks an event of a type that is few in number, so that it is found without reading the
// log.
struct Notable {
  std::string type;
};

// SeedBatchRow is a file of seeds that was taken. Times are 0 until then.
struct SeedBatchRow {
  uint64_t seq = 0;
  std::string id, product, oem, format, origin, protection;
  Digest file{};
  uint64_t count = 0, refused = 0, used = 0;
  int64_t received_at = 0, opened_at = 0, destroyed_at = 0;
};
// SeedStep is something that happened to a batch; words of SeedCustody.
struct SeedStep {
  std::string batch, what;
  int64_t at = 0;
};
// SeedRun is chips whose seeds were used; each is found again by its key in the index.
struct SeedRun {
  uint64_t seq = 0;
  std::string batch;
  std::vector<std::string> chips;
};

// ElementRun is a run of parts of one reel, as their maker lists them; a part's place is `pos`.
struct ElementRun {
  struct Part {
    std::string uid;
    Digest spki{};  // zero: no key is listed
  };
  std::string product, reel, manifest;
  std::vector<Part> parts;
  int64_t at = 0;
};
// ElementUse is a part found in a unit.
struct ElementUse {
  std::string uid, reel, unit, slot;
  int64_t at = 0;
};
// ReelChange is a reel's new state: "received", "quarantined", "released".
struct ReelChange {
  std::string product, reel, state, reason;
  int64_t at = 0;
};

// SecretRow is an identity of a unit that is no key pair, or its share of a group key.
struct SecretRow {
  uint64_t seq = 0;
  std::string unit, slot, how;
  uint64_t bits = 0;
  std::string batch;  // of a group key; else empty
  std::optional<Digest> check;
  int64_t at = 0;
};
// GroupRow is a key that a batch of units shares on purpose.
struct GroupRow {
  uint64_t seq = 0;
  std::string id, product, slot;
  uint64_t size = 0;
  Digest spki{};
  uint64_t units = 0;  // that have it; counted when read
};

using Change =
    std::variant<IdentityRow, IdentityStateChange, UnitChange, VisitRow, PoolRow, PoolEnd, CaRow,
                 KeyRow, KeyEnd, CredentialRow, CredentialEnd, PlanRow, SessionRow, SessionEnd,
                 ForeignEntry, ForeignEnd, SeedBatchRow, SeedStep, SeedRun, ElementRun, ElementUse,
                 ReelChange, SecretRow, GroupRow, CaStateChange, CrlRow, Notable>;
using Changes = std::vector<Change>;

// Fold gives the changes of one event; `seq` fields stay 0 and are set when the changes are
// applied. Errors: ledger.event-type, those of reading the body.
Result<Changes> Fold(const Event& e);

// NewEvent is an event ready for the writer: its bytes and its fold.
struct NewEvent {
  Bytes encoded;
  Changes changes;
};

// Prepare checks, encodes and folds an event on the producer's thread.
// Errors: ledger.event-type, ledger.event-large, those of Fold.
Result<NewEvent> Prepare(const Event& e);

// PrepareIssued is the fast road for certificates made from a template: `encoded` is an
// identity.issued event whose fold is `row`. Its caller answers for the two agreeing; VerifyLog
// checks that they do.
inline NewEvent PrepareIssued(Bytes encoded, IdentityRow row) {
  NewEvent e{std::move(encoded), {}};
  e.changes.emplace_back(std::move(row));
  return e;
}

}  // namespace birthmark::ledger
