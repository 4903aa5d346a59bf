// SPDX-License-Identifier: Apache-2.0
// What all exchanges share: the desk, the open transactions, the registration authority as it signs
// now, and certificates that were decoded before. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/software_signer.h"
#include "enroll/cmp/cmp.h"
#include "enroll/cmp/transactions.h"

namespace birthmark::enroll::cmp {

// RaSigner is the registration authority, ready to sign.
class RaSigner {
 public:
  static Result<std::shared_ptr<RaSigner>> Make(const Ra& ra, const Authorities& above);
  // Sign may be called by any thread.
  Result<Bytes> Sign(ByteView text);

  const crypto::Certificate& certificate() const { return certificate_; }
  crypto::Signer& signer() { return *signer_; }
  const std::vector<Bytes>& above() const { return above_; }  // DER, without the root
  const Bytes& name() const { return name_; }                 // GeneralName
  const Bytes& algorithm() const { return algorithm_; }       // AlgorithmIdentifier

 private:
  crypto::Certificate certificate_;
  std::unique_ptr<crypto::SoftwareSigner> signer_;
  std::vector<Bytes> above_;
  Bytes name_, algorithm_;
  std::mutex mutex_;
};

class Core {
 public:
  Core(Desk& desk, Options options);

  // RaOf gives the signer for a product. Errors: those of Desk::EcRa and Desk::AuthoritiesOf.
  Result<std::shared_ptr<RaSigner>> RaOf(const std::string& product);
  // Decode reads a certificate, or finds it among those read before. Errors: those of
  // crypto::Certificate.
  Result<crypto::Certificate> Decode(ByteView der);
  void Log(const Error& e, const std::string& address) const;

  Desk& desk;
  const Options options;
  const Clock& clock;
  Transactions transactions;

 private:
  std::mutex ra_mutex_;
  std::unordered_map<std::string, std::shared_ptr<RaSigner>> ras_;
  std::mutex certificate_mutex_;
  std::unordered_map<std::string, crypto::Certificate> certificates_;  // by SHA-256
};

}  // namespace birthmark::enroll::cmp
