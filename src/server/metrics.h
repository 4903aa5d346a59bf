// SPDX-License-Identifier: Apache-2.0
// Numbers for Prometheus: counters, gauges and histograms by name and labels, and their text form
// (exposition format 0.0.4). Leaves out who serves the text. Thread-safe; what is handed out lives
// as long as the Metrics.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "enroll/http.h"

namespace birthmark::server {

// Counter only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// Gauge goes up and down.
class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Histogram counts durations in buckets from half a millisecond to ten seconds.
class Histogram {
 public:
  static constexpr std::array<double, 14> kBounds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  void Observe(std::chrono::nanoseconds d);
  uint64_t count() const;

 private:
  friend class Metrics;
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<uint64_t> nanoseconds_ = 0;
};

// Labels are names and values; the values may be any text.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  // The same name and labels give the same object. A name belongs to one kind; its first help text
  // stands.
  Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const Labels& labels = {});
  // Ask registers a gauge whose value is asked for when the text is made.
  void Ask(const std::string& name, const std::string& help, const Labels& labels,
           std::function<double()> value);
  // Text is the exposition, names in order.
  std::string Text() const;

 private:
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> ask;
  };
  struct Family {
    std::string help, type;
    std::map<std::string, Series> series;  // by the labels' text
  };
  Series& Find(const std::string& name, const std::string& help, const char* type,
               const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

// MetricsHandler answers GET with the text.
class MetricsHandler : public enroll::Handler {
 public:
  explicit MetricsHandler(const Metrics& metrics) : metrics_(metrics) {}
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

 private:
  const Metrics& metrics_;
};

}  // namespace birthmark::server
