// SPDX-License-Identifier: Apache-2.0
// Transactions that are open: an enrolment that waits, a certificate that waits for its
// confirmation. Each has a file in a folder, written before the reply leaves, so that a restart of
// the server ends none of them. No secret is in a file. A transaction belongs to the credential
// that began it: its key is a hash over that credential, so that nobody meets another's. Their
// number and age are bounded. Thread-safe; a transaction is worked on by one message at a time.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "enroll/cmp/rules.h"

namespace birthmark::enroll::cmp {

// Sender is who began a transaction, kept in memory: a one-time token is used up by the time its
// holder confirms.
struct Sender {
  Caller caller;
  std::shared_ptr<const SecretBytes> secret;  // of a token
};

// Transaction is what has to be known of one between two messages.
struct Transaction {
  enum class State { kNew = 0, kWaiting = 1, kConfirm = 2 };

  Digest key{};  // over the credential, the product and the transactionID
  Digest who{};  // over the credential alone
  State state = State::kNew;
  Bytes nonce;  // our last senderNonce
  Time until;
  std::string product;
  Ask ask;                        // its key is read anew after a restart
  bool implicit_confirm = false;  // was asked for
  Bytes certificate;              // what waits for its confirmation

  // Kept in memory alone.
  Sender sender;
  Digest message{};  // hash of the request that was answered last
  Bytes reply;       // and its answer, for a client that did not get it; never one with a key

 private:
  friend class Transactions;
  bool busy = true;
};

class Transactions {
 public:
  struct Limits {
    size_t open = 10'000, each = 256;  // all, and of one credential
    size_t ended = 65'536;             // finished ones that are remembered
    std::chrono::seconds remember{900};
  };
  using Ptr = std::shared_ptr<Transaction>;

  // `folder` empty keeps transactions in memory alone.
  Transactions(std::filesystem::path folder, Limits limits, const Clock& clock)
      : folder_(std::move(folder)), limits_(limits), clock_(clock) {}

  // Load reads what a former process left: files that are too old or broken are removed.
  // Errors: file.read, file.write.
  Status Load();

  // Begin makes a transaction that the caller works on until Keep, Release or End. Errors:
  // cmp.transaction-in-use, cmp.unavailable.
  Result<Ptr> Begin(const Digest& key, const Digest& who, Sender sender);
  // Take gives an open one to work on; one that a former process began learns its sender. Errors:
  // cmp.bad-request (none), cmp.transaction-in-use (another message is being worked on).
  Result<Ptr> Take(const Digest& key, const Sender& sender);
  // Keep puts a transaction by for its next message, on disk as well. Errors: file.write.
  Status Keep(const Ptr& t);
  // Release puts it by as it was.
  void Release(const Ptr& t);
  // End forgets a transaction but for its last message. Without `remember` it may begin again.
  void End(const Ptr& t, bool remember = true);

  // SenderOf is who began a transaction; nobody when it is not open or was begun by a former
  // process.
  Sender SenderOf(const Digest& key);
  // Ended gives the hash of the last message of a transaction that is over; nullopt when none is
  // remembered.
  std::optional<Digest> Ended(const Digest& key);
  // Answered gives the reply to a message that comes again; empty when it is another.
  Bytes Answered(const Digest& key, const Digest& message);
  size_t open() const;

 private:
  struct Hasher {
    size_t operator()(const Digest& d) const {
      size_t h;
      std::memcpy(&h, d.data(), sizeof h);
      return h;
    }
  };
  struct Past {
    Digest message;
    Time until;
  };

  void Sweep(Time now);
  void Drop(const Transaction& t);
  std::filesystem::path FileOf(const Transaction& t) const;

  std::filesystem::path folder_;
  Limits limits_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<Digest, Ptr, Hasher> open_;
  std::unordered_map<Digest, size_t, Hasher> each_;
  std::unordered_map<Digest, Past, Hasher> ended_;
  std::multimap<Time, Digest> order_;  // of ended_, the oldest first
  Time swept_;
};

// EncodeTransaction and DecodeTransaction are the file's form: DER and its SHA-256. Errors:
// cmp.transaction-file.
Bytes EncodeTransaction(const Transaction& t);
Result<Transaction> DecodeTransaction(ByteView file);

}  // namespace birthmark::enroll::cmp
