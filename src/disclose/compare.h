// SPDX-License-Identifier: Apache-2.0
// Up to five disclosures side by side: rows in the draft's order, columns in the reader's. Says
// what is there and how it is known; counts nothing, ranks nothing. Pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "disclose/opened.h"

namespace birthmark::disclose {

inline constexpr size_t kMaxCompared = 5;

// ComparedRow is one question about one subject with a cell for each product; a null cell is a
// product that has no such subject or was not asked.
struct ComparedRow {
  std::string group;     // "device", "identity", "anchor first-boot", "anchor software-update 2"
  std::string question;  // stored name
  std::vector<const answer::Answer*> cells;
};

// ComparedAnchor aligns the anchors of one kind: the first of each product, then the second of
// each…
struct ComparedAnchor {
  std::string kind;
  size_t number = 1;                   // which of its kind
  std::vector<const Anchor*> anchors;  // null: the product has none there
};

struct Comparison {
  std::vector<ComparedAnchor> anchors;
  std::vector<ComparedRow> rows;  // device and identity first, then anchor by anchor
};

// Compare aligns by the permanent names of the vocabulary, so that disclosures in the words of
// different revisions meet. The result points into `all`.
Comparison Compare(std::span<const OpenedDisclosure> all);

// CompareText is the comparison in 80 columns. Errors: compare.count (usage) for none or too many.
Result<std::string> CompareText(std::span<const OpenedDisclosure> all);

}  // namespace birthmark::disclose
