// SPDX-License-Identifier: Apache-2.0
// A TLS 1.2 server in memory for trials: it offers what no real server should (weak keys, another's
// certificate, a signature with a changed bit), since the trial asks whether a device takes it.
// Leaves out sockets and whose device it is: octets go in and come out. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/openssl.h"

namespace birthmark::anchors {

struct TrialServerOptions {
  std::vector<Bytes> chain;  // DER, the server's first
  EVP_PKEY* key = nullptr;   // of the first certificate; shared
  // The one way it signs, as OpenSSL spells it ("ECDSA+SHA256"); empty: any.
  std::string signature;
  bool flip = false;  // a bit of its signature is changed on the way
  // Shown in place of its own: whether a client takes it shows before any signature is looked at.
  std::vector<Bytes> shown;
};

class TrialTlsServer {
 public:
  // Make errors: trial.server (a certificate or key that OpenSSL does not take).
  static Result<std::unique_ptr<TrialTlsServer>> Make(const TrialServerOptions& options);
  ~TrialTlsServer();
  TrialTlsServer(const TrialTlsServer&) = delete;

  // Feed takes what the client sent and gives what goes back; empty when there is nothing to say.
  Result<Bytes> Feed(ByteView from_client);
  bool established() const;
  // Received empties what the client sent inside the session. Send puts an answer into it, the end
  // with it when `last`; Feed gives the octets.
  Bytes Received();
  Status Send(ByteView data, bool last);

 private:
  struct State;
  explicit TrialTlsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// OpenSslSignature is the way a trial algorithm signs, for TrialServerOptions::signature; empty for
// a name that has none.
std::string OpenSslSignature(std::string_view algorithm);

}  // namespace birthmark::anchors
