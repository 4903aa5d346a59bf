// SPDX-License-Identifier: Apache-2.0
// CMP over HTTP (RFC 9810, 9811; the profile of RFC 9483) as a Handler for /.well-known/cmp and
// /.well-known/cmp/p/<product>. What is offered, and where we differ: docs/protocols/cmp.md.
// Thread-safe.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "enroll/desk.h"
#include "enroll/http.h"

namespace birthmark::enroll::cmp {

class Core;

struct Options {
  // Transactions that are open are kept here over a restart; empty keeps them in memory alone.
  std::filesystem::path folder;
  const Clock* clock = nullptr;            // the machine's own when null; outlives the handler
  std::chrono::seconds confirm_wait{300};  // how long a certificate waits for certConf
  std::chrono::seconds check_after{10};    // what a client that has to wait is told
  std::chrono::hours poll_limit{7 * 24};   // how long an enrolment waits at most
  // messageTime may be off by this much; zero looks at no time. It is also how long a transaction
  // that is over is remembered, so that its messages are not taken twice.
  std::chrono::seconds time_window{900};
  size_t max_open = 10'000;  // transactions, and of one credential
  size_t max_open_each = 256;
  bool implicit_confirm = true;  // granted to those who ask for it
  // Told of the factory's own trouble, with the peer's address: such errors never reach a client.
  std::function<void(const Error&, const std::string&)> log;
};

class Cmp : public Handler {
 public:
  // Make reads the transactions of a former process. The desk outlives the handler and all its
  // callbacks. Errors: file.read, file.write.
  static Result<std::unique_ptr<Cmp>> Make(Desk& desk, Options options);
  ~Cmp() override;

  void Handle(HttpRequest request, Reply reply) override;
  // open is how many transactions are open, for metrics.
  size_t open() const;

 private:
  explicit Cmp(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace birthmark::enroll::cmp
