// SPDX-License-Identifier: Apache-2.0
// A station's way to its server: one exchange over HTTPS with a certificate that was pinned in the
// join code, and with the station's own credential once it has one. Leaves out what is said.
// One thread an object.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "enroll/http.h"

namespace birthmark::app {

// StationIdentity is what the station proves in the TLS handshake.
struct StationIdentity {
  crypto::Certificate certificate;
  SecretBytes pkcs8;
};

class StationLink {
 public:
  virtual ~StationLink() = default;
  // Call sends a request and gives the answer, whatever its status.
  // Errors: station.link (nobody answers, or not who was pinned).
  virtual Result<enroll::HttpResponse> Call(const std::string& method, const std::string& path,
                                            const std::string& query, std::string_view content_type,
                                            ByteView body) = 0;
};

// Dial opens a link; tests bring one without sockets.
using Dial = std::function<Result<std::unique_ptr<StationLink>>(
    const std::string& url, const Digest& pin, std::optional<StationIdentity> identity)>;

// DialHttps is the real one.
Result<std::unique_ptr<StationLink>> DialHttps(const std::string& url, const Digest& pin,
                                               std::optional<StationIdentity> identity);

// CheckPinned decides on a server's chain: the pinned certificate is the server's own, or the
// authority that the server's leads to. Names do not matter: the pin says more than a name.
// Errors: station.pin.
Status CheckPinned(const crypto::Certificate& server,
                   const std::vector<crypto::Certificate>& others, const Digest& pin, Time now);

// Answered gives the body of a 200, or the error that the server told: its code and message.
Result<Bytes> Answered(Result<enroll::HttpResponse> response);

}  // namespace birthmark::app
