// SPDX-License-Identifier: Apache-2.0
// The registry's tables of parts that come from other factories: elements by reel, and which of
// them were found in which unit. Leaves out how an element is found by its identifier or key
// (registry.h, by the key index). Thread rule: that of the connection.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ledger/fold.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

extern const char* const kElementsSchema;

// ElementRow is one listed part; its certificate or key stands in the event `seq`, at `pos`.
struct ElementRow {
  uint64_t seq = 0, pos = 0;
  std::string uid;
  Digest spki{};  // zero: no key is listed
  std::string product, reel, manifest;
  int64_t at = 0;
};
ElementRow ReadElement(const Stmt& s);

// ElementUseOf is the unit in which a part was found, if it was.
Result<std::optional<ElementUse>> ElementUseOf(const Db& registry, std::string_view uid);

// ReelRow is a reel with what was received of it and what was found in units.
struct ReelRow {
  std::string product, reel;
  std::string state;  // "received", "quarantined", "released"
  std::string reason;
  uint64_t received = 0, used = 0;
  int64_t at = 0;  // when its state began
};
// Reels lists the reels of a product, or of all; ReelOf is one of them.
Result<std::vector<ReelRow>> Reels(const Db& registry, const std::string& product);
Result<std::optional<ReelRow>> ReelOf(const Db& registry, std::string_view product,
                                      std::string_view reel);
// UsesOf lists what was found in units of a reel, in the order of `uid`, behind `after`.
Result<std::vector<ElementUse>> UsesOf(const Db& registry, std::string_view product,
                                       std::string_view reel, std::string_view after,
                                       uint64_t limit);

// ForEachElementOf calls back with every part that was listed of a reel.
Status ForEachElementOf(const Db& registry, std::string_view product, std::string_view reel,
                        const std::function<Status(std::string_view uid, const Digest& spki)>& fn);

// ElementTables writes the tables; its statements are prepared when they are first needed.
class ElementTables {
 public:
  Status Apply(const Db& db, uint64_t seq, const ElementRun& run);
  Status Apply(const Db& db, const ElementUse& use);
  Status Apply(const Db& db, const ReelChange& change);

 private:
  Stmt put_element_, put_run_, put_use_, put_reel_, count_reel_;
};

}  // namespace birthmark::ledger
