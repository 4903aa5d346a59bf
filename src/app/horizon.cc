// SPDX-License-Identifier: Apache-2.0
#include "app/horizon.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "answer/value.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 60 * 60 * 1000;
constexpr int64_t kYear = kDayMs * 36525 / 100;
constexpr int64_t kTime32Ends = 2'147'483'647'000;         // 2038-01-19T03:14:07Z
constexpr int64_t kGeneralizedBegins = 2'524'608'000'000;  // 2050-01-01T00:00:00Z
constexpr size_t kMostRows = 200;
constexpr size_t kMostLives = 60;

std::string DateOf(int64_t at) {
  return at >= pki::kNoEnd ? "no end" : FormatDate(TimeFromMillis(at));
}
int64_t YearOfRow(int64_t at) {
  return static_cast<int>(
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(TimeFromMillis(at)))
          .year());
}
std::string Many(uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

class Seer {
 public:
  Seer(const HorizonFacts& facts, Time from, Time until) : f_(facts) {
    out_.name = f_.name;
    out_.rehearsal = f_.rehearsal;
    out_.from = Millis(from);
    out_.until = Millis(until);
    out_.exact = !f_.products.empty() && std::ranges::all_of(f_.products, [](const ProductLife& p) {
      return p.plan.publication.exact_counts;
    });
  }

  Horizon Run() {
    for (const CaLife& ca : f_.cas) ca_[ca.id] = &ca;
    CountTurns();
    Authorities();
    Identities();
    Anchors();
    Signers();
    Credentials();
    Lists();
    for (const ProductLife& p : f_.products) Product(p);
    Numbers();
    std::ranges::stable_sort(out_.rows, {}, &HorizonRow::at);
    Shorten();
    Bars();
    return std::move(out_);
  }

 private:
  // Row merges what happens on one day to several of a kind.
  void Row(int64_t at, std::string kind, std::string what, std::string consequence,
           uint64_t things = 1, uint64_t units = 0, bool estimate = false) {
    if (at >= pki::kNoEnd) {
      ++endless_;
      return;
    }
    if (at < out_.from) {
      ++past_;
      return;
    }
    if (at > out_.until) {
      ++beyond_;
      return;
    }
    HorizonRow row{.at = at,
                   .kind = std::move(kind),
                   .what = std::move(what),
                   .consequence = std::move(consequence),
                   .things = things,
                   .units = units,
                   .estimate = estimate};
    const std::string key = fmt::format("{} {} {}", at / kDayMs, row.kind, row.what);
    auto [it, fresh] = merged_.try_emplace(key, out_.rows.size());
    if (fresh) {
      out_.rows.push_back(std::move(row));
    } else {
      out_.rows[it->second].things += things;
      out_.rows[it->second].units += units;
    }
  }
  void Remark(std::string code, std::string text) {
    out_.remarks.push_back({std::move(code), std::move(text)});
  }

  static std::string LevelOf(const CaLife& ca) {
    return fmt::format("{}, level {}", ca.pki, ca.level);
  }

  // Turns are what the authorities of one level have left.
  struct Turns {
    bool waiting = false;
    int64_t last = 0;  // the latest end of an active one's window
  };
  void CountTurns() {
    for (const CaLife& ca : f_.cas) {
      Turns& t = turns_[LevelOf(ca)];
      t.waiting |= ca.state == "waiting";
      if (ca.state == "active") t.last = std::max(t.last, ca.issues_until.value_or(0));
    }
  }
  bool HasSuccessor(const CaLife& ca) const {
    const Turns& t = turns_.at(LevelOf(ca));
    return t.waiting || t.last > ca.issues_until.value_or(0);
  }

  void Authorities() {
    for (const CaLife& ca : f_.cas) {
      Row(ca.to, "authority", fmt::format("authorities of {} run out", LevelOf(ca)),
          ca.level == 1 ? "everything below that root stops verifying where dates are looked at"
                        : "the certificates they signed stop verifying where dates are looked at",
          1, ca.live);
      const bool issues = ca.state != "retired" && ca.state != "compromised";
      if (issues && ca.issues_until) {
        const bool follows = HasSuccessor(ca);
        Row(*ca.issues_until, "window",
            fmt::format("issuing windows of {} close{}", LevelOf(ca),
                        follows ? "" : ", none waits"),
            follows ? "another one of that level goes on"
                    : "no other of that level is signed: the line stops");
      }
      if (issues && ca.max_count && ca.recent > 0 && ca.issued < *ca.max_count) {
        const double days =
            static_cast<double>(*ca.max_count - ca.issued) * 90.0 / static_cast<double>(ca.recent);
        const double at = static_cast<double>(f_.now) + days * static_cast<double>(kDayMs);
        if (!ca.issues_until || at < static_cast<double>(*ca.issues_until)) {
          Row(static_cast<int64_t>(std::min(at, static_cast<double>(pki::kNoEnd - 1))), "window",
              fmt::format("counts of {} are used up", LevelOf(ca)),
              "at the pace of the last 90 days; the authority stops issuing", 1, 0, true);
        }
      }
      if (ca.to > ca.chain_to) {
        Row(ca.chain_to, "overhang", fmt::format("authorities of {} outlive theirs", LevelOf(ca)),
            fmt::format("the one above ends here; their own date, {}, is never reached",
                        DateOf(ca.to)),
            1, ca.live);
      }
    }
  }

  void Identities() {
    for (const EeGroup& g : f_.identities) {
      auto it = ca_.find(g.ca);
      const std::string who = it == ca_.end() ? g.ca : it->second->name;
      const int64_t chain = it == ca_.end() ? g.last_to : it->second->chain_to;
      if (g.last_to > chain) {
        Row(chain, "overhang", fmt::format("identities of {} outlive their chain", who),
            fmt::format("they stop verifying here, though their own date is {}", DateOf(g.last_to)),
            0, g.count);
      }
      if (g.first_to <= chain) {
        Row(g.first_to, "identity", fmt::format("identities of {} run out", who),
            g.last_to - g.first_to < kDayMs
                ? "those units are refused wherever dates are looked at"
                : fmt::format("the first of them, the last on {}; units are refused",
                              DateOf(std::min(g.last_to, chain))),
            0, g.count);
      }
    }
  }

  void Anchors() {
    for (const AnchorLife& a : f_.anchors) {
      // A bundle's anchors are told by the year.
      std::map<int64_t, std::pair<int64_t, uint64_t>> years;
      uint64_t dated = 0;
      for (const auto& [from, to] : a.entries) {
        if (to == 0) continue;
        ++dated;
        auto& [first, n] = years.try_emplace(YearOfRow(to), to, 0).first->second;
        first = std::min(first, to);
        ++n;
      }
      for (const auto& [year, run] : years) {
        Row(run.first, "anchor",
            a.entries.size() == 1 ? fmt::format("anchor {} of {} runs out", a.id, a.product)
                                  : fmt::format("anchor {} of {}: {} of its {} run out in {}", a.id,
                                                a.product, run.second, a.entries.size(), year),
            a.dns_root
                ? std::string("another key signs the DNS root: a device that was on-line for "
                              "30 days before has learned it (RFC 5011), one in a box has not")
                : fmt::format("devices that look at dates refuse what it verifies ({})",
                              a.verifies),
            run.second);
      }
      if (dated == 0) {
        Remark("horizon.anchor-no-date",
               fmt::format("anchor {} of {} holds no date: it ends when somebody replaces it, and "
                           "nothing here says when its owner will",
                           a.id, a.product));
      }
    }
  }

  void Signers() {
    for (const SignerLife& s : f_.signers) {
      const bool disclosure = s.pki == "disclosure", operations = s.pki == "operations";
      Row(s.to, "signer", fmt::format("certificate of key {} ({}) runs out", s.key, s.pki),
          disclosure   ? "disclosures can no longer be signed with it; those signed stay"
          : operations ? "the server needs a new one; `birthmark serve` makes it"
                       : "devices that look at dates refuse images signed with it");
    }
  }

  void Credentials() {
    for (const CredentialLife& c : f_.credentials) {
      Row(c.to, "credential", fmt::format("credentials of {}s run out", c.role),
          c.kind == "person" ? "their holders cannot sign on any more"
                             : "that station is let in no more");
    }
  }

  void Lists() {
    for (const CrlLife& l : f_.crls) {
      auto it = ca_.find(l.ca);
      const uint64_t live = it == ca_.end() ? 0 : it->second->live;
      const std::string who = it == ca_.end() ? l.ca : LevelOf(*it->second);
      Row(l.next, "crl", fmt::format("revocation lists of {} are due", who),
          l.reserve_until > l.next
              ? fmt::format("signed ahead until {}", DateOf(l.reserve_until))
              : "relying parties that insist on a list refuse all below from here on",
          1, live);
      if (l.reserve_until > l.next) {
        Row(l.reserve_until, "crl", fmt::format("revocation lists of {} end, reserve too", who),
            "relying parties that insist on a list refuse all below from here on", l.reserves,
            live);
      }
    }
  }

  void Product(const ProductLife& p) {
    const plan::Product& what = p.plan.product;
    if (what.support) {
      if (p.first_unit > 0) {
        Row(p.first_unit + what.support->count(), "support",
            fmt::format("support of the first {} ends", what.id), "as the plan promises it");
      }
      const int64_t last = f_.now + what.support->count();
      Row(last, "support", fmt::format("support of {} made now ends", what.id),
          "as the plan promises it; what runs out before this day runs out under support");
      Before(p, last, "horizon.before-support", "while units made now are still supported");
    } else {
      Remark("horizon.no-support",
             fmt::format("{}: the plan does not say how long units are supported", what.id));
    }
    if (what.warehouse) {
      const int64_t opened = f_.now + what.warehouse->count();
      Row(opened, "warehouse", fmt::format("{} made now may be opened until here", what.id),
          "with the anchors and the certificate of today");
      Before(p, opened, "horizon.before-opening",
             "while a unit made now may still lie unopened, and is there when it starts");
    }
    if (!what.clock) {
      Remark("horizon.no-clock",
             fmt::format("{}: the device has no clock of its own. At its first start it knows no "
                         "date: it either takes everything that ever expired, or refuses "
                         "everything until something tells it the time; which of both, its "
                         "trials show",
                         what.id));
    }
    for (const plan::Pki& pki : p.plan.pkis) Encoding(p, pki);
  }

  // Before names what ends too early for a product.
  void Before(const ProductLife& p, int64_t limit, const char* code, std::string_view when) {
    for (const AnchorLife& a : f_.anchors) {
      if (a.product != p.plan.product.id) continue;
      const auto n = std::ranges::count_if(
          a.entries, [&](const auto& e) { return e.second != 0 && e.second < limit; });
      if (n == 0) continue;
      Remark(code, fmt::format("{}: of anchor {}, {} of {} end before {}, {}", p.plan.product.id,
                               a.id, n, a.entries.size(), DateOf(limit), when));
    }
    for (const CaLife& ca : f_.cas) {
      const plan::Pki* pki = p.plan.IdentityPki();
      if (pki == nullptr || ca.pki != pki->id || ca.level != pki->levels.size() ||
          ca.state == "retired" || ca.chain_to >= limit)
        continue;
      Remark(code, fmt::format("{}: the chain of {} ends on {}, {}", p.plan.product.id, ca.name,
                               DateOf(ca.chain_to), when));
      break;  // one says it; there may be thousands
    }
  }

  // Encoding: from 2050 on, dates are GeneralizedTime (RFC 5280 section 4.1.2.5).
  void Encoding(const ProductLife& p, const plan::Pki& pki) {
    const plan::Lifetime& life = pki.end_entity.lifetime;
    if (life.never || life.duration.count() <= 0) return;
    const int64_t first = kGeneralizedBegins - life.duration.count();
    if (first < out_.from) return;
    Row(first, "encoding",
        fmt::format("certificates of {} begin to end in 2050 ({})", pki.id, p.plan.product.id),
        "notAfter becomes GeneralizedTime: a parser that knows UTCTime alone refuses them");
  }

  void Numbers() {
    uint64_t cas = 0, units = 0, anchors = 0, late = 0, late_units = 0;
    for (const CaLife& ca : f_.cas) {
      cas += ca.to > kTime32Ends && ca.to < pki::kNoEnd;
      late += ca.to >= kGeneralizedBegins;
    }
    for (const EeGroup& g : f_.identities) {
      units += g.last_to > kTime32Ends ? g.count : 0;
      late_units += g.last_to >= kGeneralizedBegins ? g.count : 0;
    }
    for (const AnchorLife& a : f_.anchors) {
      anchors += static_cast<uint64_t>(
          std::ranges::count_if(a.entries, [](const auto& e) { return e.second > kTime32Ends; }));
    }
    if (cas + units + anchors > 0) {
      Row(kTime32Ends, "time32", "clocks of 32 bits end (03:14:07 UTC)",
          fmt::format("a device with such a time_t reads dates beyond as 1901: {}, {} and the "
                      "identities counted here end later",
                      Many(cas, "authority", "authorities"), Many(anchors, "anchor", "anchors")),
          1, units);
    }
    if (late + late_units > 0) {
      Row(kGeneralizedBegins, "encoding", "dates of certificates are GeneralizedTime from here",
          fmt::format("{} and the identities counted here hold such a date already",
                      Many(late, "authority", "authorities")),
          1, late_units);
    }
    uint64_t never = 0;
    for (const EeGroup& g : f_.identities) never += g.last_to >= pki::kNoEnd ? g.count : 0;
    if (never > 0) {
      Remark("horizon.no-end",
             fmt::format("{} identities end on 9999-12-31, which says that no end is meant (RFC "
                         "5280 section 4.1.2.5): only what is above them bounds them",
                         Count(never)));
    }
    if (past_ > 0) {
      Remark("horizon.past", fmt::format("dates before {}: {}", DateOf(out_.from), past_));
    }
    if (beyond_ + endless_ > 0) {
      Remark("horizon.beyond", fmt::format("dates beyond {}: {}, of which without end: {}",
                                           DateOf(out_.until), beyond_ + endless_, endless_));
    }
  }

  std::string Count(uint64_t n) const {
    return out_.exact ? fmt::format("{}", n) : answer::Bucket(n);
  }

  // Shorten tells by the year what would be too many lines by the day.
  void Shorten() {
    if (out_.rows.size() <= kMostRows) return;
    std::vector<HorizonRow> rows;
    std::map<std::string, size_t> seen;
    for (HorizonRow& r : out_.rows) {
      auto [it, fresh] =
          seen.try_emplace(fmt::format("{} {} {}", YearOfRow(r.at), r.kind, r.what), rows.size());
      if (fresh) {
        rows.push_back(std::move(r));
        continue;
      }
      rows[it->second].things += r.things;
      rows[it->second].units += r.units;
    }
    Remark("horizon.by-year", "dates of one kind are told together, on the first of their year's");
    out_.rows = std::move(rows);
  }

  void Bar(std::string lane, std::string name, int64_t from, int64_t to,
           std::optional<int64_t> chain_to = {}) {
    if (to < out_.from || out_.bars.size() >= kMostLives) return;
    if (chain_to && *chain_to >= to) chain_to.reset();
    out_.bars.push_back({std::move(lane), std::move(name), from, to, chain_to});
  }

  void Bars() {
    for (const AnchorLife& a : f_.anchors) {
      int64_t from = INT64_MAX, to = 0;
      for (const auto& [first, last] : a.entries) {
        if (last == 0) continue;
        from = std::min(from, first);
        to = std::max(to, last);
      }
      if (to > 0) Bar("anchors", fmt::format("{} ({})", a.id, a.product), from, to);
    }
    // A level of many authorities is drawn as its generations: those with the same dates are one.
    struct Generation {
      const CaLife* first = nullptr;
      uint64_t n = 0;
    };
    std::map<std::tuple<uint32_t, std::string, int64_t, int64_t>, Generation> generations;
    for (const CaLife& ca : f_.cas) {
      auto& g = generations[{ca.level, ca.pki, ca.from / kYear, ca.to / kYear}];
      if (g.first == nullptr) g.first = &ca;
      ++g.n;
    }
    for (const auto& [key, g] : generations) {
      Bar("authorities",
          g.n == 1 ? fmt::format("{} ({})", g.first->name, g.first->pki)
                   : fmt::format("{} authorities of {}", g.n, LevelOf(*g.first)),
          g.first->from, g.first->to, g.first->chain_to);
    }
    std::map<std::tuple<std::string, int64_t>, EeGroup> ends;
    for (const EeGroup& g : f_.identities) {
      auto it = ca_.find(g.ca);
      const std::string who = it == ca_.end() ? g.ca : it->second->pki;
      EeGroup& e = ends[{who, g.last_to / kYear}];
      if (e.count == 0) e = g, e.count = 0;
      e.count += g.count;
      e.last_to = std::max(e.last_to, g.last_to);
    }
    for (const auto& [key, e] : ends) {
      auto it = ca_.find(e.ca);
      Bar("identities", fmt::format("{} identities ({})", Count(e.count), std::get<0>(key)), e.from,
          e.last_to, it == ca_.end() ? std::optional<int64_t>() : it->second->chain_to);
    }
    for (const SignerLife& s : f_.signers) Bar("signers", s.key, s.from, s.to);
    for (const CrlLife& l : f_.crls)
      Bar("lists", "CRL of " + l.ca, l.from, std::max(l.next, l.reserve_until));
    for (const ProductLife& p : f_.products) {
      const plan::Product& what = p.plan.product;
      if (what.support) {
        Bar("products", "support of " + what.id, p.first_unit > 0 ? p.first_unit : f_.now,
            f_.now + what.support->count());
      }
      if (what.warehouse)
        Bar("products", "unopened " + what.id, f_.now, f_.now + what.warehouse->count());
    }
  }

  const HorizonFacts& f_;
  Horizon out_;
  std::map<std::string, const CaLife*, std::less<>> ca_;
  std::map<std::string, Turns> turns_;
  std::map<std::string, size_t> merged_;
  uint64_t past_ = 0, beyond_ = 0, endless_ = 0;
};

}  // namespace

Horizon ForeseeFrom(const HorizonFacts& facts, Time from, Time until) {
  return Seer(facts, from, until).Run();
}

Result<Horizon> Foresee(const fs::path& workspace, Time from, uint64_t years) {
  BM_TRY(auto reader, OpenReader(workspace));
  BM_TRY(HorizonFacts facts, GatherHorizon(*reader, from));
  // Calendar years: the day is the same, but that a 29 February ends on the 28th.
  const auto day = std::chrono::floor<std::chrono::days>(from);
  auto last = std::chrono::year_month_day(day) + std::chrono::years(static_cast<int>(years));
  if (!last.ok()) last = last.year() / last.month() / std::chrono::last;
  return ForeseeFrom(facts, from, std::chrono::sys_days(last) + (from - day));
}

}  // namespace birthmark::app
