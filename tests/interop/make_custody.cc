// SPDX-License-Identifier: Apache-2.0
// A ceremony's part of custody for tests: deals shares with their secrets in the clear beside them,
// asks for signatures, joins parts, checks proofs. What it writes is for tests and for nothing
// else.
//   make_custody deal DIR K N              DIR/set.cbor, key.pem, deal.json, INDEX.share
//   make_custody commit DIR INDEX OUT      as `birthmark share commit` does
//   make_custody sign DIR REQUEST INDEX OUT
//   make_custody commitment DIR INDEX HIDING BINDING OUT
//   make_custody request DIR MESSAGE OUT COMMITMENT…
//   make_custody part DIR REQUEST INDEX VALUE OUT
//   make_custody join DIR REQUEST OUT PART…
//   make_custody proof DIR INDEX PROOF     the statement is the proof's own
//   make_custody cheat FOLDER SHARE PASSPHRASE OUT
//                                          a dealing whose part for the last holder is wrong
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/files.h"
#include "crypto/digest.h"
#include "custody/frost.h"
#include "custody/health.h"
#include "custody/message.h"
#include "custody/nonce_file.h"
#include "custody/renewal_folder.h"
#include "custody/share_file.h"

namespace {

using namespace birthmark;
using namespace birthmark::custody;

constexpr size_t kMaxSetFile = 1 << 20;

template <class T>
T Must(Result<T> r) {
  if (r) return std::move(*r);
  fmt::print(stderr, "make_custody: {}\n", r.error().ToString());
  std::exit(1);
}
void Must(Status s) {
  if (s) return;
  fmt::print(stderr, "make_custody: {}\n", s.error().ToString());
  std::exit(1);
}

ShareSet SetOf(const fs::path& dir) {
  return Must(cbor::FromCbor<ShareSet>(Must(ReadFile(dir / "set.cbor", kMaxSetFile))));
}

template <class T>
T ReadMessage(const std::string& file) {
  return Must(FromArmor<T>(Must(ReadTextFile(file, kMaxMessageFile))));
}

SecretBytes Passphrase() { return SecretBytes::Take(ToBytes("rehearsal passphrase")); }

Share ShareOf(const fs::path& dir, uint16_t index) {
  return Must(OpenShare(Must(ReadTextFile(dir / fmt::format("{}.share", index), kMaxShareFile)),
                        Passphrase()));
}

void DealShares(const fs::path& dir, uint16_t k, uint16_t n) {
  SystemRng rng;
  const Dealt dealt = Must(DistributedKey(k, n, rng));
  std::string shares;
  for (const Share& s : dealt.shares) {
    Must(WriteFileAtomic(dir / fmt::format("{}.share", s.index),
                         Must(SealShare(s, Passphrase(), Argon2Cost::Rehearsal())), 0600));
    shares += fmt::format(R"({}"{}": {{"value": "{}", "point": "{}"}})", shares.empty() ? "" : ", ",
                          s.index, ToHex(s.value.Read(SecretAccess())),
                          ToHex(dealt.set.Find(s.index)->point));
  }
  Must(WriteFileAtomic(dir / "deal.json",
                       fmt::format(R"({{"key": "{}", "threshold": {}, "shares": {{{}}}}})",
                                   ToHex(dealt.set.key), k, shares) +
                           "\n"));
  Must(WriteFileAtomic(dir / "set.cbor", cbor::ToCbor(dealt.set)));
  Must(WriteFileAtomic(dir / "key.pem",
                       crypto::WritePem("PUBLIC KEY", Must(GroupKey(dealt.set)).spki())));
}

// Cheat deals a share on as a holder would who wants the last of the new ones to have nothing.
void Cheat(const fs::path& folder, const std::string& share, const std::string& passphrase,
           const std::string& out) {
  SystemRng rng;
  const RenewalTerms terms = Must(ReadRenewalTerms(folder / kTermsFile));
  const RenewalAgreed agreed =
      Must(AgreeRenewal(terms, Must(ReadMessages<RenewalReceiver>(folder, ".receiver"))));
  const Share own = Must(
      OpenShare(Must(ReadTextFile(share, kMaxShareFile)), SecretBytes::Take(ToBytes(passphrase))));
  RenewalDealing dealing = Must(DealRenewal(own, terms, agreed, rng));
  dealing.dealing.sealed.back() = Must(DealOn(own, agreed.terms, rng)).sealed.back();
  const std::string statement =
      fmt::format("birthmark re-sharing\ntranscript {}\ndealing {}\n", ToHex(agreed.transcript),
                  ToHex(crypto::Sha256(cbor::ToCbor(dealing.dealing))));
  dealing.proof = Must(ProveShare(own, AsBytes(statement), rng));
  Must(WriteFileAtomic(out, ToArmor(dealing)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 4) return 2;
  const std::string& verb = args[0];
  const fs::path dir = args[1];
  const auto number = [&](size_t i) { return static_cast<uint16_t>(std::stoul(args.at(i))); };
  const auto rest = [&](size_t from) {
    return std::vector<std::string>(args.begin() + static_cast<std::ptrdiff_t>(from), args.end());
  };
  if (verb == "deal") {
    DealShares(dir, number(2), number(3));
  } else if (verb == "commit") {
    SystemRng rng;
    const SigningNonces nonces = Must(Commit(ShareOf(dir, number(2)), rng));
    Must(KeepNonces(dir / (args[2] + ".nonces"), nonces, Passphrase(), Argon2Cost::Rehearsal()));
    Must(WriteFileAtomic(args[3], ToArmor(nonces.commitment())));
  } else if (verb == "sign") {
    Must(WriteFileAtomic(
        args.at(4),
        ToArmor(Must(SignPartial(ShareOf(dir, number(3)),
                                 Must(SpendNonces(dir / (args[3] + ".nonces"), Passphrase())),
                                 ReadMessage<SigningRequest>(args[2]))))));
  } else if (verb == "commitment") {
    const ShareSet set = SetOf(dir);
    Must(WriteFileAtomic(args.at(5), ToArmor(SigningCommitment{.set = set.set,
                                                               .index = number(2),
                                                               .hiding = *FromHex(args[3]),
                                                               .binding = *FromHex(args.at(4)),
                                                               .generation = set.generation})));
  } else if (verb == "request") {
    std::vector<SigningCommitment> commitments;
    for (const std::string& f : rest(4)) commitments.push_back(ReadMessage<SigningCommitment>(f));
    Must(WriteFileAtomic(args[3], ToArmor(Must(MakeRequest(Must(ReadFile(args[2], kMaxMessage)),
                                                           std::move(commitments), SetOf(dir))))));
  } else if (verb == "part") {
    const auto request = ReadMessage<SigningRequest>(args[2]);
    const Digest digest = crypto::Sha256(cbor::ToCbor(request));
    Must(WriteFileAtomic(
        args.at(5), ToArmor(PartialSignature{.set = request.set,
                                             .index = number(3),
                                             .value = *FromHex(args.at(4)),
                                             .request = Bytes(digest.begin(), digest.end())})));
  } else if (verb == "join") {
    std::vector<PartialSignature> parts;
    for (const std::string& f : rest(4)) parts.push_back(ReadMessage<PartialSignature>(f));
    Must(WriteFileAtomic(args[3],
                         Must(Aggregate(ReadMessage<SigningRequest>(args[2]), parts, SetOf(dir)))));
  } else if (verb == "proof") {
    const auto proof = ReadMessage<ShareProof>(args[3]);
    Must(CheckProof(SetOf(dir), number(2), proof.statement, proof));
  } else if (verb == "cheat") {
    Cheat(dir, args.at(2), args.at(3), args.at(4));
  } else {
    return 2;
  }
  return 0;
}
