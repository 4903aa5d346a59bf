// SPDX-License-Identifier: Apache-2.0
// A SCEP client for tests, written against RFC 8894 with OpenSSL's CMS calls and none of the
// server's code: makes messages, good and bad, and takes answers apart. Aborts on trouble of its
// own.
#pragma once

#include <openssl/evp.h>

#include <optional>
#include <string>
#include <vector>

#include "crypto/cert.h"
#include "crypto/openssl.h"

namespace birthmark::enroll::scep {

// TestKey is a key with a certificate that it signs messages with.
struct TestKey {
  crypto::EvpKeyPtr key;
  crypto::Certificate certificate;
};

// NewKey makes an "RSA" (2048 bits) or "EC" (P-256) key with a self-signed certificate.
TestKey NewKey(const std::string& kind, const std::string& serial);
crypto::EvpKeyPtr Share(const crypto::EvpKeyPtr& key);

// MakeCsr is a PKCS #10 request of `key` for O=Acme Light, serialNumber=`serial` (none when empty).
Bytes MakeCsr(EVP_PKEY* key, const std::string& serial, const std::string& challenge);

// Outgoing is a message to be made; every field can be made wrong.
struct Outgoing {
  std::string type = "19";
  std::string transaction = "T-1";
  Bytes nonce = Bytes(16, 0x5a);
  Bytes content;
  const EVP_CIPHER* cipher = EVP_aes_128_cbc();
  const EVP_MD* hash = EVP_sha256();
  bool without_nonce = false;
  bool type_twice = false;
};
Bytes MakeMessage(const Outgoing& o, const TestKey& signer, const crypto::Certificate& recipient);

// IssuerAndSubject is what a poll holds.
Bytes IssuerAndSubject(const crypto::Certificate& issuer, const std::string& serial);

// Incoming is a CertRep whose signature was checked.
struct Incoming {
  std::string type, status, fail_info, fail_text, transaction;
  Bytes recipient_nonce, sender_nonce;
  crypto::Certificate signer;
  bool has_content = false;
  int cipher = 0;                                 // NID
  std::vector<crypto::Certificate> certificates;  // decrypted, in their order
};
Incoming ReadReply(ByteView body, const TestKey& me);

}  // namespace birthmark::enroll::scep
