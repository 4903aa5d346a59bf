// SPDX-License-Identifier: Apache-2.0
// Finds the elements of a JSON array one at a time, so that a file of a million needs no more
// memory than its largest element. Looks at brackets, strings and commas alone: whether an element
// is JSON is its reader's to say. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "manifest/part.h"

namespace birthmark::manifest {

inline constexpr size_t kMaxElement = 256 * 1024;

class ArraySplitter {
 public:
  explicit ArraySplitter(Source source, size_t max_element = kMaxElement)
      : source_(std::move(source)), max_(max_element) {}

  // Next views the next element, an object, until the call after; nothing behind the last one.
  // Errors: manifest.json (not an array of objects, cut short, or something behind it; says at
  // which octet), manifest.element-large, those of the source.
  Result<std::optional<std::string_view>> Next();

 private:
  Result<bool> Fill();  // false at the end of the source
  Result<int> Skip();   // the next octet that is no white space, -1 at the end; not consumed
  std::unexpected<Error> Bad(std::string_view what) const;

  Source source_;
  size_t max_;
  std::string buffer_;
  size_t at_ = 0;        // in buffer_
  uint64_t before_ = 0;  // octets of the file before buffer_
  bool begun_ = false, done_ = false, ended_ = false;
};

}  // namespace birthmark::manifest
