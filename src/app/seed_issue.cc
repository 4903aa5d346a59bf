// SPDX-License-Identifier: Apache-2.0
#include "app/seed_issue.h"

#include <utility>

#include "crypto/p256.h"
#include "ledger/events.h"
#include "seed/derive.h"

namespace birthmark::app {
namespace {

Result<std::vector<crypto::PublicKey>> PublicKeysOf(std::span<const SecretBytes> seeds,
                                                    crypto::Algorithm a) {
  std::vector<crypto::PublicKey> out;
  out.reserve(seeds.size());
  if (a != crypto::Algorithm::kEcdsaP256) {
    for (const SecretBytes& seed : seeds) {
      BM_TRY(seed::Derived derived, seed::Derive(seed, a));
      out.push_back(std::move(derived.public_key));
    }
    return out;
  }
  BM_TRY(std::vector<crypto::P256Point> points, seed::DeriveP256Points(seeds));
  Bytes spki(crypto::kP256SpkiPrefix.begin(), crypto::kP256SpkiPrefix.end());
  for (const crypto::P256Point& point : points) {
    spki.resize(crypto::kP256SpkiPrefix.size());
    spki.insert(spki.end(), point.begin(), point.end());
    BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(spki));
    out.push_back(std::move(key));
  }
  return out;
}

}  // namespace

Result<bool> SeedIssuer::IsUsed(std::string_view chip) {
  BM_TRY(std::vector<uint64_t> seqs, s_.log.registry().SeedUses(chip));
  return !seqs.empty();
}

Status SeedIssuer::Take(std::string chip, std::string serial, SecretBytes seed) {
  if (serial.empty()) {
    BM_TRY(serial, serials_.Next());
  }
  waiting_.push_back({std::move(chip), std::move(serial)});
  seeds_.push_back(std::move(seed));
  return waiting_.size() < kTogether ? Status() : Certify();
}

Status SeedIssuer::Certify() {
  if (waiting_.empty()) return {};
  if (runs_.size() == 0) from_ = s_.clock.Now();
  auto keys = PublicKeysOf(seeds_, s_.algorithm);
  seeds_.clear();
  to_ = s_.clock.Now();
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  if (!keys) return std::unexpected(std::move(keys).error());
  for (size_t i = 0; i < waiting.size(); ++i) {
    method::Order order{.job = {.unit = s_.plan.product.id + "/" + waiting[i].serial,
                                .serial = std::move(waiting[i].serial),
                                .slot = s_.slot,
                                .subject = ""},
                        .key = std::move((*keys)[i]),
                        .method = "carrot",
                        .proof = "made-by-us"};
    BM_TRY(ledger::NewEvent event, s_.desk.CertifyEvent(order));
    runs_.Add(std::move(waiting[i].chip), std::move(order.job.unit), std::move(event));
  }
  return {};
}

Status SeedIssuer::Commit() {
  // What was certified before an authority came to its end is kept.
  Status certified = Certify();
  BM_CHECK(runs_.Commit({.to = Millis(to_),
                         .form = "plain memory",
                         .from = Millis(from_),
                         .slot = s_.slot,
                         .batch = s_.batch,
                         .chips = {},
                         .place = s_.place,
                         .units = {},
                         .destroyed = "memory wiped once the public half was computed"},
                        s_.clock.Now()));
  return certified;
}

}  // namespace birthmark::app
