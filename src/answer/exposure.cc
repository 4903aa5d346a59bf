// SPDX-License-Identifier: Apache-2.0
// first-stage-exposure. Our reading: a person is involved who, at a site and in the period, was
// signed on at a station that writes or locks first stages, released a first stage used there, or
// made such a station's credential. The largest site counts.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "answer/evaluators.h"
#include "answer/session.h"
#include "answer/value.h"

namespace birthmark::answer {
namespace {

constexpr std::string_view kMethod = "first-stage-exposure/1";
constexpr size_t kMaxNamed = 20;  // exclusions told one by one

struct Stretch {
  int64_t from, to;
  uint32_t site;
  uint32_t log;  // of the station's own, where it works by itself
};

// Board is the state of working out one answer.
struct Work {
  const Case& c;
  std::set<uint32_t> stations;                            // first-stage stations that worked
  std::map<uint32_t, std::set<std::string>> people;       // site -> pseudonyms
  std::map<std::string, std::vector<Stretch>> stretches;  // pseudonym -> where it was signed on
  std::set<uint32_t> person_sessions, station_sessions;   // names of sessions that verify
  std::vector<Ref> refs;
  std::vector<std::string> exclusions, notes;
  uint64_t excluded = 0;

  void Exclude(std::string what) {
    if (++excluded <= kMaxNamed) exclusions.push_back(std::move(what));
  }
};

bool IsPerson(const Fold& f, const std::string& pseudonym, std::vector<Ref>& refs) {
  bool person = false;
  for (const auto& row : f.credentials) {
    if (row.body.kind != "person" || row.body.pseudonym != pseudonym) continue;
    refs.push_back(row.ref);
    person = true;
  }
  return person;
}

void CountSessions(Work& w) {
  const Fold& f = w.c.fold;
  for (uint32_t i = 0; i < f.sessions.size(); ++i) {
    const auto& row = f.sessions[i];
    const uint32_t station = f.names.Find(row.body.station);
    if (station == kNone || !w.stations.contains(station)) continue;
    auto end = f.session_ends.find(row.body.id);
    const int64_t until = end == f.session_ends.end() ? f.end() : end->second;
    if (row.at > w.c.period.to || until < w.c.period.from) continue;
    const Presence p = CheckSession(f, i);
    w.refs.insert(w.refs.end(), p.refs.begin(), p.refs.end());
    if (p.fault) {
      w.Exclude(fmt::format("session {}: {}", row.body.id, *p.fault));
      continue;
    }
    const uint32_t id = f.names.Find(row.body.id);
    if (!p.person) {
      w.station_sessions.insert(id);
      continue;
    }
    w.person_sessions.insert(id);
    const uint32_t site = f.names.Find(f.StationSite(row.body.station));
    w.people[site].insert(p.pseudonym);
    w.stretches[p.pseudonym].push_back({row.at, until, site, f.session_logs[i]});
  }
}

// CountReleases adds those who released the first stages that were in use: all of the period and
// the newest before it.
void CountReleases(Work& w) {
  const Fold& f = w.c.fold;
  std::vector<const Row<ledger::ImageReleased>*> used;
  for (const auto& row : f.images) {
    if (row.body.stage != "first-stage" || row.at > w.c.period.to) continue;
    if (row.at < w.c.period.from) used.clear();
    used.push_back(&row);
  }
  for (const auto* row : used) {
    w.refs.push_back(row->ref);
    if (IsPerson(f, row->actor, w.refs)) {
      for (auto& [site, people] : w.people) people.insert(row->actor);
    } else if (row->actor != "birthmark") {
      w.notes.push_back("lower bound: a first stage was released by somebody not authenticated");
    }
  }
}

// CountAdministrators adds those who gave a first-stage station its credential.
void CountAdministrators(Work& w) {
  const Fold& f = w.c.fold;
  for (const auto& row : f.credentials) {
    if (row.body.kind != "station" || row.at > w.c.period.to) continue;
    const uint32_t station = f.names.Find(row.body.pseudonym);
    if (station == kNone || !w.stations.contains(station)) continue;
    w.refs.push_back(row.ref);
    if (!IsPerson(f, row.actor, w.refs)) continue;
    w.people[f.names.Find(f.StationSite(row.body.pseudonym))].insert(row.actor);
  }
}

// InTwoLogs is true when one credential was signed on in two logs at once: the runs of one log
// follow each other, so these are two people, or one who left a session open.
bool InTwoLogs(const std::vector<Stretch>& by_time) {
  std::map<uint32_t, int64_t> ends;
  for (const Stretch& s : by_time) {
    for (const auto& [log, end] : ends)
      if (log != s.log && s.from < end) return true;
    int64_t& end = ends[s.log];
    end = std::max(end, s.to);
  }
  return false;
}

// NoteShared tells when one credential was in use at two sites, or in two stations' own runs, at
// the same time.
void NoteShared(Work& w) {
  for (auto& [pseudonym, stretches] : w.stretches) {
    std::ranges::sort(stretches, {}, &Stretch::from);
    if (InTwoLogs(stretches)) {
      w.notes.push_back(
          "lower bound: one credential was in use at two stations' own runs at once (shared "
          "log-in)");
    }
    for (size_t i = 1; i < stretches.size(); ++i) {
      const Stretch &a = stretches[i - 1], &b = stretches[i];
      if (a.site != b.site && b.from < a.to) {
        w.notes.push_back(
            "lower bound: one credential was in use at two sites at once (shared log-in)");
        break;
      }
    }
  }
}

}  // namespace

Found FirstStageExposure(const Case& c) {
  const Fold& f = c.fold;
  Work w{.c = c,
         .stations = {},
         .people = {},
         .stretches = {},
         .person_sessions = {},
         .station_sessions = {},
         .refs = {},
         .exclusions = {},
         .notes = {}};
  uint64_t visits = 0;
  for (const FirstStageVisit& v : f.first_stage_visits) {
    if (v.at < c.period.from || v.at > c.period.to) continue;
    ++visits;
    w.stations.insert(v.station);
    w.refs.push_back(v.ref);
  }
  Found found;
  if (visits == 0) {
    found.why_not = "no first-stage station worked in the period";
    return found;
  }
  for (uint32_t s : w.stations) w.people[f.names.Find(f.StationSite(f.names.At(s)))];
  CountSessions(w);
  CountReleases(w);
  CountAdministrators(w);
  NoteShared(w);

  uint64_t covered = 0;
  for (const FirstStageVisit& v : f.first_stage_visits) {
    if (v.at < c.period.from || v.at > c.period.to) continue;
    for (uint32_t i = 0; i < v.sessions; ++i) {
      const uint32_t id = f.visit_sessions[v.first_session + i];
      if (w.person_sessions.contains(id) || w.station_sessions.contains(id)) {
        ++covered;
        break;
      }
    }
  }
  if (w.person_sessions.empty() && w.station_sessions.empty()) {
    found.why_not = "no session at a first-stage station has a proof that verifies";
    return found;
  }
  size_t most = 0;
  for (const auto& [site, people] : w.people) most = std::max(most, people.size());
  if (w.person_sessions.empty()) {
    // Nobody seen is only "nobody" where every visit was the work of an authenticated machine.
    const bool automated = std::ranges::all_of(w.stations, [&](uint32_t s) {
      const plan::Station* station = f.plan.FindStation(f.names.At(s));
      return station != nullptr && station->automated;
    });
    if (!automated || covered < visits) {
      found.why_not = automated
                          ? "some visits name no session that verifies"
                          : "no person's session verifies, and the stations are not automated";
      return found;
    }
  } else if (covered < visits) {
    w.notes.push_back("lower bound: some visits name no session that verifies");
  }
  for (const auto& row : f.authorities) {
    if (row.row.body.pki == "operations") w.refs.push_back(row.row.ref);
  }
  std::ranges::sort(w.notes);
  w.notes.erase(std::ranges::unique(w.notes).begin(), w.notes.end());
  if (w.people.size() > 1)
    w.notes.push_back(fmt::format("the largest of {} sites", w.people.size()));
  if (w.excluded > kMaxNamed) {
    w.exclusions.push_back(fmt::format("and {} sessions more", w.excluded - kMaxNamed));
  }
  Measured m = BeginPeriod(c, std::string(kMethod), std::move(w.refs));
  m.value = static_cast<uint64_t>(most);
  m.notes = std::move(w.notes);
  m.exclusions = std::move(w.exclusions);
  m.leans_on = {"plan: which site a station stands at"};
  if (w.person_sessions.empty()) m.leans_on.push_back("plan: which stations are automated");
  m.population = Population{.of = Bucket(visits), .counted = Bucket(covered)};
  found.measured = std::move(m);
  return found;
}

}  // namespace birthmark::answer
