// SPDX-License-Identifier: Apache-2.0
// drill warehouse: a unit was built on one day and is opened on another, years later. Its first
// start is walked through in the order of a real one, with the anchors that were in force when it
// was built: the time, boot, names, TLS, updates, what the TAM takes, onboarding, the owner's
// network, its own identity. What the anchors' files said stands in the log.
#include <algorithm>

#include "anchors/facts.h"
#include "app/drills/play.h"
#include "app/drills/warehouse_names.h"
#include "app/revoke.h"
#include "ledger/events.h"
#include "pki/path.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

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
  std::optional<Time> last;       // the end of the one that holds longest; absent: one has no end
  std::vector<std::string> over;  // labels of those that have ended
};
Validity ValidityAt(const anchors::AnchorFacts& facts, Time at) {
  Validity v{.all = facts.entries.size()};
  bool endless = false;
  for (const anchors::AnchorEntry& e : facts.entries) {
    const bool begun = !e.not_before || *e.not_before * 1000 <= Millis(at);
    const bool over = e.not_after && *e.not_after * 1000 < Millis(at);
    v.hold += begun && !over;
    if (over) v.over.push_back(e.label);
    if (!e.not_after) {
      endless = true;
    } else {
      v.last = std::max(v.last.value_or(Time{}), TimeFromMillis(*e.not_after * 1000));
    }
  }
  if (endless) v.last = std::nullopt;
  return v;
}

// OnlyKeys is true for forms that carry no dates into the device.
bool OnlyKeys(plan::Form form) {
  return form == plan::Form::kPublicKey || form == plan::Form::kKeyDigest;
}

class FirstStart {
 public:
  FirstStart(DrillCopy& c, const DrillOptions& o, DrillReport& r, std::vector<InForce> anchors)
      : c_(c), o_(o), r_(r), anchors_(std::move(anchors)) {}

  Status Walk() {
    BM_CHECK(ReadSigners());
    Clock();
    Boot();
    Names();
    Order();
    Dated(vocab::AnchorKind::kWebPki, "TLS", "no server is believed");
    Dated(vocab::AnchorKind::kPrivateCloud, "the maker's services", "no service is believed");
    Dated(vocab::AnchorKind::kSoftwareUpdate, "update", "no update is taken: recall");
    Dated(vocab::AnchorKind::kTam, "the application manager", "no manifest is taken");
    Dated(vocab::AnchorKind::kOnboarding, "onboarding", "no voucher is believed");
    NetworkLocal();
    return Identity();
  }

 private:
  void Step(std::string what, bool works, std::string found) {
    r_.Check(fmt::format("{}. {}", ++step_, what), works, std::move(found));
  }
  bool Has(vocab::AnchorKind kind) const {
    return std::ranges::any_of(anchors_, [&](const InForce& f) { return Plays(*f.anchor, kind); });
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
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, vocab::AnchorKind::kDnssec)) continue;
      if (!f.facts) {
        Step("names", true, "its file was never read: nothing is known");
        continue;
      }
      const NamesPlayed names = PlayNames(*f.facts, *o_.built, *o_.open);
      Step(fmt::format("names (DNSSEC), by anchor \"{}\"", f.anchor->id), names.works, names.found);
      r_.notes.insert(r_.notes.end(), names.notes.begin(), names.notes.end());
      if (!names.in_the_box.empty())
        r_.lives.push_back(
            {fmt::format("names by anchor \"{}\": {}", f.anchor->id, names.in_the_box), *o_.built,
             names.until, "every signed name fails", false});
      if (!names.works)
        r_.Do(
            "Give names a second way: fetch the root's keys signed (RFC 9718), or let updates "
            "not hang on DNSSEC.");
    }
    if (!Has(vocab::AnchorKind::kDnssec))
      Step("names", true, "the plan has no DNSSEC anchor: names are believed as they come");
  }
  // Order is what has to be known first: signatures over names and certificates have ends, so both
  // want the time; a server of the time has a name, and a secure one a certificate.
  void Order() {
    const bool names = Has(vocab::AnchorKind::kDnssec), web = Has(vocab::AnchorKind::kWebPki);
    if (c_.plan().product.clock || (!names && !web)) return;
    Step(
        "the order of it", true,
        fmt::format("{} want the time, and a time server is found by {}: without a clock the first "
                    "time is one that the device cannot check",
                    names && web ? "DNSSEC and TLS"
                    : names      ? "DNSSEC"
                                 : "TLS",
                    names ? "a name" : "somebody's word"));
    r_.Do(
        "Break the circle of time, names and TLS: a clock with a battery, the latest time ever "
        "seen kept in memory, or a time that is signed by a key of your own.");
  }
  // ReadSigners finds the newest certificate of each PKI's own signer.
  Status ReadSigners() {
    BM_TRY(auto reader, c_.factory().NewReader());
    BM_TRY(std::vector<uint64_t> seqs,
           reader->registry().EventsOfType(ledger::SignerCertified::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader->EventAt(seq));
      BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(e));
      if (body.chain.empty()) continue;
      BM_TRY(pki::Validity validity, pki::ReadValidity(body.chain.front()));
      signer_ends_[body.pki] = TimeFromMillis(validity.to);
    }
    return {};
  }
  // Signers tells when what signs under an anchor's own PKI ends.
  std::string Signers(const plan::Anchor& a) {
    const auto it = a.pki ? signer_ends_.find(*a.pki) : signer_ends_.end();
    if (it == signer_ends_.end()) return "";
    return it->second < *o_.open
               ? fmt::format(
                     "; the certificate of today's signer ended on {}: what is signed that "
                     "day is signed by a successor",
                     FormatDate(it->second))
               : fmt::format("; today's signer may sign until {}", FormatDate(it->second));
  }
  // Dated walks the anchors of a kind that judge certificates or what certificates sign.
  void Dated(vocab::AnchorKind kind, std::string_view what, const char* then) {
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, kind)) continue;
      const std::string by = fmt::format("{}, by anchor \"{}\"", what, f.anchor->id);
      if (!f.facts) {
        Step(by, true, "its file was never read: nothing is known");
        continue;
      }
      Validity v = ValidityAt(*f.facts, *o_.open);
      if (OnlyKeys(f.anchor->form)) v = {.all = v.all, .hold = v.all};
      std::string found = OnlyKeys(f.anchor->form)
                              ? "the device holds a key alone, which has no end"
                              : fmt::format("{} of {} anchors hold that day", v.hold, v.all);
      if (kind == vocab::AnchorKind::kWebPki)
        found += "; whether the servers still use one of them, their keepers decide";
      if (kind == vocab::AnchorKind::kOnboarding) {
        if (c_.plan().product.masa_url)
          found +=
              fmt::format("; somebody has to answer at {} that day", *c_.plan().product.masa_url);
        if (!c_.plan().product.clock)
          found += "; without a clock only a nonce shows that a voucher is fresh (RFC 8366)";
      }
      if (!OnlyKeys(f.anchor->form) && v.hold < v.all && !c_.plan().product.clock)
        found += "; a device without the time cannot see that the others have ended";
      found += Signers(*f.anchor);
      Step(by, v.hold > 0, std::move(found));
      for (size_t i = 0; i < v.over.size() && i < 8; ++i)
        r_.notes.push_back(
            fmt::format("anchor \"{}\" holds one that ended: {}", f.anchor->id, v.over[i]));
      if (v.over.size() > 8)
        r_.notes.push_back(fmt::format("and {} more in \"{}\"", v.over.size() - 8, f.anchor->id));
      r_.lives.push_back(
          {fmt::format("{} by anchor \"{}\"", what, f.anchor->id), *o_.built, v.last, then, false});
      if (v.hold == 0 && !named_own_) {
        named_own_ = true;
        r_.Do("Give the update channel an anchor of your own that outlives warehouse and support.");
      }
    }
  }
  void NetworkLocal() {
    for (const InForce& f : anchors_) {
      if (!Plays(*f.anchor, vocab::AnchorKind::kNetworkLocal)) continue;
      Step(fmt::format("the owner's network, by anchor \"{}\"", f.anchor->id), true,
           f.anchor->file.empty()
               ? "empty in the box, so nothing in it is old; onboarding fills it"
               : "it came with an anchor of the owner's, whose end only the owner knows");
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
  std::map<std::string, Time> signer_ends_;  // of each PKI's newest signer
  int step_ = 0;
  bool named_own_ = false;
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
