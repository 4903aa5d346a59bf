// SPDX-License-Identifier: Apache-2.0
// Keys, certificates and firmware for tests, made with OpenSSL so that the device's verifier meets
// what another implementation made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/software_signer.h"
#include "link/image.h"

namespace birthmark::device {

using Key = std::shared_ptr<crypto::SoftwareSigner>;
Key NewKey(crypto::Algorithm a = crypto::Algorithm::kEcdsaP256);

struct CertificateOptions {
  std::string cn = "signer";
  bool ca = false;
  int path_length = -1;          // -1: none
  std::string key_usage;         // OpenSSL syntax, empty: none
  std::string eku;               // OID
  std::string policy;            // OID
  std::string critical_unknown;  // OID of a critical extension nobody knows
  bool sha1 = false;
  bool expired = false;
  std::string organization;  // empty: none
  std::string dns;           // a server's name, empty: none
};

// MakeCertificate gives the DER. `issuer_cn` is put into the issuer's name.
Bytes MakeCertificate(const CertificateOptions& options, crypto::SoftwareSigner& subject,
                      crypto::SoftwareSigner& issuer, const std::string& issuer_cn);

// Firmware is a whole boot chain for a board: bare-key boot anchor, SPKI anchors between stages.
struct Firmware {
  Key boot = NewKey();
  Key update = NewKey();
  Bytes test_image;
  Bytes first_stage;
  Bytes second_stage;
  Bytes application;
  Digest boot_anchor{};
};
Firmware MakeFirmware(uint64_t version = 1, bool factory_application = false);

Bytes MustImage(const link::Manifest& manifest, ByteView payload, crypto::SoftwareSigner& signer,
                const link::SignerHeaders& headers = {});

}  // namespace birthmark::device
