// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_round.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "custody/dkg_folder.h"
#include "custody/frost.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxSet = 1 << 20, kMaxSignature = 4096;

std::unexpected<Error> Waits(std::string what) {
  return Refused(std::string(kWaits), std::move(what));
}

Result<custody::ShareSet> ReadSet(const fs::path& made) {
  if (fs::is_directory(made)) {
    BM_TRY(custody::MadeApart apart, custody::ReadMade(made));
    return std::move(apart.set);
  }
  BM_TRY(const Bytes file, ReadFile(made, kMaxSet));
  BM_TRY(custody::ShareSet set, cbor::FromCbor<custody::ShareSet>(file));
  BM_CHECK(custody::CheckSet(set));
  return set;
}

}  // namespace

Result<std::unique_ptr<RoundSigner>> RoundSigner::OfThreshold(const fs::path& made,
                                                              const fs::path& folder,
                                                              bool dry_run) {
  BM_TRY(custody::ShareSet set, ReadSet(made));
  BM_TRY(crypto::PublicKey key, custody::GroupKey(set));
  std::unique_ptr<RoundSigner> out(new RoundSigner(std::move(key), folder, dry_run));
  out->set_ = std::move(set);
  return out;
}

std::unique_ptr<RoundSigner> RoundSigner::OfKey(const crypto::PublicKey& key,
                                                const fs::path& folder, bool dry_run) {
  return std::unique_ptr<RoundSigner>(new RoundSigner(key, folder, dry_run));
}

std::unique_ptr<RoundSigner> RoundSigner::OfAuthority(const crypto::PublicKey& key,
                                                      offline::ArtifactRequest request,
                                                      const fs::path& folder, bool dry_run) {
  std::unique_ptr<RoundSigner> out(new RoundSigner(key, folder, dry_run));
  out->request_ = std::move(request);
  return out;
}

Result<Bytes> RoundSigner::Sign(ByteView message) {
  if (request_) return FromAuthority(message);
  BM_CHECK(PutMessage(message));
  if (set_) return FromHolders(message);
  const fs::path file = folder_ / "signature";
  if (!fs::exists(file)) {
    return Waits(fmt::format("sign {} where the key is, and put the signature into {}",
                             (folder_ / "message").string(), file.string()));
  }
  BM_TRY(Bytes signature, ReadFile(file, kMaxSignature));
  if (key_.Verify(message, signature)) return signature;
  return Refused("artifact.carried",
                 file.string() + ": it is not this signer's signature over the message",
                 "sign the file message that is beside it, with SHA-256 where the key is ECDSA or "
                 "RSA");
}

// PutMessage writes what is to be signed; a folder serves one artifact.
Status RoundSigner::PutMessage(ByteView message) {
  const fs::path file = folder_ / "message";
  if (fs::exists(file)) {
    BM_TRY(const Bytes there, ReadFile(file, custody::kMaxMessage));
    if (std::ranges::equal(there, message)) return {};
    return Refused("artifact.round", folder_.string() + ": its message is another artifact's",
                   "give an empty folder, or the file and the version of before");
  }
  if (dry_run_) return {};
  BM_CHECK(MakeDirs(folder_, 0700));
  return WriteFileAtomic(file, message);
}

Result<Bytes> RoundSigner::FromHolders(ByteView message) {
  const fs::path file = folder_ / "request";
  if (fs::exists(file)) {
    BM_TRY(const std::string text, ReadTextFile(file, custody::kMaxMessageFile));
    BM_TRY(const custody::SigningRequest request,
           custody::FromArmor<custody::SigningRequest>(text));
    if (!std::ranges::equal(request.message, message)) {
      return Refused("artifact.round", file.string() + ": it asks for another message",
                     "give an empty folder");
    }
    BM_TRY(const std::vector<custody::PartialSignature> parts,
           custody::ReadMessages<custody::PartialSignature>(folder_, ".part"));
    if (parts.size() < request.commitments.size()) {
      return Waits(fmt::format(
          "each holder asked signs {}: birthmark share sign SHARE --request {} "
          "--message {} -o NAME.part",
          ToHex(crypto::Sha256(message)), file.string(), (folder_ / "message").string()));
    }
    return custody::Aggregate(request, parts, *set_);
  }
  std::vector<custody::SigningCommitment> commitments;
  if (fs::exists(folder_)) {
    BM_TRY(commitments, custody::ReadMessages<custody::SigningCommitment>(folder_, ".commitment"));
  }
  if (commitments.empty()) {
    return Waits(
        fmt::format("holders who will sign commit: birthmark share commit SHARE -o "
                    "NAME.commitment, into {}",
                    folder_.string()));
  }
  BM_TRY(const custody::SigningRequest request,
         custody::MakeRequest(message, std::move(commitments), *set_));
  if (!dry_run_) BM_CHECK(WriteFileAtomic(file, custody::ToArmor(request), 0600));
  return Waits(
      fmt::format("{} goes to the holders who committed; their parts come back as "
                  "NAME.part",
                  file.string()));
}

Result<Bytes> RoundSigner::FromAuthority(ByteView message) {
  request_->message.assign(message.begin(), message.end());
  const Digest digest = offline::ArtifactRequestDigest(*request_);
  const std::string name = ToHex(digest).substr(0, 16);
  const fs::path asks = folder_ / (name + ".artifact-request");
  const fs::path answers = folder_ / (name + ".artifact-response");
  if (fs::exists(answers)) {
    BM_TRY(const std::string text, ReadTextFile(answers, offline::kMaxArtifactRequest));
    BM_TRY(Bytes signature, offline::ReadArtifactResponse(text, digest, message, key_));
    asked_ = digest;
    answered_ = crypto::Sha256(AsBytes(text));
    return signature;
  }
  const std::string text = offline::WriteArtifactRequest(*request_);
  // What the offline side would refuse is refused here.
  BM_CHECK(offline::ReadArtifactRequest(text));
  if (!dry_run_) {
    if (!fs::exists(asks)) asked_ = digest;
    BM_CHECK(MakeDirs(folder_, 0700));
    BM_CHECK(WriteFileAtomic(asks, text));
  }
  return Waits(
      fmt::format("carry {} to the offline side (birthmark request sign) and bring {} back "
                  "to {}",
                  asks.string(), answers.filename().string(), folder_.string()));
}

}  // namespace birthmark::app
