// SPDX-License-Identifier: Apache-2.0
// Finds certificates and revocation lists in files and folders: PEM, DER, lines of JSON whose
// values hold either. Read line by line; bounded per item. Leaves out what they mean.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files.h"

namespace birthmark::app {

// SeenSink takes what is found, with its place: "lot7/list.ndjson:12".
struct SeenSink {
  std::function<Status(const std::string& place, ByteView der)> certificate, list;
  std::function<void(const std::string& place, const std::string& why)> unreadable;
};

// ForEachSeen reads files in the order of their names. Errors: file.missing, seen.too-many (files),
// those of the sink.
Status ForEachSeen(const std::vector<fs::path>& paths, const SeenSink& sink);

// SeenInFile reads one file's contents from a stream.
Status SeenInFile(std::istream& in, const std::string& place, const SeenSink& sink);

}  // namespace birthmark::app
