// SPDX-License-Identifier: Apache-2.0
// Lists of known weak keys and of keys that are shared by design. None comes with the program.
// Immutable once read; thread-safe.
#pragma once

#include <array>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "audit/audit.h"
#include "audit/facts.h"

namespace birthmark::audit {

class WeakLists {
 public:
  // Read takes files, and folders of files. Errors: audit.list (with file and line), file.missing,
  // file.read, file.too-large.
  static Result<WeakLists> Read(const std::vector<std::filesystem::path>& paths);

  // Find says which kind of list names a key; empty when none does.
  std::string Find(const KeyFacts& key) const;
  const std::vector<ListUsed>& used() const { return used_; }
  // Absent names the kinds of list that were not given.
  std::vector<std::string> Absent() const;

 private:
  using Tail = std::array<uint8_t, 10>;
  Status ReadOne(const std::filesystem::path& path);
  std::vector<Tail> debian_;  // sorted
  std::vector<Digest> spki_;  // sorted
  std::vector<ListUsed> used_;
};

}  // namespace birthmark::audit
