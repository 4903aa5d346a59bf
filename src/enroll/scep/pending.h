// SPDX-License-Identifier: Apache-2.0
// Transactions that wait (RFC 8894 section 3.3.3), a file each in a folder, so that a poll finds
// its request after a restart. No secret is in a file: what the challenge proved is kept, not the
// challenge. Thread-safe.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace birthmark::enroll::scep {

// PendingRequest is a request that the desk told to wait.
struct PendingRequest {
  Bytes spki;     // the key a certificate is wanted for
  Bytes token;    // the token's id; empty for a renewal
  Bytes signer;   // DER of the certificate that signed the request
  Bytes subject;  // DER of the name asked for
  std::string serial;
  std::string product;
  int64_t received = 0;  // milliseconds since 1970
  std::string transaction;
  std::optional<Bytes> attestation = std::nullopt;  // as it came
  bool operator==(const PendingRequest&) const = default;

  template <class V>
  void Fields(V& v) {
    v("spki", spki);
    v("token", token);
    v("serial", serial);
    v("signer", signer);
    v("product", product);
    v("subject", subject);
    v("received", received);
    v("attestation", attestation);
    v("transaction", transaction);
  }
};

class PendingStore {
 public:
  static constexpr std::chrono::hours kKept{30 * 24};

  PendingStore(std::filesystem::path folder, const Clock& clock, size_t max_waiting = 10'000);
  // Put keeps a request, in place of an older one of the same transaction. Expired ones make room.
  // Errors: scep.pending-full; those of files.
  Status Put(const PendingRequest& request);
  // Find gives a request that waits; nothing when there is none, it expired, or its file is broken.
  std::optional<PendingRequest> Find(const std::string& product,
                                     const std::string& transaction) const;
  void Drop(const std::string& product, const std::string& transaction);

 private:
  std::filesystem::path FileOf(const std::string& product, const std::string& transaction) const;
  size_t Sweep();

  const std::filesystem::path folder_;
  const Clock& clock_;
  const size_t max_waiting_;
  mutable std::mutex mutex_;
  std::optional<size_t> count_;  // files in the folder; counted at the first use
};

}  // namespace birthmark::enroll::scep
