// SPDX-License-Identifier: Apache-2.0
// What issuing costs, from a ready key or a request to a certificate whose evidence is durable, as
// a ratio of R. Leaves out the network. One thread, beside those of the log's writer.
#pragma once

#include <functional>

#include "bench/factory.h"
#include "bench/measure.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::bench {

// Plan says how long to measure: `pairs` ratios, each over `events` certificates in rounds of
// kRound.
struct Plan {
  size_t pairs, events;
};
inline constexpr size_t kRound = 4096;

class IssueBench {
 public:
  IssueBench(Factory& factory, ledger::LogWriter& log) : factory_(factory), log_(log) {}

  // Fill appends rows that are not measured.
  void Fill(uint64_t rows);
  // Keys prints the figures of issuing for ready keys, `batch` certificates a commit.
  void Keys(size_t batch, Plan plan);
  // Requests prints those of issuing for requests whose signature is checked first.
  void Requests(Plan plan);
  // WithoutLedger prints the rates of X509_sign and of the template with its event, neither stored.
  void WithoutLedger(Plan plan);

 private:
  // Figures are of one pair. Units: CPU seconds, wall seconds.
  struct Figures {
    double bare = 0, full = 0, wall = 0, hashing = 0;
  };
  using Make = std::function<ledger::NewEvent(size_t)>;
  // Pair measures `events` certificates; prepare(n) makes the input of the next n untimed.
  Figures Pair(size_t events, size_t batch, const std::function<void(size_t)>& prepare,
               const Make& make);
  void Append(std::vector<ledger::Submission>& batch);
  void Print(const std::string& name, size_t batch, size_t events,
             const std::vector<Figures>& pairs);

  Factory& factory_;
  ledger::LogWriter& log_;
  Yardstick bare_;
};

}  // namespace birthmark::bench
