// SPDX-License-Identifier: Apache-2.0
// drill warehouse: a unit was built on one day and is opened on another, years later. Its first
// start is walked through with the anchors that were in force when it was built: names, TLS,
// updates, the time, its own identity. What the anchors' files said stands in the log.
#include <algorithm>

#include "anchors/facts.h"
#include "app/drills/play.h"
#include "app/revoke.h"
#include "ledger/events.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

using std::chrono::sys_days;
using std::chrono::year;

constexpr Time Day(int y, unsigned m, unsigned d) {
  return sys_days{year{y} / static_cast<int>(m) / static_cast<int>(d)};
}

// RootKey is a key-signing key of the DNS root. Source: IANA's root-anchors.xml (RFC 9718) and the
// plan of its rollover: KSK-2024 published in November 2024, in the zone from 2025-01-11 on,
// signing from 2026-10-11, KSK-2017 revoked 2027-01-11.
struct RootKey {
  uint32_t tag;
  const char* name;
  Time published, in_zone, signs, ends;
};
constexpr RootKey kRootKeys[] = {
    {19036, "KSK-2010", Day(2010, 7, 15), Day(2010, 7, 15), Day(2010, 7, 15), Day(2018, 10, 11)},
    {20326, "KSK-2017", Day(2017, 2, 2), Day(2017, 7, 11), Day(2018, 10, 11), Day(2026, 10, 11)},
    {38696, "KSK-2024", Day(2024, 11, 1), Day(2025, 1, 11), Day(2026, 10, 11), Day(9999, 12, 31)}};
// RFC 5011 section 2.4.1: a new key must have been seen for so long before it is trusted.
constexpr auto kHoldDown = std::chrono::hours(24 * 30);

struct InForce {
  const plan::Anchor* anchor = nullptr;
  std::optional<anchors::AnchorFacts> facts;
};

// AnchorsAt are the plan's anchors with what their files said by that day.
Result<std::vector<InForce>> AnchorsAt(DrillCopy& c, Time built) {
  std::map<std::string, anchors::AnchorFacts> read;
  BM_TRY(auto reader, c.factory().NewReader());
  BM_TRY(std::vector<uint64_t> seqs, reader->registry().EventsOfType(ledger::AnchorRead::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::AnchorRead body, ledger::BodyOf<ledger::AnchorRead>(e));
    // The first reading of all stands for what was before the log.
    if (e.at > Millis(built) && read.contains(body.anchor)) continue;
    BM_TRY(read[body.anchor], cbor::FromValue<anchors::AnchorFacts>(body.facts));
  }
  std::vector<InForce> out;
  for (const plan::Anchor& a : c.plan().anchors) {
    InForce f{.anchor = &a, .facts = std::nullopt};
    if (auto it = read.find(a.id); it != read.end()) f.facts = it->second;
    out.push_back(std::move(f));
  }
  return out;
}

bool Plays(const plan::Anchor& a, vocab::AnchorKind kind) {
  return std::ranges::find(a.kinds, kind) != a.kinds.end();
}

// Validity counts the entries of a file that hold at a time; those without dates always do.
struct Validity {
  size_t all = 0, hold = 0;
  std::optional<Time> last;  // the end of the one that holds longest; absent: one has no end
};
Validity ValidityAt(const anchors::AnchorFacts& facts, Time at) {
  Validity v{.all = facts.entries.size()};
  bool endless = false;
  for (const anchors::AnchorEntry& e : facts.entries) {
    const bool begun = !e.not_before || *e.not_before * 1000 <= Millis(at);
    const bool over = e.not_after && *e.not_after * 1000 < Millis(at);
    v.hold += begun && !over;
    if (!e.not_after) {
      endless = true;
    } else {
      v.last = std::max(v.last.value_or(Time{}), TimeFromMillis(*e.not_after * 1000));
    }
  }
  if (endless) v.last = std::nullopt;
  return v;
}

class FirstStart {
 public:
  FirstStart(DrillCopy& c, const DrillOptions& o, DrillReport& r, std::vector<InForce> anchors)
      : c_(c), o_(o), r_(r), anchors_(std::move(anchors)) {}

  Status Walk() {
    Clock();
    Boot();
    Names();
    Tls();
    Updates();
    return Identity();
  }

 private:
  void Step(std::string what, bool works, std::string found) {
    works_ = works_ && works;
    r_.Check(fmt::format("{}. {}", ++step_, what), works, std::move(found));
  }
  void Clock() {
    if (c_.plan().product.clock) {
      Step("the time", true, "the device keeps it by itself, as the plan says");
    } else {
      Step("the time", true,
           "it wakes without: until a network tells it, the day of its firmware is all it knows, "
           "and no end of a certificate can be judged");
      r_.notes.push_back(
          "a device without a clock takes the time from whoever answers first; a signed time, or "
          "a signature over the update that needs no dates, makes the rest of these steps firm");
    }
  }
  void Boot() {
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, vocab::AnchorKind::kFirstBoot)) continue;
      Step(fmt::format("boot, by anchor \"{}\"", f.anchor->id), true,
           "a key has no end; images in the box were signed under it");
      r_.lives.push_back(
          {fmt::format("boot anchor \"{}\"", f.anchor->id), *o_.built, std::nullopt, "", false});
    }
  }
  void Names() {
    bool any = false;
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, vocab::AnchorKind::kDnssec)) continue;
      any = true;
      if (!f.facts) {
        Step("names", true, "its file was never read: nothing is known");
        continue;
      }
      std::set<uint32_t> tags;
      for (const anchors::AnchorEntry& e : f.facts->entries)
        if (e.key_tag) tags.insert(*e.key_tag);
      std::string has;
      const RootKey* good = nullptr;
      std::optional<Time> until;
      for (const RootKey& k : kRootKeys) {
        if (!tags.contains(k.tag)) continue;
        if (k.published > *o_.built) {
          r_.notes.push_back(
              fmt::format("{} is in the file that the log read and was not published "
                          "when the unit was built: it is taken not to be in the box",
                          k.name));
          continue;
        }
        has += fmt::format("{}{} ({})", has.empty() ? "" : ", ", k.tag, k.name);
        until = std::max(until.value_or(Time{}), k.ends);
        if (k.signs <= *o_.open && *o_.open < k.ends) good = &k;
      }
      // Before the rollover the next key is in the zone beside the one that signs.
      if (good == nullptr)
        for (const RootKey& k : kRootKeys)
          if (tags.contains(k.tag) && k.published <= *o_.built && k.in_zone <= *o_.open &&
              *o_.open < k.ends && *o_.open < k.signs)
            has += ", not signing yet";
      Step(fmt::format("names (DNSSEC), by anchor \"{}\"", f.anchor->id), good != nullptr,
           good != nullptr
               ? fmt::format("the box has {}; {} signs the root that day", has, good->name)
               : fmt::format("the box has {}; the root is signed by another key that day, and to "
                             "learn it the device had to be on-line for {} days before the change "
                             "(RFC 5011)",
                             has.empty() ? "no key of the root that is known here" : has,
                             std::chrono::duration_cast<std::chrono::days>(kHoldDown).count()));
      if (until)
        r_.lives.push_back(
            {fmt::format("names by anchor \"{}\" ({})", f.anchor->id, has), *o_.built,
             until->time_since_epoch() > Day(9000, 1, 1).time_since_epoch() ? std::nullopt : until,
             "every signed name fails", false});
      if (good == nullptr) {
        r_.Do(
            "Give names a second way: fetch the root's keys signed (RFC 9718), or let updates "
            "not hang on DNSSEC.");
      }
    }
    if (!any) Step("names", true, "the plan has no DNSSEC anchor: names are believed as they come");
  }
  void Tls() {
    for (const InForce& f : anchors_) {
      const bool web = Plays(*f.anchor, vocab::AnchorKind::kWebPki);
      if (!web && !Plays(*f.anchor, vocab::AnchorKind::kPrivateCloud)) continue;
      if (!f.facts) continue;
      Validity v = ValidityAt(*f.facts, *o_.open);
      Step(fmt::format("TLS, by anchor \"{}\"", f.anchor->id), v.hold > 0,
           fmt::format(
               "{} of {} anchors hold that day{}", v.hold, v.all,
               web ? "; whether the servers still use one of them, their keepers decide" : ""));
      r_.lives.push_back({fmt::format("TLS by anchor \"{}\"", f.anchor->id), *o_.built, v.last,
                          "no server is believed", false});
      if (v.hold == 0)
        r_.Do("Give the update channel an anchor of your own that outlives warehouse and support.");
    }
  }
  void Updates() {
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, vocab::AnchorKind::kSoftwareUpdate)) continue;
      if (!f.facts) {
        Step(fmt::format("update, by anchor \"{}\"", f.anchor->id), true,
             "its file was never read: nothing is known");
        continue;
      }
      Validity v = ValidityAt(*f.facts, *o_.open);
      Step(fmt::format("update, by anchor \"{}\"", f.anchor->id), v.hold > 0,
           fmt::format("{} of {} anchors hold that day", v.hold, v.all));
      r_.lives.push_back({fmt::format("updates by anchor \"{}\"", f.anchor->id), *o_.built, v.last,
                          "no update is taken: recall", false});
    }
  }
  Status Identity() {
    ledger::IdentityFilter filter;
    filter.product = c_.plan().product.id;
    BM_TRY(std::vector<ledger::IdentityRow> rows, c_.All(filter));
    // Units that were built by then; before the log began, any.
    std::vector<ledger::IdentityRow> by_then;
    for (const ledger::IdentityRow& row : rows)
      if (row.issued_at <= Millis(*o_.built)) by_then.push_back(row);
    if (by_then.empty()) by_then = std::move(rows);
    std::erase_if(by_then, [](const auto& row) { return !ledger::IsLive(row.state); });
    BM_CHECK(c_.Affect(by_then, r_));
    r_.Count("identities", by_then.size());
    const ledger::IdentityRow* of = nullptr;
    for (const ledger::IdentityRow& row : by_then)
      if (c_.FindTwin(row.ca) != nullptr) of = &row;
    if (of == nullptr) {
      r_.notes.push_back(
          "no unit's identity was issued under an authority of this log: its chain "
          "cannot be tried");
      return {};
    }
    BM_TRY(auto reader, c_.factory().NewReader());
    BM_TRY(ledger::Event e, reader->EventAt(of->seq));
    BM_TRY(crypto::Certificate leaf, CertificateIn(e));
    std::vector<crypto::Certificate> between, roots;
    Time end = leaf.not_after();
    for (Twin* t : c_.Above(*c_.FindTwin(of->ca))) {
      (t->row.issuer == t->row.id ? roots : between).push_back(t->original);
      end = std::min(end, t->original.not_after());
    }
    // A log that is younger than the day of building has no certificate that old.
    const Time at = std::max(*o_.open, leaf.not_before());
    auto path = pki::BuildPath(leaf, between, roots, at, pki::Purpose::kDevice);
    Step("its own identity, before who knows the root", path.has_value(),
         path ? "the chain holds that day" : path.error().message);
    r_.lives.push_back({"the unit's identity and its chain", *o_.built,
                        FormatDate(end).starts_with("9999") ? std::nullopt : std::optional(end),
                        "nobody believes who it is", true});
    return {};
  }

  DrillCopy& c_;
  const DrillOptions& o_;
  DrillReport& r_;
  std::vector<InForce> anchors_;
  int step_ = 0;
  bool works_ = true;
};

}  // namespace

Status DrillWarehouse(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  if (!o.built || !o.open || *o.open < *o.built) {
    return Usage("drill.dates", "a warehouse needs two days, the first before the second",
                 "--built 2023-06-01 --open 2027-02-01");
  }
  BM_CHECK(c.MakeTwins(false));
  r.at = *o.built;
  r.yes = "works";
  r.no = "FAILS";
  r.about = fmt::format(
      "A {} is built on {}, lies in a box, and is started for the first time on "
      "{}. What of its first start works?",
      c.plan().product.name, FormatDate(*o.built), FormatDate(*o.open));
  BM_TRY(std::vector<InForce> anchors, AnchorsAt(c, *o.built));
  BM_TRY(auto reader, c.factory().NewReader());
  BM_TRY(ledger::Event first, reader->EventAt(0));
  reader.reset();
  if (first.at > Millis(*o.built)) {
    r.notes.push_back(
        fmt::format("the log begins on {}: what a box of before holds is taken from "
                    "the first files it read, and may be older",
                    FormatDate(TimeFromMillis(first.at))));
  }
  BM_CHECK(FirstStart(c, o, r, std::move(anchors)).Walk());
  if (c.plan().product.warehouse) {
    const auto lies = *o.open - *o.built;
    r.notes.push_back(fmt::format("the plan allows {} in a warehouse; this is {}",
                                  plan::DurationText(*c.plan().product.warehouse),
                                  FormatDuration(lies)));
  } else {
    r.notes.push_back("the plan does not say how long a unit may lie: warehouse in [product]");
  }
  r.Do("See every end by date, with the support period beside it.", Bm(o, "horizon", "--years 30"));
  r.Do("Ship newer boxes: firmware with today's anchors, before the first of the dates above.",
       Bm(o, "anchor list"));
  r.Do(
      "Tell support what a unit of that age does on its first start, and how it is helped by "
      "hand.");
  return {};
}

}  // namespace birthmark::app
