// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

namespace birthmark::server {

void Connections::Unlist(Connection& c) {
  if (!c.waiting_) return;
  waiting_.erase(c.place_);
  c.waiting_ = false;
}

void Connections::Add(const std::shared_ptr<Connection>& c) {
  std::lock_guard lock(mutex_);
  ++count_;
  c->place_ = waiting_.insert(waiting_.end(), c);
  c->waiting_ = true;
}

bool Connections::Busy(Connection& c) {
  std::lock_guard lock(mutex_);
  Unlist(c);
  return !c.evicted_;
}

void Connections::Waiting(const std::shared_ptr<Connection>& c) {
  std::lock_guard lock(mutex_);
  Unlist(*c);
  c->place_ = waiting_.insert(waiting_.end(), c);
  c->waiting_ = true;
}

void Connections::Remove(Connection& c) {
  std::lock_guard lock(mutex_);
  Unlist(c);
  if (c.evicted_) --evicted_;
  if (--count_ == 0) none_.notify_all();
}

bool Connections::EvictOldest() {
  std::shared_ptr<Connection> oldest;
  {
    std::lock_guard lock(mutex_);
    while (!waiting_.empty() && !oldest) {
      oldest = waiting_.front().lock();
      waiting_.pop_front();
    }
    if (!oldest) return false;
    oldest->waiting_ = false;
    oldest->evicted_ = true;
    ++evicted_;
  }
  oldest->close_();
  return true;
}

void Connections::EvictWaiting() {
  while (EvictOldest()) {
  }
}

size_t Connections::count() const {
  std::lock_guard lock(mutex_);
  return count_ - evicted_;
}

size_t Connections::open() const {
  std::lock_guard lock(mutex_);
  return count_;
}

bool Connections::WaitForNone(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return none_.wait_for(lock, at_most, [&] { return count_ == 0; });
}

}  // namespace birthmark::server
