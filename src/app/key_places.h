// SPDX-License-Identifier: Apache-2.0
// Where a machine's key stores are: the [keys] tables of station.toml. Never evidence: what the log
// tells of a key comes from the store itself. Leaves out opening them (keys.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "plan/plan.h"

namespace birthmark::app {

// KeyPlace is one store and where its PIN comes from; with neither, a command's options or a person
// say it.
struct KeyPlace {
  std::string uri;
  std::optional<std::string> pin_file;
  std::string pin_credential;  // of systemd (LoadCredential=)
};
// KeyPlaces by scheme: "pkcs11", "tpm2".
using KeyPlaces = std::map<std::string, KeyPlace, std::less<>>;

// ParseKeyPlaces reads the tables [SIDE.pkcs11] and [SIDE.tpm2] of a text in TOML; SIDE is "keys"
// or "offline-keys". Other tables are others' business. Errors: station.file.
Result<KeyPlaces> ParseKeyPlaces(std::string_view text, std::string_view side);
// FormatKeyPlaces writes them as [keys.…].
std::string FormatKeyPlaces(const KeyPlaces& places);
// ReadKeyPlaces reads FOLDER/station.toml; no such file is no places.
Result<KeyPlaces> ReadKeyPlaces(const fs::path& folder);
// InstallKeyPlaces splits a reviewed file between the online and the offline side: each gets a
// station.toml of its own stores. Errors: station.file, file.missing, file.write.
Status InstallKeyPlaces(const fs::path& file, const fs::path& online, const fs::path& offline);

// SchemeOf is the kind of store a custody means. Errors: keystore.unsupported (split and threshold
// keys are made in a ceremony).
Result<std::string> SchemeOf(plan::Custody custody);

}  // namespace birthmark::app
