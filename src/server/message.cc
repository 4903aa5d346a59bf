// SPDX-License-Identifier: Apache-2.0
#include "server/message.h"

#include <algorithm>
#include <ctime>

namespace birthmark::server {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

void Append(Bytes& out, std::string_view s) { out.insert(out.end(), s.begin(), s.end()); }

void AppendField(Bytes& out, std::string_view name, std::string_view value) {
  Append(out, name);
  Append(out, ": ");
  // A line break would begin another field; a value of ours has none.
  for (char c : value) out.push_back(c == '\r' || c == '\n' ? ' ' : static_cast<uint8_t>(c));
  Append(out, "\r\n");
}

// An answer's Date (RFC 9110 section 5.6.7), formatted once a second and thread.
std::string_view DateText(std::chrono::sys_seconds now) {
  thread_local std::chrono::sys_seconds of{};
  thread_local char text[40] = "";
  if (now != of || text[0] == '\0') {
    const time_t t = std::chrono::system_clock::to_time_t(now);
    struct tm tm{};
    gmtime_r(&t, &tm);
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    of = now;
  }
  return text;
}

}  // namespace

bool HiddenSlashes(const std::vector<Route>& routes, std::string_view target) {
  const Route* route = FindRoute(routes, target);
  return route != nullptr && route->hidden_slashes;
}

std::optional<Target> ReadTarget(std::string_view target, bool hidden_slashes) {
  if (!target.starts_with('/')) return std::nullopt;
  Target t;
  const size_t question = target.find('?');
  if (question != std::string_view::npos) {
    t.query = target.substr(question + 1);
    target = target.substr(0, question);
  }
  t.path.reserve(target.size());
  for (size_t i = 0; i < target.size(); ++i) {
    char c = target[i];
    if (c == '%') {
      if (i + 2 >= target.size()) return std::nullopt;
      const int high = HexDigit(target[i + 1]), low = HexDigit(target[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
      // A slash that was hidden is no separator, and there is no name with one.
      if (c == '/' && !hidden_slashes) return std::nullopt;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return std::nullopt;
    t.path.push_back(c);
  }
  if (!IsUtf8(t.path)) return std::nullopt;
  for (size_t from = 1; from <= t.path.size();) {
    const size_t to = std::min(t.path.find('/', from), t.path.size());
    const std::string_view segment = std::string_view(t.path).substr(from, to - from);
    if (segment == "." || segment == "..") return std::nullopt;
    from = to + 1;
  }
  return t;
}

const Route* FindRoute(const std::vector<Route>& routes, std::string_view path) {
  const Route* best = nullptr;
  for (const Route& r : routes) {
    const bool under = path.starts_with(r.prefix) &&
                       (path.size() == r.prefix.size() || path[r.prefix.size()] == '/');
    if (under && (best == nullptr || r.prefix.size() > best->prefix.size())) best = &r;
  }
  return best;
}

Bytes WriteAnswer(const enroll::HttpResponse& r, bool head_only, bool keep_alive, int http_minor,
                  std::chrono::sys_seconds now) {
  Bytes out;
  out.reserve(512 + r.body.size());
  Append(out, http_minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  Append(out, std::to_string(r.status));
  out.push_back(' ');
  Append(out, Reason(r.status));
  Append(out, "\r\n");
  AppendField(out, "Date", DateText(now));
  if (!r.content_type.empty()) AppendField(out, "Content-Type", r.content_type);
  for (const auto& [name, value] : r.headers) AppendField(out, name, value);
  if (r.secret) AppendField(out, "Cache-Control", "no-store");
  // RFC 9110 section 8.6: none with 204.
  if (r.status != 204)
    AppendField(out, "Content-Length",
                std::to_string(r.shared.empty() ? r.body.size() : r.shared.size()));
  if (!keep_alive) {
    AppendField(out, "Connection", "close");
  } else if (http_minor == 0) {
    AppendField(out, "Connection", "keep-alive");
  }
  Append(out, "\r\n");
  if (!head_only && r.status != 204 && r.shared.empty())
    out.insert(out.end(), r.body.begin(), r.body.end());
  return out;
}

}  // namespace birthmark::server
