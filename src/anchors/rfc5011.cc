// SPDX-License-Identifier: Apache-2.0
#include "anchors/rfc5011.h"

#include <algorithm>

namespace birthmark::anchors {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

bool Trusted(AnchorState s) { return s == AnchorState::kValid || s == AnchorState::kMissing; }

bool Revoking(const Dnskey& key) { return (key.flags & kRevokeFlag) != 0; }

}  // namespace

std::string_view ToText(AnchorState s) {
  switch (s) {
    case AnchorState::kStart:
      return "Start";
    case AnchorState::kAddPend:
      return "AddPend";
    case AnchorState::kValid:
      return "Valid";
    case AnchorState::kMissing:
      return "Missing";
    case AnchorState::kRevoked:
      return "Revoked";
    case AnchorState::kRemoved:
      return "Removed";
  }
  return "";
}

KeyId IdOf(const Dnskey& key) {
  Dnskey plain = key;
  plain.flags &= static_cast<uint16_t>(~kRevokeFlag);
  return plain.DsDigest(2);
}

seconds QueryInterval(seconds ttl, seconds signatures_left) {
  return std::max<seconds>(hours(1), std::min<seconds>({days(15), ttl / 2, signatures_left / 2}));
}

seconds RetryInterval(seconds ttl, seconds signatures_left) {
  return std::max<seconds>(hours(1), std::min<seconds>({days(1), ttl / 10, signatures_left / 10}));
}

TrustPoint::TrustPoint(const std::vector<KeyId>& anchors) {
  for (const KeyId& id : anchors) keys_[id].state = AnchorState::kValid;
}

AnchorState TrustPoint::StateOf(const KeyId& key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? AnchorState::kStart : it->second.state;
}

bool TrustPoint::Validates(const KeySet& set) const {
  return std::ranges::any_of(set.keys, [&](const SeenKey& k) {
    return k.signs && !Revoking(k.key) && Trusted(StateOf(IdOf(k.key)));
  });
}

bool TrustPoint::Deleted() const {
  bool ended = false;
  for (const auto& [id, known] : keys_) {
    if (Trusted(known.state)) return false;
    ended |= known.state == AnchorState::kRevoked || known.state == AnchorState::kRemoved;
  }
  return ended;
}

void TrustPoint::Move(const KeyId& id, Known& known, AnchorState to, std::string_view event,
                      Time at, Seen& out) {
  out.changes.push_back({at, id, known.tag, known.state, to, event});
  known.state = to;
}

TrustPoint::Seen TrustPoint::See(const KeySet& set, Time at) {
  Seen out;
  std::map<KeyId, const SeenKey*> plain, revoking;
  for (const SeenKey& k : set.keys) (Revoking(k.key) ? revoking : plain)[IdOf(k.key)] = &k;
  for (auto& [id, known] : keys_) {
    if (const auto it = plain.find(id); it != plain.end()) known.tag = it->second->key.KeyTag();
  }
  // Section 2.1: a set with the REVOKE bit and the key's own signature is enough, whoever else
  // signed it; from then on the key validates nothing, this set included.
  for (const auto& [id, seen] : revoking) {
    const auto it = keys_.find(id);
    if (it == keys_.end() || !seen->signs || !Trusted(it->second.state)) continue;
    it->second.tag = seen->key.KeyTag();
    Move(id, it->second, AnchorState::kRevoked, "RevBit", at, out);
  }
  out.validated = Validates(set);
  // Section 2.2: the keys that vouched for a new one are all gone, so nobody vouches.
  for (auto& [id, known] : keys_) {
    if (known.state == AnchorState::kAddPend &&
        std::ranges::none_of(known.vouched, [&](const KeyId& v) { return Trusted(StateOf(v)); })) {
      Move(id, known, AnchorState::kStart, "AllRevoked", at, out);
    }
  }
  out.next = out.validated ? QueryInterval(set.original_ttl, set.signatures_left)
                           : RetryInterval(set.original_ttl, set.signatures_left);
  if (!out.validated) return out;

  std::vector<KeyId> vouching;
  for (const SeenKey& k : set.keys) {
    if (k.signs && !Revoking(k.key) && Trusted(StateOf(IdOf(k.key)))) {
      vouching.push_back(IdOf(k.key));
    }
  }
  for (auto& [id, known] : keys_) {
    const bool here = plain.contains(id);
    switch (known.state) {
      case AnchorState::kAddPend:
        if (!here) {
          Move(id, known, AnchorState::kStart, "KeyRem", at, out);
        } else if (at >= known.ready) {
          // Section 2.2: not when the timer ends, but at the next validated set that has the key.
          Move(id, known, AnchorState::kValid, "AddTime", at, out);
        }
        break;
      case AnchorState::kValid:
        if (!here) Move(id, known, AnchorState::kMissing, "KeyRem", at, out);
        break;
      case AnchorState::kMissing:
        if (here) Move(id, known, AnchorState::kValid, "KeyPres", at, out);
        break;
      case AnchorState::kRevoked:
        if (here || revoking.contains(id)) {
          known.absent_since = std::nullopt;
        } else if (!known.absent_since) {
          known.absent_since = at;
        } else if (at - *known.absent_since >= kRemoveHoldDown) {
          Move(id, known, AnchorState::kRemoved, "RemTime", at, out);
        }
        break;
      case AnchorState::kStart:
      case AnchorState::kRemoved:
        break;
    }
  }
  // Section 3: only keys with the SEP bit become anchors.
  for (const auto& [id, seen] : plain) {
    if (!(seen->key.flags & kSepFlag) || StateOf(id) != AnchorState::kStart) continue;
    Known& known = keys_[id];
    known.tag = seen->key.KeyTag();
    known.vouched = vouching;
    // Section 2.4.1: thirty days, or the first set's TTL where that is longer.
    known.ready = at + std::max<seconds>(kAddHoldDown, set.original_ttl);
    Move(id, known, AnchorState::kAddPend, "NewKey", at, out);
  }
  return out;
}

Followed Follow(TrustPoint& point, const Zone& zone, Time from, Time to) {
  Followed out;
  for (Time at = from; at < to;) {
    TrustPoint::Seen seen = point.See(zone(at), at);
    ++out.asked;
    out.validated += seen.validated;
    if (!seen.validated && !out.first_failure) out.first_failure = at;
    out.changes.insert(out.changes.end(), seen.changes.begin(), seen.changes.end());
    at += seen.next;
  }
  return out;
}

std::vector<KeyId> KeyIdsIn(const AnchorFacts& facts, Time at) {
  std::vector<KeyId> out;
  for (const AnchorEntry& e : facts.entries) {
    if (e.form != EntryForm::kDnskey && e.form != EntryForm::kDs) continue;
    if (e.fingerprint.size() != 32) continue;  // another digest type says nothing of the key here
    if (e.uses && e.uses->ends_with("revoked")) continue;
    if (e.not_before && *e.not_before * 1000 > Millis(at)) continue;
    if (e.not_after && *e.not_after * 1000 <= Millis(at)) continue;
    if (std::ranges::find(out, e.fingerprint) == out.end()) out.push_back(e.fingerprint);
  }
  return out;
}

}  // namespace birthmark::anchors
