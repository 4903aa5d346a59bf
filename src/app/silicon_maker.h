// SPDX-License-Identifier: Apache-2.0
// A stand-in for a maker of secure elements, for rehearsals alone: it makes parts with keys and
// certificates of its own, lists them in a manifest that it signs itself, and puts them into the
// tray from which the emulated line takes them. Real parts come on reels. Not thread-safe.
#pragma once

#include <string>

#include "app/factory.h"

namespace birthmark::app {

struct MakerOptions {
  uint64_t count = 20;
  std::string reel = "REHEARSAL-1";
  fs::path output;  // empty: beside the maker's other files
};
struct MadeParts {
  uint64_t count = 0;
  fs::path manifest, signer, root;
};

// MakeParts. Errors: manifest.rehearsal (a production workspace), manifest.slot (no sapodilla slot
// with ca-option generic), file.*.
Result<MadeParts> MakeParts(Factory& factory, const MakerOptions& options, const Clock& clock);

// TakePart puts the next part of the tray onto a new unit's board; a board that has one keeps it.
// Errors: fixture.tray-empty.
Status TakePart(const Layout& layout, const fs::path& device);

}  // namespace birthmark::app
