// SPDX-License-Identifier: Apache-2.0
// Bodies of what happens around the units: tokens, stations, the pool, islands, audits, reconcile.
// Part of ledger/events.h, which is what others include. Times are milliseconds since 1970 UTC.
// Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// TokenIssued allows `uses` enrolments by whoever knows the token's secret, which is never here.
struct TokenIssued {
  static constexpr std::string_view kType = "token.issued";
  std::string id;
  std::optional<std::string> unit;  // "<product>/<serial>": for this unit alone
  uint64_t uses = 1;
  int64_t expires = 0;
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("unit", unit);
    v("uses", uses);
    v("expires", expires);
    v("product", product);
  }
};

// TokenUsed is one use; it stands in the same commit as what the token was used for.
struct TokenUsed {
  static constexpr std::string_view kType = "token.used";
  std::string id;
  std::string via;  // "est", "cmp", "scep", "est-coaps"
  std::string unit;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("via", via);
    v("unit", unit);
  }
};

struct TokenRevoked {
  static constexpr std::string_view kType = "token.revoked";
  std::string id;
  std::string reason;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("reason", reason);
  }
};

// CredentialRevoked ends a person's or a station's credential.
struct CredentialRevoked {
  static constexpr std::string_view kType = "credential.revoked";
  std::string reason;
  std::string pseudonym;
  template <class V>
  void Fields(V& v) {
    v("reason", reason);
    v("pseudonym", pseudonym);
  }
};

// StationAdded lets a machine join as a station of the plan until `expires`, and says what it may
// do by itself once it has. Whoever knows the secret may join, once; here is only its hash.
struct StationAdded {
  static constexpr std::string_view kType = "station.added";
  std::string id;    // of the join code
  int64_t days = 0;  // its credentials hold so long
  std::string site;
  uint64_t count = 0;  // identities that its authority may issue
  Digest secret{};     // SHA-256 of the join code's secret, which is 256 random bits
  int64_t window = 0;  // milliseconds in which it may issue them
  int64_t expires = 0;
  std::string product;
  std::string station;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("days", days);
    v("site", site);
    v("count", count);
    v("secret", secret);
    v("window", window);
    v("expires", expires);
    v("product", product);
    v("station", station);
  }
};

// StationState: "joined", "disabled".
struct StationState {
  static constexpr std::string_view kType = "station.state";
  std::optional<std::string> join;  // joined: by which code
  std::string state;
  std::string reason;
  std::string station;
  template <class V>
  void Fields(V& v) {
    v("join", join);
    v("state", state);
    v("reason", reason);
    v("station", station);
  }
};

// StationChecked is what a station found when it tested itself.
struct StationChecked {
  static constexpr std::string_view kType = "station.checked";
  std::string link;   // "ok", or what is wrong
  std::string probe;  // the same of the device's port
  std::string station;
  int64_t clock_ms = 0;    // station's clock minus the server's
  uint64_t disk_free = 0;  // octets
  template <class V>
  void Fields(V& v) {
    v("link", link);
    v("probe", probe);
    v("station", station);
    v("clock_ms", clock_ms);
    v("disk_free", disk_free);
  }
};

// IslandOpened lets a station issue by itself: its log and the subordinate whose window and count
// are its quota (those stand in the subordinate's ca.created). The first one of a station comes
// before it has an authority, the next ones with each quota.
struct IslandOpened {
  static constexpr std::string_view kType = "island.opened";
  std::string ca;      // empty: none yet
  uint64_t last = 0;   // number of a serial-number pattern up to which its units go
  uint64_t first = 0;  // and from which on; 0: no numbers
  std::string origin;  // of the island's log
  Bytes log_key;       // SubjectPublicKeyInfo that signs its checkpoints
  std::string product;
  std::string station;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("last", last);
    v("first", first);
    v("origin", origin);
    v("log_key", log_key);
    v("product", product);
    v("station", station);
  }
};

// EntryImported carries one entry of another log, byte for byte, into this one. Its fold is that of
// the event inside, so that the registry stays a fold over all logs. (origin, seq) comes once.
struct EntryImported {
  static constexpr std::string_view kType = "entry.imported";
  uint64_t seq = 0;  // in its own log
  Bytes entry;
  std::string origin;
  template <class V>
  void Fields(V& v) {
    v("seq", seq);
    v("entry", entry);
    v("origin", origin);
  }
};

// EntrySetAside is an entry that could not be taken: kept, named, and never in the way of the rest.
struct EntrySetAside {
  static constexpr std::string_view kType = "entry.set-aside";
  uint64_t seq = 0;
  std::string why;  // "<code>: <message>"
  Bytes entry;
  std::string origin;
  template <class V>
  void Fields(V& v) {
    v("seq", seq);
    v("why", why);
    v("entry", entry);
    v("origin", origin);
  }
};

// SegmentImported closes an import: entries from..to-1 of `origin` are here, and `checkpoint`,
// signed by that log, commits to the tree that they make together with those before.
struct SegmentImported {
  static constexpr std::string_view kType = "segment.imported";
  uint64_t to = 0;
  uint64_t from = 0;
  std::string origin;
  uint64_t set_aside = 0;
  std::string checkpoint;
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("origin", origin);
    v("set_aside", set_aside);
    v("checkpoint", checkpoint);
  }
};

// PoolFilled is a batch of identities made ahead and sealed to one station. Each has its own
// identity.issued; `file` is the digest of the sealed batch.
struct PoolFilled {
  static constexpr std::string_view kType = "pool.filled";
  std::string id;
  Digest file{};
  std::string product;
  std::vector<std::string> serials;  // manufacturer's serial numbers, in order
  std::string station;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("file", file);
    v("product", product);
    v("serials", serials);
    v("station", station);
  }
};

// PoolReleased hands one identity of a batch out: once, and before the key leaves the store.
struct PoolReleased {
  static constexpr std::string_view kType = "pool.released";
  std::string id;
  std::string unit;
  std::string station;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("unit", unit);
    v("station", station);
  }
};

// Count is a number with its name.
struct Count {
  std::string name;
  uint64_t number = 0;
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("number", number);
  }
};

// Unexplained is an identity or a unit that a reconcile could not account for.
struct Unexplained {
  std::string why;  // "duplicate-key", "swapped", "ghost", "overbuild", "never-installed", …
  std::string unit;
  std::optional<Bytes> serial;  // of the certificate
  template <class V>
  void Fields(V& v) {
    v("why", why);
    v("unit", unit);
    v("serial", serial);
  }
};

// ReconcileClosed is the night's equation: what was made is installed, in a pool, ended, or named.
struct ReconcileClosed {
  static constexpr std::string_view kType = "reconcile.closed";
  int64_t to = 0;
  int64_t from = 0;
  std::vector<Count> counts;
  std::string product;
  std::vector<Unexplained> unexplained;
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("counts", counts);
    v("product", product);
    v("unexplained", unexplained);
  }
};

// UnitCorrected mends a mis-scan: what was recorded of `from` belongs to `to`.
struct UnitCorrected {
  static constexpr std::string_view kType = "unit.corrected";
  std::string to;
  std::string from;
  std::string reason;
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("reason", reason);
  }
};

// IdentityAdopted takes in a certificate that was issued elsewhere: declared, nothing of it seen;
// with a method, its key was seen in the unit.
struct IdentityAdopted {
  static constexpr std::string_view kType = "identity.adopted";
  std::string ca;  // issuer's name as it stands in the certificate; or the id of an authority here
  Bytes cert;
  std::string slot;
  Digest spki{};
  std::string unit;
  std::string state;  // "adopted", "revoked", "expired"; "installed": read back from the unit
  std::optional<std::string> method;  // "sapodilla": the key came in a part; absent: unknown
  Bytes serial;
  std::string source;  // the file's name: "index.txt"; with sapodilla, the manifest's id
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("cert", cert);
    v("slot", slot);
    v("spki", spki);
    v("unit", unit);
    v("state", state);
    v("method", method);
    v("serial", serial);
    v("source", source);
  }
};

// AuditHit is one weak or shared key.
struct AuditHit {
  std::string code;  // "audit.roca"
  Digest spki{};
  std::string unit;  // or the file it stood in
  template <class V>
  void Fields(V& v) {
    v("code", code);
    v("spki", spki);
    v("unit", unit);
  }
};

// KeysAudited is one audit of public keys that came in, with what it could not look at.
struct KeysAudited {
  static constexpr std::string_view kType = "keys.audited";
  std::vector<AuditHit> hits;
  uint64_t keys = 0;
  std::vector<std::string> lists;  // of known weak keys that were there
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("hits", hits);
    v("keys", keys);
    v("lists", lists);
    v("product", product);
  }
};

// LotState stops or releases all issuing for a product: "stopped", "released".
struct LotState {
  static constexpr std::string_view kType = "lot.state";
  std::string state;
  std::string reason;
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("state", state);
    v("reason", reason);
    v("product", product);
  }
};

}  // namespace birthmark::ledger
