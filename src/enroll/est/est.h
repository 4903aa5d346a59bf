// SPDX-License-Identifier: Apache-2.0
// EST over HTTP: RFC 7030 with RFC 8951 (bodies) and RFC 9908 (CSR attributes) under
// /.well-known/est/[<product>/]<operation>. Leaves out sockets (server), the decision who may have
// what and its evidence (desk), and fullcmc. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "enroll/desk.h"
#include "enroll/est/auth.h"
#include "enroll/http.h"

namespace birthmark::enroll::est {

inline constexpr std::string_view kPrefix = "/.well-known/est";

enum class Operation {
  kCaCerts,
  kSimpleEnroll,
  kSimpleReenroll,
  kCsrAttrs,
  kServerKeyGen,
  kFullCmc,
  kNonce
};

// Route is where a path leads; an empty product is the only one.
struct Route {
  std::string product;
  Operation operation = Operation::kCaCerts;
};
// ReadRoute takes a decoded path; nullopt: nothing of EST's is there. Source: RFC 7030, 3.2.2.
// strongSwan has no place for a label but before the well-known part,
// "/<product>/.well-known/est/…", so that is taken as well.
std::optional<Route> ReadRoute(std::string_view path);

struct EstOptions {
  // Lets serverkeygen, cacerts and csrattrs go out over a connection without TLS: a wire that leads
  // nowhere else. What was made so is recorded as "est-plain".
  bool allow_plain_keygen = false;
  int retry_after_s = 10;  // what a client that has to wait is told
  std::chrono::milliseconds remember_caller = std::chrono::seconds(2);
};

class Est : public Handler {
 public:
  // The desk outlives this object and the replies that are under way.
  explicit Est(Desk& desk, EstOptions options = {});
  void Handle(HttpRequest request, Reply reply) override;

 private:
  void Enroll(const Route& route, HttpRequest request, Caller caller, Reply reply);
  HttpResponse Nonce(const Route& route, const HttpRequest& request, Caller caller);

  Desk& desk_;
  const EstOptions options_;
  Authenticator authenticator_;
};

}  // namespace birthmark::enroll::est
