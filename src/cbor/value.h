// SPDX-License-Identifier: Apache-2.0
// A CBOR data item in memory. No floats, no undefined, no indefinite lengths: nothing of ours uses
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace birthmark::cbor {

class Value;
using Array = std::vector<Value>;
// Map keeps its entries in the order given; encoding sorts them, decoding refuses another order.
using Map = std::vector<std::pair<Value, Value>>;

// Tagged is a tag number and exactly one item.
struct Tagged {
  uint64_t tag = 0;
  std::vector<Value> item;  // size 1; a vector because Value is incomplete here
};

struct Null {
  bool operator==(const Null&) const = default;
};

// Negative holds -1 - n, so the whole range of major type 1 fits.
struct Negative {
  uint64_t n = 0;
  bool operator==(const Negative&) const = default;
};

class Value {
 public:
  using Variant =
      std::variant<uint64_t, Negative, Bytes, std::string, Array, Map, Tagged, bool, Null>;

  Value() : v_(Null{}) {}
  Value(int64_t i) {  // NOLINT(google-explicit-constructor): literals read as CBOR
    if (i >= 0) {
      v_ = static_cast<uint64_t>(i);
    } else {
      v_ = Negative{static_cast<uint64_t>(-(i + 1))};
    }
  }
  Value(int i) : Value(static_cast<int64_t>(i)) {}           // NOLINT
  Value(uint64_t u) : v_(u) {}                               // NOLINT
  Value(bool b) : v_(b) {}                                   // NOLINT
  Value(Negative n) : v_(n) {}                               // NOLINT
  Value(Bytes b) : v_(std::move(b)) {}                       // NOLINT
  Value(const Digest& d) : v_(Bytes(d.begin(), d.end())) {}  // NOLINT
  Value(std::string s) : v_(std::move(s)) {}                 // NOLINT
  Value(std::string_view s) : v_(std::string(s)) {}          // NOLINT
  Value(const char* s) : v_(std::string(s)) {}               // NOLINT
  Value(Array a) : v_(std::move(a)) {}                       // NOLINT
  Value(Map m) : v_(std::move(m)) {}                         // NOLINT
  Value(Tagged t) : v_(std::move(t)) {}                      // NOLINT

  static Value Tag(uint64_t tag, Value item) { return Value(Tagged{tag, {std::move(item)}}); }

  const Variant& variant() const { return v_; }
  bool IsNull() const { return std::holds_alternative<Null>(v_); }
  // The As… functions are null when the item has another type.
  const uint64_t* AsUint() const { return std::get_if<uint64_t>(&v_); }
  const Bytes* AsBytes() const { return std::get_if<Bytes>(&v_); }
  const std::string* AsText() const { return std::get_if<std::string>(&v_); }
  const Array* AsArray() const { return std::get_if<Array>(&v_); }
  const Map* AsMap() const { return std::get_if<Map>(&v_); }
  const Tagged* AsTagged() const { return std::get_if<Tagged>(&v_); }
  const bool* AsBool() const { return std::get_if<bool>(&v_); }
  // AsInt is the integer when it fits 64 signed bits.
  std::optional<int64_t> AsInt() const {
    if (auto* u = std::get_if<uint64_t>(&v_); u && *u <= INT64_MAX) return static_cast<int64_t>(*u);
    if (auto* n = std::get_if<Negative>(&v_); n && n->n <= INT64_MAX) {
      return -1 - static_cast<int64_t>(n->n);
    }
    return std::nullopt;
  }

  // Find looks a key up in a map; null when this is no map or the key is absent.
  const Value* Find(const Value& key) const;
  bool operator==(const Value& o) const;

 private:
  Variant v_;
};

}  // namespace birthmark::cbor
