// SPDX-License-Identifier: Apache-2.0
#include "custody/health.h"

#include <fmt/format.h>

#include "custody/group.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kHealthDomain = "birthmark custody share proof v1";
constexpr std::string_view kHealthNonceDomain = "birthmark custody share proof nonce v1";
constexpr size_t kMinChallenge = 16, kMaxChallenge = 64;

Status CheckStatement(ByteView statement) {
  if (!statement.empty() && statement.size() <= kMaxStatement) return {};
  return Refused(
      "proof.statement",
      fmt::format("a statement has 1 to {} octets, this one {}", kMaxStatement, statement.size()),
      "prove the statement that the health round gave out");
}

// HealthChallenge binds everything that the proof is about. The holder's point is in it, so that
// nobody who lacks the point can compute the challenge, and from it the point.
Scalar HealthChallenge(const ShareProof& p, ByteView key, ByteView point, ByteView nonce_point) {
  std::array<uint8_t, 6> numbers;
  for (int i = 0; i < 4; ++i) numbers[i] = static_cast<uint8_t>(p.generation >> (24 - 8 * i));
  numbers[4] = static_cast<uint8_t>(p.index >> 8);
  numbers[5] = static_cast<uint8_t>(p.index);
  return HashToScalar(
      {AsBytes(kHealthDomain), p.set, numbers, key, point, nonce_point, Sha512({p.statement})});
}

}  // namespace

Result<Bytes> RoundStatement(ByteView challenge, Time now) {
  if (challenge.size() < kMinChallenge || challenge.size() > kMaxChallenge)
    return Refused(
        "proof.statement",
        fmt::format("a round's challenge has {} to {} octets", kMinChallenge, kMaxChallenge),
        "copy the challenge that the health round gave out");
  return ToBytes(fmt::format("birthmark share health\nround {}\ndate {}\n", ToHex(challenge),
                             FormatDate(now)));
}

Result<ShareProof> ProveShare(const Share& share, ByteView statement, Rng& rng) {
  BM_CHECK(CheckShape(share));
  BM_CHECK(CheckStatement(statement));
  BM_TRY(const Scalar value, Scalar::FromOctets(share.value.Read(SecretAccess())));
  ShareProof out{.set = share.set,
                 .index = share.index,
                 .statement = Bytes(statement.begin(), statement.end()),
                 .generation = share.generation};
  // The share goes into the nonce too, so that a weak random source does not give it away.
  SecretBytes random(32);
  rng.Fill(random.Write(SecretAccess()));
  const Scalar nonce = HashToScalar({AsBytes(kHealthNonceDomain), random.Read(SecretAccess()),
                                     value.Read(SecretAccess()), Sha512({statement})});
  out.proof = Point::Base(nonce).ToBytes();
  const Scalar challenge = HealthChallenge(out, share.key, Point::Base(value).octets(), out.proof);
  const Bytes response = (nonce + challenge * value).ToPublic();
  out.proof.insert(out.proof.end(), response.begin(), response.end());
  return out;
}

Status CheckProof(const ShareSet& set, uint16_t index, ByteView statement,
                  const ShareProof& proof) {
  BM_CHECK(CheckStatement(statement));
  if (proof.set != set.set)
    return Refused(
        "share.foreign",
        fmt::format("the proof is about set {}, not {}", ShortId(proof.set), ShortId(set.set)),
        "prove the share of this set");
  if (proof.generation < set.generation)
    return Refused(
        "share.stale",
        fmt::format("the proof is about generation {}; the shares were dealt again since",
                    proof.generation),
        "prove the newest share");
  if (proof.generation > set.generation)
    return Refused("share.ahead", "the proof is about a later generation than the record's",
                   "take the newest sealed record");
  const HolderKey* holder = set.Find(index);
  if (proof.index != index || holder == nullptr)
    return Refused("proof.index",
                   fmt::format("the proof is about share {}, not {}", proof.index, index),
                   "ask each holder for a proof of the own share");
  if (!std::ranges::equal(proof.statement, statement))
    return Refused("proof.statement", "the proof is over another statement",
                   "prove the statement that this health round gave out");
  const auto malformed = [&](std::string_view what) {
    return Refused("proof.malformed", fmt::format("the proof of share {} {}", index, what),
                   "make the proof again");
  };
  if (proof.proof.size() != kPointSize + kScalarSize) return malformed("has another length");
  const ByteView nonce_octets = ByteView(proof.proof).first(kPointSize);
  const Result<Point> nonce_point = Point::FromOctets(nonce_octets);
  const Result<Scalar> response = Scalar::FromOctets(ByteView(proof.proof).subspan(kPointSize));
  if (!nonce_point || !response) return malformed("holds no point or no number");
  BM_TRY(const Point point, Point::FromOctets(holder->point));
  const Scalar challenge = HealthChallenge(proof, set.key, holder->point, nonce_octets);
  if (!(Point::Base(*response) == *nonce_point + point * challenge))
    return Refused("proof.wrong",
                   fmt::format("whoever made the proof does not have share {}", index),
                   "have its holder read the share back; count it as lost until then");
  return {};
}

}  // namespace birthmark::custody
