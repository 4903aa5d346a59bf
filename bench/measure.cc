// SPDX-License-Identifier: Apache-2.0
#define OPENSSL_SUPPRESS_DEPRECATED  // the bare low-level call is the yardstick
#include "bench/measure.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>

namespace birthmark::bench {
namespace {

double Seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

}  // namespace

double ProcessCpu() { return Seconds(CLOCK_PROCESS_CPUTIME_ID); }
double ThreadCpu() { return Seconds(CLOCK_THREAD_CPUTIME_ID); }
double Wall() { return Seconds(CLOCK_MONOTONIC); }

void Stopwatch::Start() {
  cpu_from_ = ThreadCpu();
  wall_from_ = Wall();
}

void Stopwatch::Stop() {
  cpu += ThreadCpu() - cpu_from_;
  wall += Wall() - wall_from_;
}

double Median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}

Spread::Spread(const std::vector<double>& v)
    : median(Median(v)), low(*std::ranges::min_element(v)), high(*std::ranges::max_element(v)) {}

Yardstick::Yardstick() : key_(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)) {
  if (key_ == nullptr || EC_KEY_generate_key(key_) != 1) std::exit(1);
}

Yardstick::~Yardstick() { EC_KEY_free(key_); }

void Yardstick::Sign(size_t n) {
  std::array<uint8_t, 32> digest{};
  std::array<uint8_t, 80> out;
  for (size_t i = 0; i < n; ++i) {
    digest[i % digest.size()]++;
    unsigned size = out.size();
    if (ECDSA_sign(0, digest.data(), digest.size(), out.data(), &size, key_) != 1) std::exit(1);
  }
}

Memory MemoryNow() {
  std::ifstream f("/proc/self/status");
  std::string word;
  Memory m;
  while (f >> word) {
    if (word == "RssAnon:") f >> m.own;
    if (word == "RssFile:") f >> m.mapped;
  }
  return {m.own / 1024, m.mapped / 1024};
}

}  // namespace birthmark::bench
