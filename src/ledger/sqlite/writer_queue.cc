// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/writer_queue.h"

namespace birthmark::ledger {

WriterQueue::WriterQueue(std::unique_ptr<LogWriter> writer)
    : writer_(std::move(writer)), thread_([this] { Work(); }) {}

WriterQueue::~WriterQueue() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  filled_.notify_all();
  drained_.notify_all();
  thread_.join();
}

std::future<Result<Receipt>> WriterQueue::Submit(Submission submission) {
  auto done = std::make_shared<std::promise<Result<Receipt>>>();
  std::future<Result<Receipt>> result = done->get_future();
  Submit(std::move(submission), [done](Result<Receipt> r) { done->set_value(std::move(r)); });
  return result;
}

void WriterQueue::Submit(Submission submission, std::function<void(Result<Receipt>)> done) {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [&] { return stop_ || waiting_events_ < kMaxWaiting; });
  if (stop_) {
    lock.unlock();
    done(Internal("ledger.closed", "the ledger is being closed"));
    return;
  }
  waiting_events_ += submission.size();
  waiting_.push_back({std::move(submission), std::move(done)});
  // The writer looks for more by itself after each commit; only an idle one needs waking.
  if (waiting_.size() == 1) filled_.notify_one();
}

Result<Receipt> WriterQueue::Append(const Event& event) {
  Submission s(1);
  BM_TRY(s[0], Prepare(event));
  return Append(std::move(s));
}

void WriterQueue::RunTask(Task task) {
  std::future<void> done = task.get_future();
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  filled_.notify_one();
  done.get();
}

void WriterQueue::Run(const std::function<void(LogWriter&)>& fn) {
  RunTask(Task([this, &fn] {
    if (writer_) fn(*writer_);
  }));
}

Status WriterQueue::Lend(const fs::path& dir, const Clock& clock,
                         const std::function<void()>& meanwhile) {
  Status status;
  RunTask(Task([&] {
    writer_.reset();
    meanwhile();
    auto again = LogWriter::Open(dir, clock);
    if (again) {
      writer_ = std::move(*again);
    } else {
      status = std::unexpected(std::move(again).error());
    }
  }));
  return status;
}

void WriterQueue::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [&] { return stop_ || !waiting_.empty() || !tasks_.empty(); });
    if (!tasks_.empty()) {
      auto tasks = std::exchange(tasks_, {});
      lock.unlock();
      for (Task& t : tasks) t();
      lock.lock();
    }
    // Taking all that waits, then committing, is the group: while a commit syncs, the next group
    // forms. No one waits for a group to fill.
    std::vector<Item> batch;
    size_t events = 0, taken = 0;
    while (taken < waiting_.size() && events < kMaxBatch)
      events += waiting_[taken++].submission.size();
    if (taken == waiting_.size()) {
      batch.swap(waiting_);
    } else {
      auto end = waiting_.begin() + static_cast<ptrdiff_t>(taken);
      batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
    }
    waiting_events_ -= events;
    if (batch.empty()) {
      if (stop_) return;
      continue;
    }
    lock.unlock();
    drained_.notify_all();
    CommitBatch(batch);
    lock.lock();
  }
}

void WriterQueue::CommitBatch(std::vector<Item>& batch) {
  std::vector<Submission> submissions;
  submissions.reserve(batch.size());
  for (Item& i : batch) submissions.push_back(std::move(i.submission));
  if (!writer_) {
    for (Item& i : batch) i.done(Internal("ledger.closed", "the ledger could not be opened again"));
    return;
  }
  auto results = writer_->AppendAll(submissions);
  for (size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(results[i]));
}

}  // namespace birthmark::ledger
