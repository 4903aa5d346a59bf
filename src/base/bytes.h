// SPDX-License-Identifier: Apache-2.0
// Byte strings, their text forms, and secret bytes. No I/O. Values; thread-compatible.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace birthmark {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using Digest = std::array<uint8_t, 32>;  // SHA-256

// ToBytes copies the octets of a text.
inline Bytes ToBytes(std::string_view s) { return Bytes(s.begin(), s.end()); }
// AsBytes views a text's octets.
inline ByteView AsBytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
// AsText views octets as text, unchecked.
inline std::string_view AsText(ByteView b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

std::string ToHex(ByteView b);
// FromHex reads lower or upper case hexadecimal, nothing else between the digits.
std::optional<Bytes> FromHex(std::string_view hex);
std::string ToBase64(ByteView b);
// FromBase64 reads standard base64 (RFC 4648 section 4) with padding; white space is skipped.
std::optional<Bytes> FromBase64(std::string_view text);

// IsUtf8 is true for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view s);

// EqualSecret compares in time that depends on the lengths alone.
bool EqualSecret(ByteView a, ByteView b);
// Wipe overwrites memory in a way the compiler keeps.
void Wipe(void* p, size_t n);

// SecretAccess is the token that reading a secret takes, so that every reader is found by one
// search.
struct SecretAccess {
  explicit SecretAccess() = default;
};

// SecretBytes owns octets that must not be copied, printed or left behind in memory.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t n) : bytes_(n) {}
  // Take moves the octets in; the source vector is left empty.
  static SecretBytes Take(Bytes&& b) {
    SecretBytes s;
    s.bytes_ = std::move(b);
    b.clear();
    return s;
  }
  SecretBytes(SecretBytes&& o) noexcept : bytes_(std::move(o.bytes_)) { o.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& o) noexcept {
    if (this != &o) {
      Clear();
      bytes_ = std::move(o.bytes_);
      o.bytes_.clear();
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { Clear(); }

  ByteView Read(SecretAccess) const { return bytes_; }
  std::span<uint8_t> Write(SecretAccess) { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool operator==(const SecretBytes& o) const { return EqualSecret(bytes_, o.bytes_); }
  void Clear() {
    Wipe(bytes_.data(), bytes_.size());
    bytes_.clear();
  }

 private:
  Bytes bytes_;
};

}  // namespace birthmark
