// SPDX-License-Identifier: Apache-2.0
#include "custody/frost.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/digest.h"

namespace birthmark::custody {
namespace {

// RFC 9591 section 6.1: the prefix of H1, H3, H4 and H5. H2 has none, so that the challenge is
// that of RFC 8032.
constexpr std::string_view kContext = "FROST-ED25519-SHA512-v1";
constexpr size_t kNonceOctets = 16 + 4 + 2 + 2 * kScalarSize;

// Session is what follows from a request alone, the same for all its signers.
struct Session {
  std::vector<uint16_t> indices;
  std::vector<Scalar> factors;  // binding factors, in that order
  std::vector<Point> hiding, binding;
  Point commitment;
  Scalar challenge;

  size_t PlaceOf(uint16_t index) const {
    return static_cast<size_t>(std::ranges::find(indices, index) - indices.begin());
  }
};

std::unexpected<Error> BadRequest(std::string what) {
  return Refused("sign.request", std::move(what), "ask the coordinator for the request again");
}

std::unexpected<Error> BadCommitment(uint16_t index, std::string_view what) {
  return Refused("sign.commitment", fmt::format("signer {} {}", index, what),
                 "ask it for a new commitment, or go on with another signer");
}

// ReadRequest follows RFC 9591 sections 4.4 to 4.6.
Result<Session> ReadRequest(const SigningRequest& request) {
  if (request.commitments.size() < 2 || request.commitments.size() > kMaxHolders)
    return BadRequest("the request is for fewer than two signers, or too many");
  BM_CHECK(Point::FromOctets(request.key));
  Session s;
  Bytes list;
  for (const SigningCommitment& c : request.commitments) {
    if (c.set != request.set || c.generation != request.generation)
      return BadCommitment(c.index, "committed for another set or generation");
    if (c.index == 0 || c.index > kMaxHolders ||
        (!s.indices.empty() && c.index <= s.indices.back()))
      return BadRequest("the signers are not different holders in order");
    const Result<Point> hiding = Point::FromOctets(c.hiding);
    const Result<Point> binding = Point::FromOctets(c.binding);
    if (!hiding || !binding)
      return BadCommitment(c.index, "committed to something that is no point");
    s.indices.push_back(c.index);
    s.hiding.push_back(*hiding);
    s.binding.push_back(*binding);
    const Scalar index = Scalar::FromInt(c.index);
    for (ByteView part : {index.Read(SecretAccess()), ByteView(c.hiding), ByteView(c.binding)})
      list.insert(list.end(), part.begin(), part.end());
  }
  const auto message_hash = Sha512({AsBytes(kContext), AsBytes("msg"), request.message});
  const auto list_hash = Sha512({AsBytes(kContext), AsBytes("com"), list});
  for (size_t i = 0; i < s.indices.size(); ++i) {
    const Scalar index = Scalar::FromInt(s.indices[i]);
    s.factors.push_back(HashToScalar({AsBytes(kContext), AsBytes("rho"), request.key, message_hash,
                                      list_hash, index.Read(SecretAccess())}));
    s.commitment = s.commitment + s.hiding[i] + s.binding[i] * s.factors[i];
  }
  s.challenge = HashToScalar({s.commitment.octets(), request.key, request.message});
  return s;
}

Digest RequestDigest(const SigningRequest& request) {
  return crypto::Sha256(cbor::ToCbor(request));
}

Status CheckRequestOfSet(const SigningRequest& request, const ShareSet& set) {
  if (request.set != set.set || request.key != set.key)
    return Refused("share.foreign", "the request is for another set", "take the set it names");
  if (request.generation != set.generation)
    return Refused("share.stale", "the request is for another generation of the set",
                   "make a new request");
  if (request.commitments.size() < set.threshold)
    return Refused("share.too-few",
                   fmt::format("{} signers are not enough", request.commitments.size()),
                   "collect more commitments");
  for (const SigningCommitment& c : request.commitments) {
    if (set.Find(c.index) == nullptr) return BadCommitment(c.index, "is no holder of this set");
  }
  return {};
}

// RightPart is RFC 9591 section 5.4 for a part whose request is known to be the right one.
bool RightPart(const PartialSignature& part, const Session& s, const ShareSet& set) {
  const size_t at = s.PlaceOf(part.index);
  const HolderKey* holder = set.Find(part.index);
  if (at == s.indices.size() || holder == nullptr || part.set != set.set) return false;
  const Result<Scalar> z = Scalar::FromOctets(part.value);
  const Result<Point> key = Point::FromOctets(holder->point);
  const Result<Scalar> weight = LagrangeAt(part.index, s.indices);
  if (!z || !key || !weight) return false;
  const Point share = s.hiding[at] + s.binding[at] * s.factors[at];
  return Point::Base(*z) == share + *key * (s.challenge * *weight);
}

Result<PartialSignature> MakePart(const Share& share, const Scalar& hiding, const Scalar& binding,
                                  const Session& s, const SigningRequest& request) {
  const size_t at = s.PlaceOf(share.index);
  BM_TRY(const Scalar weight, LagrangeAt(share.index, s.indices));
  BM_TRY(const Scalar value, Scalar::FromOctets(share.value.Read(SecretAccess())));
  const Scalar z = hiding + binding * s.factors[at] + weight * value * s.challenge;
  const Digest digest = RequestDigest(request);
  return PartialSignature{.set = share.set,
                          .index = share.index,
                          .value = z.ToPublic(),
                          .request = Bytes(digest.begin(), digest.end())};
}

Bytes JoinParts(const Session& s, std::span<const PartialSignature> parts) {
  Scalar z;
  for (const PartialSignature& p : parts) {
    // RightPart has read it before.
    if (const Result<Scalar> part = Scalar::FromOctets(p.value)) z = z + *part;
  }
  Bytes signature = s.commitment.ToBytes();
  const Bytes response = z.ToPublic();
  signature.insert(signature.end(), response.begin(), response.end());
  return signature;
}

Result<crypto::PublicKey> PublicKeyOf(ByteView point) {
  BM_CHECK(Point::FromOctets(point));
  // RFC 8410 section 4: SubjectPublicKeyInfo of id-Ed25519, whose parameters are absent.
  Bytes spki = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
  spki.insert(spki.end(), point.begin(), point.end());
  return crypto::PublicKey::FromSpki(spki);
}

}  // namespace

SigningNonces::SigningNonces(SigningNonces&& o) noexcept { *this = std::move(o); }

SigningNonces& SigningNonces::operator=(SigningNonces&& o) noexcept {
  if (this == &o) return *this;
  hiding_ = o.hiding_;
  binding_ = o.binding_;
  commitment_ = o.commitment_;
  spent_ = o.spent_;
  o.hiding_ = o.binding_ = Scalar();
  o.spent_ = true;
  return *this;
}

SecretBytes SigningNonces::ToOctets() const {
  Bytes out;
  out.reserve(kNonceOctets);
  auto append = [&](ByteView b) { out.insert(out.end(), b.begin(), b.end()); };
  append(commitment_.set);
  for (int i = 3; i >= 0; --i)
    out.push_back(static_cast<uint8_t>(commitment_.generation >> (8 * i)));
  out.push_back(static_cast<uint8_t>(commitment_.index >> 8));
  out.push_back(static_cast<uint8_t>(commitment_.index));
  append(hiding_.Read(SecretAccess()));
  append(binding_.Read(SecretAccess()));
  return SecretBytes::Take(std::move(out));
}

Result<SigningNonces> SigningNonces::FromOctets(ByteView octets) {
  const auto malformed = [] {
    return Refused("nonce.malformed", "the file does not hold the nonces of one commitment",
                   "commit again");
  };
  if (octets.size() != kNonceOctets) return malformed();
  SigningNonces n;
  n.commitment_.set = Bytes(octets.begin(), octets.begin() + kSetIdSize);
  for (size_t i = 16; i < 20; ++i)
    n.commitment_.generation = n.commitment_.generation << 8 | octets[i];
  n.commitment_.index = static_cast<uint16_t>(octets[20] << 8 | octets[21]);
  const Result<Scalar> hiding = Scalar::FromOctets(octets.subspan(22, kScalarSize));
  const Result<Scalar> binding = Scalar::FromOctets(octets.subspan(22 + kScalarSize));
  if (!hiding || !binding || hiding->IsZero() || binding->IsZero()) return malformed();
  n.hiding_ = *hiding;
  n.binding_ = *binding;
  n.commitment_.hiding = Point::Base(n.hiding_).ToBytes();
  n.commitment_.binding = Point::Base(n.binding_).ToBytes();
  return n;
}

Result<SigningNonces> CommitWith(const Share& share, ByteView hiding_randomness,
                                 ByteView binding_randomness) {
  BM_CHECK(CheckShape(share));
  // RFC 9591 section 4.1: the share hedges against a weak random source.
  const auto nonce = [&](ByteView randomness) {
    return HashToScalar(
        {AsBytes(kContext), AsBytes("nonce"), randomness, share.value.Read(SecretAccess())});
  };
  SigningNonces n;
  n.hiding_ = nonce(hiding_randomness);
  n.binding_ = nonce(binding_randomness);
  n.commitment_ = {.set = share.set,
                   .index = share.index,
                   .hiding = Point::Base(n.hiding_).ToBytes(),
                   .binding = Point::Base(n.binding_).ToBytes(),
                   .generation = share.generation};
  return n;
}

Result<SigningNonces> Commit(const Share& share, Rng& rng) {
  SecretBytes random(64);
  rng.Fill(random.Write(SecretAccess()));
  const ByteView octets = random.Read(SecretAccess());
  return CommitWith(share, octets.first(32), octets.last(32));
}

Result<SigningRequest> MakeRequest(ByteView message, std::vector<SigningCommitment> commitments,
                                   const ShareSet& set) {
  if (message.size() > kMaxMessage)
    return Refused("sign.message", fmt::format("the message has more than {} octets", kMaxMessage));
  std::ranges::sort(commitments, {}, &SigningCommitment::index);
  if (std::ranges::adjacent_find(commitments, {}, &SigningCommitment::index) != commitments.end())
    return Refused("share.duplicate", "one signer committed twice",
                   "keep one commitment of each signer");
  SigningRequest request{.key = set.key,
                         .set = set.set,
                         .message = Bytes(message.begin(), message.end()),
                         .generation = set.generation,
                         .commitments = std::move(commitments)};
  BM_CHECK(CheckRequestOfSet(request, set));
  BM_CHECK(ReadRequest(request));
  return request;
}

Status CheckRequest(const Share& share, const SigningRequest& request) {
  BM_CHECK(CheckShape(share));
  if (request.set != share.set || request.key != share.key)
    return Refused(
        "share.foreign",
        fmt::format("the request is for another secret than that of share {}", share.index),
        "open the share of the set that it names");
  if (request.generation != share.generation)
    return Refused("share.stale",
                   fmt::format("the request is for generation {}, the share of generation {}",
                               request.generation, share.generation),
                   "use the newest share");
  if (std::ranges::find(request.commitments, share.index, &SigningCommitment::index) ==
      request.commitments.end())
    return BadRequest(fmt::format("the request is not for the holder of share {}", share.index));
  BM_CHECK(ReadRequest(request));
  return {};
}

Result<PartialSignature> SignPartial(const Share& share, SigningNonces&& nonces,
                                     const SigningRequest& request) {
  if (nonces.spent())
    return Refused("nonce.spent",
                   "these nonces have signed already; a second signature with them would give the "
                   "share away",
                   "commit again");
  const SigningNonces own = std::move(nonces);
  BM_CHECK(CheckRequest(share, request));
  // RFC 9591 section 5.2: its own commitment must stand in the list as it was sent.
  if (std::ranges::find(request.commitments, own.commitment()) == request.commitments.end() ||
      own.commitment().index != share.index)
    return BadRequest("the request does not hold this signer's commitment as it was made");
  BM_TRY(const Session s, ReadRequest(request));
  return MakePart(share, own.hiding_, own.binding_, s, request);
}

Status CheckPartial(const PartialSignature& part, const SigningRequest& request,
                    const ShareSet& set) {
  BM_CHECK(CheckRequestOfSet(request, set));
  if (!std::ranges::equal(part.request, RequestDigest(request)))
    return Refused("sign.other-request",
                   fmt::format("signer {} answered another request", part.index),
                   "ask it for a commitment and send it this request");
  BM_TRY(const Session s, ReadRequest(request));
  if (!RightPart(part, s, set))
    return Refused("sign.partial",
                   fmt::format("signer {} sent a part that is not its signature", part.index),
                   "leave it out: go on with another signer, and look at its machine");
  return {};
}

Result<Bytes> Aggregate(const SigningRequest& request, std::span<const PartialSignature> parts,
                        const ShareSet& set) {
  BM_CHECK(CheckRequestOfSet(request, set));
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (parts[i].index == parts[j].index)
        return Refused("share.duplicate", fmt::format("signer {} sent two parts", parts[i].index),
                       "keep one");
    }
  }
  BM_TRY(const Session s, ReadRequest(request));
  const Digest digest = RequestDigest(request);
  std::string missing, other, wrong;
  const auto add = [](std::string& list, uint16_t index) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", index);
  };
  for (uint16_t index : s.indices) {
    if (std::ranges::find(parts, index, &PartialSignature::index) == parts.end())
      add(missing, index);
  }
  for (const PartialSignature& part : parts) {
    if (!std::ranges::equal(part.request, digest)) {
      add(other, part.index);
    } else if (!RightPart(part, s, set)) {
      add(wrong, part.index);
    }
  }
  if (!wrong.empty())
    return Refused("sign.partial", fmt::format("parts that are not their signer's: {}", wrong),
                   "leave these signers out: make a new request with others, and look at their "
                   "machines");
  if (!other.empty())
    return Refused("sign.other-request", fmt::format("signers answered another request: {}", other),
                   "send them this request, with new commitments of theirs");
  if (!missing.empty())
    return Refused("sign.missing", fmt::format("no part came from signers {}", missing),
                   "wait for them, or make a new request with others");
  Bytes signature = JoinParts(s, parts);
  BM_TRY(const crypto::PublicKey key, PublicKeyOf(set.key));
  if (!key.Verify(request.message, signature))
    return Internal("sign.fault", "every part is good and the signature does not verify");
  return signature;
}

Result<crypto::PublicKey> GroupKey(const ShareSet& set) { return PublicKeyOf(set.key); }

Result<std::unique_ptr<ThresholdSigner>> ThresholdSigner::Make(std::vector<Share> shares,
                                                               ShareSet set, Rng& rng) {
  BM_CHECK(CheckSet(set));
  Sorted sorted = SortShares(shares, set);
  if (sorted.good.size() < set.threshold) return std::unexpected(TooFew(sorted));
  std::unique_ptr<ThresholdSigner> out(new ThresholdSigner(rng));
  BM_TRY(out->key_, GroupKey(set));
  for (size_t i = 0; i < set.threshold; ++i)
    out->shares_.push_back(std::move(shares[sorted.good[i]]));
  std::ranges::sort(out->shares_, {}, &Share::index);
  out->set_ = std::move(set);
  out->refused_ = std::move(sorted.bad);
  return out;
}

Result<Bytes> ThresholdSigner::Sign(ByteView message) {
  SigningRequest request{.key = set_.key,
                         .set = set_.set,
                         .message = Bytes(message.begin(), message.end()),
                         .generation = set_.generation};
  std::vector<SigningNonces> nonces;
  for (const Share& share : shares_) {
    BM_TRY(SigningNonces n, Commit(share, *rng_));
    request.commitments.push_back(n.commitment());
    nonces.push_back(std::move(n));
  }
  std::vector<PartialSignature> parts;
  for (size_t i = 0; i < shares_.size(); ++i) {
    BM_TRY(PartialSignature part, SignPartial(shares_[i], std::move(nonces[i]), request));
    parts.push_back(std::move(part));
  }
  return Aggregate(request, parts, set_);
}

}  // namespace birthmark::custody
