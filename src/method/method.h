// SPDX-License-Identifier: Apache-2.0
// What the methods of draft section 4.1.1 share: the job they are given and the desk that
// certifies. A method knows how a key comes into a device; it knows neither the plan nor the order
// of steps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "ledger/event.h"
#include "ledger/events.h"

namespace birthmark::method {

// Job is one identity slot of one unit.
struct Job {
  std::string unit;     // "<product>/<serial>"
  std::string serial;   // the manufacturer's serial number
  std::string slot;     // "idevid"
  std::string subject;  // what the device puts into its request: "O=Acme,serialNumber=BMC-0001"
};

// Evidence is what was verified, or only heard, about a key that a module made: the body of
// ledger::KeyAttested without what the order says already.
struct Evidence {
  std::string kind;
  std::vector<ledger::Fact> facts;
  std::optional<Bytes> nonce;
  std::optional<Digest> root;
  std::optional<Bytes> statement;
  // The TCG's certificate policies that the evidence proves; they stand in the certificate.
  std::vector<std::string> policies = {};
};

// Order asks the desk for a certificate.
struct Order {
  Job job;
  crypto::PublicKey key;
  std::string method;                               // vocab name
  std::string proof;                                // of possession: "csr-signature", "made-by-us"
  std::optional<Evidence> evidence = std::nullopt;  // recorded in the same commit
};

// Certified is a certificate whose event is committed.
struct Certified {
  crypto::Certificate certificate;
  std::vector<Bytes> chain;  // DER, the certificate first, without the root
  std::string state;         // of the identity: "issued", "installed", …
  bool existed = false;      // a retry got the same certificate again
};

// Desk certifies and remembers. Nothing it returns has left the process before it was durable.
class Desk {
 public:
  virtual ~Desk() = default;
  // Issue certifies a key for a slot; the same key again gets the same certificate.
  // Errors: desk.no-authority, ledger.key-seen, ledger.slot-live, and those of the ledger and the
  // signer.
  virtual Result<Certified> Issue(const Order& order) = 0;
  // Live is the live identity of a slot, if it has one.
  virtual Result<std::optional<Certified>> Live(const std::string& unit,
                                                const std::string& slot) = 0;
  virtual Status SetState(const Job& job, const crypto::Certificate& certificate,
                          const std::string& state, const std::string& reason) = 0;
  virtual Status Record(const std::string& subject, const ledger::KeyOutside& body) = 0;
  virtual Time Now() const = 0;
};

// Outcome is what a step can show for itself.
struct Outcome {
  std::string proof = "none";  // StepRecord::proof
  std::string detail;
  std::vector<ledger::ReadBack> read_backs;
};

}  // namespace birthmark::method
