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
  // Submit with a callback calls it on the writer's thread; it must not block.
  void Submit(Submission submission, std::function<void(Result<Receipt>)> done);
  // Append submits and waits.
  Result<Receipt> Append(Submission submission) { return Submit(std::move(submission)).get(); }
  Result<Receipt> Append(const Event& event);
  // Run calls fn on the writer's thread between two commits, and waits for it.
  void Run(const std::function<void(LogWriter&)>& fn);
  // Lend closes the log between two commits, so that another process can take its lock, calls
  // `meanwhile` and opens the log again; submissions wait. It waits until all that is done. Errors:
  // those of LogWriter::Open, after which every submission fails with ledger.closed.
  Status Lend(const fs::path& dir, const Clock& clock, const std::function<void()>& meanwhile);

 private:
  static constexpr size_t kMaxBatch = 4096;
  static constexpr size_t kMaxWaiting = 65'536;
  struct Item {
    Submission submission;
    std::function<void(Result<Receipt>)> done;
  };
  using Task = std::packaged_task<void()>;
  void RunTask(Task task);
  void Work();
  void CommitBatch(std::vector<Item>& batch);

  std::unique_ptr<LogWriter> writer_;
  std::mutex mutex_;
  std::condition_variable filled_, drained_;
  std::vector<Item> waiting_;
  std::vector<Task> tasks_;
  size_t waiting_events_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace birthmark::ledger
