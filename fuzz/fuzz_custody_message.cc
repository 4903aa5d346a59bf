// SPDX-License-Identifier: Apache-2.0
// Messages of the other parties of a distributed key generation, a re-sharing and a signing, given
// to an honest one: the first octet says which, the rest is the message. Whatever comes, the honest
// party ends with an error, or with what its own check holds.
#include "custody/dkg.h"
#include "custody/frost.h"
#include "custody/message.h"
#include "custody/reshare.h"
#include "custody/seeded_rng.h"
#include "fuzz/fuzz.h"

namespace {

using namespace birthmark;
using namespace birthmark::custody;

// Scene is a 2-of-3 set whose holders 1 and 2 deal on and sign.
struct Scene {
  SeededRng rng;
  Dealt dealt = *Deal(2, 3, rng);
  ReshareReceiver receiver = *ReshareReceiver::Start(1, rng);
  ReshareReceiver other = *ReshareReceiver::Start(2, rng);
  ReshareTerms terms = *MakeTerms(dealt.set, std::vector<uint16_t>{1, 2},
                                  {receiver.receiver(), other.receiver()}, 2);
  Dealing first = *DealOn(dealt.shares[0], terms, rng);
  SigningNonces nonces = *Commit(dealt.shares[0], rng);
  SigningCommitment second = Commit(dealt.shares[1], rng)->commitment();
};

template <class T>
Result<T> Read(ByteView input) {
  return cbor::FromCbor<T>(input, kMessageLimits);
}

void TryDkg(ByteView input) {
  SeededRng rng;
  DkgParty party =
      *DkgParty::Start({.set = Bytes(16, 7), .parties = {1, 2}, .threshold = 2}, 1, rng);
  const Result<DkgRound1> m = Read<DkgRound1>(input);
  if (!m) return;
  const std::vector<DkgRound1> all = {party.round1(), *m};
  const auto parts = party.Deal(all);
  FUZZ_CHECK(!parts || (parts->size() == 1 && m->index == 2));
  if (parts) FUZZ_CHECK(!party.Finish(*parts));
}

void TryDkgTerms(ByteView input) {
  const Result<DkgTerms> m = Read<DkgTerms>(input);
  if (!m || m->parties.size() > 8 || !CheckTerms(*m)) return;
  SeededRng rng;
  const auto party = DkgParty::Start(*m, m->parties.front(), rng);
  FUZZ_CHECK(party);
  const SecretBytes kept = party->ToOctets();
  FUZZ_CHECK(DkgParty::Restore(*m, party->round1(), kept.Read(SecretAccess())));
}

void TryDkgPart(ByteView input) {
  static const DkgParty other = [] {
    SeededRng rng(2);
    return *DkgParty::Start({.set = Bytes(16, 7), .parties = {1, 2}, .threshold = 2}, 2, rng);
  }();
  SeededRng rng;
  DkgParty party =
      *DkgParty::Start({.set = Bytes(16, 7), .parties = {1, 2}, .threshold = 2}, 1, rng);
  const std::vector<DkgRound1> all = {party.round1(), other.round1()};
  FUZZ_CHECK(party.Deal(all));
  const Result<DkgRound2> m = Read<DkgRound2>(input);
  if (!m) return;
  const std::vector<DkgRound2> received = {*m};
  if (const auto held = party.Finish(received))
    FUZZ_CHECK(CheckSet(held->set) && CheckShare(held->share, held->set));
}

void TryReshare(const Scene& scene, ByteView input) {
  const Result<Dealing> m = Read<Dealing>(input);
  if (!m) return;
  const std::vector<Dealing> dealings = {scene.first, *m};
  const auto held = scene.receiver.Finish(dealings, scene.terms, scene.dealt.set);
  if (held)
    FUZZ_CHECK(CheckSet(held->set) && CheckShare(held->share, held->set) &&
               held->set.key == scene.dealt.set.key);
}

void TryTerms(const Scene& scene, ByteView input) {
  const Result<ReshareTerms> m = Read<ReshareTerms>(input);
  if (!m || m->receivers.size() > 8 || m->dealers.size() > 8) return;
  SeededRng rng;
  const auto dealing = DealOn(scene.dealt.shares[0], *m, rng);
  if (dealing) FUZZ_CHECK(dealing->sealed.size() == m->receivers.size());
}

void TryRequest(const Scene& scene, ByteView input) {
  const Result<SigningRequest> m = Read<SigningRequest>(input);
  if (!m || m->commitments.size() > 8) return;
  const SecretBytes kept = scene.nonces.ToOctets();
  SigningNonces nonces = *SigningNonces::FromOctets(kept.Read(SecretAccess()));
  const auto part = SignPartial(scene.dealt.shares[0], std::move(nonces), *m);
  if (part) FUZZ_CHECK(CheckPartial(*part, *m, scene.dealt.set));
}

void TryCommitment(const Scene& scene, ByteView input) {
  const Result<SigningCommitment> m = Read<SigningCommitment>(input);
  if (!m) return;
  const auto request = MakeRequest(AsBytes("m"), {scene.nonces.commitment(), *m}, scene.dealt.set);
  if (request) FUZZ_CHECK(request->commitments.size() == 2);
}

void TryPart(const Scene& scene, ByteView input) {
  const Result<PartialSignature> m = Read<PartialSignature>(input);
  if (!m) return;
  const auto request =
      MakeRequest(AsBytes("m"), {scene.nonces.commitment(), scene.second}, scene.dealt.set);
  FUZZ_CHECK(request);
  const std::vector<PartialSignature> parts = {*m};
  FUZZ_CHECK(!Aggregate(*request, parts, scene.dealt.set));
  (void)CheckPartial(*m, *request, scene.dealt.set);
}

void TrySet(ByteView input) {
  const Result<ShareSet> m = Read<ShareSet>(input);
  if (!m || m->holders.size() > 16 || !CheckSet(*m)) return;
  FUZZ_CHECK(GroupKey(*m));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Scene scene;
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  switch (data[0]) {
    case 'd':
      TryDkg(input);
      break;
    case 'g':
      TryDkgTerms(input);
      break;
    case 'p':
      TryDkgPart(input);
      break;
    case 'r':
      TryReshare(scene, input);
      break;
    case 't':
      TryTerms(scene, input);
      break;
    case 'q':
      TryRequest(scene, input);
      break;
    case 'c':
      TryCommitment(scene, input);
      break;
    case 's':
      TryPart(scene, input);
      break;
    case 'k':
      TrySet(input);
      break;
    default:
      break;
  }
  return 0;
}
