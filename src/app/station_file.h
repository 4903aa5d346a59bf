// SPDX-License-Identifier: Apache-2.0
// station.toml: where this station's server, ports and paths are. Never evidence: nothing of it
// enters the log. Written with comments when the station joins, changed by its people.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/files.h"

namespace birthmark::app {

inline constexpr size_t kMaxStationFile = 64 * 1024;

struct StationFile {
  std::string station;
  std::string server;              // "https://factory.acme.example:8443"
  Digest pin{};                    // SHA-256 of a certificate in the server's chain
  std::string link = "emulator:";  // the device's console as a URI
  std::string port;                // its programmer's port, where that is another: "openocd:…"
};

// StationFileOf is the path in a station's folder.
fs::path StationFileOf(const fs::path& folder);
// IsStation says whether a folder is a station's.
bool IsStation(const fs::path& folder);
// FormatStationFile writes it with comments.
std::string FormatStationFile(const StationFile& file);
// ReadStationFile. Errors: station.file (with the line), station.none (the folder is no station's).
Result<StationFile> ReadStationFile(const fs::path& folder);
// ParseStationFile is the same from text.
Result<StationFile> ParseStationFile(std::string_view text);

}  // namespace birthmark::app
