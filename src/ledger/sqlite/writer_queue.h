// SPDX-License-Identifier: Apache-2.0
// WriterQueue: many threads submit, one thread commits for all of them together. Leaves out what a
// submission may be (log_writer). Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ledger/sqlite/log_writer.h"

namespace birthmark::ledger {

class WriterQueue {
 public:
  explicit WriterQueue(std::unique_ptr<LogWriter> writer);
  // The destructor commits what was submitted and closes the log.
  ~WriterQueue();
  WriterQueue(const WriterQueue&) = delete;
  WriterQueue& operator=(const WriterQueue&) = delete;

  // Submit gives a submission to the writer; the receipt comes when it is durable. It waits while
  // more than kMaxWaiting events stand in line. Errors: those of LogWriter::Append, ledger.closed.
  std::future<Result<Receipt>> Submit(Submission submission);
  // Append submits and waits.
  Result<Receipt> Append(Submission submission) { return Submit(std::move(submission)).get(); }
  Result<Receipt> Append(const Event& event);
  // Run calls fn on the writer's thread between two commits, and waits for it.
  void Run(const std::function<void(LogWriter&)>& fn);

 private:
  static constexpr size_t kMaxBatch = 4096;
  static constexpr size_t kMaxWaiting = 65'536;
  struct Item {
    Submission submission;
    std::promise<Result<Receipt>> done;
  };
  void Work();
  void CommitBatch(std::vector<Item>& batch);

  std::unique_ptr<LogWriter> writer_;
  std::mutex mutex_;
  std::condition_variable filled_, drained_;
  std::vector<Item> waiting_;
  std::vector<std::packaged_task<void(LogWriter&)>> tasks_;
  size_t waiting_events_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace birthmark::ledger
