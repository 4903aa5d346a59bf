// SPDX-License-Identifier: Apache-2.0
#include "custody/group.h"

#include <sodium.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "custody/sodium.h"

namespace birthmark::custody {
namespace {

// L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 section 5.1), little-endian.
constexpr std::array<uint8_t, 32> kOrder = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

// BelowOrder subtracts L and keeps the borrow, so that its time says nothing about the scalar.
bool BelowOrder(ByteView x) {
  int borrow = 0;
  for (size_t i = 0; i < kOrder.size(); ++i) {
    const int difference = static_cast<int>(x[i]) - kOrder[i] - borrow;
    borrow = (difference >> 8) & 1;
  }
  return borrow == 1;
}

// Impossible ends the process: every Scalar and Point was checked when it was made.
void Impossible(const char* what) {
  std::fprintf(stderr, "custody: libsodium refused %s\n", what);
  std::abort();
}

}  // namespace

void InitSodium() {
  static const bool started = sodium_init() >= 0;
  if (!started) Impossible("to start");
}

Scalar Scalar::FromInt(uint32_t n) {
  Scalar s;
  for (int i = 0; i < 4; ++i) s.octets_[i] = static_cast<uint8_t>(n >> (8 * i));
  return s;
}

Result<Scalar> Scalar::FromOctets(ByteView octets) {
  if (octets.size() != kScalarSize || !BelowOrder(octets))
    return Refused("custody.scalar", "is not a number below the order of Ed25519's group");
  Scalar s;
  std::copy(octets.begin(), octets.end(), s.octets_.begin());
  return s;
}

Scalar Scalar::FromWide(std::span<const uint8_t, 64> wide) {
  Scalar s;
  crypto_core_ed25519_scalar_reduce(s.octets_.data(), wide.data());
  return s;
}

Scalar Scalar::Random(Rng& rng) {
  std::array<uint8_t, 64> wide;
  Scalar s;
  while (s.IsZero()) {
    rng.Fill(wide);
    s = FromWide(wide);
  }
  Wipe(wide.data(), wide.size());
  return s;
}

bool Scalar::IsZero() const { return sodium_is_zero(octets_.data(), octets_.size()) == 1; }

Scalar Scalar::operator+(const Scalar& o) const {
  Scalar s;
  crypto_core_ed25519_scalar_add(s.octets_.data(), octets_.data(), o.octets_.data());
  return s;
}

Scalar Scalar::operator-(const Scalar& o) const {
  Scalar s;
  crypto_core_ed25519_scalar_sub(s.octets_.data(), octets_.data(), o.octets_.data());
  return s;
}

Scalar Scalar::operator*(const Scalar& o) const {
  Scalar s;
  crypto_core_ed25519_scalar_mul(s.octets_.data(), octets_.data(), o.octets_.data());
  return s;
}

Result<Scalar> Scalar::Inverse() const {
  Scalar s;
  if (crypto_core_ed25519_scalar_invert(s.octets_.data(), octets_.data()) != 0)
    return Refused("custody.scalar", "zero has no inverse");
  return s;
}

SecretBytes Scalar::ToSecret() const {
  SecretBytes out(kScalarSize);
  std::copy(octets_.begin(), octets_.end(), out.Write(SecretAccess()).begin());
  return out;
}

Result<Point> Point::FromOctets(ByteView octets) {
  InitSodium();
  if (octets.size() != kPointSize || crypto_core_ed25519_is_valid_point(octets.data()) != 1)
    return Refused("custody.point", "is not a point of the prime-order group of Ed25519");
  Point p;
  std::copy(octets.begin(), octets.end(), p.octets_.begin());
  return p;
}

Point Point::Base(const Scalar& x) {
  InitSodium();
  Point p;
  if (x.IsZero()) return p;  // libsodium refuses to give the identity
  if (crypto_scalarmult_ed25519_base_noclamp(p.octets_.data(), x.octets_.data()) != 0)
    Impossible("to multiply the generator");
  return p;
}

bool Point::IsIdentity() const { return *this == Point(); }

Point Point::operator+(const Point& o) const {
  Point p;
  if (crypto_core_ed25519_add(p.octets_.data(), octets_.data(), o.octets_.data()) != 0)
    Impossible("to add points");
  return p;
}

Point Point::operator-(const Point& o) const {
  Point p;
  if (crypto_core_ed25519_sub(p.octets_.data(), octets_.data(), o.octets_.data()) != 0)
    Impossible("to subtract points");
  return p;
}

Point Point::operator*(const Scalar& x) const {
  InitSodium();
  Point p;
  if (x.IsZero() || IsIdentity()) return p;
  if (crypto_scalarmult_ed25519_noclamp(p.octets_.data(), x.octets_.data(), octets_.data()) != 0)
    Impossible("to multiply a point");
  return p;
}

std::array<uint8_t, 64> Sha512(std::initializer_list<ByteView> parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (ByteView part : parts) crypto_hash_sha512_update(&state, part.data(), part.size());
  std::array<uint8_t, 64> out;
  crypto_hash_sha512_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

Scalar HashToScalar(std::initializer_list<ByteView> parts) {
  std::array<uint8_t, 64> wide = Sha512(parts);
  Scalar s = Scalar::FromWide(wide);
  Wipe(wide.data(), wide.size());
  return s;
}

Polynomial RandomPolynomial(const Scalar& constant, size_t size, Rng& rng) {
  Polynomial p;
  p.reserve(size);  // growing would leave unwiped copies behind
  p.push_back(constant);
  while (p.size() < size) p.push_back(Scalar::Random(rng));
  return p;
}

Scalar ValueAt(const Polynomial& p, uint16_t x) {
  const Scalar at = Scalar::FromInt(x);
  Scalar value;
  for (size_t i = p.size(); i-- > 0;) value = value * at + p[i];
  return value;
}

std::vector<Point> CommitTo(const Polynomial& p) {
  std::vector<Point> out;
  for (const Scalar& c : p) out.push_back(Point::Base(c));
  return out;
}

Point PointAt(std::span<const Point> commitments, uint16_t x) {
  const Scalar at = Scalar::FromInt(x);
  Point value;
  for (size_t i = commitments.size(); i-- > 0;) value = value * at + commitments[i];
  return value;
}

Result<Scalar> LagrangeAt(uint16_t index, std::span<const uint16_t> all, uint16_t x) {
  Scalar over = Scalar::FromInt(1), under = Scalar::FromInt(1);
  int own = 0;
  for (uint16_t other : all) {
    if (other == 0) return Refused("custody.index", "0 is the secret's own place");
    if (other == index) {
      ++own;
      continue;
    }
    over = over * (Scalar::FromInt(other) - Scalar::FromInt(x));
    under = under * (Scalar::FromInt(other) - Scalar::FromInt(index));
  }
  if (own == 0) return Refused("custody.index", "the index is none of those given");
  if (own > 1) return Refused("share.duplicate", "one index stands twice in the list");
  // A second copy of another index gives no zero, so it is looked for too.
  for (size_t i = 0; i < all.size(); ++i) {
    if (std::count(all.begin() + static_cast<std::ptrdiff_t>(i), all.end(), all[i]) > 1)
      return Refused("share.duplicate", "one index stands twice in the list");
  }
  BM_TRY(Scalar inverse, under.Inverse());
  return over * inverse;
}

}  // namespace birthmark::custody
