// SPDX-License-Identifier: Apache-2.0
// The prime-order group of Ed25519 and its scalar field (RFC 8032 section 5.1): what shares,
// threshold signatures and proofs are computed in. Wraps libsodium; leaves out every protocol.
// Values; thread-compatible.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace birthmark::custody {

inline constexpr size_t kScalarSize = 32;
inline constexpr size_t kPointSize = 32;

// Scalar is an integer modulo the group's order L, kept as 32 little-endian octets. Every Scalar is
// treated as a secret: wiped when it goes, compared in constant time, never printed.
class Scalar {
 public:
  Scalar() = default;  // zero
  ~Scalar() { Wipe(octets_.data(), octets_.size()); }
  Scalar(const Scalar&) = default;
  Scalar& operator=(const Scalar&) = default;

  static Scalar FromInt(uint32_t n);
  // FromOctets takes 32 octets below L (RFC 9591 section 6.1, DeserializeScalar). Errors:
  // custody.scalar.
  static Result<Scalar> FromOctets(ByteView octets);
  // FromWide reduces 64 octets modulo L.
  static Scalar FromWide(std::span<const uint8_t, 64> wide);
  // Random is uniform and never zero.
  static Scalar Random(Rng& rng);

  bool IsZero() const;
  Scalar operator+(const Scalar& o) const;
  Scalar operator-(const Scalar& o) const;
  Scalar operator*(const Scalar& o) const;
  // Inverse is 1/x. Errors: custody.scalar for zero.
  Result<Scalar> Inverse() const;
  bool operator==(const Scalar& o) const { return EqualSecret(octets_, o.octets_); }

  ByteView Read(SecretAccess) const { return octets_; }
  SecretBytes ToSecret() const;
  // ToPublic copies a scalar that is meant to be given away: a response, a partial signature.
  Bytes ToPublic() const { return Bytes(octets_.begin(), octets_.end()); }

 private:
  friend class Point;
  std::array<uint8_t, kScalarSize> octets_{};
};

// Point is an element of the prime-order group. The identity exists as a value of sums; it is never
// read from octets.
class Point {
 public:
  Point() { octets_[0] = 1; }  // the identity
  // FromOctets takes the canonical encoding of an element of the prime-order subgroup other than
  // the identity (RFC 9591 section 6.1, DeserializeElement). Errors: custody.point.
  static Result<Point> FromOctets(ByteView octets);
  // Base is x times the generator.
  static Point Base(const Scalar& x);

  bool IsIdentity() const;
  Point operator+(const Point& o) const;
  Point operator-(const Point& o) const;
  Point operator*(const Scalar& x) const;
  bool operator==(const Point& o) const { return octets_ == o.octets_; }
  ByteView octets() const { return octets_; }
  Bytes ToBytes() const { return Bytes(octets_.begin(), octets_.end()); }

 private:
  std::array<uint8_t, kPointSize> octets_{};
};

// HashToScalar is SHA-512 over the parts, reduced modulo L.
Scalar HashToScalar(std::initializer_list<ByteView> parts);
// Sha512 hashes the parts as if they were one.
std::array<uint8_t, 64> Sha512(std::initializer_list<ByteView> parts);

// Polynomial holds coefficients, the constant first.
using Polynomial = std::vector<Scalar>;
// RandomPolynomial has this constant and `size` coefficients in all, none of the others zero.
Polynomial RandomPolynomial(const Scalar& constant, size_t size, Rng& rng);
Scalar ValueAt(const Polynomial& p, uint16_t x);
// CommitTo gives each coefficient times the generator (Feldman 1987).
std::vector<Point> CommitTo(const Polynomial& p);
// PointAt evaluates a committed polynomial without knowing it.
Point PointAt(std::span<const Point> commitments, uint16_t x);
// LagrangeAt is the coefficient of `index` for the value at `x`, interpolating through `all`.
// Errors: share.duplicate, custody.index (zero, or `index` not among them).
Result<Scalar> LagrangeAt(uint16_t index, std::span<const uint16_t> all, uint16_t x = 0);

}  // namespace birthmark::custody
