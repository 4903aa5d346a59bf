// SPDX-License-Identifier: Apache-2.0
// Threshold signatures: FROST(Ed25519, SHA-512) of RFC 9591. What comes out is an ordinary Ed25519
// signature. Signers may sit in different places and time zones: commitments, requests and partial
// signatures are small values. Leaves out files of nonces (nonce_file.h) and carrying messages.
// Thread-safe functions; ThresholdSigner is not thread-safe.
//
// 1. signers: Commit.  2. coordinator: MakeRequest.  3. signers: SignPartial.  4. coordinator:
// Aggregate. A signer needs its share alone; only the coordinator knows the set.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "crypto/key.h"
#include "custody/group.h"
#include "custody/sharing.h"

namespace birthmark::custody {

// kMaxMessage bounds what is signed through messages: certificates, lists of an offline root.
inline constexpr size_t kMaxMessage = size_t{1} << 20;

// SigningCommitment is a signer's word for one signature to come (RFC 9591 section 5.1).
struct SigningCommitment {
  static constexpr std::string_view kLabel = "BIRTHMARK SIGNING COMMITMENT";
  Bytes set;
  uint16_t index = 0;
  Bytes hiding;
  Bytes binding;
  uint32_t generation = 0;
  bool operator==(const SigningCommitment&) const = default;
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("index", index);
    v("hiding", hiding);
    v("binding", binding);
    v("generation", generation);
  }
};

// SigningRequest is what the coordinator sends to the signers it chose. It lists them, so it goes
// to holders alone.
struct SigningRequest {
  static constexpr std::string_view kLabel = "BIRTHMARK SIGNING REQUEST";
  Bytes key;
  Bytes set;
  Bytes message;
  uint32_t generation = 0;
  std::vector<SigningCommitment> commitments;  // by ascending index
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("set", set);
    v("message", message);
    v("generation", generation);
    v("commitments", commitments);
  }
};

// PartialSignature is a signer's part (RFC 9591 section 5.2).
struct PartialSignature {
  static constexpr std::string_view kLabel = "BIRTHMARK PARTIAL SIGNATURE";
  Bytes set;
  uint16_t index = 0;
  Bytes value;
  Bytes request;  // SHA-256 of the request it answers
  template <class V>
  void Fields(V& v) {
    v("set", set);
    v("index", index);
    v("value", value);
    v("request", request);
  }
};

// SigningNonces are the secret half of a commitment. They sign once: SignPartial takes them away,
// and nobody may keep a copy, for two signatures with them give the share away.
class SigningNonces {
 public:
  SigningNonces(SigningNonces&& o) noexcept;
  SigningNonces& operator=(SigningNonces&& o) noexcept;
  SigningNonces(const SigningNonces&) = delete;
  SigningNonces& operator=(const SigningNonces&) = delete;

  const SigningCommitment& commitment() const { return commitment_; }
  // Spent is true once they have signed, or have been moved away.
  bool spent() const { return spent_; }
  // ToOctets and FromOctets carry them through a sealed file (nonce_file.h) and nothing else.
  SecretBytes ToOctets() const;
  // Errors: nonce.malformed.
  static Result<SigningNonces> FromOctets(ByteView octets);

 private:
  friend Result<SigningNonces> Commit(const Share& share, Rng& rng);
  friend Result<SigningNonces> CommitWith(const Share& share, ByteView hiding_randomness,
                                          ByteView binding_randomness);
  friend Result<PartialSignature> SignPartial(const Share&, SigningNonces&&, const SigningRequest&);
  SigningNonces() = default;
  Scalar hiding_, binding_;
  SigningCommitment commitment_;
  bool spent_ = false;
};

// Commit makes nonces from fresh randomness and the share. Errors: share.mistyped.
Result<SigningNonces> Commit(const Share& share, Rng& rng);
// CommitWith takes the two times 32 octets of randomness from the caller: for published vectors.
Result<SigningNonces> CommitWith(const Share& share, ByteView hiding_randomness,
                                 ByteView binding_randomness);
// MakeRequest collects at least k commitments of distinct holders. Errors: sign.commitment (names
// the signer), share.duplicate, share.too-few, share.stale, share.foreign, sign.message.
Result<SigningRequest> MakeRequest(ByteView message, std::vector<SigningCommitment> commitments,
                                   const ShareSet& set);
// CheckRequest finds out whether a request is for this share and well formed, before nonces are
// spent on it. Errors: sign.request, sign.commitment, share.foreign, share.stale.
Status CheckRequest(const Share& share, const SigningRequest& request);
// SignPartial spends the nonces, also when it fails. Errors: nonce.spent, sign.request (its own
// commitment is missing or altered, or it is for another set), share.foreign, share.stale.
Result<PartialSignature> SignPartial(const Share& share, SigningNonces&& nonces,
                                     const SigningRequest& request);
// CheckPartial finds out whether a part is what its signer owed (RFC 9591 section 5.4). Errors:
// sign.partial (names the signer), sign.other-request.
Status CheckPartial(const PartialSignature& part, const SigningRequest& request,
                    const ShareSet& set);
// Aggregate checks every part and joins them: 64 octets that verify under the group's key. Every
// bad part's signer is named. Errors: sign.partial, sign.missing, sign.other-request,
// share.duplicate.
Result<Bytes> Aggregate(const SigningRequest& request, std::span<const PartialSignature> parts,
                        const ShareSet& set);

// GroupKey is the key that threshold signatures verify under. Errors: custody.point.
Result<crypto::PublicKey> GroupKey(const ShareSet& set);

// ThresholdSigner signs with k or more shares in this process, as any other key does. A share that
// is bad is set aside and named; the rest go on while k remain.
class ThresholdSigner : public crypto::Signer {
 public:
  // Make checks every share. `rng` must outlive the signer. Errors: share.too-few, share.set.
  static Result<std::unique_ptr<ThresholdSigner>> Make(std::vector<Share> shares, ShareSet set,
                                                       Rng& rng);
  const crypto::PublicKey& public_key() const override { return key_; }
  // Errors: as Aggregate.
  Result<Bytes> Sign(ByteView message) override;
  // refused are the shares set aside by Make.
  const std::vector<BadShare>& refused() const { return refused_; }

 private:
  explicit ThresholdSigner(Rng& rng) : rng_(&rng) {}
  Rng* rng_;
  ShareSet set_;
  std::vector<Share> shares_;  // exactly k
  std::vector<BadShare> refused_;
  crypto::PublicKey key_;
};

}  // namespace birthmark::custody
