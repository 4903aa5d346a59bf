// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_round.h"

#include <fmt/format.h>

#include <algorithm>

#include "artifact/cms_attributes.h"
#include "cbor/reflect.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "custody/frost.h"
#include "custody/renewal_folder.h"
#include "offline/artifact_octets.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxSet = 1 << 20, kMaxSignature = 4096;

std::unexpected<Error> Waits(std::string what) {
  return Refused(std::string(kWaits), std::move(what));
}

Result<custody::ShareSet> ReadSet(const fs::path& made) {
  if (fs::is_directory(made)) {
    BM_TRY(custody::MadeApart apart, custody::ReadSetApart(made));
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
                                                      std::unique_ptr<crypto::Signer> asker,
                                                      const fs::path& folder, bool dry_run) {
  std::unique_ptr<RoundSigner> out(new RoundSigner(key, folder, dry_run));
  out->request_ = std::move(request);
  out->asker_ = std::move(asker);
  return out;
}

Result<Bytes> RoundSigner::Sign(ByteView message) {
  if (request_) return FromAuthority(message, std::nullopt);
  if (!set_) return FromKey(message, std::nullopt);
  BM_CHECK(PutMessage(message));
  return FromHolders(message);
}

Result<Bytes> RoundSigner::SignPss(ByteView message, crypto::PssSalt salt) {
  return request_ ? FromAuthority(message, salt) : FromKey(message, salt);
}

Result<Bytes> RoundSigner::FromKey(ByteView message, std::optional<crypto::PssSalt> pss) {
  BM_CHECK(PutMessage(message));
  const std::string how = !pss ? ""
                               : fmt::format(" with RSASSA-PSS, SHA-256 and a salt of {} octets",
                                             crypto::PssSaltSize(key_.algorithm(), *pss));
  const fs::path file = folder_ / "signature";
  if (!fs::exists(file)) {
    return Waits(fmt::format("sign {} where the key is{}, and put the signature into {}",
                             (folder_ / "message").string(), how, file.string()));
  }
  BM_TRY(Bytes signature, ReadFile(file, kMaxSignature));
  if (pss ? crypto::VerifyPss(key_, message, signature, *pss) : key_.Verify(message, signature))
    return signature;
  return Refused("artifact.carried",
                 file.string() + ": it is not this signer's signature over the message",
                 pss ? "sign the file message that is beside it" + how
                     : "sign the file message that is beside it, with SHA-256 where the key is "
                       "ECDSA or RSA");
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

Result<Bytes> RoundSigner::FromAuthority(ByteView message, std::optional<crypto::PssSalt> pss) {
  if (offline::CarriesFile(request_->kind)) {
    request_->key = Bytes(key_.spki().begin(), key_.spki().end());
  } else {
    request_->message.assign(message.begin(), message.end());
  }
  if (request_->kind == "cms") {
    // What the attributes hold is the digest by this key's hash.
    crypto::DerReader outer(message);
    BM_TRY(const ByteView set, outer.Expect(0x31));
    BM_TRY(const artifact::CmsSigned said, artifact::ReadCmsAttributes(set));
    request_->content = said.digest;
  }
  const Digest digest = offline::ArtifactRequestDigest(*request_);
  const std::string name = ToHex(digest).substr(0, 16);
  const fs::path asks = folder_ / (name + ".artifact-request");
  const fs::path answers = folder_ / (name + ".artifact-response");
  if (fs::exists(answers)) {
    BM_TRY(const std::string text, ReadTextFile(answers, offline::kMaxArtifactRequest));
    const offline::ArtifactOctets octets{.message = Bytes(message.begin(), message.end()),
                                         .pss = pss};
    BM_TRY(Bytes signature, offline::ReadArtifactResponse(text, digest, octets, key_));
    asked_ = digest;
    answered_ = crypto::Sha256(AsBytes(text));
    return signature;
  }
  BM_TRY(const std::string text, offline::WriteArtifactRequest(*request_, asker_.get()));
  // What the offline side would refuse, or sign otherwise, is refused here.
  BM_CHECK(offline::ReadArtifactRequest(text));
  BM_TRY(const offline::ArtifactOctets there, offline::OctetsOf(*request_));
  if (!std::ranges::equal(there.message, message))
    return Internal("artifact.carried", "the offline side would sign other octets");
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
