// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

namespace birthmark::server {

void Connections::Enlist(const std::shared_ptr<Connection>& c, List& list) {
  Unlist(*c);
  c->place_ = list.insert(list.end(), c);
  c->list_ = &list;
}

void Connections::Unlist(Connection& c) {
  if (c.list_ == nullptr) return;
  c.list_->erase(c.place_);
  c.list_ = nullptr;
}

void Connections::Add(const std::shared_ptr<Connection>& c) {
  std::lock_guard lock(mutex_);
  ++count_;
  Enlist(c, unserved_);
}

bool Connections::Busy(Connection& c) {
  std::lock_guard lock(mutex_);
  Unlist(c);
  return !c.evicted_;
}

void Connections::Waiting(const std::shared_ptr<Connection>& c) {
  std::lock_guard lock(mutex_);
  Enlist(c, served_);
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
    while (!oldest && !(unserved_.empty() && served_.empty())) {
      // Three quarters are for those that were served: a newcomer finds room beside them too.
      List& list =
          unserved_.size() * 3 >= served_.size() && !unserved_.empty() ? unserved_ : served_;
      oldest = list.front().lock();
      if (!oldest) list.pop_front();
    }
    if (!oldest) return false;
    Unlist(*oldest);
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
