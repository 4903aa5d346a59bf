// SPDX-License-Identifier: Apache-2.0
// EST over CoAP (RFC 9148): /.well-known/est/[<product>/]{crts,sen,sren,att,skg,skc}, the discovery
// of these, and answers with their content formats. Who asks is known by a client certificate
// alone. Leaves out blocks (transfer), DTLS and datagrams (server/coaps). Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "enroll/coaps/message.h"
#include "enroll/coaps/transfer.h"
#include "enroll/desk.h"
#include "enroll/est/auth.h"
#include "enroll/http.h"

namespace birthmark::enroll::coaps {

struct EstCoapsOptions {
  std::vector<std::string> products;  // those that discovery names beside the only one
  uint32_t retry_after_s = 10;        // Max-Age of 5.03: what a device that has to wait is told
};

class EstCoaps {
 public:
  using Reply = std::function<void(Response)>;

  // The desk outlives this object and the replies that are under way.
  explicit EstCoaps(Desk& desk, EstCoapsOptions options = {});
  // Serve answers a whole request, once, from any thread, with the whole body.
  void Serve(const Whole& request, const Peer& peer, Reply reply);

 private:
  Desk& desk_;
  const EstCoapsOptions options_;
  est::Authenticator authenticator_;
};

// Discover answers a question to /.well-known/core (RFC 6690, RFC 9148 section 4.1). The filters
// are rt and href, a "*" at the end standing for anything.
Response Discover(const std::vector<std::string>& queries,
                  const std::vector<std::string>& products);

}  // namespace birthmark::enroll::coaps
