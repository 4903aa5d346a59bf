// SPDX-License-Identifier: Apache-2.0
#include "answer/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/clock.h"

namespace birthmark::answer {
namespace {

using cbor::Value;
using vocab::ValueType;

// The ends of the buckets of durations; beyond the last, whole years of 365 days.
struct DurationBucket {
  int64_t ms;
  std::string_view text;
};
constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::array<DurationBucket, 16> kDurations = {{{0, "PT0S"},
                                                        {kSecond, "PT1S"},
                                                        {10 * kSecond, "PT10S"},
                                                        {kMinute, "PT1M"},
                                                        {10 * kMinute, "PT10M"},
                                                        {kHour, "PT1H"},
                                                        {4 * kHour, "PT4H"},
                                                        {12 * kHour, "PT12H"},
                                                        {kDay, "P1D"},
                                                        {3 * kDay, "P3D"},
                                                        {7 * kDay, "P7D"},
                                                        {14 * kDay, "P14D"},
                                                        {30 * kDay, "P30D"},
                                                        {90 * kDay, "P90D"},
                                                        {180 * kDay, "P180D"},
                                                        {365 * kDay, "P365D"}}};

std::optional<int64_t> DurationOf(const Value& v) {
  if (v.AsText() == nullptr) return std::nullopt;
  auto d = ParseDuration(*v.AsText());
  if (!d) return std::nullopt;
  return d->count();
}

// LeastOf is the least number a count can stand for: of "<= 100" it is 11.
std::optional<uint64_t> LeastOf(const Value& v) {
  if (v.AsUint() != nullptr) return *v.AsUint();
  const std::string* text = v.AsText();
  if (text == nullptr || !text->starts_with("<= ")) return std::nullopt;
  uint64_t top = 0;
  const char* end = text->data() + text->size();
  auto [p, ec] = std::from_chars(text->data() + 3, end, top);
  if (ec != std::errc() || p != end) return std::nullopt;
  return top / 10 + 1;
}

// Exceeds is true when a measured member lies above the declared one, both numbers or both
// durations.
bool Exceeds(const Value& declared, const Value& measured) {
  if (declared.AsInt() && measured.AsInt()) return *measured.AsInt() > *declared.AsInt();
  auto d = DurationOf(declared), m = DurationOf(measured);
  return d && m && *m > *d;
}

template <class F>
bool AnyCommonMember(const Value& declared, const Value& measured, F&& f) {
  if (declared.AsMap() == nullptr || measured.AsMap() == nullptr) return false;
  for (const auto& [key, value] : *declared.AsMap()) {
    const Value* other = measured.Find(key);
    if (other != nullptr && key.AsText() != nullptr && f(*key.AsText(), value, *other)) return true;
  }
  return false;
}

// WithoutChannel cuts " via CHANNEL": how a change comes in is told, not compared.
std::string_view WithoutChannel(const Value& v) {
  if (v.AsText() == nullptr) return {};
  std::string_view s = *v.AsText();
  return s.substr(0, s.find(" via "));
}

std::string Scalar(const Value& v) {
  if (v.AsText() != nullptr) return *v.AsText();
  if (v.AsBool() != nullptr) return *v.AsBool() ? "yes" : "no";
  if (auto n = v.AsInt()) return fmt::format("{}", *n);
  if (v.IsNull()) return "";
  return cbor::Diagnose(v);
}

std::string Spaced(std::string_view member) {
  std::string s(member);
  std::ranges::replace_if(s, [](char c) { return c == '_' || c == '-'; }, ' ');
  return s;
}

// Join writes an array's or a map's parts; other items alone.
std::string Join(const Value& v, std::string_view separator, bool all) {
  std::string out;
  auto add = [&](std::string part) {
    if (!out.empty()) out += separator;
    out += part;
  };
  if (v.AsArray() != nullptr) {
    for (const Value& e : *v.AsArray()) add(Scalar(e));
    return out.empty() ? "none" : out;
  }
  if (v.AsMap() == nullptr) return Scalar(v);
  for (const auto& [key, value] : *v.AsMap()) {
    // "p50" and "p95" stand between nothing and the largest: the long form has them.
    const std::string name = Scalar(key);
    if (!all && (name.ends_with("p50") || name.ends_with("p95"))) continue;
    if (!all && (name == "description" || name == "text")) {
      add(Scalar(value));
    } else if (value.AsBool() != nullptr) {
      add(*value.AsBool() ? Spaced(name) : "no " + Spaced(name));
    } else {
      add(fmt::format("{} {}", Spaced(name), Scalar(value)));
    }
  }
  return out;
}

}  // namespace

std::string Bucket(uint64_t n) {
  if (n == 0) return "0";
  uint64_t top = 10;
  while (top < n && top < UINT64_MAX / 10) top *= 10;
  return fmt::format("<= {}", top);
}

std::string Few(uint64_t n) { return n <= 10 ? fmt::format("{}", n) : Bucket(n); }

int64_t RoundDistance(double km) {
  if (km < 1) return 0;
  const double unit = std::pow(10, std::floor(std::log10(km)));
  return static_cast<int64_t>(std::llround(km / unit) * static_cast<int64_t>(unit));
}

std::string BucketDuration(int64_t ms) {
  for (const DurationBucket& b : kDurations) {
    if (ms <= b.ms) return std::string(b.text);
  }
  return fmt::format("P{}D", (ms + 365 * kDay - 1) / (365 * kDay) * 365);
}

Value Canonical(const Value& v) { return cbor::Decode(cbor::Encode(v)).value_or(Value()); }

Value Set(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto again = std::ranges::unique(names);
  names.erase(again.begin(), again.end());
  cbor::Array out;
  for (std::string& n : names) out.emplace_back(std::move(n));
  return out;
}

std::optional<ValueType> TypeOf(std::string_view question) {
  if (vocab::Question q; vocab::FromText(question, q)) return vocab::RowOf(q).type;
  if (vocab::Aspect a; vocab::FromText(question, a)) {
    // Aspects are told in the plan's own words for who can change an anchor, or as open text.
    return ValueType::kNoValue;
  }
  return std::nullopt;
}

Value FromDeclared(const plan::DeclaredValue& v) {
  struct Visitor {
    Value operator()(std::monostate) const { return {}; }
    Value operator()(bool b) const { return b; }
    Value operator()(int64_t i) const { return i; }
    Value operator()(const std::string& s) const { return s; }
    Value operator()(const std::vector<std::string>& names) const { return Set(names); }
    Value operator()(const std::map<std::string, plan::Scalar>& members) const {
      cbor::Map out;
      for (const auto& [key, scalar] : members) {
        out.emplace_back(Value(key), std::visit([](const auto& x) { return Value(x); }, scalar));
      }
      return Canonical(out);
    }
  };
  return std::visit(Visitor{}, v);
}

bool Differ(std::string_view question, const Value& declared, const Value& measured) {
  if (declared.IsNull() || measured.IsNull()) return false;
  // A design number and today's count are two facts (decisions 6 and answers 3.3).
  if (question == "pki-breadth") return false;
  auto type = TypeOf(question);
  if (!type) return !(declared == measured);
  switch (*type) {
    case ValueType::kCountOrNone: {
      auto least = LeastOf(measured), limit = LeastOf(declared);
      return least && limit && *least > *limit;
    }
    case ValueType::kDurationOrNone:
      return Exceeds(declared, measured);
    case ValueType::kGap:
      return AnyCommonMember(
          declared, measured,
          [](std::string_view, const Value& d, const Value& m) { return Exceeds(d, m); });
    case ValueType::kStorage:
      return AnyCommonMember(declared, measured,
                             [](std::string_view name, const Value& d, const Value& m) {
                               return name != "description" && !(d == m);
                             });
    case ValueType::kLifespan:
      return AnyCommonMember(declared, measured,
                             [](std::string_view name, const Value& d, const Value& m) {
                               return name == "interval" ? Exceeds(d, m) : !(d == m);
                             });
    case ValueType::kNoValue:
      return WithoutChannel(declared) != WithoutChannel(measured);
    default:
      return !(declared == measured);
  }
}

std::string Describe(std::string_view, const Value& v) { return Join(v, ", ", false); }

std::string DescribeLong(std::string_view question, const Value& v) {
  std::string out = Join(v, "; ", true);
  vocab::Question q;
  if (vocab::FromText(question, q) && !vocab::RowOf(q).unit.empty() && v.AsInt()) {
    out += fmt::format(" {}", vocab::RowOf(q).unit);
  }
  return out;
}

}  // namespace birthmark::answer
