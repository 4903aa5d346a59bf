// SPDX-License-Identifier: Apache-2.0
#include "app/status_watch.h"

#include <algorithm>

#include "app/field.h"
#include "app/grant.h"
#include "app/key_places.h"
#include "ceremony/record.h"
#include "hardware/pkcs11/session.h"
#include "ledger/events.h"
#include "ledger/events_continuity.h"
#include "ledger/events_custody.h"
#include "ledger/sqlite/account.h"
#include "ledger/sqlite/registry_revocations.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

constexpr int64_t kDayOf = int64_t{24} * 60 * 60 * 1000;
constexpr int64_t kExpiring = 180 * kDayOf;
// A holder proves a share, and a module its key, once a year; a month and more of grace.
constexpr int64_t kSilent = 400 * kDayOf;
constexpr size_t kMostAlarms = 20;  // of one kind; the rest is told as a number

std::string DayOf(int64_t at) { return FormatDate(TimeFromMillis(at)); }

// Some adds the first alarms of a kind and counts the rest.
class Some {
 public:
  Some(Findings& out, std::string code, std::string fix)
      : out_(out), code_(std::move(code)), fix_(std::move(fix)) {}
  ~Some() {
    if (n_ > kMostAlarms)
      out_.Error(code_, fmt::format("and {} more of this kind", n_ - kMostAlarms), fix_);
  }
  Some(const Some&) = delete;
  Some& operator=(const Some&) = delete;
  void Add(std::string message) {
    if (++n_ <= kMostAlarms) out_.Error(code_, std::move(message), fix_);
  }

 private:
  Findings& out_;
  std::string code_, fix_;
  size_t n_ = 0;
};

}  // namespace

Status WatchDisclosure(ledger::LogReader& reader, const std::set<std::string>& explained,
                       Findings& out) {
  constexpr const char* kFix =
      "stop that authority until it is understood; then: birthmark cert explain WS ALARM --reason";
  Some unknown(out, "status.field-unknown", kFix);
  Some revoked(out, "status.field-revoked", kFix);
  std::set<std::string> told;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::FieldSeen::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::FieldSeen body, ledger::BodyOf<ledger::FieldSeen>(e));
    for (const ledger::SeenStranger& s : body.strangers) {
      const std::string name = StrangerName(s);
      if (explained.contains(name) || !told.insert(name).second) continue;
      if (s.why == "revoked-unasked") {
        revoked.Add(fmt::format("{}: a list that {} signed revokes {}, and nobody here asked", name,
                                s.ca, ToHex(s.serial)));
      } else {
        unknown.Add(fmt::format("{}: a certificate that {} signed was met in the field, and {}",
                                name, s.ca,
                                s.why == "unknown" ? "this ledger has none with its number"
                                                   : "this ledger has another with its number"));
      }
    }
  }
  return {};
}

Status WatchSigning(ledger::LogReader& reader, const VigilMarks& marks,
                    const std::set<std::string>& explained, Findings& out) {
  constexpr const char* kFix =
      "find out who and why; then: birthmark cert explain WS ALARM --reason";
  for (const char* what : {"off-plan", "off-shift", "over-window", "unasked-revocation"}) {
    Some some(out, std::string("status.") + what, kFix);
    for (const VigilHit& h : marks.named) {
      const std::string name = fmt::format("event:{}", h.seq);
      if (h.what == what && !explained.contains(name))
        some.Add(fmt::format("{}: {}, {}", name, h.detail, DayOf(h.at)));
    }
  }
  if (marks.hits > marks.named.size()) {
    out.Error("status.off-plan",
              fmt::format("{} more events do not fit plan, shift or window",
                          marks.hits - marks.named.size()),
              kFix);
  }
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  Some over(out, "status.over-count", "retire it: birthmark ca rotate WS");
  for (const ledger::CaRow& ca : cas) {
    if (ca.max_count && ca.issued > *ca.max_count)
      over.Add(fmt::format("{} has signed {} of {}", ca.id, ca.issued, *ca.max_count));
  }
  return {};
}

namespace {

class LossWatch {
 public:
  LossWatch(ledger::LogReader& reader, const VigilMarks& marks, int64_t now, Findings& out)
      : reader_(reader), registry_(reader.registry()), marks_(marks), now_(now), out_(out) {}

  Status Run(const std::map<std::string, AdoptedPlan>& plans) {
    BM_TRY(cas_, registry_.Cas());
    BM_CHECK(Expiring());
    BM_CHECK(SilentKeys());
    BM_CHECK(SilentHolders(plans));
    return Unreconciled();
  }

 private:
  Status Expiring() {
    Some soon(out_, "status.expiring", "birthmark horizon WS tells what hangs on it");
    Some over(out_, "status.expired", "what it signed verifies no more; replace it");
    for (const ledger::CaRow& ca : cas_) {
      if (ca.state == "retired" || ca.state == "compromised") continue;
      BM_TRY(ledger::Event e, reader_.EventAt(ca.seq));
      BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(e));
      BM_TRY(pki::Validity v, pki::ReadValidity(body.cert));
      const std::string who = fmt::format("{} ({}, level {})", ca.name, ca.pki, ca.level);
      // A station's authority is short on purpose, and the next one is signed in time.
      const bool is_short = v.to - v.from < 2 * kExpiring;
      if (v.to <= now_) {
        if (!is_short) over.Add(fmt::format("{} ended on {}", who, DayOf(v.to)));
      } else if (!is_short && v.to - now_ < kExpiring) {
        soon.Add(fmt::format("{} ends on {}", who, DayOf(v.to)));
      }
    }
    return {};
  }

  // A key in a module is heard of when its authority signs for a unit, a list or a level below.
  Status SilentKeys() {
    BM_TRY(std::vector<ledger::KeyRow> keys, registry_.Keys());
    std::map<std::string, int64_t> heard;
    auto hear = [&](const std::string& id, int64_t at) {
      auto it = heard.find(id);
      if (it != heard.end()) it->second = std::max(it->second, at);
    };
    for (const ledger::KeyRow& k : keys) {
      if (!k.destroyed_at && (k.store == "pkcs11" || k.store == "tpm2")) heard[k.id] = k.created_at;
    }
    if (heard.empty()) return {};
    for (const LastIssue& l : marks_.issues) hear(l.ca, l.at);
    for (const ledger::CaRow& ca : cas_) {
      auto it = heard.find(ca.issuer);
      if (it == heard.end()) continue;
      BM_TRY(ledger::Event e, reader_.EventAt(ca.seq));
      hear(ca.issuer, e.at);
    }
    BM_TRY(std::vector<ledger::CrlRow> lists, ledger::Crls(registry_.db()));
    for (const ledger::CrlRow& l : lists) hear(l.ca, l.this_update);
    BM_TRY(std::vector<uint64_t> carried, registry_.EventsOfType(ledger::RequestCarried::kType));
    for (uint64_t seq : carried) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      BM_TRY(ledger::RequestCarried body, ledger::BodyOf<ledger::RequestCarried>(e));
      hear(body.ca, e.at);
    }
    Some silent(out_, "status.key-silent",
                "have the module sign something small, as a revocation list");
    for (const auto& [id, at] : heard) {
      if (now_ - at > kSilent)
        silent.Add(
            fmt::format("nothing was heard of key {} in its module since {}", id, DayOf(at)));
    }
    return {};
  }

  // SplitKeys are the authorities' keys that people share: only what they vouch for counts.
  Result<std::map<std::string, crypto::PublicKey>> SplitKeys() {
    std::map<std::string, crypto::PublicKey> out;
    BM_TRY(std::vector<ledger::KeyRow> keys, registry_.Keys());
    for (const ledger::KeyRow& k : keys) {
      if (k.destroyed_at || (k.store != "split" && k.store != "frost")) continue;
      BM_TRY(std::optional<ledger::CaRow> ca, registry_.Ca(k.id));
      if (!ca) continue;
      BM_TRY(crypto::Certificate c, CertificateOf(reader_, *ca));
      if (c.public_key()) out.emplace(k.id, *c.public_key());
    }
    return out;
  }

  // The open ledger knows of a split key what its ceremonies attest: how many shares are spare, and
  // when they were last proven. The newest statement of a set counts.
  Status SilentHolders(const std::map<std::string, AdoptedPlan>& plans) {
    std::map<std::string, ledger::SplitStatement> newest;
    BM_TRY(auto split, SplitKeys());
    BM_TRY(std::vector<uint64_t> seqs, registry_.EventsOfType(ledger::CeremonyAttested::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      BM_TRY(ledger::CeremonyAttested body, ledger::BodyOf<ledger::CeremonyAttested>(e));
      for (const auto& [id, key] : split) {
        auto said = ceremony::CheckStatement(body, key);
        if (!said || said->set != id) continue;  // of another key
        ledger::SplitStatement& last = newest[said->set + " " + said->use];
        if (said->at >= last.at) last = std::move(*said);
      }
    }
    for (const auto& [name, said] : newest) {
      if (now_ - said.at > kSilent) {
        out_.Error("status.holders-silent",
                   fmt::format("the holders of {} last proved their shares on {}", said.set,
                               DayOf(said.at)),
                   "a health round: birthmark ceremony new --kind health");
      }
      if (said.extra == 0) {
        out_.Error("status.no-spare",
                   fmt::format("{}: no share may be lost any more ({})", said.set, said.use),
                   "re-share it among more holders: birthmark ceremony new --kind reshare");
      }
    }
    for (const auto& [id, adopted] : plans) {
      for (const plan::Pki& pki : adopted.plan.pkis) Unproven(pki, newest);
    }
    return {};
  }

  void Unproven(const plan::Pki& pki, const std::map<std::string, ledger::SplitStatement>& newest) {
    for (const plan::Level& level : pki.levels) {
      if (level.custody != plan::Custody::kSplit && level.custody != plan::Custody::kThreshold)
        continue;
      for (const ledger::CaRow& ca : cas_) {
        if (ca.pki != pki.id || static_cast<int>(ca.level) != level.level) continue;
        if (ca.state == "retired" || ca.state == "compromised") continue;
        if (std::ranges::any_of(newest, [&](const auto& n) { return n.second.set == ca.id; }))
          continue;
        out_.Warn("status.holders-silent",
                  fmt::format("nothing attests the shares of {} ({}, level {})", ca.id, pki.id,
                              level.level),
                  "accept its ceremony's record: birthmark ceremony accept WS RECORD");
      }
    }
  }

  Status Unreconciled() {
    std::map<std::string, std::pair<int64_t, size_t>> last;
    BM_TRY(std::vector<uint64_t> seqs, registry_.EventsOfType(ledger::ReconcileClosed::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      BM_TRY(ledger::ReconcileClosed body, ledger::BodyOf<ledger::ReconcileClosed>(e));
      last[body.product] = {body.to, body.unexplained.size()};
    }
    for (const auto& [product, close] : last) {
      if (close.second == 0) continue;
      out_.Error("status.unreconciled",
                 fmt::format("{}: the reconcile of {} left {} that do not fit", product,
                             DayOf(close.first), close.second),
                 "birthmark reconcile WS names them; mend them and --close again");
    }
    return {};
  }

  ledger::LogReader& reader_;
  ledger::Registry& registry_;
  const VigilMarks& marks_;
  int64_t now_;
  Findings& out_;
  std::vector<ledger::CaRow> cas_;
};

}  // namespace

Status WatchCare(ledger::LogReader& reader, std::chrono::days backup, std::chrono::days drill,
                 Time now, Findings& out) {
  ledger::Registry& registry = reader.registry();
  BM_TRY(std::optional<int64_t> first, ledger::FirstIssuedFrom(registry.db(), 0));
  if (!first) return {};
  uint64_t saved = 0;  // events that a backup has
  BM_TRY(std::vector<uint64_t> backups, registry.EventsOfType(ledger::BackupMade::kType));
  if (!backups.empty()) {
    BM_TRY(ledger::Event e, reader.EventAt(backups.back()));
    BM_TRY(ledger::BackupMade body, ledger::BodyOf<ledger::BackupMade>(e));
    saved = body.events;
  }
  BM_TRY(std::optional<int64_t> unsaved, ledger::FirstIssuedFrom(registry.db(), saved));
  if (unsaved && now - TimeFromMillis(*unsaved) > backup)
    out.Error("status.no-backup",
              backups.empty()
                  ? fmt::format("there is no backup, and units were made since {}", DayOf(*unsaved))
                  : fmt::format("units made since {} are in no backup", DayOf(*unsaved)),
              "birthmark backup create WS -o FILE, and keep the file elsewhere");
  int64_t rehearsed = *first;
  BM_TRY(std::vector<uint64_t> drills, registry.EventsOfType(ledger::DrillDone::kType));
  if (!drills.empty()) {
    BM_TRY(ledger::Event e, reader.EventAt(drills.back()));
    rehearsed = std::max(rehearsed, e.at);
  }
  if (now - TimeFromMillis(rehearsed) > drill)
    out.Error("status.drill-overdue",
              drills.empty()
                  ? fmt::format("no failure was ever rehearsed, and units were made since {}",
                                DayOf(*first))
                  : fmt::format("no failure was rehearsed since {}", DayOf(rehearsed)),
              "birthmark drill list WS names them; begin with: birthmark drill lose WS");
  return {};
}

Status WatchModules(const fs::path& workspace, Findings& out) {
  BM_TRY(const KeyPlaces places, ReadKeyPlaces(workspace));
  const auto at = places.find("pkcs11");
  if (at == places.end()) return {};
  BM_TRY(const hardware::Pkcs11Uri uri, hardware::ParsePkcs11Uri(at->second.uri));
  const std::string name = fmt::format("the token \"{}\"", uri.token.value_or("of station.toml"));
  auto session = hardware::Session::Open(uri);
  if (!session) {
    out.Error("status.module-silent", name + " does not answer: " + session.error().message,
              "look at the module, its cable and its driver");
    return {};
  }
  switch (hardware::StateOf((*session)->token().flags)) {
    case hardware::PinState::kFree:
      break;
    case hardware::PinState::kOneWasWrong:
      out.Error("status.pin-wrong", "a wrong PIN was given to " + name,
                "find out who; a right one clears it: birthmark key list WS --pin-last-try");
      break;
    case hardware::PinState::kLastTry:
      out.Error("status.pin-locked", "one more wrong PIN locks " + name,
                "have its security officer ready, and find out who tried");
      break;
    case hardware::PinState::kLocked:
      out.Error("status.pin-locked", name + " takes no PIN any more",
                "its security officer sets a new one");
      break;
  }
  return {};
}

Status WatchLoss(ledger::LogReader& reader, const VigilMarks& marks,
                 const std::map<std::string, AdoptedPlan>& plans, Time now, Findings& out) {
  return LossWatch(reader, marks, Millis(now), out).Run(plans);
}

}  // namespace birthmark::app
