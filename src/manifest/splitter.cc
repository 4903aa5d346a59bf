// SPDX-License-Identifier: Apache-2.0
#include "manifest/splitter.h"

#include <fmt/format.h>

namespace birthmark::manifest {
namespace {

constexpr size_t kBlock = 64 * 1024;

}  // namespace

std::unexpected<Error> ArraySplitter::Bad(std::string_view what) const {
  return Refused(
      "manifest.json", fmt::format("octet {}: {}", before_ + at_, what),
      "the file is damaged or cut short, or is no manifest: ask its sender for it again");
}

Result<bool> ArraySplitter::Fill() {
  if (ended_) return false;
  size_t had = buffer_.size();
  buffer_.resize(had + kBlock);
  Result<size_t> n = source_(std::span(buffer_).subspan(had));
  buffer_.resize(had + (n ? *n : 0));
  if (!n) return std::unexpected(n.error());
  ended_ = *n == 0;
  return !ended_;
}

Result<int> ArraySplitter::Skip() {
  for (;;) {
    for (; at_ < buffer_.size(); ++at_) {
      char c = buffer_[at_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return static_cast<uint8_t>(c);
    }
    before_ += at_;
    buffer_.clear();
    at_ = 0;
    BM_TRY(bool more, Fill());
    if (!more) return -1;
  }
}

Result<std::optional<std::string_view>> ArraySplitter::Next() {
  if (done_) return std::nullopt;
  BM_TRY(int c, Skip());
  if (!begun_) {
    if (c != '[') return Bad("a manifest begins with \"[\"");
    ++at_;
    begun_ = true;
    BM_TRY(c, Skip());
  } else if (c == ',') {
    ++at_;
    BM_TRY(c, Skip());
    if (c != '{') return Bad("behind a comma an element has to follow");
  } else if (c != ']') {
    return Bad(c < 0 ? "the file ends before its \"]\"" : "a comma or \"]\" has to follow");
  }
  if (c == ']') {
    ++at_;
    BM_TRY(int behind, Skip());
    if (behind >= 0) return Bad("something stands behind the end of the manifest");
    done_ = true;
    return std::nullopt;
  }
  if (c != '{') return Bad(c < 0 ? "the file ends before its \"]\"" : "an element is an object");
  size_t depth = 0;
  bool text = false, escaped = false;
  for (size_t i = 0;; ++i) {  // from at_ on
    if (i >= max_) {
      return Refused(
          "manifest.element-large",
          fmt::format("the element at octet {} is larger than {} octets", before_ + at_, max_),
          "no element of a manifest is that large: the file is damaged");
    }
    while (at_ + i >= buffer_.size()) {
      // What is before the element is no longer needed.
      before_ += at_;
      buffer_.erase(0, at_);
      at_ = 0;
      BM_TRY(bool more, Fill());
      if (!more) return Bad("the file ends inside this element");
    }
    char ch = buffer_[at_ + i];
    if (text) {
      if (escaped) {
        escaped = false;
      } else if (ch == '\\') {
        escaped = true;
      } else if (ch == '"') {
        text = false;
      }
    } else if (ch == '"') {
      text = true;
    } else if (ch == '{' || ch == '[') {
      ++depth;
    } else if ((ch == '}' || ch == ']') && --depth == 0) {
      std::string_view element = std::string_view(buffer_).substr(at_, i + 1);
      at_ += i + 1;
      return element;
    }
  }
}

}  // namespace birthmark::manifest
