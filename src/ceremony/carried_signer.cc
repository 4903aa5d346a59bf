// SPDX-License-Identifier: Apache-2.0
#include "ceremony/carried_signer.h"

#include <fmt/format.h>

#include "crypto/digest.h"
#include "custody/dkg_folder.h"
#include "custody/frost.h"

namespace birthmark::ceremony {
namespace {

constexpr int kCarriedTries = 40;

Result<custody::SigningRequest> RequestFrom(const fs::path& folder, ByteView message,
                                            const custody::ShareSet& set) {
  BM_TRY(std::vector<custody::SigningCommitment> commitments,
         custody::ReadMessages<custody::SigningCommitment>(folder, ".commitment"));
  return custody::MakeRequest(message, std::move(commitments), set);
}

Result<Bytes> SignatureFrom(const fs::path& folder, const custody::SigningRequest& request,
                            const custody::ShareSet& set) {
  BM_TRY(const std::vector<custody::PartialSignature> parts,
         custody::ReadMessages<custody::PartialSignature>(folder, ".part"));
  return custody::Aggregate(request, parts, set);
}

std::string SaidOf(const Error& e) {
  return fmt::format("not yet [{}]: {}\n{}", e.code, e.message, e.fix);
}

}  // namespace

Result<std::unique_ptr<CarriedSigner>> CarriedSigner::Make(custody::ShareSet set, fs::path folder,
                                                           Dialogue& room) {
  BM_TRY(crypto::PublicKey key, custody::GroupKey(set));
  return std::unique_ptr<CarriedSigner>(
      new CarriedSigner(std::move(set), std::move(folder), room, std::move(key)));
}

Result<Bytes> CarriedSigner::Sign(ByteView message) {
  const std::string digest = ToHex(crypto::Sha256(message));
  const fs::path folder = folder_ / digest.substr(0, 16);
  BM_CHECK(MakeDirs(folder, 0700));
  BM_CHECK(WriteFileAtomic(folder / "message", message));
  room_->Say(fmt::format("to be signed apart: {}, SHA-256 {}\neach signer: birthmark share commit",
                         (folder / "message").string(), digest));
  std::optional<custody::SigningRequest> request;
  for (int i = 0; i < kCarriedTries; ++i) {
    if (!request) {
      BM_TRY(const std::string from,
             room_->Ask("folder with the signers' *.commitment files, or \"stop\": "));
      if (from == "stop") break;
      auto made = RequestFrom(from, message, set_);
      if (!made) {
        room_->Say(SaidOf(made.error()));
        continue;
      }
      BM_CHECK(WriteFileAtomic(folder / "request", custody::ToArmor(*made)));
      room_->Say(fmt::format("carry {} to these signers: birthmark share sign",
                             (folder / "request").string()));
      request = std::move(*made);
    }
    BM_TRY(const std::string from,
           room_->Ask("folder with the signers' *.part files, \"others\" to choose other signers, "
                      "or \"stop\": "));
    if (from == "stop") break;
    if (from == "others") {
      request.reset();
      continue;
    }
    auto signature = SignatureFrom(from, *request, set_);
    if (signature) return signature;
    room_->Say(SaidOf(signature.error()));
  }
  return Refused("ceremony.stopped", "the ceremony was stopped; what was confirmed stands",
                 "go on with: birthmark ceremony resume DIR");
}

}  // namespace birthmark::ceremony
