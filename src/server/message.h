// SPDX-License-Identifier: Apache-2.0
// The parts of HTTP that are about text: which handler a path belongs to, decoding a path, writing
// an answer's head. Leaves out reading requests (Beast does) and sockets. Pure functions;
// thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "enroll/http.h"

namespace birthmark::server {

// Route gives everything at and under a path to a handler.
struct Route {
  std::string prefix;  // "/.well-known/est", without a slash at its end
  enroll::Handler* handler = nullptr;
  size_t body_limit = 64 * 1024;
  // "%2F" under this path is part of a word and not refused: base64 in a path (RFC 6960, A.1).
  bool hidden_slashes = false;
};

// Target is a request's target in origin form (RFC 9112 section 3.2.1), its path decoded.
struct Target {
  std::string path, query;
};

// ReadTarget refuses other forms, control characters, what is not UTF-8, and "." or ".." segments,
// which could mean one path here and another to somebody in front.
std::optional<Target> ReadTarget(std::string_view target, bool hidden_slashes = false);
// HiddenSlashes is true for targets under a route that takes them.
bool HiddenSlashes(const std::vector<Route>& routes, std::string_view target);

// FindRoute takes the longest prefix; null when there is none.
const Route* FindRoute(const std::vector<Route>& routes, std::string_view path);

// WriteAnswer is the whole answer: head and, unless the request was a HEAD, body. A shared body
// comes behind it.
Bytes WriteAnswer(const enroll::HttpResponse& r, bool head_only, bool keep_alive, int http_minor,
                  std::chrono::sys_seconds now);

}  // namespace birthmark::server
