// SPDX-License-Identifier: Apache-2.0
// The other two parties of onboarding, for tests and rehearsals: a pledge's request and a
// registrar's made with key files, a device behind a console asked and answered. The MASA is
// masa.h. No workspace is needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "link/console.h"
#include "voucher/message.h"

namespace birthmark::app {

// ReadKeyFile reads an unencrypted private key in PEM (PKCS #8, SEC 1, PKCS #1). Errors:
// file.missing, key.malformed.
Result<std::unique_ptr<crypto::Signer>> ReadKeyFile(const std::string& file);
// ReadCertificates reads PEM files; a list has commas between its names.
Result<std::vector<crypto::Certificate>> ReadCertificates(const std::string& files);

struct RequestOptions {
  std::string key, certificates;  // files: the signer's key; its certificate, then those above it
  std::string prior;              // a device's request: this is its registrar's
  std::string registrar;          // file of the registrar's certificate that the device saw
  std::string serial;             // of a device; empty: what its certificate says
  std::string nonce;              // hexadecimal; empty: drawn
  bool no_nonce = false;
  std::optional<voucher::Form> form;
};
// MakeRequest makes a pledge's request, or the one that a registrar makes of it (RFC 8995 sections
// 5.2 and 5.5). Errors: voucher.usage, those of voucher::Open and Sign.
Result<Bytes> MakeRequest(const RequestOptions& options, const Clock& clock, Rng& rng);

// OpenConsole opens a device's console by its link. Errors: link.uri, those of DeviceConsole.
Result<link::DeviceConsole> OpenConsole(const std::string& uri);

}  // namespace birthmark::app
