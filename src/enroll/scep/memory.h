// SPDX-License-Identifier: Apache-2.0
// What a server remembers of the last answered SCEP transactions, so that a message sent twice gets
// the same answer and a transaction stays with its key. Bounded; lost at a restart, which costs
// nothing: the desk gives the same certificate for the same key. Thread-safe.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace birthmark::enroll::scep {

class AnswerMemory {
 public:
  explicit AnswerMemory(size_t kept = 1024) : kept_(kept) {}

  // Answered gives the answer that the same message got before.
  std::optional<Bytes> Answered(const Digest& message) const;
  // BelongsToOther is true when this transaction was answered for another key.
  bool BelongsToOther(const std::string& transaction, const Digest& key) const;
  // Remember keeps a success; the oldest one goes.
  void Remember(const Digest& message, const std::string& transaction, const Digest& key,
                Bytes answer);

 private:
  struct Entry {
    Digest message, key;
    std::string transaction;
    Bytes answer;
  };

  const size_t kept_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // oldest first
  std::map<Digest, const Entry*> by_message_;
  std::map<std::string, const Entry*> by_transaction_;  // the newest
};

}  // namespace birthmark::enroll::scep
