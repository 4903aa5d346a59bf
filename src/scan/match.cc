// SPDX-License-Identifier: Apache-2.0
#include "scan/match.h"

#include <algorithm>
#include <map>
#include <set>

namespace birthmark::scan {
namespace {

bool SameOctets(ByteView a, const Digest& b) { return std::ranges::equal(a, b); }

// HowIsItem says by what an item is the one looked for; empty when it is not.
std::string HowIsItem(const Item& item, const Wanted& w) {
  const anchors::AnchorEntry& e = item.entry;
  if (SameOctets(e.fingerprint, w.digest))
    return item.form == "certificate" ? "its certificate" : "its key";
  if (e.spki_digest && *e.spki_digest == w.digest)
    return item.form == "certificate" ? "a certificate with its key" : "its key";
  return "";
}

}  // namespace

Sightings LookFor(const Report& report, const std::vector<Wanted>& wanted) {
  Sightings out;
  std::set<const Store*> stores;
  std::set<size_t> items;
  for (const Wanted& w : wanted) {
    Sighting best{.id = w.id, .found = false, .where = "", .how = "", .certainty = {}};
    auto take = [&](const Store& s, std::string how) {
      // A store that is known to be read says more than a file that lies somewhere.
      if (best.found && best.certainty <= s.certainty) return;
      best = {w.id, true, s.Where(), std::move(how), s.certainty};
    };
    for (const Store& s : report.stores) {
      const bool whole = s.digest == w.digest;
      const bool same_set = w.set_digest && s.set_digest == w.set_digest;
      if (whole || same_set) {
        stores.insert(&s);
        for (const Member& m : s.members) items.insert(m.item);
        take(s, whole ? "the same file" : "the same anchors in another order or wrapping");
        continue;
      }
      size_t held = 0;
      for (const Member& m : s.members) {
        const Item& item = report.items[m.item];
        if (m.role == Role::kPrivateKey) continue;
        if (std::string how = HowIsItem(item, w); !how.empty()) {
          stores.insert(&s);
          items.insert(m.item);
          take(s, std::move(how));
        }
        for (const anchors::AnchorEntry& e : w.entries) {
          if (e.form == item.entry.form && e.fingerprint == item.entry.fingerprint) {
            ++held;
            items.insert(m.item);
          }
        }
      }
      if (!w.entries.empty() && held >= w.entries.size()) {
        stores.insert(&s);
        take(s, w.entries.size() == 1 ? "its entry" : "all its entries");
      }
    }
    out.wanted.push_back(std::move(best));
  }
  std::set<size_t> others;
  for (const Store& s : report.stores) {
    bool other = false;
    for (const Member& m : s.members) {
      if (m.role != Role::kAnchor || items.contains(m.item)) continue;
      others.insert(m.item);
      other = true;
    }
    if (other) out.other_stores.push_back(&s);
  }
  out.others = others.size();
  return out;
}

}  // namespace birthmark::scan
