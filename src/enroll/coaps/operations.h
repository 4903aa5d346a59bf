// SPDX-License-Identifier: Apache-2.0
// The operations of EST-coaps: their short names, methods and formats, in one table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "enroll/coaps/message.h"

namespace birthmark::enroll::coaps {

// Operation is one resource. RFC 9148 sections 4.1 and 4.3.
struct Operation {
  enum class Kind { kCrts, kSen, kSren, kAtt, kSkg, kSkc };
  Kind kind;
  std::string_view name;
  Code method;
  std::string_view formats;  // "ct" of discovery; the first is the one given without Accept
  std::span<const int> accepted;
};

std::span<const Operation> Operations();

struct Route {
  std::string product;
  const Operation* operation = nullptr;
};
// ReadRoute finds what a path names; nullopt: nothing of EST's is there.
std::optional<Route> ReadRoute(const std::vector<std::string>& path);

}  // namespace birthmark::enroll::coaps
