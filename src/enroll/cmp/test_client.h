// SPDX-License-Identifier: Apache-2.0
// A small CMP client in memory for tests, the benchmark and the fuzzer's seeds: it writes messages,
// right ones and wrong ones, and checks the protection of every answer. Tests only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/software_signer.h"
#include "enroll/cmp/message.h"
#include "enroll/cmp/names.h"
#include "enroll/http.h"
#include "enroll/test_desk.h"

namespace birthmark::enroll::cmp::test {

// Got is an answer taken apart.
struct Got {
  int http = 0;
  bool is_protected = false;  // and the protection holds
  bool by_mac = false;
  Body type{};
  Bytes data;  // `message` views it
  Message message;
  int status = -1;  // PKIStatus, where the body has one
  std::optional<FailBit> fail;
  Bytes certificate;    // of a certificate response
  Bytes encrypted_key;  // EnvelopedData of central key generation
  Bytes ca_pub;         // the first of caPubs
};

// Request bodies.
struct CertAsk {
  std::string serial;
  crypto::SoftwareSigner* key = nullptr;        // null asks for central key generation
  crypto::SoftwareSigner* proof_key = nullptr;  // null: the same
  int popo = 1;                                 // as openssl numbers them: -1 none, 0 RA, 1 signed
  std::optional<crypto::Certificate> old;       // oldCertID
  int times = 1;                                // so many requests in the message
  std::vector<Bytes> extensions;                // Extension elements of the template
};
Bytes CertReqBody(const CertAsk& a);
Bytes CertConfBody(ByteView certificate, int id = 0, bool accept = true);
Bytes PollBody(int id = 0);
Bytes RevocationBody(const crypto::Certificate& c, std::optional<int> reason);
Bytes GeneralBody(const std::vector<Bytes>& types);

class TestClient {
 public:
  TestClient(std::string reference, std::string secret)
      : reference_(std::move(reference)), secret_(std::move(secret)) {}
  explicit TestClient(const TestDesk::Credential& c);

  // What the next message says; changed by tests.
  Bytes transaction_id, recipient_nonce;
  int version = 2;
  bool implicit_confirm = false;
  std::optional<Time> time;
  std::string profile;
  uint64_t iterations = 500;
  size_t nonce_size = 16;
  bool with_certificates = true;
  bool unprotected = false;
  int flip = -1;  // this octet of the header and body is changed after protection

  void NewTransaction();
  Bytes Write(Body type, ByteView content);
  Got Read(HttpResponse response);
  // Ask writes, sends and reads; the answer's nonce and transaction are taken on.
  Got Ask(Handler& handler, Body type, ByteView content);

 private:
  std::string reference_, secret_;
  std::unique_ptr<crypto::SoftwareSigner> signer_;
  std::vector<crypto::Certificate> certificates_;
};

// Post sends octets as they are.
HttpResponse Post(Handler& handler, Bytes body,
                  const std::string& path = "/.well-known/cmp/p/bulb");

}  // namespace birthmark::enroll::cmp::test
