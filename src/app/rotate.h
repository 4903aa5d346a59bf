// SPDX-License-Identifier: Apache-2.0
// Successors of an authority, signed ahead in one go by the level above, and an authority's early
// end. Who issues when is line/succession.h. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"

namespace birthmark::app {

enum class RotateAs { kSuccessors, kRetire, kCompromised };

struct RotateOptions {
  fs::path workspace;
  std::string product, as;
  std::string ca;                 // empty: the authorities that issue to devices
  std::optional<uint32_t> ahead;  // how many shall wait; absent: what the plan says, 1 at least
  RotateAs how = RotateAs::kSuccessors;
  bool dry_run = false;
};

// RotatedRow is what was done about one authority.
struct RotatedRow {
  std::string id, name;
  std::string state;  // "waiting", "requested" (its request waits to be signed), "retired", …
  fs::path file;      // the request
};

// Rotate makes successors until as many wait as were asked for. Where the level above is offline
// and its key is not at hand, requests are left to be carried, and `request import` takes the
// responses in. Errors: ca.unknown, ca.which, ca.ended (it was ended before), credential.role,
// station.no-parent; those of the key store, pki and the ledger.
Result<std::vector<RotatedRow>> Rotate(const RotateOptions& options, const KeySource& keys,
                                       const Clock& clock);

// AcceptSuccessors takes in the response to one of Rotate's requests; no row where it answers none.
// Errors: those of pki::CheckResponse and of the ledger.
Result<std::vector<RotatedRow>> AcceptSuccessors(Factory& factory, std::string_view response,
                                                 const Clock& clock, bool dry_run);

}  // namespace birthmark::app
