// SPDX-License-Identifier: Apache-2.0
// What all figures share: clocks, the yardstick R, medians, and giving up on an error. One thread.
#pragma once

#include <fmt/format.h>
#include <openssl/types.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace birthmark::bench {

// Must takes the value out, or says what went wrong and ends the program.
template <class T>
T Must(Result<T> r) {
  if (r) return std::move(*r);
  fmt::print(stderr, "birthmark-bench: {}\n", r.error().ToString());
  std::exit(1);
}

// ProcessCpu counts every thread, ThreadCpu the calling one, Wall the clock on the wall.
// Units: seconds.
double ProcessCpu();
double ThreadCpu();
double Wall();

// Stopwatch adds up the CPU time of the calling thread and the wall time between Start and Stop.
class Stopwatch {
 public:
  void Start();
  void Stop();
  double cpu = 0, wall = 0;

 private:
  double cpu_from_ = 0, wall_from_ = 0;
};

double Median(std::vector<double> v);

// Spread is the median of some pairs' ratios with the lowest and the highest of them.
struct Spread {
  explicit Spread(const std::vector<double>& v);
  double median, low, high;
};

// Yardstick is R: ECDSA_sign over P-256 with its digest at hand, nothing else.
class Yardstick {
 public:
  Yardstick();
  ~Yardstick();
  Yardstick(const Yardstick&) = delete;
  Yardstick& operator=(const Yardstick&) = delete;
  void Sign(size_t n);

 private:
  EC_KEY* key_;
};

// Memory of this process: its own, and the pages of files that it has mapped.
// Units: MiB.
struct Memory {
  double own = 0, mapped = 0;
};
Memory MemoryNow();

}  // namespace birthmark::bench
