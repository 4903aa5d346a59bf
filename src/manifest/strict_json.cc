// SPDX-License-Identifier: Apache-2.0
#include "manifest/strict_json.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "manifest/part.h"

namespace birthmark::manifest {
namespace {

using Json = nlohmann::json;

// Builder makes the tree from the parser's events.
class Builder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return Add(nullptr); }
  bool boolean(bool v) { return Add(v); }
  bool number_integer(number_integer_t v) { return Add(v); }
  bool number_unsigned(number_unsigned_t v) { return Add(v); }
  bool number_float(number_float_t v, const string_t&) { return Add(v); }
  bool string(string_t& v) { return Add(std::move(v)); }
  bool binary(binary_t&) { return Fail("binary data"); }
  bool start_object(size_t) { return Open(Json::object()); }
  bool start_array(size_t) { return Open(Json::array()); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(string_t& name) {
    Json& object = *open_.back();
    auto [it, fresh] = object.emplace(std::move(name), nullptr);
    if (!fresh) return Fail("the name \"" + Shown(it.key()) + "\" stands twice");
    place_ = &it.value();
    return true;
  }
  template <class E>
  bool parse_error(size_t at, const std::string&, const E&) {
    return Fail(fmt::format("no JSON from octet {} on", at));
  }

  Json root;
  std::string why;

 private:
  bool Fail(std::string what) {
    if (why.empty()) why = std::move(what);
    return false;
  }
  template <class V>
  bool Add(V&& v) {
    *Place() = std::forward<V>(v);
    return true;
  }
  // Place is where the next value goes.
  Json* Place() {
    if (open_.empty()) return &root;
    if (open_.back()->is_array()) return &open_.back()->emplace_back(nullptr);
    return place_;
  }
  bool Open(Json v) {
    if (open_.size() >= kMaxDepth) return Fail("nested too deeply");
    Json* at = Place();
    *at = std::move(v);
    open_.push_back(at);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }
  // A value keeps its place while it is open: its container grows only when it is closed.
  std::vector<Json*> open_;
  Json* place_ = nullptr;
};

constexpr std::array<int8_t, 256> kAlphabet = [] {
  std::array<int8_t, 256> t{};
  t.fill(-1);
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < kLetters.size(); ++i)
    t[static_cast<uint8_t>(kLetters[i])] = static_cast<int8_t>(i);
  return t;
}();

const Json* Member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

}  // namespace

Result<Json> ParseStrict(std::string_view text) {
  Builder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return Refused("manifest.json", builder.why.empty() ? "no JSON" : builder.why,
                   "the file is damaged: ask its sender for it again");
  }
  return std::move(builder.root);
}

const std::string* Text(const Json& object, const char* name) {
  const Json* m = Member(object, name);
  return m != nullptr && m->is_string() ? m->get_ptr<const std::string*>() : nullptr;
}
const Json* Object(const Json& object, const char* name) {
  const Json* m = Member(object, name);
  return m != nullptr && m->is_object() ? m : nullptr;
}
const Json* Array(const Json& object, const char* name) {
  const Json* m = Member(object, name);
  return m != nullptr && m->is_array() ? m : nullptr;
}

std::optional<Bytes> FromBase64Url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  Bytes out(text.size() / 4 * 3 + (text.size() % 4 == 0 ? 0 : text.size() % 4 - 1));
  uint32_t bits = 0, seen = 0;
  int count = 0;
  size_t n = 0;
  for (char c : text) {
    int8_t v = kAlphabet[static_cast<uint8_t>(c)];
    seen |= static_cast<uint32_t>(v);  // a foreign octet is -1
    bits = bits << 6 | (static_cast<uint32_t>(v) & 63);
    if (++count == 4) {
      out[n++] = static_cast<uint8_t>(bits >> 16);
      out[n++] = static_cast<uint8_t>(bits >> 8);
      out[n++] = static_cast<uint8_t>(bits);
      bits = 0;
      count = 0;
    }
  }
  if (seen > 63) return std::nullopt;
  if (count == 2) {
    if (bits & 0xf) return std::nullopt;
    out[n++] = static_cast<uint8_t>(bits >> 4);
  } else if (count == 3) {
    if (bits & 0x3) return std::nullopt;
    out[n++] = static_cast<uint8_t>(bits >> 10);
    out[n++] = static_cast<uint8_t>(bits >> 2);
  }
  return out;
}

std::string ToBase64Url(ByteView b) {
  std::string s = ToBase64(b);
  while (!s.empty() && s.back() == '=') s.pop_back();
  for (char& c : s) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return s;
}

}  // namespace birthmark::manifest
