// SPDX-License-Identifier: Apache-2.0
// The list that gives chips their units' serial numbers: lines CHIP,SERIAL that a person brings
// along with a seed file. Leaves out which chips have seeds. Thread-safe.
#pragma once

#include <istream>
#include <string>
#include <unordered_map>

#include "base/error.h"

namespace birthmark::app {

inline constexpr size_t kMaxSerialLine = 512;
inline constexpr size_t kMaxSerialLines = 16'000'000;  // more than a batch may have seeds

// ReadSerialList reads the list, each chip and each serial number once; a first line "chip,serial"
// and empty ones are skipped. `name` is the file, for errors. Errors: seeds.serials, naming the
// line.
Result<std::unordered_map<std::string, std::string>> ReadSerialList(std::istream& in,
                                                                    const std::string& name);

}  // namespace birthmark::app
