// SPDX-License-Identifier: Apache-2.0
// Events of ceremonies. In the open log: that a ceremony's record was accepted, and what its sealed
// log attests. In a ceremony's own log: one type, whose body is sealed, so that a copy of the log
// shows neither who nor how many. Leaves out the record itself (ceremony/record.h) and what stands
// inside the seal (ceremony/entries.h). Source: docs/formats/ceremony.md.
#pragma once

#include <string>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// CeremonyAccepted takes a ceremony's record into the open log, byte for byte.
struct CeremonyAccepted {
  static constexpr std::string_view kType = "ceremony.accepted";
  std::string id;    // the ceremony's UUID
  std::string kind;  // "make", "sign", "health", "recover", "reshare", "destroy"
  Digest digest{};   // SHA-256 of the record
  Bytes record;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("kind", kind);
    v("digest", digest);
    v("record", record);
  }
};

// SplitStatement is all that a ceremony ever says of how a key is split: the payload of a
// COSE_Sign1 by the custody log's key. There is no field for k, n, a name or a place, and there
// shall be none.
struct SplitStatement {
  int64_t at = 0;        // when the shares were last proven
  std::string set;       // the key whose shares they are: "identity-1.1"
  std::string use;       // "recover" (brings the key together) or "use" (signs without that)
  uint32_t extra = 0;    // n - k: shares that may be lost
  std::string ceremony;  // UUID of the ceremony or health round that says so
  bool rehearsal = true;
  uint32_t continents = 0;  // on which it can be done without travel
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("set", set);
    v("use", use);
    v("extra", extra);
    v("ceremony", ceremony);
    v("rehearsal", rehearsal);
    v("continents", continents);
  }
};

// CeremonyAttested is one such statement with all that a reader needs to check it: the split key
// itself vouches for the custody log's key, and that key for the statement.
struct CeremonyAttested {
  static constexpr std::string_view kType = "ceremony.attested";
  Bytes log_key;      // SubjectPublicKeyInfo of the custody log's key
  Bytes statement;    // COSE_Sign1 over a SplitStatement, by log_key
  Bytes endorsement;  // COSE_Sign1 over ceremony::Endorsement, by the split key
  template <class V>
  void Fields(V& v) {
    v("log_key", log_key);
    v("statement", statement);
    v("endorsement", endorsement);
  }
};

// CeremonySealed is every event of a ceremony's own log behind its genesis.
struct CeremonySealed {
  static constexpr std::string_view kType = "ceremony.sealed";
  Bytes box;  // AES-256-GCM over a padded entry
  template <class V>
  void Fields(V& v) {
    v("box", box);
  }
};

}  // namespace birthmark::ledger
