// SPDX-License-Identifier: Apache-2.0
// Structs to deterministic CBOR maps and back. A struct says its fields once:
//
//   struct Leg { std::string from; std::optional<int64_t> km;
//     template <class V> void Fields(V& v) { v("km", km); v("from", from); } };
//
// Fields stand in the order of their encoded keys (shorter names first, then alphabetically), so
// that writing streams; ToCbor aborts on another order, which each struct's round-trip test would
// show. Types: bool, integers, std::string, Bytes, Digest, Uuid-like arrays, enums with
// ToText/FromText found by ADL, std::optional (absent when empty), std::vector, Value, nested
// structs. A missing field that is not optional, or one of another type, is refused; unknown keys
// are ignored.
#pragma once

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "cbor/codec.h"

namespace birthmark::cbor {

template <class T>
concept Reflected = requires(T t, int& v) { &T::template Fields<int>; };
template <class T>
concept TextEnum = std::is_enum_v<T> && requires(T t, std::string_view s) {
  { ToText(t) } -> std::convertible_to<std::string_view>;
  { FromText(s, t) } -> std::same_as<bool>;
};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
void WriteItem(Writer& w, const T& x);

// CountFields and WriteFields are the two passes of writing one map.
struct CountFields {
  size_t n = 0;
  template <class T>
  void operator()(std::string_view, const T& x) {
    if constexpr (IsOptional<T>::value) {
      n += x.has_value();
    } else {
      ++n;
    }
  }
};
struct WriteFields {
  Writer& w;
  std::string_view last{};
  template <class T>
  void operator()(std::string_view key, const T& x) {
    if (!last.empty() && (last.size() > key.size() || (last.size() == key.size() && last >= key))) {
      std::fputs(fmt::format("field {} out of order\n", key).c_str(), stderr);
      std::abort();
    }
    last = key;
    if constexpr (IsOptional<T>::value) {
      if (!x.has_value()) return;
      w.Text(key);
      WriteItem(w, *x);
    } else {
      w.Text(key);
      WriteItem(w, x);
    }
  }
};

template <class T>
void WriteItem(Writer& w, const T& x) {
  if constexpr (std::is_same_v<T, bool>) {
    w.Bool(x);
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_unsigned_v<T>) {
      w.Uint(x);
    } else {
      w.Int(x);
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    w.Text(x);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    w.ByteString(x);
  } else if constexpr (std::is_same_v<T, Value>) {
    w.Item(x);
  } else if constexpr (TextEnum<T>) {
    w.Text(ToText(x));
  } else if constexpr (Reflected<T>) {
    auto& fields =
        const_cast<T&>(x);  // Fields only hands out references; writing does not change them
    CountFields count;
    fields.Fields(count);
    w.MapHead(count.n);
    WriteFields write{w};
    fields.Fields(write);
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    w.ByteString(ByteView(x.data(), x.size()));  // std::array<uint8_t, N>
  } else {
    w.ArrayHead(x.size());
    for (const auto& e : x) WriteItem(w, e);
  }
}

template <class T>
Status ReadItem(const Value& v, T& x);

struct ReadFields {
  const Value& map;
  Status status{};
  template <class T>
  void operator()(std::string_view key, T& x) {
    if (!status) return;
    const Value* v = map.Find(Value(key));
    if (v == nullptr) {
      if constexpr (!IsOptional<T>::value) {
        status = Refused("cbor.field-missing", fmt::format("\"{}\" is missing", key));
      }
      return;
    }
    Status s;
    if constexpr (IsOptional<T>::value) {
      x.emplace();
      s = ReadItem(*v, *x);
    } else {
      s = ReadItem(*v, x);
    }
    if (!s) status = std::unexpected(std::move(s).error().Context(key));
  }
};

template <class T>
Status ReadItem(const Value& v, T& x) {
  auto wrong = [](const char* want) {
    return Refused("cbor.field-type", fmt::format("is not {}", want));
  };
  if constexpr (std::is_same_v<T, bool>) {
    if (!v.AsBool()) return wrong("a Boolean");
    x = *v.AsBool();
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_unsigned_v<T>) {
      if (!v.AsUint() || !std::in_range<T>(*v.AsUint()))
        return wrong("an unsigned number in range");
      x = static_cast<T>(*v.AsUint());
    } else {
      if (!v.AsInt() || !std::in_range<T>(*v.AsInt())) return wrong("a number in range");
      x = static_cast<T>(*v.AsInt());
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!v.AsText()) return wrong("a text");
    x = *v.AsText();
  } else if constexpr (std::is_same_v<T, Bytes>) {
    if (!v.AsBytes()) return wrong("a byte string");
    x = *v.AsBytes();
  } else if constexpr (std::is_same_v<T, Value>) {
    x = v;
  } else if constexpr (TextEnum<T>) {
    if (!v.AsText() || !FromText(*v.AsText(), x)) return wrong("one of its words");
  } else if constexpr (Reflected<T>) {
    if (!v.AsMap()) return wrong("a map");
    ReadFields read{v};
    x.Fields(read);
    return read.status;
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    if (!v.AsBytes() || v.AsBytes()->size() != x.size())
      return wrong("a byte string of its length");
    std::copy(v.AsBytes()->begin(), v.AsBytes()->end(), x.begin());
  } else {
    if (!v.AsArray()) return wrong("an array");
    x.clear();
    for (const Value& e : *v.AsArray()) {
      x.emplace_back();
      if (Status s = ReadItem(e, x.back()); !s) return s;
    }
  }
  return {};
}

// ToCbor encodes a reflected struct; FromCbor reads one from an item already decoded.
template <Reflected T>
Bytes ToCbor(const T& x) {
  Bytes out;
  Writer w(out);
  WriteItem(w, x);
  return out;
}
template <Reflected T>
Result<T> FromValue(const Value& v) {
  T x{};
  BM_CHECK(ReadItem(v, x));
  return x;
}
template <Reflected T>
Result<T> FromCbor(ByteView data, const Limits& limits = {}) {
  BM_TRY(Value v, Decode(data, limits));
  return FromValue<T>(v);
}
// ToValue gives the item of a struct, for embedding in another. Null stands for a struct with a
// text that is no UTF-8, which could not be read again (RFC 8949 section 3.1).
template <Reflected T>
Value ToValue(const T& x) {
  auto item = Decode(ToCbor(x));
  return item ? std::move(*item) : Value();
}

}  // namespace birthmark::cbor
