// SPDX-License-Identifier: Apache-2.0
// One process at a time writes to a workspace. While a server runs, it is the one; a command that
// has to write asks it over a socket in the workspace's folder to lend the log, does its work and
// hangs up. Enrolments wait meanwhile; nothing is refused. Leaves out what a command does with it.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "app/layout.h"
#include "base/clock.h"
#include "ledger/sqlite/writer_queue.h"

namespace birthmark::app {

// Loan is a borrowed log; the lender takes it back when the loan is destroyed, so the borrower's
// LogWriter must be gone by then.
class Loan {
 public:
  // Ask waits until the server has let go of the log. Errors: ledger.locked when nobody lends.
  static Result<Loan> Ask(const Layout& layout);
  Loan(Loan&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Loan& operator=(Loan&& o) noexcept;
  ~Loan();

 private:
  explicit Loan(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Lends tells whether a server of this workspace lends its log.
bool Lends(const Layout& layout);

// Lender is the server's side: a thread that lends the queue's log to one borrower after another.
class Lender {
 public:
  // Start listens. `returned` is called on the lender's thread after each loan. Errors:
  // lend.socket.
  static Result<std::unique_ptr<Lender>> Start(const Layout& layout, ledger::WriterQueue& queue,
                                               const Clock& clock,
                                               std::function<void(Status)> returned);
  ~Lender();
  Lender(const Lender&) = delete;
  Lender& operator=(const Lender&) = delete;

 private:
  Lender(Layout layout, ledger::WriterQueue& queue, const Clock& clock,
         std::function<void(Status)> returned)
      : layout_(std::move(layout)), queue_(queue), clock_(clock), returned_(std::move(returned)) {}
  void Work();

  Layout layout_;
  ledger::WriterQueue& queue_;
  const Clock& clock_;
  std::function<void(Status)> returned_;
  int listen_ = -1;
  int stop_ = -1;  // an eventfd
  std::thread thread_;
};

}  // namespace birthmark::app
