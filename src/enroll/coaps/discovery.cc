// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "enroll/coaps/est_coaps.h"
#include "enroll/coaps/operations.h"

namespace birthmark::enroll::coaps {
namespace {

bool Matches(std::string_view filter, std::string_view value) {
  if (filter.ends_with('*')) {
    filter.remove_suffix(1);
    return value.starts_with(filter);
  }
  return filter == value;
}

}  // namespace

Response Discover(const std::vector<std::string>& queries,
                  const std::vector<std::string>& products) {
  std::vector<std::string> roots{"/.well-known/est"};
  for (const std::string& p : products) roots.push_back("/.well-known/est/" + p);
  std::string links;
  for (const std::string& root : roots) {
    for (const Operation& o : Operations()) {
      const std::string href = fmt::format("{}/{}", root, o.name);
      const std::string rt = fmt::format("ace.est.{}", o.name);
      bool wanted = true;
      // RFC 6690 section 4.1; a filter for anything else matches nothing of ours.
      for (std::string_view q : queries) {
        if (q.starts_with("rt=")) {
          wanted = wanted && Matches(q.substr(3), rt);
        } else if (q.starts_with("href=")) {
          wanted = wanted && Matches(q.substr(5), href);
        } else {
          wanted = false;
        }
      }
      if (!wanted) continue;
      const bool many = o.accepted.size() > 1;
      links += fmt::format("{}<{}>;rt=\"{}\";ct={}", links.empty() ? "" : ",", href, rt,
                           many ? fmt::format("\"{}\"", o.formats) : std::string(o.formats));
    }
  }
  Response r;
  r.format = kLinkFormat;
  r.payload = ToBytes(links);
  return r;
}

}  // namespace birthmark::enroll::coaps
