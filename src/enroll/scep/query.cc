// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/query.h"

namespace birthmark::enroll::scep {
namespace {

std::unexpected<Error> Bad(std::string why) { return Refused("scep.query", std::move(why)); }

Result<std::string> Unescape(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out.push_back(s[i]);
      continue;
    }
    auto octet = FromHex(s.substr(i + 1, 2));
    if (!octet || octet->size() != 1) return Bad("a broken percent escape in the query");
    out.push_back(static_cast<char>(octet->front()));
    i += 2;
  }
  return out;
}

}  // namespace

Result<Query> ReadQuery(std::string_view query) {
  Query q;
  bool operation = false, message = false;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t eq = std::min(one.find('='), one.size());
    const std::string_view name = one.substr(0, eq);
    const bool is_operation = name == "operation";
    if (!is_operation && name != "message") continue;
    bool& seen = is_operation ? operation : message;
    if (seen) return Bad("a parameter stands twice in the query");
    seen = true;
    BM_TRY((is_operation ? q.operation : q.message),
           Unescape(one.substr(std::min(eq + 1, one.size()))));
  }
  if (q.operation.empty()) return Bad("the query names no operation");
  return q;
}

Result<Bytes> MessageOf(const Query& query) {
  auto message = FromBase64(query.message);
  if (!message || message->empty()) return Bad("the message is not base64");
  return *message;
}

}  // namespace birthmark::enroll::scep
