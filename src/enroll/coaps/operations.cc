// SPDX-License-Identifier: Apache-2.0
#include "enroll/coaps/operations.h"

#include <algorithm>

namespace birthmark::enroll::coaps {
namespace {

using Kind = Operation::Kind;

constexpr int kCertificates[] = {kCertsOnly, kPkixCert};
constexpr int kAttributes[] = {kCsrAttrs};
constexpr int kKeys[] = {kMultipartCore};

constexpr Operation kOperations[] = {
    {Kind::kCrts, "crts", Code::kGet, "281 287", kCertificates},
    {Kind::kSen, "sen", Code::kPost, "281 287", kCertificates},
    {Kind::kSren, "sren", Code::kPost, "281 287", kCertificates},
    {Kind::kAtt, "att", Code::kGet, "285", kAttributes},
    {Kind::kSkg, "skg", Code::kPost, "62", kKeys},
    {Kind::kSkc, "skc", Code::kPost, "62", kKeys},
};

}  // namespace

std::span<const Operation> Operations() { return kOperations; }

std::optional<Route> ReadRoute(const std::vector<std::string>& path) {
  if (path.size() < 3 || path.size() > 4 || path[0] != ".well-known" || path[1] != "est") {
    return std::nullopt;
  }
  auto find = [](std::string_view name) {
    auto it = std::ranges::find(kOperations, name, &Operation::name);
    return it == std::end(kOperations) ? nullptr : it;
  };
  Route route;
  route.operation = find(path.back());
  if (route.operation == nullptr) return std::nullopt;
  if (path.size() == 4) {
    // A label is not the name of an operation (RFC 7030 section 3.2.2).
    if (path[2].empty() || find(path[2]) != nullptr) return std::nullopt;
    route.product = path[2];
  }
  return route;
}

}  // namespace birthmark::enroll::coaps
