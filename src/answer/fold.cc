// SPDX-License-Identifier: Apache-2.0
#include "answer/fold.h"

#include <fmt/format.h>

#include <algorithm>

#include "answer/ee.h"
#include "crypto/digest.h"
#include "ledger/merkle.h"
#include "plan/parse.h"

namespace birthmark::answer {
namespace {

// kMaxDepth bounds a walk up the issuers; real PKIs have three or four levels.
constexpr int kMaxDepth = 16;

std::string Key(const Digest& d) { return std::string(d.begin(), d.end()); }

bool Writes(const ledger::StepRecord& s) {
  return s.outcome == "done" && (s.step == "first-stage-write" || s.step == "single-image-write");
}
bool Locks(const ledger::StepRecord& s) {
  return s.outcome == "done" && s.step == "first-stage-lock";
}
// FirstStageStep is our reading of "involved in the first stage initialization": whoever writes the
// anchor or the stage, and whoever closes it.
bool FirstStageStep(const ledger::StepRecord& s) {
  return s.step == "boot-anchor-write" || s.step == "first-stage-write" ||
         s.step == "single-image-write" || s.step == "first-stage-lock";
}

}  // namespace

uint32_t Names::Add(std::string_view s) {
  if (auto it = index_.find(s); it != index_.end()) return it->second;
  auto it = index_.emplace(std::string(s), static_cast<uint32_t>(texts_.size())).first;
  texts_.push_back(&it->first);
  return it->second;
}

uint32_t Names::Find(std::string_view s) const {
  auto it = index_.find(s);
  return it == index_.end() ? kNone : it->second;
}

bool Fold::OurUnit(std::string_view unit) const {
  size_t slash = unit.find('/');
  return slash == std::string_view::npos || unit.substr(0, slash) == product_;
}

// OurPlan is true for an event that names a version of this product's plan, or none.
bool Fold::OurPlan(const ledger::Event& e) const {
  return !e.plan ||
         std::ranges::any_of(plans, [&](const auto& row) { return row.body.digest == *e.plan; });
}

uint32_t Fold::UnitOf(std::string_view unit) {
  uint32_t n = unit_names.Add(unit);
  if (n == units.size()) units.emplace_back();
  return n;
}

Status Fold::Take(uint64_t seq, const ledger::Event& e, ByteView raw) {
  if (seq != next_seq_) complete = false;
  next_seq_ = seq + 1;
  const Ref ref = static_cast<Ref>(leaves_.size());
  leaves_.push_back(ledger::LeafHash(raw));
  frontier_.Append(leaves_.back());
  begin_ = ref == 0 ? e.at : std::min(begin_, e.at);
  end_ = ref == 0 ? e.at : std::max(end_, e.at);

  auto row = [&]<class B>(std::vector<Row<B>>& rows) -> Status {
    auto body = ledger::BodyOf<B>(e);
    if (!body) {
      return std::unexpected(
          std::move(body).error().Context(fmt::format("event {} ({})", seq, e.type)));
    }
    rows.push_back({ref, e.at, e.actor, std::move(*body)});
    return {};
  };
  auto read = [&]<class B>(B& body) -> Status {
    auto b = ledger::BodyOf<B>(e);
    if (!b) {
      return std::unexpected(
          std::move(b).error().Context(fmt::format("event {} ({})", seq, e.type)));
    }
    body = std::move(*b);
    return {};
  };

  if (e.type == ledger::UnitVisit::kType) {
    ledger::UnitVisit visit;
    BM_CHECK(read(visit));
    return OnVisit(ref, visit);
  }
  if (e.type == ledger::IdentityIssued::kType) {
    ledger::IdentityIssued issued;
    BM_CHECK(read(issued));
    return OnIdentity(ref, e.at, issued);
  }
  if (e.type == ledger::IdentityAdopted::kType) {
    ledger::IdentityAdopted adopted;
    BM_CHECK(read(adopted));
    // A part that an authority of ours certified in another factory: seen when it was found in its
    // unit. What was only taken over has no method, and another party's authority is not here.
    if (!adopted.method || FindAuthority(adopted.ca) == kNone) return {};
    ledger::IdentityIssued issued;
    issued.ca = adopted.ca;
    issued.cert = std::move(adopted.cert);
    issued.slot = adopted.slot;
    issued.spki = adopted.spki;
    issued.unit = adopted.unit;
    issued.serial = std::move(adopted.serial);
    issued.method = *adopted.method;
    return OnIdentity(ref, e.at, issued);
  }
  if (e.type == ledger::UnitState::kType) {
    ledger::UnitState state;
    BM_CHECK(read(state));
    if (state.state == "scrapped" && OurUnit(state.unit)) {
      units[UnitOf(state.unit)].scrapped = true;
      gap_refs.push_back(ref);
    }
    return {};
  }
  if (e.type == ledger::CustodyLeg::kType) {
    ledger::CustodyLeg leg;
    BM_CHECK(read(leg));
    Leg l{ref,
          names.Add(leg.from),
          names.Add(leg.to),
          leg.departed,
          leg.arrived,
          leg.handover.has_value(),
          {}};
    for (const std::string& unit : leg.units) {
      if (OurUnit(unit)) l.units.push_back(UnitOf(unit));
    }
    if (!l.units.empty()) {
      legs.push_back(std::move(l));
      gap_refs.push_back(ref);
    }
    return {};
  }
  if (e.type == ledger::PlanAdopted::kType) {
    ledger::PlanAdopted adopted;
    BM_CHECK(read(adopted));
    if (product_.empty()) product_ = adopted.product;
    if (adopted.product != product_) {
      other_products_ = true;
      return {};
    }
    if (!plans.empty()) plans.back().body.text.clear();
    plans.push_back({ref, e.at, e.actor, std::move(adopted)});
    return {};
  }
  if (e.type == ledger::CaCreated::kType) {
    Row<ledger::CaCreated> created{ref, e.at, e.actor, {}};
    BM_CHECK(read(created.body));
    OnAuthority(std::move(created));
    return {};
  }
  if (e.type == ledger::SessionClosed::kType) {
    ledger::SessionClosed closed;
    BM_CHECK(read(closed));
    session_ends[closed.id] = e.at;
    return {};
  }
  if (e.type == ledger::Genesis::kType) {
    has_genesis_ = true;
    return read(genesis);
  }
  if (e.type == ledger::SessionOpened::kType) {
    session_logs.push_back(e.log ? names.Add(*e.log) : kNone);
    return row(sessions);
  }
  if (e.type == ledger::KeyCreated::kType) return row(keys);
  if (e.type == ledger::RequestCarried::kType) return row(requests);
  if (e.type == ledger::CredentialIssued::kType) return row(credentials);
  if (e.type == ledger::ImageReleased::kType) {
    if (OurPlan(e)) our_images.push_back(static_cast<uint32_t>(images.size()));
    return row(images);
  }
  if (e.type == ledger::AnchorRead::kType) return row(anchors_read);
  if (e.type == ledger::TrialsRun::kType) return row(trials);
  if (e.type == ledger::ChangesTried::kType) return OurPlan(e) ? row(changes) : Status{};
  if (e.type == ledger::SignerCertified::kType) return row(signers);
  if (e.type == ledger::SignerAdmitted::kType) return row(admitted);
  if (e.type == ledger::AnchorReplaced::kType && OurPlan(e)) return row(anchors_replaced);
  if (e.type == ledger::ImageScanned::kType && OurPlan(e)) return row(images_scanned);
  if (e.type == ledger::ArtifactSigned::kType) {
    BM_CHECK(row(artifacts));
    if (artifacts.back().body.product != product_) artifacts.pop_back();
    return {};
  }
  if (e.type == ledger::CeremonyAttested::kType) return row(attested);
  return {};  // a type no question asks about, or one of a later version
}

Status Fold::OnVisit(Ref ref, const ledger::UnitVisit& v) {
  if (!OurUnit(v.unit)) return {};
  const uint32_t number = UnitOf(v.unit);
  Unit& unit = units[number];
  const uint32_t site = names.Add(v.site);
  visit_sites.try_emplace(v.station, v.site);

  bool gap = false, first_stage = false;
  int64_t at = 0;
  for (const ledger::StepRecord& s : v.steps) {
    if (FirstStageStep(s) && s.outcome != "skipped") {
      first_stage = true;
      at = s.at;
    }
    Interval* last = unit.last_interval == kNone ? nullptr : &intervals[unit.last_interval];
    if (Writes(s)) {
      gap = true;
      // Written again before the lock: the stretch began with the first writing.
      if (last == nullptr || last->closed) {
        intervals.push_back({s.at, 0, number, unit.last_interval, site, kNone, false, false});
        unit.last_interval = static_cast<uint32_t>(intervals.size() - 1);
      }
    } else if (Locks(s)) {
      gap = true;
      if (last != nullptr && !last->closed) {
        last->closed = true;
        last->locked = s.at;
        last->site_locked = site;
        last->proven = s.proof == "read-back" || s.proof == "refusal" || s.proof == "signed-report";
      }
    }
  }
  if (v.result == "scrap") {
    unit.scrapped = true;
    gap = true;
  }
  if (gap) gap_refs.push_back(ref);
  if (first_stage) {
    FirstStageVisit visit{at, ref, names.Add(v.station),
                          static_cast<uint32_t>(visit_sessions.size()),
                          static_cast<uint32_t>(v.sessions.size())};
    for (const std::string& id : v.sessions) visit_sessions.push_back(names.Add(id));
    first_stage_visits.push_back(visit);
  }
  bool anchor = false, stage = false;
  for (const ledger::ReadBack& r : v.read_backs) {
    const size_t colon = r.what.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view what = std::string_view(r.what).substr(colon + 1);
    if (what == "boot-anchor") {
      unit.anchor_read = anchor = true;
      unit.anchor_equal = r.equal && r.found == r.meant;
      unit.anchor_store = names.Add(std::string_view(r.what).substr(0, colon));
    } else if (what == "first-stage") {
      stage = true;
      if (!unit.stage_read) ++stage_digests[Key(r.found)];
      unit.stage_read = true;
    }
  }
  if (anchor) anchor_reads.push_back(ref);
  if (stage) stage_reads.push_back(ref);
  return {};
}

void Fold::OnAuthority(Row<ledger::CaCreated> row) {
  Authority a;
  a.row = std::move(row);
  const auto n = static_cast<uint32_t>(authorities.size());
  const ledger::CaCreated& ca = a.row.body;
  auto certificate = crypto::Certificate::FromDer(ca.cert);
  if (!certificate) {
    a.fault = "its certificate does not read";
  } else if (!certificate->public_key()) {
    a.fault = "its key is of a kind we do not verify";
  } else {
    a.certificate = std::move(*certificate);
    const crypto::PublicKey& key = *a.certificate->public_key();
    auto [use, fresh] = use_by_key_.try_emplace(Key(key.spki_digest()), uses.size());
    if (fresh) uses.emplace_back();
    a.use = use->second;
    if (ca.issuer == ca.id) {
      a.depth = 1;
      // A root that the company already had may be known by a certificate of another's signing.
      if (a.certificate->IsSelfIssued() && !a.certificate->IsSignedBy(key)) {
        a.fault = "its own signature does not verify";
      }
    } else if (a.issuer = FindAuthority(ca.issuer); a.issuer == kNone) {
      a.fault = fmt::format("its issuer \"{}\" is not in the log before it", ca.issuer);
    } else if (const Authority& up = authorities[a.issuer]; !up.fault.empty()) {
      a.fault = fmt::format("its issuer \"{}\" does not hold: {}", ca.issuer, up.fault);
    } else if (!std::ranges::equal(a.certificate->issuer_der(), up.certificate->subject_der()) ||
               !a.certificate->IsSignedBy(*up.certificate->public_key())) {
      a.fault = fmt::format("it is not signed by \"{}\"", ca.issuer);
    } else if (up.depth >= kMaxDepth) {
      a.fault = "its path is longer than any we follow";
    } else {
      a.depth = up.depth + 1;
    }
  }
  if (!a.fault.empty()) a.depth = 0;
  authority_by_id_[ca.id] = n;
  authorities.push_back(std::move(a));
}

Status Fold::OnIdentity(Ref ref, int64_t at, const ledger::IdentityIssued& v) {
  if (!OurUnit(v.unit)) return {};
  const uint32_t issuer = FindAuthority(v.ca);
  if (issuer == kNone || authorities[issuer].use == kNone) {
    ++unplaced_identities;
    return {};
  }
  const Authority& a = authorities[issuer];
  KeyUse& use = uses[a.use];
  use.first = use.count == 0 ? at : std::min(use.first, at);
  use.last = use.count == 0 ? at : std::max(use.last, at);
  ++use.count;
  use.refs.push_back(ref);

  auto ee = ReadEndEntity(v.cert);
  const bool check = identities_ < limits_.check_all || identities_ % limits_.sample == 0;
  ++identities_;
  if (!ee || !MatchesEvent(*ee, v.spki, v.serial) || !NamesIssuer(*ee, *a.certificate)) {
    ++use.faults;
    return {};
  }
  if (ee->not_after) use.ends.push_back(*ee->not_after);
  if (check) {
    ++use.checked;
    if (!a.certificate->public_key()->Verify(ee->tbs, ee->signature)) ++use.faults;
  }
  return {};
}

uint32_t Fold::FindAuthority(std::string_view id) const {
  auto it = authority_by_id_.find(std::string(id));
  return it == authority_by_id_.end() ? kNone : it->second;
}

std::vector<uint32_t> Fold::AuthoritiesOf(const plan::Pki& pki) const {
  // The log calls a PKI by the plan's id, or by what it is for.
  const std::string purpose = pki.purpose == plan::Purpose::kAnchor
                                  ? "anchor:" + pki.id
                                  : std::string(plan::ToText(pki.purpose));
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < authorities.size(); ++i) {
    const std::string& p = authorities[i].row.body.pki;
    if (p == pki.id || (p == purpose && plan.FindPki(purpose) == nullptr)) out.push_back(i);
  }
  return out;
}

std::string Fold::StationSite(std::string_view station) const {
  if (const plan::Station* s = plan.FindStation(station)) return s->site;
  auto it = visit_sites.find(std::string(station));
  return it == visit_sites.end() ? std::string() : it->second;
}

Status Fold::Finish(std::optional<Digest> root, uint64_t size) {
  if (size > next_seq_) complete = false;
  if (!complete) {
    // With leaves missing the root is only known from whoever verified the bundle.
    next_seq_ = std::max(next_seq_, size);
    given_root_ = root.value_or(Digest{});
  }
  if (!has_genesis_) {
    return Refused("answer.no-genesis", "the evidence does not begin with log.genesis",
                   "give the whole log, or a bundle that starts at event 0");
  }
  if (plans.empty()) {
    return Refused("answer.no-plan",
                   product_.empty()
                       ? "no plan was adopted in this log"
                       : fmt::format("no plan for product \"{}\" in this log", product_),
                   "birthmark product list tells the products there are");
  }
  if (other_products_ && !product_named_) {
    return Usage("answer.product-ambiguous", "this log has plans for several products",
                 "name one with --product");
  }
  const ledger::PlanAdopted& newest = plans.back().body;
  if (crypto::Sha256(ByteView(newest.text)) != newest.digest) {
    return Refused("answer.plan-digest",
                   "the adopted plan's text does not have the digest it states");
  }
  plan::Parsed parsed = plan::ParsePlan(AsText(newest.text));
  if (!parsed.plan || parsed.findings.HasErrors()) {
    return Refused("answer.plan-unreadable",
                   "the adopted plan does not read:\n" + parsed.findings.ToString("plan"));
  }
  plan = std::move(*parsed.plan);
  for (KeyUse& use : uses) {
    const auto ended = std::ranges::count_if(use.ends, [this](int64_t t) { return t < end_; });
    use.unexpired = use.count - static_cast<uint64_t>(ended);
  }
  return {};
}

Evidence Fold::Head(std::vector<Ref> refs) const {
  std::ranges::sort(refs);
  const auto again = std::ranges::unique(refs);
  refs.erase(again.begin(), again.end());
  crypto::Sha256Hasher h;
  for (Ref r : refs) h.Update(leaves_[r]);
  return {complete ? frontier_.Root() : given_root_, next_seq_, genesis.origin, h.Finish()};
}

}  // namespace birthmark::answer
