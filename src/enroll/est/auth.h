// SPDX-License-Identifier: Apache-2.0
// Who asks: a TLS client certificate that the desk knows, or a token by HTTP Basic. Leaves out what
// the caller may have (desk). Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "enroll/desk.h"
#include "enroll/http.h"

namespace birthmark::enroll::est {

// BasicCredentials is the content of an Authorization header of the Basic scheme.
struct BasicCredentials {
  std::string id;
  SecretBytes secret;
};

// ReadBasic reads "Basic base64(ID:SECRET)" (RFC 7617 section 2). Errors: est.authorization.
Result<BasicCredentials> ReadBasic(ByteView header);

// Authenticator asks the desk, and remembers for a moment what it said about a certificate: a path
// costs more than an enrolment.
class Authenticator {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  // `keep` is how long a revocation may stay unseen here.
  explicit Authenticator(Desk& desk, std::chrono::milliseconds keep = std::chrono::seconds(2),
                         Now now = std::chrono::steady_clock::now)
      : desk_(desk), keep_(keep), now_(std::move(now)) {}

  // Who is the caller; kNobody when neither certificate nor token was shown. A certificate counts
  // before a token; a token that is shown must be right all the same. Errors: est.authorization,
  // enroll.not-authorised and the desk's own.
  Result<Caller> Who(const Peer& peer, const SecretBytes& authorization);
  // ByCertificate asks for a certificate alone, for transports without HTTP.
  Result<Caller> ByCertificate(const crypto::Certificate& c,
                               const std::vector<crypto::Certificate>& others);

 private:
  struct DigestHash {
    size_t operator()(const Digest& d) const {
      size_t h;
      std::memcpy(&h, d.data(), sizeof h);
      return h;
    }
  };
  struct Known {
    Caller caller;
    std::chrono::steady_clock::time_point until;
  };
  Result<Caller> ByToken(const SecretBytes& authorization);

  Desk& desk_;
  const std::chrono::milliseconds keep_;
  const Now now_;
  std::mutex mutex_;
  std::unordered_map<Digest, Known, DigestHash> known_;
};

}  // namespace birthmark::enroll::est
