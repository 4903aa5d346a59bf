// SPDX-License-Identifier: Apache-2.0
// What is carried to offline levels and back, seen from both sides: the workspace lists and exports
// what waits; the offline side signs with its folder alone. Taking responses in is init.h, rotate.h
// and crls.h. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/keys.h"
#include "base/clock.h"
#include "offline/side.h"

namespace birthmark::app {

// CarriedRow is one request with its ways so far, as the log and the folder tell.
struct CarriedRow {
  std::string id;    // the authority or key that it is for
  std::string kind;  // "authority", "crl", …
  Digest request{};
  std::optional<int64_t> exported, signed_at, imported;  // ms since 1970
  fs::path file;                                         // of a request that waits; empty: gone
  bool Waits() const { return !imported && !file.empty(); }
};
// CarriedRequests lists every request that the log knows, the oldest first. Errors: those of
// OpenReader.
Result<std::vector<CarriedRow>> CarriedRequests(const fs::path& workspace);

// ExportRequests copies what waits to a folder that is carried away. Errors:
// request.nothing-waiting, file.write.
Result<std::vector<CarriedRow>> ExportRequests(const fs::path& workspace, const fs::path& to,
                                               bool dry_run);

// AnswerOffline signs a request with the folder of an offline side and nothing else; its keys may
// be files, in a module or in a TPM. Errors: those of offline::Answer and of the key stores.
Result<offline::Answered> AnswerOffline(const offline::SignOptions& options,
                                        const fs::path& request, const KeySource& keys,
                                        const Clock& clock);

}  // namespace birthmark::app
