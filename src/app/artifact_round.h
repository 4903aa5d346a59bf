// SPDX-License-Identifier: Apache-2.0
// A signature whose key is not on this machine: the octets to sign are carried away and their
// signature comes back, by a folder. Holders of a threshold key, an offline anchor's own key, or
// whatever signs a file of octets. Called again with the same input it goes on where it was.
// Uses the file system; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "crypto/pss.h"
#include "custody/share.h"
#include "offline/artifact_request.h"

namespace birthmark::app {

// kWaits is the error of a signature that has not come back: its message says what to do next.
inline constexpr std::string_view kWaits = "artifact.waits";

class RoundSigner : public crypto::Signer, public crypto::PssSigner {
 public:
  // OfThreshold signs with the holders of a threshold key: `made` is the folder of its making
  // (docs/ceremonies.md) or a file with its public set. The folder gets "message", then "request";
  // holders bring *.commitment, then *.part. Errors: those of custody::ReadMade and CheckSet.
  static Result<std::unique_ptr<RoundSigner>> OfThreshold(const fs::path& made,
                                                          const fs::path& folder, bool dry_run);
  // OfKey waits for the file "signature" over the file "message", in the form of certificates:
  // `openssl dgst -sign`, `pkeyutl -sign -rawin`, a module's tool.
  static std::unique_ptr<RoundSigner> OfKey(const crypto::PublicKey& key, const fs::path& folder,
                                            bool dry_run);
  // OfAuthority asks an offline anchor's own key: ID.artifact-request, ID.artifact-response.
  // `request` lacks the octets, which Sign fills in; `asker` signs it.
  static std::unique_ptr<RoundSigner> OfAuthority(const crypto::PublicKey& key,
                                                  offline::ArtifactRequest request,
                                                  std::unique_ptr<crypto::Signer> asker,
                                                  const fs::path& folder, bool dry_run);

  const crypto::PublicKey& public_key() const override { return key_; }
  // Sign errors: artifact.waits; artifact.round (the folder is of another message),
  // artifact.carried (what came back does not verify), those of custody::MakeRequest, Aggregate and
  // offline::ReadArtifactResponse.
  Result<Bytes> Sign(ByteView message) override;
  Result<Bytes> SignPss(ByteView message, crypto::PssSalt salt) override;
  // asked and answered name a request to an offline anchor and what answered it.
  const std::optional<Digest>& asked() const { return asked_; }
  const std::optional<Digest>& answered() const { return answered_; }
  bool threshold() const { return set_.has_value(); }

 private:
  RoundSigner(crypto::PublicKey key, fs::path folder, bool dry_run)
      : key_(std::move(key)), folder_(std::move(folder)), dry_run_(dry_run) {}
  Result<Bytes> FromKey(ByteView message, std::optional<crypto::PssSalt> pss);
  Result<Bytes> FromHolders(ByteView message);
  Result<Bytes> FromAuthority(ByteView message, std::optional<crypto::PssSalt> pss);
  Status PutMessage(ByteView message);

  crypto::PublicKey key_;
  fs::path folder_;
  bool dry_run_;
  std::optional<custody::ShareSet> set_;
  std::optional<offline::ArtifactRequest> request_;
  std::unique_ptr<crypto::Signer> asker_;
  std::optional<Digest> asked_, answered_;
};

}  // namespace birthmark::app
