// SPDX-License-Identifier: Apache-2.0
#include "app/seed_issue.h"

#include <utility>

#include "crypto/p256.h"
#include "ledger/events.h"
#include "seed/derive.h"

namespace birthmark::app {
namespace {

Result<crypto::PublicKey> PublicKeyOfSeed(const SecretBytes& seed, crypto::Algorithm a) {
  if (a != crypto::Algorithm::kEcdsaP256) {
    BM_TRY(seed::Derived derived, seed::Derive(seed, a));
    return derived.public_key;
  }
  BM_TRY(crypto::P256Point point, seed::DeriveP256Point(seed));
  Bytes spki(crypto::kP256SpkiPrefix.begin(), crypto::kP256SpkiPrefix.end());
  spki.insert(spki.end(), point.begin(), point.end());
  return crypto::PublicKey::FromSpki(spki);
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
  if (events_.empty()) from_ = s_.clock.Now();
  auto key = PublicKeyOfSeed(seed, s_.algorithm);
  seed.Clear();
  to_ = s_.clock.Now();
  if (!key) return std::unexpected(std::move(key).error());
  method::Order order{.job = {.unit = s_.plan.product.id + "/" + serial,
                              .serial = std::move(serial),
                              .slot = s_.slot,
                              .subject = ""},
                      .key = std::move(*key),
                      .method = "carrot",
                      .proof = "made-by-us"};
  BM_TRY(ledger::NewEvent event, s_.desk.CertifyEvent(order));
  events_.push_back(std::move(event));
  chips_.push_back(std::move(chip));
  units_.push_back(std::move(order.job.unit));
  return {};
}

Status SeedIssuer::Commit() {
  if (events_.empty()) return {};
  Status done = Append(events_, 0, events_.size());
  events_.clear();
  chips_.clear();
  units_.clear();
  return done;
}

// Append commits [from, to). When one of them is refused, halves are tried, so that the few seeds
// that stand in the way of many are found.
Status SeedIssuer::Append(std::vector<ledger::NewEvent>& events, size_t from, size_t to) {
  auto at = [](auto& v, size_t i) { return v.begin() + static_cast<ptrdiff_t>(i); };
  ledger::SeedsUsed used{.to = Millis(to_),
                         .form = "plain memory",
                         .from = Millis(from_),
                         .slot = s_.slot,
                         .batch = s_.batch,
                         .chips = {at(chips_, from), at(chips_, to)},
                         .place = s_.place,
                         .units = {at(units_, from), at(units_, to)},
                         .destroyed = "memory wiped once the public half was computed"};
  ledger::Submission all(std::make_move_iterator(at(events, from)),
                         std::make_move_iterator(at(events, to)));
  BM_TRY(ledger::NewEvent last,
         ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(), "batch:" + s_.batch, used)));
  all.push_back(std::move(last));
  Result<ledger::Receipt> done = std::move(s_.log.AppendAll(std::span(&all, 1)).front());
  if (done) {
    issued_ += to - from;
    return {};
  }
  const Error why = done.error();
  if (why.code != "ledger.key-seen" && why.code != "ledger.slot-live") return std::unexpected(why);
  if (to - from == 1) return Refuse(from, why);
  // A refused submission is left as it was.
  for (size_t i = from; i < to; ++i) events[i] = std::move(all[i - from]);
  size_t middle = from + (to - from) / 2;
  BM_CHECK(Append(events, from, middle));
  return Append(events, middle, to);
}

Status SeedIssuer::Refuse(size_t i, const Error& why) {
  ++refused_;
  ledger::SeedRefused body{
      .why = why.code + ": " + why.message, .batch = s_.batch, .element = chips_[i]};
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, s_.clock.Now(), "batch:" + s_.batch, body)));
  return {};
}

}  // namespace birthmark::app
