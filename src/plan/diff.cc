// SPDX-License-Identifier: Apache-2.0
#include "plan/diff.h"

#include <fmt/format.h>

#include <map>

#include "plan/words.h"

namespace birthmark::plan {
namespace {

// Flat is a plan as (path, text) in the plan's own order, so that two plans can be laid side by
// side.
class Flat {
 public:
  explicit Flat(const Plan& p) {
    FromProduct(p);
    FromLine(p);
    FromDevice(p);
    FromAnchors(p);
    FromPkis(p);
    FromDeclared(p);
  }
  const std::vector<std::string>& order() const { return order_; }
  const std::string* Find(const std::string& path) const {
    auto it = values_.find(path);
    return it == values_.end() ? nullptr : &it->second;
  }

 private:
  void Put(std::string path, std::string value) {
    if (value.empty()) return;
    if (values_.emplace(path, std::move(value)).second) order_.push_back(std::move(path));
  }
  static std::string YesNo(bool b) { return b ? "true" : "false"; }
  template <class T>
  static std::string List(const std::vector<T>& all) {
    std::string out;
    for (const T& t : all) {
      out += out.empty() ? "" : ", ";
      if constexpr (std::is_enum_v<T>) {
        out += ToText(t);
      } else {
        out += fmt::format("{}", t);
      }
    }
    return out;
  }

  void FromProduct(const Plan& p) {
    Put("schema", std::to_string(p.schema));
    Put("example", YesNo(p.example));
    const Product& x = p.product;
    Put("product id", x.id);
    Put("product name", x.name);
    Put("product manufacturer", x.manufacturer);
    Put("product hardware-variant", x.hardware_variant);
    Put("product firmware", x.firmware);
    Put("product enterprise-number", std::to_string(x.enterprise_number));
    Put("product serial-pattern", x.serial_pattern);
    Put("product serial-list", x.serial_list.value_or(""));
    Put("product masa-url", x.masa_url.value_or(""));
    Put("product mud-url", x.mud_url.value_or(""));
    Put("product hardware-type-oid", HardwareTypeOid(x));
    Put("product support", x.support ? DurationText(*x.support) : "");
    Put("product warehouse", x.warehouse ? DurationText(*x.warehouse) : "");
    Put("product clock", YesNo(x.clock));
    Put("device board", p.board ? std::string(ToText(*p.board)) : "");
    Put("publication exact-counts", YesNo(p.publication.exact_counts));
    Put("publication period-days", std::to_string(p.publication.period_days));
    Put("publication list-sites", YesNo(p.publication.list_sites));
    Put("publication contact", p.publication.contact);
  }
  void FromLine(const Plan& p) {
    for (const Site& s : p.sites) {
      std::string at = "site " + s.id;
      Put(at + " name", s.name);
      Put(at + " country", s.country);
      Put(at + " continent", std::string(ToText(s.continent)));
      Put(at + " position", fmt::format("{} {}", s.latitude, s.longitude));
    }
    for (const Station& s : p.stations) {
      std::string at = "station " + s.id;
      Put(at + " site", s.site);
      Put(at + " automated", YesNo(s.automated));
      Put(at + " link", s.link);
    }
    std::map<std::string, int> count;
    std::vector<std::string> order;
    for (const Step& s : p.steps) {
      std::string name(ToText(s.kind));
      order.push_back(name);
      int n = ++count[name];
      std::string at = "step " + name + (n > 1 ? fmt::format(" #{}", n) : "");
      Put(at + " station", s.station);
      Put(at + " to", s.to.value_or(""));
      Put(at + " via", s.via ? std::string(ToText(*s.via)) : "");
      Put(at + " slots", List(s.slots));
      Put(at + " anchors", List(s.anchors));
      Put(at + " note", s.note);
    }
    Put("order of steps", Join(order));
  }
  void FromDevice(const Plan& p) {
    for (const Processor& x : p.processors) {
      std::string at = "processor " + x.id;
      Put(at + " name", x.name);
      Put(at + " role", x.role);
      Put(at + " boots-after", x.boots_after.value_or(""));
      Put(at + " reaches", List(x.reaches));
      Put(at + " package", x.package);
    }
    for (const Stage& s : p.stages) {
      std::string at = "stage " + s.id;
      Put(at + " kind", std::string(ToText(s.kind)));
      Put(at + " processor", s.processor);
      Put(at + " store", s.store);
      Put(at + " verified-by", s.verified_by.value_or(""));
      Put(at + " encrypted", std::string(ToText(s.encrypted)));
      Put(at + " lock", std::string(ToText(s.lock)));
      Put(at + " version", s.version);
      Put(at + " privileges", List(s.privileges));
    }
    for (const Store& s : p.stores) {
      std::string at = "store " + s.id;
      Put(at + " kind", std::string(ToText(s.kind)));
      Put(at + " processor", s.processor);
      Put(at + " protected-by", s.protected_by.value_or(""));
      Put(at + " writable-after-lock", YesNo(s.writable_after_lock));
    }
    for (const IdentitySlot& s : p.identities) {
      std::string at = fmt::format("identity {}", ToText(s.slot));
      Put(at + " method", std::string(ToText(s.method)));
      Put(at + " transfer", std::string(ToText(s.transfer)));
      Put(at + " store", s.store);
      Put(at + " algorithm", std::string(ToText(s.algorithm)));
      Put(at + " identity-lock", std::string(ToText(s.identity_lock)));
      Put(at + " restart", std::string(ToText(s.restart)));
      Put(at + " pki", s.pki.value_or(""));
      Put(at + " batch", s.batch ? std::to_string(*s.batch) : "");
      Put(at + " attestation", std::string(ToText(s.attestation)));
      for (const std::string& root : s.vendor_roots) Put(at + " vendor-roots " + root, "yes");
      Put(at + " ca-option", s.ca_option ? std::string(ToText(*s.ca_option)) : "");
      Put(at + " activation", s.activation);
      Put(at + " disclosure", s.disclosure);
      Put(at + " seed-origin", s.seed_origin ? std::string(ToText(*s.seed_origin)) : "");
      Put(at + " mixes-entropy", YesNo(s.mixes_entropy));
      Put(at + " derived", YesNo(s.derived));
      Put(at + " on-label", YesNo(s.on_label));
    }
  }
  void FromAnchors(const Plan& p) {
    for (const Anchor& a : p.anchors) {
      std::string at = "anchor " + a.id;
      Put(at + " kinds", List(a.kinds));
      Put(at + " file", a.generated ? "generated" : a.file);
      Put(at + " pki", a.pki.value_or(""));
      Put(at + " form", std::string(ToText(a.form)));
      Put(at + " store", a.store);
      Put(at + " verifies", a.verifies);
      Put(at + " levels", List(a.levels));
      Put(at + " eku", Join(a.eku));
      Put(at + " policy-oid", Join(a.policy_oid));
      Put(at + " subject", a.subject.value_or(""));
      Put(at + " name-constraints", Join(a.name_constraints));
      Put(at + " subordinate", a.subordinate.value_or(""));
      Put(at + " algorithms", List(a.algorithms));
      Put(at + " keeper", a.keeper);
      Put(at + " third-party", YesNo(a.third_party));
      Put(at + " practice-statement", a.practice_statement);
      Put(at + " declared replace", a.aspects.replace ? ToText(*a.aspects.replace) : "");
      Put(at + " declared add", a.aspects.add ? ToText(*a.aspects.add) : "");
      Put(at + " declared remove", a.aspects.remove ? ToText(*a.aspects.remove) : "");
      Put(at + " declared keep", a.aspects.keep.value_or(""));
    }
  }
  void FromPkis(const Plan& p) {
    for (const Pki& x : p.pkis) {
      std::string at = "pki " + x.id;
      Put(at + " purpose", std::string(ToText(x.purpose)));
      for (const Level& l : x.levels) {
        std::string level = fmt::format("{} level {}", at, l.level);
        Put(level + " name", l.name);
        Put(level + " algorithm", std::string(ToText(l.algorithm)));
        Put(level + " offline", YesNo(l.offline));
        Put(level + " lifetime", ToText(l.lifetime));
        Put(level + " issuing-window", l.issuing_window ? DurationText(*l.issuing_window) : "");
        Put(level + " max-count", l.max_count ? std::to_string(*l.max_count) : "");
        Put(level + " successors", std::to_string(l.successors));
        Put(level + " custody", std::string(ToText(l.custody)));
        Put(level + " crl-lifetime", l.crl_lifetime ? DurationText(*l.crl_lifetime) : "");
        Put(level + " crl-reserve", std::to_string(l.crl_reserve));
        Put(level + " crl-url", l.crl_url.value_or(""));
        Put(level + " ocsp-url", l.ocsp_url.value_or(""));
      }
      Put(at + " end-entity name", x.end_entity.name);
      Put(at + " end-entity algorithm",
          x.end_entity.algorithm ? std::string(ToText(*x.end_entity.algorithm)) : "");
      Put(at + " end-entity lifetime", ToText(x.end_entity.lifetime));
      Put(at + " end-entity custody", std::string(ToText(x.end_entity.custody)));
      Put(at + " end-entity proof", std::string(ToText(x.end_entity.proof)));
      Put(at + " end-entity time-zones", Join(x.end_entity.time_zones));
    }
  }
  void FromDeclared(const Plan& p) {
    for (const Declared& d : p.declared) {
      std::string at = fmt::format("declared {} ({})", ToText(d.question), d.subject);
      Put(at + " state", std::string(ToText(d.state)));
      Put(at + " value", ToText(d.value));
      Put(at + " role", d.role);
      Put(at + " date", d.date);
      Put(at + " note", d.note);
      Put(at + " withheld-part", d.withheld_part);
      Put(at + " reason", d.reason);
      Put(at + " clause", d.clause);
    }
  }

  std::vector<std::string> order_;
  std::map<std::string, std::string> values_;
};

}  // namespace

std::vector<PlanChange> DiffPlans(const Plan& a, const Plan& b) {
  Flat before(a), after(b);
  std::vector<PlanChange> out;
  for (const std::string& path : before.order()) {
    const std::string* now = after.Find(path);
    const std::string& was = *before.Find(path);
    if (now == nullptr || *now != was) out.push_back({path, was, now != nullptr ? *now : ""});
  }
  for (const std::string& path : after.order()) {
    if (before.Find(path) == nullptr) out.push_back({path, "", *after.Find(path)});
  }
  return out;
}

std::string DiffText(const std::vector<PlanChange>& changes) {
  std::string out;
  for (const PlanChange& c : changes) {
    if (c.before.empty()) {
      out += fmt::format("+ {}: {}\n", c.where, c.after);
    } else if (c.after.empty()) {
      out += fmt::format("- {}: {}\n", c.where, c.before);
    } else {
      out += fmt::format("~ {}: {} -> {}\n", c.where, c.before, c.after);
    }
  }
  return out;
}

Findings CheckAdopt(const Plan& current, const Plan& next) {
  Findings out;
  if (current.product.id != next.product.id) {
    out.Error("plan.adopt-fixed",
              fmt::format("the product's id changes from \"{}\" to \"{}\"", current.product.id,
                          next.product.id),
              "another product is another plan: add it to the workspace instead",
              next.product.line);
  }
  for (const Pki& was : current.pkis) {
    if (was.levels.empty()) continue;
    const Pki* now = next.FindPki(was.id);
    if (now == nullptr || now->levels.empty()) {
      out.Error("plan.adopt-fixed", fmt::format("pki \"{}\" loses its root", was.id),
                "devices in the field pin it: keep the pki", now != nullptr ? now->line : 0);
      continue;
    }
    const Level& a = was.levels.front();
    const Level& b = now->levels.front();
    if (a.name != b.name || a.algorithm != b.algorithm || a.offline != b.offline ||
        !(a.lifetime == b.lifetime) || was.purpose != now->purpose) {
      out.Error("plan.adopt-fixed", fmt::format("the root of pki \"{}\" changes", was.id),
                "devices in the field pin it: put the old values back; a new root is a new pki",
                b.line);
    }
  }
  out.SortByLine();
  return out;
}

}  // namespace birthmark::plan
