// SPDX-License-Identifier: Apache-2.0
// How a validator learns a zone's new keys from the old ones: the states and timers of RFC 5011, on
// a clock that is passed in. Signatures are taken as told (which keys sign a set), not checked
// here. Leaves out DNS itself. Not thread-safe. Written down in docs/dnssec-root.md.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "anchors/dnssec.h"

namespace birthmark::anchors {

// Source: RFC 5011 sections 7 and 3 (flags), 2.4.1 and 2.4.2 (times).
inline constexpr uint16_t kRevokeFlag = 0x0080, kSepFlag = 0x0001;
inline constexpr std::chrono::days kAddHoldDown{30}, kRemoveHoldDown{30};

// AnchorState is where a key stands with one validator. Source: RFC 5011 section 4.2.
enum class AnchorState { kStart, kAddPend, kValid, kMissing, kRevoked, kRemoved };
std::string_view ToText(AnchorState s);

// SeenKey is a key of a DNSKEY set, and whether a signature by it covers the set.
struct SeenKey {
  Dnskey key;
  bool signs = false;
};

// KeySet is a zone's DNSKEY set as it came.
struct KeySet {
  std::vector<SeenKey> keys;
  std::chrono::seconds original_ttl{0};
  std::chrono::seconds signatures_left{0};  // until the first signature over it expires
};

// KeyId names a key whatever its REVOKE bit says: its DS digest of type 2 without the bit. The key
// tag cannot, since the bit changes it.
using KeyId = Bytes;
KeyId IdOf(const Dnskey& key);

// QueryInterval is how long after a good answer the next question comes, RetryInterval after none.
// Source: RFC 5011 section 2.3.
std::chrono::seconds QueryInterval(std::chrono::seconds ttl, std::chrono::seconds signatures_left);
std::chrono::seconds RetryInterval(std::chrono::seconds ttl, std::chrono::seconds signatures_left);

// KeyChange is one step of one key. `event` is the RFC's word: "NewKey", "KeyRem", "AddTime",
// "KeyPres", "RevBit", "RemTime"; "AllRevoked" where section 2.2 stops an acceptance because every
// key that vouched for the new one was revoked.
struct KeyChange {
  Time at{};
  KeyId key;
  uint16_t tag = 0;  // of the record as it was seen last
  AnchorState from = AnchorState::kStart, to = AnchorState::kStart;
  std::string_view event;
};

// TrustPoint is one validator's keys for one zone.
class TrustPoint {
 public:
  // The keys it is built with are Valid.
  explicit TrustPoint(const std::vector<KeyId>& anchors);

  struct Seen {
    bool validated = false;  // a trusted key that is not revoked signs the set
    std::vector<KeyChange> changes;
    std::chrono::seconds next{0};  // until the next question
  };
  // See takes the set that a question at `at` brought.
  Seen See(const KeySet& set, Time at);

  AnchorState StateOf(const KeyId& key) const;
  // Validates says whether a key it trusts signs the set, without taking anything from it.
  bool Validates(const KeySet& set) const;
  // Deleted: every key it trusted is revoked. The zone is then as if it had never had an anchor:
  // its names are believed unsigned. Source: RFC 5011 section 5.
  bool Deleted() const;

 private:
  struct Known {
    AnchorState state = AnchorState::kStart;
    uint16_t tag = 0;
    Time ready{};                      // AddPend: when the hold-down is over
    std::vector<KeyId> vouched;        // AddPend: keys that validated the first set with it
    std::optional<Time> absent_since;  // Revoked: out of the zone since
  };
  void Move(const KeyId& id, Known& known, AnchorState to, std::string_view event, Time at,
            Seen& out);
  std::map<KeyId, Known> keys_;
};

// Zone gives the set that a zone publishes at a time.
using Zone = std::function<KeySet(Time)>;
// RootKeySetAt is the DNS root's, from RootKeys(); keys that never anchor anything are left out.
KeySet RootKeySetAt(Time at);

// Followed is what came of a stretch on-line.
struct Followed {
  std::vector<KeyChange> changes;
  uint64_t asked = 0, validated = 0;
  std::optional<Time> first_failure;  // the first answer that could not be validated
};
// Follow asks as often as section 2.3 wants, from `from` on and before `to`.
Followed Follow(TrustPoint& point, const Zone& zone, Time from, Time to);

// KeyIdsIn are the keys that a file of anchors makes Valid: DNSKEY records without the REVOKE bit,
// DS records of type 2, and of root-anchors.xml those whose validity includes `at`.
std::vector<KeyId> KeyIdsIn(const AnchorFacts& facts, Time at);

}  // namespace birthmark::anchors
