// SPDX-License-Identifier: Apache-2.0
#include "app/vigil.h"

#include <algorithm>
#include <unordered_map>

#include "cbor/codec.h"
#include "ledger/events_field.h"
#include "ledger/sqlite/issue_scan.h"
#include "plan/parse.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxMarksFile = 16 * 1024 * 1024;
constexpr uint64_t kMostSessions = 1'000'000;
constexpr uint64_t kMostRevocations = 200'000;  // a run; the next goes on

fs::path MarksFile(const Layout& layout) { return layout.root / "status.marks"; }

// PlanThen is a version of a plan and from which event on it was in force.
struct PlanThen {
  uint64_t seq = 0;
  plan::Plan plan;
};

class Vigil {
 public:
  Vigil(ledger::LogReader& reader, VigilMarks marks)
      : reader_(reader), registry_(reader.registry()), m_(std::move(marks)) {
    for (const LastIssue& l : m_.issues) last_[l.ca] = l.at;
  }

  Result<VigilMarks> Run() {
    BM_CHECK(Load());
    BM_CHECK(ledger::ForEachIssue(registry_.db(), m_.issued, reader_.size(),
                                  [&](const ledger::IssueView& v) -> Status {
                                    if (!v.method.empty()) Issue(v);
                                    return {};
                                  }));
    m_.issued = reader_.size();
    BM_CHECK(Revocations());
    m_.issues.clear();
    for (const auto& [ca, at] : last_) m_.issues.push_back({ca, at});
    return std::move(m_);
  }

 private:
  void Hit(uint64_t seq, int64_t at, const char* what, std::string detail) {
    ++m_.hits;
    if (m_.named.size() < kMaxNamedHits) m_.named.push_back({at, seq, what, std::move(detail)});
  }

  Status Load() {
    BM_TRY(std::vector<ledger::PlanRow> rows, registry_.Plans());
    for (const ledger::PlanRow& row : rows) {
      BM_TRY(ledger::Event e, reader_.EventAt(row.seq));
      BM_TRY(ledger::PlanAdopted body, ledger::BodyOf<ledger::PlanAdopted>(e));
      plan::Parsed parsed = plan::ParsePlan(AsText(body.text));
      if (!parsed.plan)
        return Refused("plan.stored", "a stored plan of " + row.product + " does not read");
      plans_[row.product].push_back({row.seq, std::move(*parsed.plan)});
    }
    for (auto& [product, versions] : plans_) std::ranges::sort(versions, {}, &PlanThen::seq);
    BM_TRY(std::vector<ledger::CaRow> cas, registry_.Cas());
    for (ledger::CaRow& ca : cas) cas_.emplace(ca.id, std::move(ca));
    BM_TRY(std::vector<ledger::SessionRow> sessions, registry_.Sessions(false, kMostSessions));
    for (const ledger::SessionRow& s : sessions)
      shifts_[s.station].emplace_back(s.opened_at, s.closed_at.value_or(INT64_MAX));
    for (auto& [station, shifts] : shifts_) std::ranges::sort(shifts);
    return {};
  }

  const plan::Plan* PlanAt(std::string_view unit, uint64_t seq) const {
    auto it = plans_.find(unit.substr(0, unit.find('/')));
    if (it == plans_.end()) return nullptr;
    const plan::Plan* found = nullptr;
    for (const PlanThen& p : it->second) {
      if (p.seq <= seq) found = &p.plan;
    }
    return found;
  }

  void Issue(const ledger::IssueView& v) {
    const std::string ca_id(v.ca);
    auto ca = cas_.find(ca_id);
    if (ca != cas_.end()) {
      last_[ca_id] = std::max(last_[ca_id], v.issued_at);
      Window(v, ca->second);
    }
    const plan::Plan* plan = PlanAt(v.unit, v.seq);
    if (plan == nullptr) {
      Hit(v.seq, v.issued_at, "off-plan", fmt::format("unit {}: no plan has its product", v.unit));
      return;
    }
    vocab::Identity slot{};
    const plan::IdentitySlot* planned =
        vocab::FromText(v.slot, slot) ? plan->FindSlot(slot) : nullptr;
    if (planned == nullptr) {
      Hit(v.seq, v.issued_at, "off-plan",
          fmt::format("unit {}: slot {} is not in the plan", v.unit, v.slot));
      return;
    }
    if (v.method != vocab::ToText(planned->method)) {
      Hit(v.seq, v.issued_at, "off-plan",
          fmt::format("unit {}: made by {}, planned is {}", v.unit, v.method,
                      vocab::ToText(planned->method)));
    }
    const plan::Pki* pki = plan->PkiOf(*planned);
    if (ca != cas_.end() && pki != nullptr && ca->second.pki != pki->id) {
      Hit(v.seq, v.issued_at, "off-plan",
          fmt::format("unit {}: signed by {} of {}, planned is {}", v.unit, ca_id, ca->second.pki,
                      pki->id));
    }
    Shift(v, *plan);
  }

  void Window(const ledger::IssueView& v, const ledger::CaRow& ca) {
    const bool over = ca.issues_until && v.issued_at > *ca.issues_until;
    const bool ended = (ca.state == "retired" || ca.state == "compromised") && ca.state_at > 0 &&
                       v.issued_at > ca.state_at;
    if (over || ended) {
      Hit(v.seq, v.issued_at, "over-window",
          fmt::format("unit {}: signed by {} after it {}", v.unit, ca.id,
                      ended ? "was " + ca.state : std::string("stopped issuing")));
    }
  }

  // Shift: where a station is not automated, somebody was signed on when it issued.
  void Shift(const ledger::IssueView& v, const plan::Plan& plan) {
    if (v.station.empty() || !v.via.empty()) return;
    const plan::Station* station = plan.FindStation(v.station);
    if (station == nullptr || station->automated) return;
    auto it = shifts_.find(v.station);
    if (it != shifts_.end()) {
      // Of the sessions that opened before, the newest are the likeliest to be open still.
      auto after = std::ranges::upper_bound(it->second, v.issued_at, {},
                                            &std::pair<int64_t, int64_t>::first);
      for (int n = 0; after != it->second.begin() && n < kSessionsAtOnce; ++n) {
        --after;
        if (after->second >= v.issued_at) return;
      }
    }
    Hit(v.seq, v.issued_at, "off-shift",
        fmt::format("unit {}: nobody was signed on at {}", v.unit, v.station));
  }

  // Revocations: each has an actor whose credential held then.
  Status Revocations() {
    BM_TRY(std::vector<ledger::CredentialRow> rows, registry_.Credentials());
    std::unordered_map<std::string, std::optional<int64_t>> holds;
    for (const ledger::CredentialRow& r : rows) {
      auto& end = holds.try_emplace(r.pseudonym, r.revoked_at).first->second;
      if (!r.revoked_at) end.reset();
    }
    BM_TRY(std::vector<uint64_t> events,
           ledger::RevocationEvents(registry_.db(), m_.revoked, reader_.size(), kMostRevocations));
    for (uint64_t seq : events) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      // Another log's people are that log's; its entries come signed by its station.
      if (e.log) continue;
      auto who = holds.find(e.actor);
      if (who != holds.end() && (!who->second || e.at <= *who->second)) continue;
      Hit(seq, e.at, "unasked-revocation",
          fmt::format("{}: revoked by {}, {}", e.subject.value_or("an identity"), e.actor,
                      who == holds.end() ? "who has no credential" : "whose credential had ended"));
    }
    m_.revoked = events.size() < kMostRevocations ? reader_.size() : events.back() + 1;
    return {};
  }

  static constexpr int kSessionsAtOnce = 64;

  ledger::LogReader& reader_;
  ledger::Registry& registry_;
  VigilMarks m_;
  std::map<std::string, std::vector<PlanThen>, std::less<>> plans_;
  std::unordered_map<std::string, ledger::CaRow> cas_;
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>, std::less<>> shifts_;
  std::map<std::string, int64_t> last_;
};

// ReadMarks starts over where the file is missing, damaged, another log's or ahead of this one.
VigilMarks ReadMarks(const ledger::LogReader& reader, const Layout& layout) {
  VigilMarks fresh;
  fresh.origin = reader.genesis().origin;
  auto bytes = ReadFile(MarksFile(layout), kMaxMarksFile);
  if (!bytes) return fresh;
  auto marks = cbor::FromCbor<VigilMarks>(*bytes);
  if (!marks || marks->format != fresh.format || marks->origin != fresh.origin ||
      marks->issued > reader.size() || marks->revoked > reader.size())
    return fresh;
  return std::move(*marks);
}

}  // namespace

Result<VigilMarks> KeepVigil(ledger::LogReader& reader, const Layout& layout, bool from_start) {
  VigilMarks marks;
  marks.origin = reader.genesis().origin;
  if (!from_start) marks = ReadMarks(reader, layout);
  const uint64_t before = marks.issued;
  BM_TRY(VigilMarks now, Vigil(reader, std::move(marks)).Run());
  // Not being able to remember costs time and nothing else.
  if (now.issued != before || from_start)
    (void)WriteFileAtomic(MarksFile(layout), ByteView(cbor::ToCbor(now)), 0600);
  return now;
}

Result<std::set<std::string>> ExplainedAlarms(ledger::LogReader& reader) {
  std::set<std::string> out;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::AlarmExplained::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::AlarmExplained body, ledger::BodyOf<ledger::AlarmExplained>(e));
    out.insert(std::move(body.alarm));
  }
  return out;
}

}  // namespace birthmark::app
