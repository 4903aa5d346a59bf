// SPDX-License-Identifier: Apache-2.0
// Strict deterministic CBOR (RFC 8949 section 4.2.1): shortest heads, definite lengths, map keys
// sorted bytewise by their encoding. What it decodes, it re-encodes to the same bytes.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "cbor/value.h"

namespace birthmark::cbor {

// Limits bound what a decoder will hold, before it holds it.
struct Limits {
  int depth = 32;            // nested arrays, maps and tags
  size_t items = 1'000'000;  // data items in all
};

// Writer appends encoded items to a buffer; the caller keeps map keys in order.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void Head(int major, uint64_t n);
  void Int(int64_t i) {
    i >= 0 ? Head(0, static_cast<uint64_t>(i)) : Head(1, static_cast<uint64_t>(-(i + 1)));
  }
  void Uint(uint64_t u) { Head(0, u); }
  void Bool(bool b) { out_.push_back(b ? 0xf5 : 0xf4); }
  void Null() { out_.push_back(0xf6); }
  void ByteString(ByteView b) {
    Head(2, b.size());
    out_.insert(out_.end(), b.begin(), b.end());
  }
  void Text(std::string_view s) {
    Head(3, s.size());
    out_.insert(out_.end(), s.begin(), s.end());
  }
  void ArrayHead(size_t n) { Head(4, n); }
  void MapHead(size_t n) { Head(5, n); }
  void TagHead(uint64_t tag) { Head(6, tag); }
  void Raw(ByteView b) { out_.insert(out_.end(), b.begin(), b.end()); }
  void Item(const Value& v);

 private:
  Bytes& out_;
};

// Encode gives the one deterministic encoding; maps are sorted, a duplicate key is a programming
// error.
Bytes Encode(const Value& v);

// Decode reads exactly one item that fills `data`.
// Errors: cbor.truncated, cbor.trailing, cbor.indefinite, cbor.not-shortest, cbor.key-order,
// cbor.key-duplicate, cbor.utf8, cbor.depth, cbor.items, cbor.unsupported.
Result<Value> Decode(ByteView data, const Limits& limits = {});

// DecodePrefix reads one item from the front of `data` and sets *used to its length (CBOR
// sequences, RFC 8742).
Result<Value> DecodePrefix(ByteView data, size_t* used, const Limits& limits = {});

// Diagnose is RFC 8949 section 8 diagnostic notation, indented, for people.
std::string Diagnose(const Value& v);

}  // namespace birthmark::cbor
