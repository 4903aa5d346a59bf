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
constexpr std::string_view kMessageDomain = "birthmark custody dkg message v1";
constexpr size_t kMaxName = 64;

std::unexpected<Error> Cheated(std::string code, uint16_t party, std::string_view what) {
  return Refused(std::move(code), fmt::format("party {} {}", party, what),
                 "start again without it, or with its machine looked at");
}

std::unexpected<Error> Foreign(uint16_t party, std::string_view what) {
  return Refused("dkg.foreign", fmt::format("the {} of party {} is of another run", what, party),
                 "take away what other runs left, and carry this run's message in");
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

// Signed is what a party signs of a second message.
Bytes Signed(const DkgRound2& m) {
  DkgRound2 bare = m;
  bare.signature.clear();
  Bytes out = ToBytes(kMessageDomain);
  const Bytes fields = cbor::ToCbor(bare);
  out.insert(out.end(), fields.begin(), fields.end());
  return out;
}

// ReadRound1 checks one party's first message and gives its commitments.
Result<std::vector<Point>> ReadRound1(const DkgTerms& terms, const DkgRound1& m) {
  if (m.set != terms.set) return Foreign(m.index, "first message");
  if (m.box.size() != kBoxKeySize || m.sign.size() != kSessionKeySize ||
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

Status CheckTerms(const DkgTerms& terms) {
  BM_CHECK(CheckIndices(terms.parties));
  BM_CHECK(CheckNumbers(terms.threshold, static_cast<uint16_t>(terms.parties.size())));
  if (terms.set.size() != kSetIdSize) return Refused("share.set", "a set's id has 16 octets");
  // The name becomes a file's.
  const bool fine = std::ranges::all_of(terms.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (!fine || terms.name.size() > kMaxName || terms.name.starts_with('.'))
    return Refused("dkg.name", "the name of the key to be made is none",
                   "1 to 64 of a-z 0-9 . _ -, not beginning with a dot");
  return {};
}

Result<DkgAgreed> Agree(const DkgTerms& terms, std::span<const DkgRound1> all) {
  DkgAgreed out;
  out.first.assign(all.begin(), all.end());
  std::ranges::sort(out.first, {}, &DkgRound1::index);
  for (size_t i = 0; i < out.first.size(); ++i) {
    const DkgRound1& m = out.first[i];
    if (m.set != terms.set) return Foreign(m.index, "first message");
    if (!std::ranges::binary_search(terms.parties, m.index))
      return Cheated("dkg.malformed", m.index, "is none of this run");
    if (i > 0 && out.first[i - 1].index == m.index)
      return Cheated("dkg.duplicate", m.index, "sent two first messages");
    if (m.index != terms.parties[i])
      return Cheated("dkg.missing", terms.parties[i], "sent no first message");
    BM_TRY(std::vector<Point> p, ReadRound1(terms, m));
    out.points.push_back(std::move(p));
  }
  if (out.first.size() != terms.parties.size())
    return Cheated("dkg.missing", terms.parties[out.first.size()], "sent no first message");
  crypto::Sha256Hasher hasher;
  hasher.Update(AsBytes(kTranscriptDomain)).Update(cbor::ToCbor(terms));
  for (const DkgRound1& m : out.first) hasher.Update(cbor::ToCbor(m));
  out.transcript = hasher.Finish();
  std::vector<Point> sum = out.points[0];
  for (size_t i = 1; i < out.points.size(); ++i) {
    for (size_t j = 0; j < sum.size(); ++j) sum[j] = sum[j] + out.points[i][j];
  }
  out.set = {.set = terms.set, .threshold = terms.threshold, .key = sum[0].ToBytes()};
  for (uint16_t i : terms.parties) out.set.holders.push_back({i, PointAt(sum, i).ToBytes()});
  return out;
}

Bytes DoneStatement(const DkgAgreed& agreed) {
  return ToBytes(fmt::format("birthmark distributed key generation\nset {}\ntranscript {}\n",
                             ToHex(agreed.set.set), ToHex(agreed.transcript)));
}

Result<DkgParty> DkgParty::Start(DkgTerms terms, uint16_t index, Rng& rng) {
  BM_CHECK(CheckTerms(terms));
  if (!std::ranges::binary_search(terms.parties, index))
    return Refused("custody.index", fmt::format("party {} is none of the terms'", index),
                   "start it with an index of the terms");
  DkgParty party;
  party.terms_ = std::move(terms);
  party.box_ = BoxKey::Make(rng);
  party.sign_ = SessionKey::Make(rng);
  party.polynomial_ = RandomPolynomial(Scalar::Random(rng), party.terms_.threshold, rng);
  DkgRound1& m = party.round1_;
  m.set = party.terms_.set;
  m.index = index;
  m.box = party.box_.point;
  m.sign = party.sign_.point;
  for (const Point& p : CommitTo(party.polynomial_)) m.commitments.push_back(p.ToBytes());
  const Scalar nonce = Scalar::Random(rng);
  const Bytes nonce_point = Point::Base(nonce).ToBytes();
  const Bytes response =
      (nonce + party.polynomial_[0] * ProofChallenge(party.terms_, m, nonce_point)).ToPublic();
  m.proof = nonce_point;
  m.proof.insert(m.proof.end(), response.begin(), response.end());
  return party;
}

SecretBytes DkgParty::ToOctets() const {
  SecretBytes out(kBoxKeySize + kSessionKeySize + kScalarSize * polynomial_.size());
  auto to = out.Write(SecretAccess()).begin();
  to = std::ranges::copy(box_.secret.Read(SecretAccess()), to).out;
  to = std::ranges::copy(sign_.seed.Read(SecretAccess()), to).out;
  for (const Scalar& s : polynomial_) to = std::ranges::copy(s.Read(SecretAccess()), to).out;
  return out;
}

Result<DkgParty> DkgParty::Restore(DkgTerms terms, DkgRound1 own, ByteView secret) {
  const auto torn = [] {
    return Refused("dkg.kept", "what this machine kept of the run does not belong together",
                   "put the folder back as it was, or start a new run with new terms");
  };
  BM_CHECK(CheckTerms(terms));
  DkgParty party;
  // The proof binds the first message to these very terms.
  if (!ReadRound1(terms, own) ||
      secret.size() != kBoxKeySize + kSessionKeySize + kScalarSize * terms.threshold)
    return torn();
  party.box_ = BoxKey::FromSecret(secret.first(kBoxKeySize));
  party.sign_ = SessionKey::FromSeed(secret.subspan(kBoxKeySize, kSessionKeySize));
  for (size_t at = kBoxKeySize + kSessionKeySize; at < secret.size(); at += kScalarSize) {
    Result<Scalar> s = Scalar::FromOctets(secret.subspan(at, kScalarSize));
    if (!s) return torn();
    party.polynomial_.push_back(std::move(*s));
  }
  std::vector<Bytes> commitments;
  for (const Point& p : CommitTo(party.polynomial_)) commitments.push_back(p.ToBytes());
  if (party.box_.point != own.box || party.sign_.point != own.sign ||
      commitments != own.commitments)
    return torn();
  party.terms_ = std::move(terms);
  party.round1_ = std::move(own);
  return party;
}

Result<std::vector<DkgRound2>> DkgParty::Deal(std::span<const DkgRound1> all) {
  if (!agreed_.first.empty() || finished_)
    return Refused("dkg.order", "this party has dealt already", "start a new run");
  BM_TRY(DkgAgreed agreed, Agree(terms_, all));
  std::vector<DkgRound2> out;
  for (const DkgRound1& m : agreed.first) {
    if (m.index == round1_.index) {
      if (cbor::ToCbor(m) == cbor::ToCbor(round1_)) continue;
      return Cheated("dkg.malformed", m.index, "is this one, and its message was altered");
    }
    DkgRound2 part{.to = m.index,
                   .set = terms_.set,
                   .from = round1_.index,
                   .sealed = {},
                   .signature = {},
                   .transcript = agreed.transcript};
    Result<Bytes> sealed = SealPart(ValueAt(polynomial_, m.index), m.box,
                                    PartContext(agreed.transcript, round1_.index, m.index));
    if (!sealed)
      return Cheated("dkg.malformed", m.index, "gave a key that nothing can be sealed to");
    part.sealed = std::move(*sealed);
    part.signature = sign_.Sign(Signed(part));
    out.push_back(std::move(part));
  }
  agreed_ = std::move(agreed);
  return out;
}

Result<Held> DkgParty::Finish(std::span<const DkgRound2> received) {
  if (agreed_.first.empty() || finished_)
    return Refused("dkg.order", "this party has not dealt yet, or has finished", "start a new run");
  std::set<uint16_t> seen;
  Scalar value = ValueAt(polynomial_, round1_.index);
  for (const DkgRound2& m : received) {
    if (m.set != terms_.set) return Foreign(m.from, "part");
    const auto place = std::ranges::lower_bound(terms_.parties, m.from);
    if (place == terms_.parties.end() || *place != m.from || m.from == round1_.index ||
        m.to != round1_.index)
      return Cheated("dkg.malformed", m.from, "sent a part that is not for this party and run");
    if (!seen.insert(m.from).second) return Cheated("dkg.duplicate", m.from, "sent two parts");
    const size_t at = static_cast<size_t>(place - terms_.parties.begin());
    if (!VerifySession(agreed_.first[at].sign, Signed(m), m.signature))
      return Refused(
          "dkg.signature",
          fmt::format("the part that says it is from party {} was not made with its key", m.from),
          "it was changed on the way, or its first message was: carry it again, and ask who did");
    if (m.transcript != agreed_.transcript)
      return Refused("dkg.stale",
                     fmt::format("party {} dealt under other first messages than this one", m.from),
                     "read the transcripts to each other, find out who saw others, start again");
    Result<Scalar> part = OpenPart(m.sealed, box_, PartContext(agreed_.transcript, m.from, m.to));
    if (!part || !(Point::Base(*part) == PointAt(agreed_.points[at], round1_.index)))
      return Cheated("dkg.share", m.from, "sent a part that does not fit its commitments");
    value = value + *part;
  }
  for (uint16_t i : terms_.parties) {
    if (i != round1_.index && !seen.contains(i)) return Cheated("dkg.missing", i, "sent no part");
  }
  Held held;
  held.set = agreed_.set;
  held.share = {
      .set = terms_.set, .index = round1_.index, .value = value.ToSecret(), .key = held.set.key};
  BM_CHECK(CheckShape(held.share));
  finished_ = true;
  polynomial_.clear();
  box_.secret.Clear();
  sign_.seed.Clear();
  return held;
}

}  // namespace birthmark::custody
