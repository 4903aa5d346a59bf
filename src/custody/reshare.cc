// SPDX-License-Identifier: Apache-2.0
#include "custody/reshare.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "custody/sharing.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kPassOnDomain = "birthmark custody reshare part v1";
constexpr std::string_view kSwitchDomain = "birthmark custody switch to set ";

Digest TermsDigest(const ReshareTerms& terms) { return crypto::Sha256(cbor::ToCbor(terms)); }

Digest PassOnContext(const Digest& terms, uint16_t from, uint16_t to) {
  const std::array<uint8_t, 4> who = {static_cast<uint8_t>(from >> 8), static_cast<uint8_t>(from),
                                      static_cast<uint8_t>(to >> 8), static_cast<uint8_t>(to)};
  return crypto::Sha256(AsBytes(kPassOnDomain), terms, who);
}

std::vector<uint16_t> IndicesOf(const std::vector<Receiver>& receivers) {
  std::vector<uint16_t> out;
  for (const Receiver& r : receivers) out.push_back(r.index);
  return out;
}

std::unexpected<Error> BadTerms(std::string what) {
  return Refused("reshare.terms", std::move(what),
                 "compare the terms with what the ceremony decided");
}

// CheckTerms is what every party looks at, with or without the set.
Status CheckTerms(const ReshareTerms& terms) {
  if (terms.set.size() != kSetIdSize) return BadTerms("the terms name no set");
  if (terms.generation == 0 || terms.generation >= kMaxGeneration)
    return Refused("share.generation", "there is no generation after this one",
                   "deal a new secret and wrap the keys under it");
  if (terms.receivers.size() > kMaxHolders)
    return Refused("share.threshold", "there are more receivers than indices");
  BM_CHECK(CheckNumbers(terms.threshold, static_cast<uint16_t>(terms.receivers.size())));
  if (!CheckIndices(terms.dealers) || terms.dealers.size() < 2)
    return BadTerms("the dealers are not two or more different holders in order");
  if (!CheckIndices(IndicesOf(terms.receivers)))
    return BadTerms("the receivers are not different holders in order");
  for (const Receiver& r : terms.receivers) {
    if (r.box.size() != kBoxKeySize)
      return BadTerms(fmt::format("receiver {} gave no key of 32 octets", r.index));
  }
  return {};
}

Status CheckTermsOfSet(const ReshareTerms& terms, const ShareSet& set) {
  BM_CHECK(CheckTerms(terms));
  if (terms.set != set.set || terms.generation != set.generation ||
      terms.dealers.size() < set.threshold)
    return BadTerms("the terms are not of the set in force");
  for (uint16_t d : terms.dealers) {
    if (set.Find(d) == nullptr) return BadTerms(fmt::format("nobody of the set holds share {}", d));
  }
  return {};
}

std::unexpected<Error> BadDealing(uint16_t dealer, std::string_view what) {
  return Refused(
      "reshare.dealing", fmt::format("holder {} {}", dealer, what),
      "go on with another holder's dealing in its place; the old shares are still in force");
}

// ReadDealing checks a dealing under terms that were checked, and gives its commitments.
Result<std::vector<Point>> ReadDealing(const Dealing& dealing, const ReshareTerms& terms,
                                       const Digest& terms_digest, const ShareSet& set) {
  const HolderKey* holder = set.Find(dealing.index);
  if (holder == nullptr || !std::ranges::binary_search(terms.dealers, dealing.index))
    return BadDealing(dealing.index, "is none of those who deal");
  if (dealing.set != terms.set || !std::ranges::equal(dealing.terms, terms_digest))
    return BadDealing(dealing.index, "dealt under other terms");
  if (dealing.commitments.size() != terms.threshold ||
      dealing.sealed.size() != terms.receivers.size())
    return BadDealing(dealing.index, "dealt for other numbers than the terms'");
  std::vector<Point> points;
  for (const Bytes& c : dealing.commitments) {
    Result<Point> p = Point::FromOctets(c);
    if (!p) return BadDealing(dealing.index, "committed to something that is no point");
    points.push_back(*p);
  }
  if (dealing.commitments[0] != holder->point)
    return BadDealing(dealing.index, "dealt something else than its share");
  return points;
}

// CheckWhoDealt wants the dealings of exactly k of those who may deal, each once.
Status CheckWhoDealt(std::span<const Dealing> dealings, const ReshareTerms& terms,
                     const ShareSet& set) {
  size_t named = 0;
  for (uint16_t dealer : terms.dealers) {
    const auto count = std::ranges::count(dealings, dealer, &Dealing::index);
    if (count > 1 || (count == 0 && dealings.size() < set.threshold))
      return Refused("reshare.missing", fmt::format("holder {} has not dealt exactly once", dealer),
                     "wait for its dealing, or go on with those of others");
    named += static_cast<size_t>(count);
  }
  if (named != dealings.size())
    return Refused("reshare.missing", "there are dealings of holders whom the terms do not name",
                   "take away what other runs left");
  if (named != set.threshold)
    return Refused("reshare.missing", "more holders' dealings are here than the key needs",
                   "choose as many as it needs: all new holders take the same ones");
  return {};
}

// Together is what k dealings come to.
struct Together {
  std::vector<std::vector<Point>> points;  // in the order of the dealings
  std::vector<Scalar> weights;             // the same: what brings their shares to the secret
  ShareSet next;
};

Result<Together> AddUp(std::span<const Dealing> dealings, const ReshareTerms& terms,
                       const ShareSet& set) {
  BM_CHECK(CheckTermsOfSet(terms, set));
  BM_CHECK(CheckWhoDealt(dealings, terms, set));
  const Digest digest = TermsDigest(terms);
  std::vector<uint16_t> who;
  for (const Dealing& d : dealings) who.push_back(d.index);
  std::ranges::sort(who);
  Together together;
  std::vector<Point> sum(terms.threshold);
  for (const Dealing& d : dealings) {
    BM_TRY(std::vector<Point> points, ReadDealing(d, terms, digest, set));
    BM_TRY(Scalar weight, LagrangeAt(d.index, who));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] + points[i] * weight;
    together.points.push_back(std::move(points));
    together.weights.push_back(std::move(weight));
  }
  together.next = {.set = set.set,
                   .generation = set.generation + 1,
                   .threshold = terms.threshold,
                   .key = sum[0].ToBytes()};
  // Weighted keys of k holders always sum to the key; another sum means a set that lies.
  if (together.next.key != set.key)
    return Refused("share.set", "the dealers' keys do not belong to the set's key",
                   "take the set from the ceremony's sealed record again");
  for (const Receiver& r : terms.receivers)
    together.next.holders.push_back({r.index, PointAt(sum, r.index).ToBytes()});
  return together;
}

}  // namespace

Result<ReshareTerms> MakeTerms(const ShareSet& set, std::span<const uint16_t> dealers,
                               std::vector<Receiver> receivers, uint16_t new_threshold) {
  BM_CHECK(CheckSet(set));
  if (dealers.size() < set.threshold)
    return Refused("share.too-few", fmt::format("{} holders are too few to deal", dealers.size()),
                   "bring more holders");
  ReshareTerms terms{.set = set.set,
                     .dealers = std::vector<uint16_t>(dealers.begin(), dealers.end()),
                     .receivers = std::move(receivers),
                     .threshold = new_threshold,
                     .generation = set.generation};
  std::ranges::sort(terms.dealers);
  std::ranges::sort(terms.receivers, {}, &Receiver::index);
  if (std::ranges::adjacent_find(terms.dealers) != terms.dealers.end())
    return Refused("share.duplicate", "one holder is to deal twice");
  BM_CHECK(CheckTermsOfSet(terms, set));
  return terms;
}

Result<Dealing> DealOn(const Share& share, const ReshareTerms& terms, Rng& rng) {
  BM_CHECK(CheckShape(share));
  BM_CHECK(CheckTerms(terms));
  if (terms.set != share.set || terms.generation != share.generation ||
      !std::ranges::binary_search(terms.dealers, share.index))
    return BadTerms(fmt::format("the terms are not for share {} of this generation", share.index));
  BM_TRY(const Scalar value, Scalar::FromOctets(share.value.Read(SecretAccess())));
  const Polynomial p = RandomPolynomial(value, terms.threshold, rng);
  const Digest digest = TermsDigest(terms);
  Dealing out{.set = terms.set, .index = share.index, .terms = Bytes(digest.begin(), digest.end())};
  for (const Point& c : CommitTo(p)) out.commitments.push_back(c.ToBytes());
  for (const Receiver& r : terms.receivers) {
    Result<Bytes> sealed =
        SealPart(ValueAt(p, r.index), r.box, PassOnContext(digest, share.index, r.index));
    if (!sealed)
      return BadTerms(fmt::format("nothing can be sealed to receiver {}'s key", r.index));
    out.sealed.push_back(std::move(*sealed));
  }
  return out;
}

Status CheckDealing(const Dealing& dealing, const ReshareTerms& terms, const ShareSet& set) {
  BM_CHECK(CheckTermsOfSet(terms, set));
  BM_CHECK(ReadDealing(dealing, terms, TermsDigest(terms), set));
  return {};
}

Result<ShareSet> NextSet(std::span<const Dealing> dealings, const ReshareTerms& terms,
                         const ShareSet& set) {
  BM_TRY(Together together, AddUp(dealings, terms, set));
  return std::move(together.next);
}

Result<ReshareReceiver> ReshareReceiver::Start(uint16_t index, Rng& rng) {
  if (index == 0 || index > kMaxHolders)
    return Refused("custody.index", "holders have the indices 1 to 255");
  ReshareReceiver out;
  out.index_ = index;
  out.box_ = BoxKey::Make(rng);
  return out;
}

Result<ReshareReceiver> ReshareReceiver::Restore(uint16_t index, ByteView box_secret) {
  if (index == 0 || index > kMaxHolders || box_secret.size() != kBoxKeySize)
    return Refused("reshare.kept", "what this machine kept of the re-sharing is no receiver's key",
                   "put the folder back as it was, or begin again with new terms");
  ReshareReceiver out;
  out.index_ = index;
  out.box_ = BoxKey::FromSecret(box_secret);
  return out;
}

Result<Held> ReshareReceiver::Finish(std::span<const Dealing> dealings, const ReshareTerms& terms,
                                     const ShareSet& set) const {
  BM_TRY(Together together, AddUp(dealings, terms, set));
  auto own = std::ranges::find(terms.receivers, index_, &Receiver::index);
  if (own == terms.receivers.end() || own->box != box_.point)
    return BadTerms(fmt::format("the terms do not name receiver {} with its key", index_));
  const size_t place = static_cast<size_t>(own - terms.receivers.begin());
  const Digest digest = TermsDigest(terms);
  Scalar value;
  for (size_t i = 0; i < dealings.size(); ++i) {
    const Dealing& d = dealings[i];
    Result<Scalar> part = OpenPart(d.sealed[place], box_, PassOnContext(digest, d.index, index_));
    if (!part || !(Point::Base(*part) == PointAt(together.points[i], index_)))
      return BadDealing(d.index, "sent a part that does not fit its commitments");
    value = value + *part * together.weights[i];
  }
  Held held{.share = {.set = set.set,
                      .generation = together.next.generation,
                      .index = index_,
                      .value = value.ToSecret(),
                      .key = set.key},
            .set = std::move(together.next)};
  BM_CHECK(CheckShare(held.share, held.set));
  return held;
}

Bytes SwitchStatement(const ShareSet& next) {
  const std::string text =
      fmt::format("{}{}\n", kSwitchDomain, ToHex(crypto::Sha256(cbor::ToCbor(next))));
  return ToBytes(text);
}

Status MaySwitch(const ShareSet& old_set, const ShareSet& next,
                 std::span<const ShareProof> proofs) {
  BM_CHECK(CheckSet(next));
  if (next.set != old_set.set || next.key != old_set.key ||
      next.generation != old_set.generation + 1)
    return Refused("reshare.switch", "the new set is not the next generation of the old one",
                   "keep the old set, and run the re-sharing again");
  const Bytes statement = SwitchStatement(next);
  std::string missing;
  for (const HolderKey& h : next.holders) {
    const bool proven = std::ranges::any_of(proofs, [&](const ShareProof& p) {
      return p.index == h.index && CheckProof(next, h.index, statement, p).has_value();
    });
    if (!proven) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", h.index);
  }
  if (!missing.empty())
    return Refused("reshare.unproven",
                   fmt::format("new holders have not proven their shares: {}", missing),
                   "have them open their files and prove them; until then the old shares are in "
                   "force");
  return {};
}

}  // namespace birthmark::custody
