// SPDX-License-Identifier: Apache-2.0
#include "attest/challenges.h"

#include <algorithm>

#include "attest/chain.h"

namespace birthmark::attest {

Result<Bytes> Challenges::Give(Given given) {
  std::lock_guard lock(mutex_);
  const Time now = clock_.Now();
  std::erase_if(given_, [&](const auto& g) { return g.second.until + kRemembered <= now; });
  if (given_.size() >= max_)
    return Refused("attest.busy", "too many nonces are out", "come again in a few minutes");
  Bytes nonce(32);
  rng_.Fill(nonce);
  given.until = now + kLife;
  given_.emplace(nonce, std::move(given));
  return nonce;
}

Result<Bytes> Challenges::Nonce(const std::string& who) { return Give({.who = who}); }

Result<Credential> Challenges::ForTpm(const std::string& who, const crypto::Certificate& ek,
                                      const TpmPublic& ak) {
  BM_CHECK(CheckAttestationKey(ak));
  BM_TRY(EndorsementKey key, EndorsementKeyOf(SpkiOf(ek)));
  BM_TRY(Bytes nonce,
         Give({.who = who, .activation = Activation{.ek = EkDigestOf(ek), .ak_name = ak.Name()}}));
  return MakeCredential(key, ak.Name(), SecretBytes::Take(std::move(nonce)));
}

Result<Challenges::Answer> Challenges::Take(const std::string& who, const Bytes& nonce) {
  std::lock_guard lock(mutex_);
  auto it = given_.find(nonce);
  if (it == given_.end()) return Answer{};
  Given& g = it->second;
  const bool late = g.until <= clock_.Now();
  if (g.used || late || g.who != who) {
    return Refused("attest.nonce",
                   g.used ? "the nonce in the evidence was used before"
                   : late ? "the nonce in the evidence is stale"
                          : "the nonce in the evidence was given to somebody else",
                   "ask for a new nonce and attest again");
  }
  g.used = true;
  return Answer{.ours = true, .activation = g.activation};
}

}  // namespace birthmark::attest
