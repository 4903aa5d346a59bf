// SPDX-License-Identifier: Apache-2.0
#include "method/bamboo.h"

#include "crypto/software_signer.h"
#include "link/image.h"

namespace birthmark::method {
namespace {

constexpr std::string_view kBamboo = "bamboo";

}  // namespace

Result<BambooKey> BambooKey::Make(Desk& desk, const Job& job, const std::string& place,
                                  Pool* pool) {
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  if (live && live->state != "issued") {
    return Refused("bamboo.installed", job.unit + ": its identity is already in a device",
                   "take the next unit; a rework is a step of its own");
  }
  BambooKey k;
  k.job_ = job;
  k.place_ = place;
  std::optional<MadeAhead> ahead;
  if (pool != nullptr) {
    BM_TRY(ahead, pool->Release(job));
  }
  k.made_ = desk.Now();
  if (ahead) {
    k.in_pool_ = ledger::KeyPlace{.to = Millis(ahead->released),
                                  .from = Millis(ahead->made),
                                  .form = "sealed file",
                                  .place = "pool"};
  }
  if (live && ahead && !ahead->scalar.empty()) {
    BM_TRY(auto kept, crypto::SoftwareSigner::FromP256Scalar(ahead->scalar));
    BM_TRY(crypto::PublicKey certified, live->certificate.public_key());
    if (kept->public_key().spki_digest() != certified.spki_digest()) {
      return Refused("pool.damaged", job.unit + ": the pool's key is not its certificate's",
                     "birthmark ledger verify WS; then fill the pool anew");
    }
    k.made_ = ahead->released;
    k.scalar_ = std::move(ahead->scalar);
    k.spki_ = certified.spki_digest();
    k.certified_ = std::move(*live);
    return k;
  }
  if (live) {
    // The private half was in the memory of a process that ended before it wrote the image.
    BM_TRY(crypto::PublicKey lost, live->certificate.public_key());
    k.spki_ = lost.spki_digest();
    if (ahead) {
      k.made_ = ahead->released;
      BM_CHECK(k.RecordLife(desk, "sealed entry overwritten; lost with the process"));
      k.made_ = desk.Now();
      k.in_pool_.reset();
    }
    BM_CHECK(desk.SetState(job, live->certificate, "void",
                           "private key lost with the station's process"));
  }
  BM_TRY(auto signer, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(k.scalar_, signer->ToP256Scalar());
  k.spki_ = signer->public_key().spki_digest();
  auto certified = desk.Issue({.job = job,
                               .key = signer->public_key(),
                               .method = std::string(kBamboo),
                               .proof = "made-by-us"});
  if (!certified && ahead && certified.error().code.starts_with("desk.")) {
    return Refused("bamboo.pool-lost",
                   job.unit +
                       ": its identity from the pool is spent and no authority is at hand; "
                       "the board is blank and takes the next number",
                   "run the line on; fill the pool before it is empty");
  }
  if (!certified) return std::unexpected(std::move(certified).error());
  k.certified_ = std::move(*certified);
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
  if (in_pool_) life.places.push_back(*in_pool_);
  life.places.push_back({.to = Millis(desk.Now()),
                         .from = Millis(made_),
                         .form = "plain memory",
                         .place = place_ + " process"});
  return desk.Record("unit:" + job_.unit, life);
}

Status BambooKey::Installed(Desk& desk) {
  scalar_.Clear();
  BM_CHECK(RecordLife(desk, in_pool_ ? "sealed entry overwritten; memory wiped after the read-back"
                                     : "memory wiped after the read-back"));
  return desk.SetState(job_, certified_.certificate, "installed",
                       "image read back from the device");
}

Status BambooKey::Abandon(Desk& desk, const std::string& reason) {
  scalar_.Clear();
  BM_CHECK(RecordLife(desk, "memory wiped: " + reason));
  return desk.SetState(job_, certified_.certificate, "void", reason);
}

}  // namespace birthmark::method
