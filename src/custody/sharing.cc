// SPDX-License-Identifier: Apache-2.0
#include "custody/sharing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "crypto/digest.h"
#include "custody/dkg.h"
#include "custody/group.h"
#include "custody/reshare.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kKekLabel = "birthmark custody key-encryption key v1";

Bytes NewSetId(Rng& rng) {
  Bytes id(kSetIdSize);
  rng.Fill(id);
  return id;
}

std::vector<uint16_t> UpTo(uint16_t count) {
  std::vector<uint16_t> out;
  for (uint16_t i = 1; i <= count; ++i) out.push_back(i);
  return out;
}

}  // namespace

std::vector<uint16_t> RandomIndices(uint16_t count, Rng& rng, std::span<const uint16_t> taken) {
  std::vector<uint16_t> free;
  for (uint16_t i = 1; i <= kMaxHolders; ++i) {
    if (std::ranges::find(taken, i) == taken.end()) free.push_back(i);
  }
  std::vector<uint16_t> out;
  while (out.size() < count && !free.empty()) {
    // One octet, drawn again above the largest multiple, so that no index is likelier.
    std::array<uint8_t, 1> octet;
    const size_t bound = 256 / free.size() * free.size();
    do rng.Fill(octet);
    while (octet[0] >= bound);
    const auto at = free.begin() + static_cast<std::ptrdiff_t>(octet[0] % free.size());
    out.push_back(*at);
    free.erase(at);
  }
  std::ranges::sort(out);
  return out;
}

Result<Dealt> Deal(uint16_t threshold, uint16_t count, Rng& rng) {
  BM_CHECK(CheckNumbers(threshold, count));
  return DealTo(threshold, UpTo(count), rng);
}

Result<Dealt> DealTo(uint16_t threshold, std::span<const uint16_t> indices, Rng& rng) {
  BM_CHECK(CheckIndices(indices));
  BM_CHECK(CheckNumbers(threshold, static_cast<uint16_t>(indices.size())));
  const Polynomial p = RandomPolynomial(Scalar::Random(rng), threshold, rng);
  const Bytes id = NewSetId(rng), key = Point::Base(p[0]).ToBytes();
  Dealt dealt{.set = {.set = id, .threshold = threshold, .key = key}};
  for (uint16_t i : indices) {
    const Scalar value = ValueAt(p, i);
    dealt.set.holders.push_back({i, Point::Base(value).ToBytes()});
    dealt.shares.push_back({.set = id, .index = i, .value = value.ToSecret(), .key = key});
  }
  return dealt;
}

Result<Dealt> DistributedKey(uint16_t threshold, uint16_t count, Rng& rng) {
  BM_CHECK(CheckNumbers(threshold, count));
  return DistributedKeyTo(threshold, UpTo(count), rng);
}

Result<Dealt> DistributedKeyTo(uint16_t threshold, std::span<const uint16_t> indices, Rng& rng) {
  const DkgTerms terms{.set = NewSetId(rng),
                       .parties = std::vector<uint16_t>(indices.begin(), indices.end()),
                       .threshold = threshold};
  std::vector<DkgParty> parties;
  std::vector<DkgRound1> first;
  for (uint16_t i : indices) {
    BM_TRY(DkgParty party, DkgParty::Start(terms, i, rng));
    first.push_back(party.round1());
    parties.push_back(std::move(party));
  }
  std::map<uint16_t, std::vector<DkgRound2>> mail;
  for (DkgParty& party : parties) {
    BM_TRY(std::vector<DkgRound2> parts, party.Deal(first));
    for (DkgRound2& part : parts) mail[part.to].push_back(std::move(part));
  }
  Dealt dealt;
  for (DkgParty& party : parties) {
    BM_TRY(Held held, party.Finish(mail[party.round1().index]));
    dealt.shares.push_back(std::move(held.share));
    dealt.set = std::move(held.set);
  }
  BM_CHECK(CheckSet(dealt.set));
  return dealt;
}

Status CheckShare(const Share& share, const ShareSet& set) {
  BM_CHECK(CheckShape(share));
  if (share.set != set.set || share.key != set.key)
    return Refused("share.foreign",
                   fmt::format("share {} belongs to another secret (set {}, wanted {})",
                               share.index, ShortId(share.set), ShortId(set.set)),
                   "bring the share of this set");
  if (share.generation < set.generation)
    return Refused("share.stale",
                   fmt::format("share {} is of generation {}; the shares were dealt again since",
                               share.index, share.generation),
                   "bring the holder's newest share, and destroy this one");
  if (share.generation > set.generation)
    return Refused("share.ahead",
                   fmt::format("share {} is of generation {}, later than the record's", share.index,
                               share.generation),
                   "take the newest sealed record");
  const HolderKey* holder = set.Find(share.index);
  if (holder == nullptr)
    return Refused("share.foreign", fmt::format("nobody of this set holds share {}", share.index),
                   "bring the share of this set");
  BM_TRY(const Scalar value, Scalar::FromOctets(share.value.Read(SecretAccess())));
  if (Point::Base(value).ToBytes() != holder->point)
    return Refused("share.wrong",
                   fmt::format("share {} is not the one that was dealt to its holder", share.index),
                   "find out who changed it; go on with the others");
  return {};
}

Sorted SortShares(std::span<const Share> shares, const ShareSet& set) {
  Sorted sorted;
  std::set<uint16_t> seen;
  for (size_t i = 0; i < shares.size(); ++i) {
    const Share& share = shares[i];
    Status status = CheckShare(share, set);
    if (status && !seen.insert(share.index).second)
      status = Refused("share.duplicate", fmt::format("share {} was handed in twice", share.index),
                       "each holder hands in the own share once");
    if (status) {
      sorted.good.push_back(i);
    } else {
      sorted.bad.push_back({i, share.index, std::move(status).error()});
    }
  }
  return sorted;
}

Error TooFew(const Sorted& sorted) {
  std::string why;
  for (const BadShare& b : sorted.bad)
    why += fmt::format("{}share {}: {}", why.empty() ? " (" : "; ", b.index, b.error.code);
  if (!why.empty()) why += ")";
  return {ErrorKind::kNegative, "share.too-few",
          fmt::format("{} good shares are not enough{}", sorted.good.size(), why),
          "bring more holders, or the right files of those refused"};
}

Result<Recovered> Recover(std::span<const Share> shares, const ShareSet& set) {
  BM_CHECK(CheckSet(set));
  Sorted sorted = SortShares(shares, set);
  if (sorted.good.size() < set.threshold) return std::unexpected(TooFew(sorted));
  Recovered out;
  for (size_t i = 0; i < set.threshold; ++i) out.used.push_back(shares[sorted.good[i]].index);
  Scalar secret;
  for (size_t i = 0; i < set.threshold; ++i) {
    BM_TRY(const Scalar weight, LagrangeAt(out.used[i], out.used));
    BM_TRY(const Scalar value,
           Scalar::FromOctets(shares[sorted.good[i]].value.Read(SecretAccess())));
    secret = secret + weight * value;
  }
  // CheckSet and CheckShare together leave no other secret; a fault of memory would.
  if (Point::Base(secret).ToBytes() != set.key)
    return Internal("share.recovery", "the shares are good and their secret is not the set's key");
  const SecretBytes octets = secret.ToSecret();
  out.key = crypto::HkdfSha256(octets.Read(SecretAccess()), set.set, AsBytes(kKekLabel), 32);
  out.refused = std::move(sorted.bad);
  return out;
}

Result<Dealt> Reshare(std::span<const Share> shares, const ShareSet& set, uint16_t new_threshold,
                      uint16_t new_count, Rng& rng) {
  BM_CHECK(CheckNumbers(new_threshold, new_count));
  return ReshareTo(shares, set, new_threshold, UpTo(new_count), rng);
}

Result<Dealt> ReshareTo(std::span<const Share> shares, const ShareSet& set, uint16_t new_threshold,
                        std::span<const uint16_t> new_indices, Rng& rng) {
  BM_CHECK(CheckSet(set));
  const Sorted sorted = SortShares(shares, set);
  if (sorted.good.size() < set.threshold) return std::unexpected(TooFew(sorted));
  std::vector<uint16_t> dealers;
  for (size_t i = 0; i < set.threshold; ++i) dealers.push_back(shares[sorted.good[i]].index);
  std::vector<ReshareReceiver> receivers;
  std::vector<Receiver> keys;
  for (uint16_t index : new_indices) {
    BM_TRY(ReshareReceiver receiver, ReshareReceiver::Start(index, rng));
    keys.push_back(receiver.receiver());
    receivers.push_back(std::move(receiver));
  }
  BM_TRY(const ReshareTerms terms, MakeTerms(set, dealers, std::move(keys), new_threshold));
  std::vector<Dealing> dealings;
  for (size_t i = 0; i < set.threshold; ++i) {
    BM_TRY(Dealing dealing, DealOn(shares[sorted.good[i]], terms, rng));
    dealings.push_back(std::move(dealing));
  }
  Dealt dealt;
  for (const ReshareReceiver& receiver : receivers) {
    BM_TRY(Held held, receiver.Finish(dealings, terms, set));
    dealt.shares.push_back(std::move(held.share));
    dealt.set = std::move(held.set);
  }
  std::ranges::sort(dealt.shares, {}, &Share::index);
  return dealt;
}

}  // namespace birthmark::custody
