// SPDX-License-Identifier: Apache-2.0
#include "cbor/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace birthmark::cbor {
namespace {

class Decoder {
 public:
  Decoder(ByteView data, const Limits& limits)
      : data_(data), left_(limits.items), depth_(limits.depth) {}

  Result<Value> Item(int depth) {
    if (depth > depth_) return Bad("depth", "items are nested too deeply");
    if (left_-- == 0) return Bad("items", "too many items");
    if (pos_ >= data_.size()) return Bad("truncated", "the data ends early");
    uint8_t first = data_[pos_];
    int major = first >> 5;
    if (major == 7) return Simple(first);
    BM_TRY(uint64_t n, Argument());
    switch (major) {
      case 0:
        return Value(n);
      case 1:
        return Value(Negative{n});
      case 2: {
        BM_TRY(ByteView b, Take(n));
        return Value(Bytes(b.begin(), b.end()));
      }
      case 3: {
        size_t at = pos_;
        BM_TRY(ByteView b, Take(n));
        if (!IsUtf8(birthmark::AsText(b))) return BadAt(at, "utf8", "a text is not UTF-8");
        return Value(std::string(b.begin(), b.end()));
      }
      case 4:
        return ArrayOf(n, depth);
      case 5:
        return MapOf(n, depth);
      default: {
        BM_TRY(Value inner, Item(depth + 1));
        return Value::Tag(n, std::move(inner));
      }
    }
  }

  size_t pos() const { return pos_; }

 private:
  std::unexpected<Error> BadAt(size_t at, const char* code, const char* what) const {
    return Refused(fmt::format("cbor.{}", code), fmt::format("{} at byte {}", what, at));
  }
  std::unexpected<Error> Bad(const char* code, const char* what) const {
    return BadAt(pos_, code, what);
  }

  // Argument reads the head at pos_ and moves past it; only the shortest form is taken.
  Result<uint64_t> Argument() {
    size_t at = pos_;
    int info = data_[pos_++] & 31;
    if (info < 24) return static_cast<uint64_t>(info);
    if (info == 31) return BadAt(at, "indefinite", "an indefinite length");
    if (info > 27) return BadAt(at, "unsupported", "a reserved head");
    size_t n = size_t{1} << (info - 24);
    if (data_.size() - pos_ < n) return BadAt(at, "truncated", "the data ends early");
    uint64_t v = 0;
    for (size_t i = 0; i < n; ++i) v = v << 8 | data_[pos_++];
    uint64_t least = info == 24 ? 24 : uint64_t{1} << (8 * (n / 2));
    if (v < least) return BadAt(at, "not-shortest", "a number not in its shortest form");
    return v;
  }

  Result<ByteView> Take(uint64_t n) {
    if (n > data_.size() - pos_) return Bad("truncated", "the data ends early");
    ByteView b = data_.subspan(pos_, static_cast<size_t>(n));
    pos_ += static_cast<size_t>(n);
    return b;
  }

  Result<Value> Simple(uint8_t first) {
    if (first == 0xf4 || first == 0xf5) {
      ++pos_;
      return Value(first == 0xf5);
    }
    if (first == 0xf6) {
      ++pos_;
      return Value();
    }
    if (first == 0xff) return Bad("indefinite", "a break without an indefinite length");
    return Bad("unsupported", "a float or simple value");
  }

  Result<Value> ArrayOf(uint64_t n, int depth) {
    if (n > data_.size() - pos_) return Bad("truncated", "the data ends early");
    Array a;
    for (uint64_t i = 0; i < n; ++i) {
      BM_TRY(Value v, Item(depth + 1));
      a.push_back(std::move(v));
    }
    return Value(std::move(a));
  }

  Result<Value> MapOf(uint64_t n, int depth) {
    if (n > (data_.size() - pos_) / 2) return Bad("truncated", "the data ends early");
    Map m;
    ByteView last;
    for (uint64_t i = 0; i < n; ++i) {
      size_t at = pos_;
      BM_TRY(Value k, Item(depth + 1));
      ByteView key = data_.subspan(at, pos_ - at);
      if (i > 0) {
        if (std::equal(last.begin(), last.end(), key.begin(), key.end())) {
          return BadAt(at, "key-duplicate", "a map key stands twice");
        }
        if (!std::lexicographical_compare(last.begin(), last.end(), key.begin(), key.end())) {
          return BadAt(at, "key-order", "map keys are not sorted");
        }
      }
      last = key;
      BM_TRY(Value v, Item(depth + 1));
      m.emplace_back(std::move(k), std::move(v));
    }
    return Value(std::move(m));
  }

  ByteView data_;
  size_t pos_ = 0;
  size_t left_;
  int depth_;
};

void EncodeMap(const Map& m, Bytes& out) {
  std::vector<std::pair<Bytes, const Value*>> entries;
  entries.reserve(m.size());
  for (const auto& [k, v] : m) entries.emplace_back(Encode(k), &v);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Writer w(out);
  w.MapHead(m.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    // Two equal keys cannot be encoded deterministically and would be refused by every reader.
    if (i > 0 && entries[i].first == entries[i - 1].first) std::abort();
    w.Raw(entries[i].first);
    w.Item(*entries[i].second);
  }
}

}  // namespace

const Value* Value::Find(const Value& key) const {
  const Map* m = AsMap();
  if (m == nullptr) return nullptr;
  for (const auto& [k, v] : *m) {
    if (k == key) return &v;
  }
  return nullptr;
}

bool Value::operator==(const Value& o) const {
  if (v_.index() != o.v_.index()) return false;
  if (auto* t = AsTagged()) return t->tag == o.AsTagged()->tag && t->item == o.AsTagged()->item;
  return std::visit(
      [&](const auto& a) {
        using T = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<T, Tagged>) {
          return false;
        } else {
          return a == std::get<T>(o.v_);
        }
      },
      v_);
}

void Writer::Head(int major, uint64_t n) {
  auto m = static_cast<uint8_t>(major << 5);
  if (n < 24) {
    out_.push_back(m | static_cast<uint8_t>(n));
    return;
  }
  int bytes = n <= 0xff ? 1 : n <= 0xffff ? 2 : n <= 0xffffffff ? 4 : 8;
  out_.push_back(m | static_cast<uint8_t>(bytes == 1   ? 24
                                          : bytes == 2 ? 25
                                          : bytes == 4 ? 26
                                                       : 27));
  for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<uint8_t>(n >> (8 * i)));
}

void Writer::Item(const Value& v) {
  std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, uint64_t>) Uint(x);
        if constexpr (std::is_same_v<T, Negative>) Head(1, x.n);
        if constexpr (std::is_same_v<T, Bytes>) ByteString(x);
        if constexpr (std::is_same_v<T, std::string>) Text(x);
        if constexpr (std::is_same_v<T, bool>) Bool(x);
        if constexpr (std::is_same_v<T, cbor::Null>) Null();
        if constexpr (std::is_same_v<T, Map>) EncodeMap(x, out_);
        if constexpr (std::is_same_v<T, Array>) {
          ArrayHead(x.size());
          for (const Value& e : x) Item(e);
        }
        if constexpr (std::is_same_v<T, Tagged>) {
          TagHead(x.tag);
          Item(x.item.at(0));
        }
      },
      v.variant());
}

Bytes Encode(const Value& v) {
  Bytes out;
  Writer(out).Item(v);
  return out;
}

Result<Value> DecodePrefix(ByteView data, size_t* used, const Limits& limits) {
  Decoder d(data, limits);
  BM_TRY(Value v, d.Item(1));
  *used = d.pos();
  return v;
}

Result<Value> Decode(ByteView data, const Limits& limits) {
  size_t used = 0;
  BM_TRY(Value v, DecodePrefix(data, &used, limits));
  if (used != data.size()) {
    return Refused("cbor.trailing", fmt::format("{} bytes after the item", data.size() - used));
  }
  return v;
}

}  // namespace birthmark::cbor
