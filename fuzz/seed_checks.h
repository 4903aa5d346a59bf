// SPDX-License-Identifier: Apache-2.0
// What both targets on seed files demand of whatever is handed over.
#pragma once

#include <algorithm>
#include <set>

#include "fuzz/fuzz.h"
#include "seed/intake.h"
#include "seed/read_input.h"

namespace birthmark::seed {

inline void CheckedRead(ByteView data, const ReadOptions& options) {
  MemoryInput in(data);
  uint64_t seeds = 0, refused = 0;
  std::set<std::string> chips;
  auto summary = ReadInput(
      in, options,
      [&](Element&& e) -> Status {
        ByteView s = e.seed.Read(SecretAccess{});
        FUZZ_CHECK(s.size() >= 32 && s.size() <= 64);
        FUZZ_CHECK(std::any_of(s.begin(), s.end(), [](uint8_t b) { return b != 0; }));
        FUZZ_CHECK(IsChipName(e.chip) && chips.insert(e.chip).second);
        FUZZ_CHECK(e.index == seeds++ + refused);
        return {};
      },
      [&](const Refusal& r) -> Status {
        FUZZ_CHECK(r.index == seeds + refused++);
        FUZZ_CHECK(r.chip.empty() || IsChipName(r.chip));
        return {};
      });
  if (!summary) return;
  FUZZ_CHECK(summary->count == seeds && summary->refused == refused && seeds + refused > 0);
  FUZZ_CHECK(options.allow_unprotected || summary->protection != "none");
}

}  // namespace birthmark::seed
