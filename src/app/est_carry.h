// SPDX-License-Identifier: Apache-2.0
// Carrying a device's TLS session: the device has no sockets, so somebody moves its octets to a
// server and back. What is inside stays between the two. No workspace is needed. One thread.
#pragma once

#include <string>

#include "link/console.h"

namespace birthmark::app {

// EstPlace is where a device is sent: whom it asks for, and where that is reached.
struct EstPlace {
  std::string host;  // the name that the server's certificate must have
  std::string port = "443";
  std::string path;     // empty: the device's own /.well-known/est/cacerts
  std::string address;  // where to connect; empty: what `host` resolves to
};
// ReadEstPlace reads https://HOST[:PORT][/PATH], and ADDRESS:PORT where the name does not resolve.
// Errors: est.url.
Result<EstPlace> ReadEstPlace(const std::string& url, const std::string& connect);

// CarryCacerts has the device fetch its owner's certificates from there and gives the session's
// last step: its `cacerts` says what became of them. Errors: those of the link; est.connect.
Result<link::TlsStep> CarryCacerts(link::DeviceConsole& console, const EstPlace& place);

}  // namespace birthmark::app
