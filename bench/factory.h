// SPDX-License-Identifier: Apache-2.0
// A rehearsal factory in memory: one authority with a real key, its prepared template, and events
// ready for the ledger. Everything here is what the issuing path of a line is made of. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "crypto/software_signer.h"
#include "ledger/issued_encoder.h"
#include "pki/template.h"

namespace birthmark::bench {

// NewKeys makes P-256 public keys as a device's would be after they were read.
std::vector<crypto::PublicKey> NewKeys(size_t n);
// NewRequests makes PKCS #10 requests, each signed by a key of its own.
std::vector<Bytes> NewRequests(size_t n);

class Factory {
 public:
  Factory();
  // Issue makes a certificate for a key and its event.
  ledger::NewEvent Issue(const crypto::PublicKey& key);
  // IssueFromRequest checks a request's signature first and takes the key from it.
  ledger::NewEvent IssueFromRequest(ByteView request);
  // Filler is an event of the same size, with keys of its own and somebody else's certificate: rows
  // that are there before anything is measured cost no signature.
  ledger::NewEvent Filler();
  // IssueByLibrary makes a certificate with X509_new, X509_sign and i2d_X509, and forgets it.
  void IssueByLibrary(size_t n);

  size_t certificate_bytes() const { return sample_.size(); }
  size_t event_bytes() const { return event_bytes_; }

 private:
  struct Authority {
    std::unique_ptr<crypto::SoftwareSigner> key;
    crypto::Certificate certificate;
  };
  Authority MakeAuthority();
  std::string NextUnit();

  SystemClock clock_;
  SystemRng rng_;
  pki::SerialSource serials_;
  Authority authority_;
  pki::IssuerTemplate template_;
  ledger::IssuedEncoder encoder_;
  uint64_t next_ = 0;
  Bytes sample_;
  size_t event_bytes_ = 0;
};

}  // namespace birthmark::bench
