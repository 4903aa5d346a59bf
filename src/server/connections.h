// SPDX-License-Identifier: Apache-2.0
// Which connections are open, and which of them goes when there is no room for a new one: of those
// that were never served, the one that waits longest for its peer, so that thousands of idle
// connections keep nobody out and nobody who is served either. Where most were served, the one of
// those that waits longest. Leaves out sockets. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

namespace birthmark::server {

// Connection is one entry; its `close` may be called from any thread and only asks for the end.
class Connection {
 public:
  explicit Connection(std::function<void()> close) : close_(std::move(close)) {}

 private:
  friend class Connections;
  const std::function<void()> close_;
  std::list<std::weak_ptr<Connection>>* list_ = nullptr;  // null: it does not wait
  std::list<std::weak_ptr<Connection>>::iterator place_;
  bool evicted_ = false;
};

class Connections {
 public:
  // Add enters a connection as waiting for its peer.
  void Add(const std::shared_ptr<Connection>& c);
  // Busy takes it off the waiting list while its request is answered; false: it must end.
  bool Busy(Connection& c);
  // Waiting puts it at the end of the list of those that were served.
  void Waiting(const std::shared_ptr<Connection>& c);
  void Remove(Connection& c);
  // EvictOldest ends the one whose turn it is; false when all are busy.
  bool EvictOldest();
  // EvictWaiting ends all that wait.
  void EvictWaiting();
  // count is of those that stay: who was told to end is not in it.
  size_t count() const;
  // open is of all, those that were told to end and have not yet ended too.
  size_t open() const;
  // WaitForNone waits until all are removed; false when the time is over.
  bool WaitForNone(std::chrono::milliseconds at_most);

 private:
  using List = std::list<std::weak_ptr<Connection>>;
  void Enlist(const std::shared_ptr<Connection>& c, List& list);
  void Unlist(Connection& c);

  mutable std::mutex mutex_;
  std::condition_variable none_;
  List unserved_, served_;          // that wait, oldest first
  size_t count_ = 0, evicted_ = 0;  // all that are open; of these, told to end
};

}  // namespace birthmark::server
