// SPDX-License-Identifier: Apache-2.0
#include "app/crl_keeper.h"

#include <algorithm>

namespace birthmark::app {

CrlKeeper::CrlKeeper(CrlMaker maker, std::function<bool(const std::string&)> has_key,
                     server::Metrics& metrics, std::function<void(const std::string&)> said)
    : maker_(std::move(maker)),
      has_key_(std::move(has_key)),
      metrics_(metrics),
      said_(std::move(said)),
      thread_([this] { Work(); }) {}

CrlKeeper::~CrlKeeper() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void CrlKeeper::Work() {
  for (;;) {
    if (Status s = Look(); !s) said_(s.error().ToString());
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kEvery, [this] { return stop_; })) return;
  }
}

Status CrlKeeper::Look() {
  std::lock_guard one_at_a_time(looking_);
  BM_TRY(auto reader, OpenReader(maker_.layout.root));
  BM_TRY(auto plans, PlansOf(*reader));
  const Time now = maker_.clock.Now();
  BM_TRY(std::vector<BuiltCrl> out, PublishDue(*reader, maker_.layout, now));
  for (const BuiltCrl& b : out) said_(fmt::format("published list {} of {}", b.number, b.ca));
  BM_TRY(uint64_t mark, ledger::RevocationMark(reader->registry().db(), ""));
  const bool changed = mark != mark_;
  mark_ = mark;
  BM_TRY(std::vector<ledger::CaRow> cas, reader->registry().Cas());
  BM_TRY(std::vector<CrlView> views, CrlViews(*reader, now));
  for (const ledger::CaRow& ca : cas) {
    const plan::Level* level = LevelOf(plans, ca);
    if (level == nullptr || !level->crl_lifetime || ca.offline) continue;
    const auto steady = std::chrono::steady_clock::now();
    if (auto it = not_before_.find(ca.id); it != not_before_.end()) {
      if (steady < it->second) {
        mark_.reset();  // looked at again
        continue;
      }
      not_before_.erase(it);
    }
    auto view = std::ranges::lower_bound(views, ca.id, {}, &CrlView::ca);
    const bool there = view != views.end() && view->ca == ca.id;
    // Of ten thousand authorities few have something to tell: only those are asked about.
    const bool late =
        !there ||
        Millis(now) >= view->row.this_update + (view->row.next_update - view->row.this_update) / 2;
    if (!late && !changed) continue;
    if (!there && ca.issued == 0 && ca.level > 1) continue;
    BM_TRY(std::string why, CrlDue(*reader, ca, *level, now));
    if (why.empty() || !has_key_(ca.id)) continue;
    auto made = maker_.Sign(*reader, ca, *level, {});
    const auto took = std::chrono::steady_clock::now() - steady;
    not_before_[ca.id] = std::chrono::steady_clock::now() + took * 20;
    if (!made) {
      mark_.reset();
      said_(fmt::format("the list of {}: {}", ca.id, made.error().ToString()));
      continue;
    }
    said_(fmt::format("signed list {} of {} ({} entries): {}", made->front().number, ca.id,
                      made->front().count, why));
  }
  BM_CHECK(reader->Refresh());
  BM_TRY(views, CrlViews(*reader, now));
  for (const CrlView& v : views) {
    metrics_
        .GetGauge("birthmark_crl_next_update_seconds",
                  "Seconds until the revocation list that is out holds no longer.", {{"ca", v.ca}})
        .Set((v.row.next_update - Millis(now)) / 1000);
  }
  return {};
}

}  // namespace birthmark::app
