// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::server {
namespace {

// Backslash, quote and newline are escaped in label values, the first and last in help texts.
std::string Escape(const std::string& s, bool quote) {
  std::string out;
  for (char c : s) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quote) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string LabelText(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, Escape(value, true));
  }
  return out;
}

std::string Braced(const std::string& labels, const std::string& more = "") {
  if (labels.empty() && more.empty()) return "";
  return "{" + labels + (labels.empty() || more.empty() ? "" : ",") + more + "}";
}

}  // namespace

void Histogram::Observe(std::chrono::nanoseconds d) {
  const double seconds = std::chrono::duration<double>(d).count();
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  buckets_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<uint64_t>(d.count()), std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t n = 0;
  for (const auto& b : buckets_) n += b.load(std::memory_order_relaxed);
  return n;
}

Metrics::Series& Metrics::Find(const std::string& name, const std::string& help, const char* type,
                               const Labels& labels) {
  Family& f = families_[name];
  if (f.type.empty()) {
    f.type = type;
    f.help = help;
  }
  return f.series[LabelText(labels)];
}

Counter& Metrics::GetCounter(const std::string& name, const std::string& help,
                             const Labels& labels) {
  std::lock_guard lock(mutex_);
  Series& s = Find(name, help, "counter", labels);
  if (!s.counter) s.counter = std::make_unique<Counter>();
  return *s.counter;
}

Gauge& Metrics::GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  Series& s = Find(name, help, "gauge", labels);
  if (!s.gauge) s.gauge = std::make_unique<Gauge>();
  return *s.gauge;
}

Histogram& Metrics::GetHistogram(const std::string& name, const std::string& help,
                                 const Labels& labels) {
  std::lock_guard lock(mutex_);
  Series& s = Find(name, help, "histogram", labels);
  if (!s.histogram) s.histogram = std::make_unique<Histogram>();
  return *s.histogram;
}

void Metrics::Ask(const std::string& name, const std::string& help, const Labels& labels,
                  std::function<double()> value) {
  std::lock_guard lock(mutex_);
  Find(name, help, "gauge", labels).ask = std::move(value);
}

std::string Metrics::Text() const {
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, Escape(family.help, false), name,
                       family.type);
    for (const auto& [labels, s] : family.series) {
      if (s.counter) out += fmt::format("{}{} {}\n", name, Braced(labels), s.counter->value());
      if (s.gauge) out += fmt::format("{}{} {}\n", name, Braced(labels), s.gauge->value());
      if (s.ask) out += fmt::format("{}{} {}\n", name, Braced(labels), s.ask());
      if (!s.histogram) continue;
      uint64_t below = 0;
      for (size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
        below += s.histogram->buckets_[i].load(std::memory_order_relaxed);
        const std::string bound = i == Histogram::kBounds.size()
                                      ? "le=\"+Inf\""
                                      : fmt::format("le=\"{}\"", Histogram::kBounds[i]);
        out += fmt::format("{}_bucket{} {}\n", name, Braced(labels, bound), below);
      }
      out += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, Braced(labels),
                         static_cast<double>(s.histogram->nanoseconds_.load()) / 1e9, name,
                         Braced(labels), below);
    }
  }
  return out;
}

void MetricsHandler::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  enroll::HttpResponse r;
  if (request.method != "GET") {
    r.status = 405;
    r.headers.emplace_back("Allow", "GET");
  } else {
    r.content_type = "text/plain; version=0.0.4; charset=utf-8";
    r.body = ToBytes(metrics_.Text());
  }
  reply(std::move(r));
}

}  // namespace birthmark::server
