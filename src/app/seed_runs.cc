// SPDX-License-Identifier: Apache-2.0
#include "app/seed_runs.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace birthmark::app {
namespace {

constexpr size_t kNamedRefusals = 20;

}  // namespace

void SeedRuns::Add(std::string chip, std::string unit, ledger::NewEvent event) {
  events_.push_back(std::move(event));
  chips_.push_back(std::move(chip));
  units_.push_back(std::move(unit));
}

Status SeedRuns::Commit(const ledger::SeedsUsed& run, Time at) {
  if (events_.empty()) return {};
  Status done = Append(run, at, 0, events_.size());
  Drop();
  return done;
}

void SeedRuns::Drop() {
  events_.clear();
  chips_.clear();
  units_.clear();
}

// Append commits [from, to). When one of them is refused, halves are tried, so that the few seeds
// that stand in the way of many are found.
Status SeedRuns::Append(const ledger::SeedsUsed& run, Time at, size_t from, size_t to) {
  auto place = [](auto& v, size_t i) { return v.begin() + static_cast<ptrdiff_t>(i); };
  ledger::SeedsUsed used = run;
  used.chips.assign(place(chips_, from), place(chips_, to));
  used.units.assign(place(units_, from), place(units_, to));
  ledger::Submission all(std::make_move_iterator(place(events_, from)),
                         std::make_move_iterator(place(events_, to)));
  BM_TRY(ledger::NewEvent last,
         ledger::Prepare(ledger::MakeEvent(context_, at, "batch:" + run.batch, used)));
  all.push_back(std::move(last));
  Result<ledger::Receipt> done = std::move(log_.AppendAll(std::span(&all, 1)).front());
  if (done) {
    issued_ += to - from;
    return {};
  }
  const Error why = done.error();
  if (why.code != "ledger.key-seen" && why.code != "ledger.slot-live") return std::unexpected(why);
  if (to - from == 1) return Refuse(run.batch, from, why);
  // A refused submission is left as it was.
  for (size_t i = from; i < to; ++i) events_[i] = std::move(all[i - from]);
  size_t middle = from + (to - from) / 2;
  BM_CHECK(Append(run, at, from, middle));
  return Append(run, at, middle, to);
}

Status SeedRuns::Refuse(const std::string& batch, size_t i, const Error& why) {
  ++refused_;
  ledger::SeedRefused body{
      .why = why.code + ": " + why.message, .batch = batch, .element = chips_[i]};
  if (named_.size() < kNamedRefusals) named_.push_back(chips_[i] + ": " + body.why);
  BM_CHECK(log_.Append(ledger::MakeEvent(context_, clock_.Now(), "batch:" + batch, body)));
  return {};
}

}  // namespace birthmark::app
