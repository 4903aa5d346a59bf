// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/memory.h"

namespace birthmark::enroll::scep {

std::optional<Bytes> AnswerMemory::Answered(const Digest& message) const {
  std::lock_guard lock(mutex_);
  auto it = by_message_.find(message);
  if (it == by_message_.end()) return std::nullopt;
  return it->second->answer;
}

bool AnswerMemory::BelongsToOther(const std::string& transaction, const Digest& key) const {
  std::lock_guard lock(mutex_);
  auto it = by_transaction_.find(transaction);
  return it != by_transaction_.end() && it->second->key != key;
}

void AnswerMemory::Remember(const Digest& message, const std::string& transaction,
                            const Digest& key, Bytes answer) {
  std::lock_guard lock(mutex_);
  if (by_message_.contains(message)) return;
  if (entries_.size() == kept_) {
    const Entry& oldest = entries_.front();
    by_message_.erase(oldest.message);
    auto it = by_transaction_.find(oldest.transaction);
    if (it != by_transaction_.end() && it->second == &oldest) by_transaction_.erase(it);
    entries_.pop_front();
  }
  // A deque keeps its elements in place when its ends grow and shrink.
  const Entry& e = entries_.emplace_back(Entry{message, key, transaction, std::move(answer)});
  by_message_[message] = &e;
  by_transaction_[transaction] = &e;
}

}  // namespace birthmark::enroll::scep
