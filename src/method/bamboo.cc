// SPDX-License-Identifier: Apache-2.0
#include "method/bamboo.h"

#include "crypto/software_signer.h"
#include "link/image.h"

namespace birthmark::method {
namespace {

constexpr std::string_view kName = "bamboo";

}  // namespace

Result<BambooKey> BambooKey::Make(Desk& desk, const Job& job, const std::string& place) {
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  if (live && live->state != "issued") {
    return Refused("bamboo.installed", job.unit + ": its identity is already in a device",
                   "take the next unit; a rework is a step of its own");
  }
  if (live) {
    // The private half was in the memory of a process that ended before it wrote the image.
    BM_CHECK(desk.SetState(job, live->certificate, "void",
                           "private key lost with the station's process"));
  }
  BambooKey k;
  k.job_ = job;
  k.place_ = place;
  k.made_ = desk.Now();
  BM_TRY(auto signer, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(k.scalar_, signer->ToP256Scalar());
  k.spki_ = signer->public_key().spki_digest();
  BM_TRY(k.certified_, desk.Issue({.job = job,
                                   .key = signer->public_key(),
                                   .method = std::string(kName),
                                   .proof = "made-by-us"}));
  return k;
}

SecretBytes BambooKey::FactoryRecord() const {
  std::vector<link::FactoryIdentity> identities(1);
  identities[0].slot = job_.slot;
  ByteView scalar = scalar_.Read(SecretAccess());
  identities[0].key = SecretBytes::Take(Bytes(scalar.begin(), scalar.end()));
  identities[0].chain = certified_.chain;
  return link::EncodeFactoryRecord(job_.serial, identities);
}

Status BambooKey::RecordLife(Desk& desk, const std::string& destroyed) {
  ledger::KeyOutside life{
      .spki = spki_, .slot = job_.slot, .unit = job_.unit, .places = {}, .destroyed = destroyed};
  life.places.push_back({.to = Millis(desk.Now()),
                         .from = Millis(made_),
                         .form = "plain memory",
                         .place = place_ + " process"});
  return desk.Record("unit:" + job_.unit, life);
}

Status BambooKey::Installed(Desk& desk) {
  scalar_.Clear();
  BM_CHECK(RecordLife(desk, "memory wiped after the read-back"));
  return desk.SetState(job_, certified_.certificate, "installed",
                       "image read back from the device");
}

Status BambooKey::Abandon(Desk& desk, const std::string& reason) {
  scalar_.Clear();
  BM_CHECK(RecordLife(desk, "memory wiped: " + reason));
  return desk.SetState(job_, certified_.certificate, "void", reason);
}

}  // namespace birthmark::method
