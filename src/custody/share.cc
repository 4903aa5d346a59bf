// SPDX-License-Identifier: Apache-2.0
#include "custody/share.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "custody/group.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kDualDomain = "birthmark custody set check v1";

Error BadSet(std::string what) {
  return {ErrorKind::kNegative, "share.set", std::move(what),
          "take the set from the ceremony's sealed record again"};
}

// LieTogether tells whether the points at `places` are values of one polynomial with k
// coefficients. Every word of the dual code of the values is zero on them, and a random one is not
// on others (Cascudo and David 2017, section 2.1). The random polynomial is hashed from what it is
// to test, so that nobody can choose the points after it.
bool LieTogether(const std::vector<uint16_t>& places, const std::vector<Point>& points, size_t k,
                 ByteView hashed) {
  Polynomial f;
  for (size_t i = 0; i + k < places.size(); ++i) {
    const std::array<uint8_t, 2> number = {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    f.push_back(HashToScalar({AsBytes(kDualDomain), hashed, number}));
  }
  Point sum;
  for (size_t i = 0; i < places.size(); ++i) {
    Scalar under = Scalar::FromInt(1);
    for (size_t j = 0; j < places.size(); ++j) {
      if (j != i) under = under * (Scalar::FromInt(places[i]) - Scalar::FromInt(places[j]));
    }
    Result<Scalar> weight = under.Inverse();
    if (!weight) return false;
    sum = sum + points[i] * (*weight * ValueAt(f, places[i]));
  }
  return sum.IsIdentity();
}

std::unexpected<Error> Mistyped(std::string what) {
  return Refused("share.mistyped", std::move(what),
                 "open the share's file, or type its words again");
}

}  // namespace

const HolderKey* ShareSet::Find(uint16_t index) const {
  auto it = std::find_if(holders.begin(), holders.end(),
                         [&](const HolderKey& h) { return h.index == index; });
  return it == holders.end() ? nullptr : &*it;
}

Status CheckNumbers(uint16_t threshold, uint16_t count) {
  if (threshold < 2)
    return Refused("share.threshold", "with fewer than 2 shares needed, each share is the secret",
                   "choose a threshold of 2 or more");
  if (threshold > count)
    return Refused("share.threshold", "more shares are needed than there are holders",
                   "choose a threshold that the holders can reach");
  if (count > kMaxHolders)
    return Refused("share.threshold", fmt::format("more than {} holders", kMaxHolders));
  return {};
}

Status CheckIndices(std::span<const uint16_t> indices) {
  uint16_t last = 0;
  for (uint16_t i : indices) {
    if (i <= last || i > kMaxHolders)
      return Refused("custody.index",
                     fmt::format("index {} is out of order, stands twice or is not from 1 to {}", i,
                                 kMaxHolders),
                     "name each holder by an index of its own, in ascending order");
    last = i;
  }
  return {};
}

Status CheckSet(const ShareSet& set) {
  if (set.set.size() != kSetIdSize)
    return std::unexpected(BadSet("the set's id does not have 16 octets"));
  if (set.generation == 0 || set.generation > kMaxGeneration)
    return std::unexpected(BadSet("the set's generation is out of its range"));
  if (set.holders.size() > kMaxHolders)
    return std::unexpected(BadSet("the set has more holders than there are indices"));
  BM_CHECK(CheckNumbers(set.threshold, static_cast<uint16_t>(set.holders.size())));
  std::vector<uint16_t> places = {0};
  std::vector<Point> points;
  auto take = [&](ByteView octets, std::string_view what) -> Status {
    Result<Point> p = Point::FromOctets(octets);
    if (!p) return std::unexpected(std::move(p).error().Context(what));
    points.push_back(*p);
    return {};
  };
  BM_CHECK(take(set.key, "the set's key"));
  for (const HolderKey& h : set.holders) {
    if (h.index <= places.back() || h.index > kMaxHolders)
      return std::unexpected(BadSet("the holders' indices do not ascend from 1 to 255"));
    BM_CHECK(take(h.point, fmt::format("holder {}'s point", h.index)));
    places.push_back(h.index);
  }
  // Where fewer shares were enough too, the set would claim a threshold that it has not.
  const Bytes hashed = cbor::ToCbor(set);
  if (!LieTogether(places, points, set.threshold, hashed) ||
      LieTogether(places, points, set.threshold - 1, hashed))
    return std::unexpected(BadSet("the holders' points do not belong to one key and threshold"));
  return {};
}

Status CheckShape(const Share& share) {
  if (share.set.size() != kSetIdSize) return Mistyped("the share's set id does not have 16 octets");
  if (share.generation == 0 || share.generation > kMaxGeneration)
    return Mistyped("the share's generation is out of its range");
  if (share.index == 0 || share.index > kMaxHolders)
    return Mistyped("the share's index is out of its range");
  Result<Scalar> value = Scalar::FromOctets(share.value.Read(SecretAccess()));
  if (!value || value->IsZero())
    return Mistyped(fmt::format("share {} holds a value that no share has", share.index));
  if (!Point::FromOctets(share.key))
    return Mistyped(fmt::format("share {} names a key that is none", share.index));
  return {};
}

Result<SecretBytes> ToOctets(const Share& share) {
  BM_CHECK(CheckShape(share));
  Bytes out;
  out.reserve(kShareOctets);
  auto append = [&](ByteView b) { out.insert(out.end(), b.begin(), b.end()); };
  auto number = [&](uint32_t n) {
    out.push_back(static_cast<uint8_t>(n >> 8));
    out.push_back(static_cast<uint8_t>(n));
  };
  append(share.set);
  number(share.generation);
  number(share.index);
  append(share.value.Read(SecretAccess()));
  append(share.key);
  return SecretBytes::Take(std::move(out));
}

Result<Share> FromOctets(ByteView octets) {
  if (octets.size() != kShareOctets) return Mistyped("a share has 84 octets");
  auto copy = [&](size_t at, size_t n) {
    return Bytes(octets.begin() + static_cast<std::ptrdiff_t>(at),
                 octets.begin() + static_cast<std::ptrdiff_t>(at + n));
  };
  auto number = [&](size_t at) { return static_cast<uint16_t>(octets[at] << 8 | octets[at + 1]); };
  Share share{.set = copy(0, kSetIdSize),
              .generation = number(16),
              .index = number(18),
              .value = SecretBytes::Take(copy(20, kScalarSize)),
              .key = copy(52, kPointSize)};
  BM_CHECK(CheckShape(share));
  return share;
}

std::string ShortId(ByteView set) { return ToHex(set.first(std::min<size_t>(set.size(), 4))); }

}  // namespace birthmark::custody
