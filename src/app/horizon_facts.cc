// SPDX-License-Identifier: Apache-2.0
#include "app/horizon_facts.h"

#include <algorithm>
#include <unordered_map>

#include "anchors/dnssec.h"
#include "ledger/events.h"
#include "ledger/sqlite/issue_scan.h"
#include "ledger/sqlite/registry_revocations.h"
#include "pki/path.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

constexpr int64_t kNinetyDays = int64_t{90} * 24 * 60 * 60 * 1000;

int64_t YearOf(int64_t at) {
  const auto day = std::chrono::floor<std::chrono::days>(TimeFromMillis(at));
  return static_cast<int>(std::chrono::year_month_day(day).year());
}

class Gatherer {
 public:
  Gatherer(ledger::LogReader& reader, int64_t now) : reader_(reader), registry_(reader.registry()) {
    out_.now = now;
    out_.name = reader.genesis().manufacturer;
    out_.rehearsal = reader.genesis().rehearsal;
  }

  Result<HorizonFacts> Run() {
    BM_CHECK(Products());
    BM_CHECK(Authorities());
    BM_CHECK(Identities());
    BM_CHECK(Anchors());
    BM_CHECK(Signers());
    BM_CHECK(Credentials());
    BM_CHECK(Lists());
    return std::move(out_);
  }

 private:
  template <class Body>
  Result<Body> BodyAt(uint64_t seq) {
    BM_TRY(ledger::Event e, reader_.EventAt(seq));
    return ledger::BodyOf<Body>(e);
  }
  // EachOf calls back with every event of a type that is few in number.
  template <class Body, class Fn>
  Status EachOf(Fn&& fn) {
    BM_TRY(std::vector<uint64_t> seqs, registry_.EventsOfType(Body::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      BM_TRY(Body body, ledger::BodyOf<Body>(e));
      BM_CHECK(fn(e, body));
    }
    return {};
  }

  Status Products() {
    BM_TRY(auto plans, PlansOf(reader_));
    for (auto& [id, adopted] : plans) {
      ProductLife p;
      BM_TRY(p.units, registry_.CountUnits({.product = id}));
      BM_TRY(p.first_unit, ledger::FirstUnitAt(registry_.db(), id));
      p.plan = std::move(adopted.plan);
      out_.products.push_back(std::move(p));
    }
    return {};
  }

  Status Authorities() {
    BM_TRY(std::vector<ledger::CaRow> rows, registry_.Cas());
    for (ledger::CaRow& row : rows) {
      BM_TRY(ledger::CaCreated body, BodyAt<ledger::CaCreated>(row.seq));
      BM_TRY(pki::Validity v, pki::ReadValidity(body.cert));
      CaLife life;
      life.from = v.from;
      life.to = life.chain_to = v.to;
      life.id = std::move(row.id);
      life.pki = std::move(row.pki);
      life.name = std::move(row.name);
      life.issuer = std::move(row.issuer);
      life.state = std::move(row.state);
      life.level = row.level;
      life.issues_until = row.issues_until;
      life.max_count = row.max_count;
      life.issued = row.issued;
      ca_.emplace(life.id, out_.cas.size());
      out_.cas.push_back(std::move(life));
    }
    for (CaLife& life : out_.cas) {
      const CaLife* at = &life;
      for (size_t up = 0; up < pki::kMaxPathCertificates; ++up) {
        auto above = ca_.find(at->issuer);
        if (above == ca_.end() || &out_.cas[above->second] == at) break;
        at = &out_.cas[above->second];
        life.chain_to = std::min(life.chain_to, at->to);
      }
    }
    return {};
  }

  struct Open {
    int64_t year = 0;
    uint64_t count = 0, first = 0, last = 0;
  };

  Status Identities() {
    std::unordered_map<std::string, Open> open;
    BM_CHECK(ledger::ForEachIssue(
        registry_.db(), 0, reader_.size(), [&](const ledger::IssueView& v) -> Status {
          // One authority signs many in a row.
          if (v.ca != last_name_ || last_ == nullptr) {
            last_name_ = v.ca;
            last_ = &open[last_name_];
            auto it = ca_.find(last_name_);
            last_ca_ = it == ca_.end() ? nullptr : &out_.cas[it->second];
          }
          if (last_ca_ != nullptr && v.issued_at >= out_.now - kNinetyDays) ++last_ca_->recent;
          if (!ledger::IsLive(v.state)) return {};
          if (last_ca_ != nullptr) ++last_ca_->live;
          const int64_t year = YearOf(v.issued_at);
          if (last_->count > 0 && last_->year != year) BM_CHECK(Close(last_name_, *last_));
          if (last_->count == 0) *last_ = {.year = year, .count = 0, .first = v.seq, .last = v.seq};
          ++last_->count;
          last_->last = v.seq;
          return {};
        }));
    for (auto& [ca, group] : open) {
      if (group.count > 0) BM_CHECK(Close(ca, group));
    }
    std::ranges::sort(out_.identities, {},
                      [](const EeGroup& g) { return std::tie(g.first_to, g.ca, g.from); });
    return {};
  }

  Result<pki::Validity> ValidityAt(uint64_t seq) {
    BM_TRY(ledger::Event e, reader_.EventAt(seq));
    if (e.type == ledger::IdentityAdopted::kType) {
      BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(e));
      return pki::ReadValidity(body.cert);
    }
    BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(e));
    return pki::ReadValidity(body.cert);
  }

  Status Close(const std::string& ca, Open& o) {
    BM_TRY(pki::Validity first, ValidityAt(o.first));
    BM_TRY(pki::Validity last, ValidityAt(o.last));
    out_.identities.push_back(
        {ca, o.count, first.from, std::min(first.to, last.to), std::max(first.to, last.to)});
    o.count = 0;
    return {};
  }

  // RootKeyOf is the DNS root's key that a record is of; null for any other anchor.
  static const anchors::RootKey* RootKeyOf(const anchors::AnchorEntry& a) {
    const std::vector<const anchors::RootKey*> keys =
        anchors::RootKeysIn({.kind = anchors::FileKind::kDnssecAnchors, .entries = {a}});
    return keys.empty() ? nullptr : keys.front();
  }

  // The newest reading of each product's anchor counts.
  Status Anchors() {
    std::map<std::pair<std::string, std::string>, AnchorLife> newest;
    BM_CHECK(EachOf<ledger::AnchorRead>(
        [&](const ledger::Event& e, const ledger::AnchorRead& body) -> Status {
          BM_TRY(anchors::AnchorFacts facts, cbor::FromValue<anchors::AnchorFacts>(body.facts));
          for (const ProductLife& p : out_.products) {
            const plan::Anchor* declared = p.plan.FindAnchor(body.anchor);
            if (declared == nullptr || !Concerns(e, p)) continue;
            AnchorLife life{p.plan.product.id, body.anchor, declared->verifies, {}};
            for (const anchors::AnchorEntry& a : facts.entries) {
              if (const anchors::RootKey* key = RootKeyOf(a)) {
                life.dns_root = true;
                life.entries.emplace_back(Millis(key->published),
                                          key->signs_until ? Millis(*key->signs_until) : 0);
                continue;
              }
              life.entries.emplace_back(a.not_before.value_or(0) * 1000,
                                        a.not_after.value_or(0) * 1000);
            }
            newest[{life.product, life.id}] = std::move(life);
          }
          return {};
        }));
    for (auto& [key, life] : newest) out_.anchors.push_back(std::move(life));
    return {};
  }

  // Concerns tells whether an event was of this product: its plan is one of the product's.
  bool Concerns(const ledger::Event& e, const ProductLife& p) {
    if (out_.products.size() == 1 || !e.plan) return true;
    if (plans_.empty()) {
      if (auto rows = registry_.Plans()) {
        for (const ledger::PlanRow& r : *rows) plans_[r.digest] = r.product;
      }
    }
    auto it = plans_.find(*e.plan);
    return it == plans_.end() || it->second == p.plan.product.id;
  }

  Status Signers() {
    // A key that was certified again has the newer certificate.
    std::map<std::string, SignerLife> newest;
    BM_CHECK(EachOf<ledger::SignerCertified>(
        [&](const ledger::Event&, const ledger::SignerCertified& body) -> Status {
          if (body.chain.empty()) return {};
          BM_TRY(pki::Validity v, pki::ReadValidity(body.chain.front()));
          newest[body.key] = {body.key, body.pki, v.from, v.to};
          return {};
        }));
    for (auto& [key, life] : newest) out_.signers.push_back(std::move(life));
    return {};
  }

  Status Credentials() {
    BM_TRY(std::vector<ledger::CredentialRow> rows, registry_.Credentials());
    for (const ledger::CredentialRow& row : rows) {
      if (row.revoked_at) continue;
      BM_TRY(ledger::CredentialIssued body, BodyAt<ledger::CredentialIssued>(row.seq));
      BM_TRY(pki::Validity v, pki::ReadValidity(body.cert));
      out_.credentials.push_back({row.kind, row.role, v.to});
    }
    return {};
  }

  Status Lists() {
    BM_TRY(std::vector<ledger::CrlRow> rows, ledger::Crls(registry_.db()));
    std::map<std::string, CrlLife> of;
    for (const ledger::CrlRow& row : rows) {
      CrlLife& life = of[row.ca];
      life.ca = row.ca;
      if (row.reserve) {
        ++life.reserves;
        life.reserve_until = std::max(life.reserve_until, row.next_update);
      } else if (row.next_update > life.next) {
        life.from = row.this_update;
        life.next = row.next_update;
      }
    }
    for (auto& [ca, life] : of) out_.crls.push_back(std::move(life));
    return {};
  }

  ledger::LogReader& reader_;
  ledger::Registry& registry_;
  HorizonFacts out_;
  std::unordered_map<std::string, size_t> ca_;
  std::map<Digest, std::string> plans_;
  std::string last_name_;
  Open* last_ = nullptr;
  CaLife* last_ca_ = nullptr;
};

}  // namespace

Result<HorizonFacts> GatherHorizon(ledger::LogReader& reader, Time now) {
  return Gatherer(reader, Millis(now)).Run();
}

}  // namespace birthmark::app
