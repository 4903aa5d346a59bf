// SPDX-License-Identifier: Apache-2.0
#include "custody/dkg.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cbor/reflect.h"
#include "crypto/digest.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kProofDomain = "birthmark custody dkg proof v1";
constexpr std::string_view kTranscriptDomain = "birthmark custody dkg transcript v1";
constexpr std::string_view kPartDomain = "birthmark custody dkg part v1";

std::unexpected<Error> Cheated(std::string code, uint16_t party, std::string_view what) {
  return Refused(std::move(code), fmt::format("party {} {}", party, what),
                 "start again without it, or with its machine looked at");
}

std::array<uint8_t, 2> TwoOctets(uint16_t n) {
  return {static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
}

// Challenge binds the proof to the run, the party and all that it says in round 1, so that a proof
// of one party can not be sent by another.
Scalar ProofChallenge(const DkgTerms& terms, const DkgRound1& m, ByteView nonce_point) {
  DkgRound1 bare = m;
  bare.proof.clear();
  return HashToScalar(
      {AsBytes(kProofDomain), cbor::ToCbor(terms), cbor::ToCbor(bare), nonce_point});
}

Digest PartContext(const Digest& transcript, uint16_t from, uint16_t to) {
  return crypto::Sha256(AsBytes(kPartDomain), transcript, TwoOctets(from), TwoOctets(to));
}

// ReadRound1 checks one party's first message and gives its commitments.
Result<std::vector<Point>> ReadRound1(const DkgTerms& terms, const DkgRound1& m) {
  if (m.set != terms.set || m.box.size() != kBoxKeySize ||
      m.commitments.size() != terms.threshold || m.proof.size() != kPointSize + kScalarSize)
    return Cheated("dkg.malformed", m.index, "sent a first message that is not of this run");
  std::vector<Point> points;
  for (const Bytes& c : m.commitments) {
    Result<Point> p = Point::FromOctets(c);
    if (!p) return Cheated("dkg.malformed", m.index, "committed to something that is no point");
    points.push_back(*p);
  }
  const ByteView nonce_point = ByteView(m.proof).first(kPointSize);
  Result<Point> r = Point::FromOctets(nonce_point);
  Result<Scalar> z = Scalar::FromOctets(ByteView(m.proof).subspan(kPointSize));
  if (!r || !z || !(Point::Base(*z) == *r + points[0] * ProofChallenge(terms, m, nonce_point)))
    return Cheated("dkg.proof", m.index, "does not know the secret that it commits to");
  return points;
}

}  // namespace

Result<DkgParty> DkgParty::Start(DkgTerms terms, uint16_t index, Rng& rng) {
  BM_CHECK(CheckIndices(terms.parties));
  BM_CHECK(CheckNumbers(terms.threshold, static_cast<uint16_t>(terms.parties.size())));
  if (terms.set.size() != kSetIdSize) return Refused("share.set", "a set's id has 16 octets");
  if (!std::ranges::binary_search(terms.parties, index))
    return Refused("custody.index", fmt::format("party {} is none of the terms'", index),
                   "start it with an index of the terms");
  DkgParty party;
  party.terms_ = std::move(terms);
  party.box_ = BoxKey::Make(rng);
  party.polynomial_ = RandomPolynomial(Scalar::Random(rng), party.terms_.threshold, rng);
  DkgRound1& m = party.round1_;
  m.set = party.terms_.set;
  m.index = index;
  m.box = party.box_.point;
  for (const Point& p : CommitTo(party.polynomial_)) m.commitments.push_back(p.ToBytes());
  const Scalar nonce = Scalar::Random(rng);
  const Bytes nonce_point = Point::Base(nonce).ToBytes();
  const Bytes response =
      (nonce + party.polynomial_[0] * ProofChallenge(party.terms_, m, nonce_point)).ToPublic();
  m.proof = nonce_point;
  m.proof.insert(m.proof.end(), response.begin(), response.end());
  return party;
}

Result<std::vector<DkgRound2>> DkgParty::Deal(std::span<const DkgRound1> all) {
  if (!all_.empty() || finished_)
    return Refused("dkg.order", "this party has dealt already", "start a new run");
  std::vector<DkgRound1> sorted(all.begin(), all.end());
  std::ranges::sort(sorted, {}, &DkgRound1::index);
  std::vector<std::vector<Point>> points;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const DkgRound1& m = sorted[i];
    if (!std::ranges::binary_search(terms_.parties, m.index))
      return Cheated("dkg.malformed", m.index, "is none of this run");
    if (i > 0 && sorted[i - 1].index == m.index)
      return Cheated("dkg.duplicate", m.index, "sent two first messages");
    if (m.index != terms_.parties[i])
      return Cheated("dkg.missing", terms_.parties[i], "sent no first message");
    if (m.index == round1_.index && cbor::ToCbor(m) != cbor::ToCbor(round1_))
      return Cheated("dkg.malformed", m.index, "is this one, and its message was altered");
    BM_TRY(std::vector<Point> p, ReadRound1(terms_, m));
    points.push_back(std::move(p));
  }
  if (sorted.size() != terms_.parties.size())
    return Cheated("dkg.missing", terms_.parties[sorted.size()], "sent no first message");
  crypto::Sha256Hasher hasher;
  hasher.Update(AsBytes(kTranscriptDomain)).Update(cbor::ToCbor(terms_));
  for (const DkgRound1& m : sorted) hasher.Update(cbor::ToCbor(m));
  transcript_ = hasher.Finish();
  std::vector<DkgRound2> out;
  for (const DkgRound1& m : sorted) {
    if (m.index == round1_.index) continue;
    Result<Bytes> sealed = SealPart(ValueAt(polynomial_, m.index), m.box,
                                    PartContext(transcript_, round1_.index, m.index));
    if (!sealed)
      return Cheated("dkg.malformed", m.index, "gave a key that nothing can be sealed to");
    out.push_back(
        {.to = m.index, .set = terms_.set, .from = round1_.index, .sealed = std::move(*sealed)});
  }
  all_ = std::move(sorted);
  points_ = std::move(points);
  return out;
}

Result<Held> DkgParty::Finish(std::span<const DkgRound2> received) {
  if (all_.empty() || finished_)
    return Refused("dkg.order", "this party has not dealt yet, or has finished", "start a new run");
  std::set<uint16_t> seen;
  Scalar value = ValueAt(polynomial_, round1_.index);
  for (const DkgRound2& m : received) {
    const auto place = std::ranges::lower_bound(terms_.parties, m.from);
    if (place == terms_.parties.end() || *place != m.from || m.from == round1_.index ||
        m.to != round1_.index || m.set != terms_.set)
      return Cheated("dkg.malformed", m.from, "sent a part that is not for this party and run");
    if (!seen.insert(m.from).second) return Cheated("dkg.duplicate", m.from, "sent two parts");
    const std::vector<Point>& committed =
        points_[static_cast<size_t>(place - terms_.parties.begin())];
    Result<Scalar> part = OpenPart(m.sealed, box_, PartContext(transcript_, m.from, round1_.index));
    if (!part || !(Point::Base(*part) == PointAt(committed, round1_.index)))
      return Cheated("dkg.share", m.from, "sent a part that does not fit its commitments");
    value = value + *part;
  }
  for (uint16_t i : terms_.parties) {
    if (i != round1_.index && !seen.contains(i)) return Cheated("dkg.missing", i, "sent no part");
  }
  std::vector<Point> sum = points_[0];
  for (size_t i = 1; i < points_.size(); ++i) {
    for (size_t j = 0; j < sum.size(); ++j) sum[j] = sum[j] + points_[i][j];
  }
  Held held;
  held.set = {.set = terms_.set, .threshold = terms_.threshold, .key = sum[0].ToBytes()};
  for (uint16_t i : terms_.parties) held.set.holders.push_back({i, PointAt(sum, i).ToBytes()});
  held.share = {
      .set = terms_.set, .index = round1_.index, .value = value.ToSecret(), .key = held.set.key};
  BM_CHECK(CheckShape(held.share));
  finished_ = true;
  polynomial_.clear();
  box_.secret.Clear();
  return held;
}

}  // namespace birthmark::custody
