// SPDX-License-Identifier: Apache-2.0
// Fields reads a device's CBOR answer by name and remembers the first field that is missing or of
// another type, so that decoding reads like the struct it fills. Private to this room.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cbor/value.h"

namespace birthmark::link {

class Fields {
 public:
  explicit Fields(const cbor::Value& map) : map_(&map) {
    if (!map.AsMap()) missing_ = "a map";
  }

  void Get(const char* key, std::string* out) {
    if (auto* v = Of(key, [](const cbor::Value& v) { return v.AsText(); })) *out = *v;
  }
  void Get(const char* key, Bytes* out) {
    if (auto* v = Of(key, [](const cbor::Value& v) { return v.AsBytes(); })) *out = *v;
  }
  void Get(const char* key, uint64_t* out) {
    if (auto* v = Of(key, [](const cbor::Value& v) { return v.AsUint(); })) *out = *v;
  }
  void Get(const char* key, bool* out) {
    if (auto* v = Of(key, [](const cbor::Value& v) { return v.AsBool(); })) *out = *v;
  }
  // Optional leaves *out alone when the key is absent.
  void Optional(const char* key, Bytes* out) {
    if (map_->Find(key)) Get(key, out);
  }
  const cbor::Array& List(const char* key) {
    static const cbor::Array kNone;
    auto* v = Of(key, [](const cbor::Value& v) { return v.AsArray(); });
    return v ? *v : kNone;
  }
  void Optional(const char* key, std::string* out) {
    if (map_->Find(key)) Get(key, out);
  }
  // Map gives the member, or an empty map with the trouble noted.
  const cbor::Value& Map(const char* key) {
    static const cbor::Value kNone{cbor::Map{}};
    return Of(key, [](const cbor::Value& v) { return v.AsMap(); }) ? *map_->Find(key) : kNone;
  }
  // Take adopts the trouble of a nested reader.
  void Take(const Fields& nested) {
    if (missing_.empty()) missing_ = nested.missing_;
  }

  Status Done() const {
    if (missing_.empty()) return {};
    return Environment("link.answer", "the device's answer lacks " + missing_,
                       "check that it runs firmware of this protocol version");
  }

 private:
  template <class F>
  auto Of(const char* key, F read) -> decltype(read(cbor::Value())) {
    const cbor::Value* found = map_->Find(key);
    auto value = found ? read(*found) : nullptr;
    if (!value && missing_.empty()) missing_ = std::string("\"") + key + "\"";
    return value;
  }

  const cbor::Value* map_;
  std::string missing_;
};

}  // namespace birthmark::link
