// SPDX-License-Identifier: Apache-2.0
#include "plan/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "plan/reader.h"

namespace birthmark::plan {
namespace {

Product ReadProduct(const Node& n, Context& c) {
  Reader r(n, "[product]", c);
  Product p;
  p.line = n.line;
  p.id = r.Id("product");
  r.Rename("[product]");
  p.name = r.Text("name", Need::kRequired, 64);
  p.manufacturer = r.Text("manufacturer", Need::kRequired, 64);  // RFC 5280 ub-organization-name
  p.hardware_variant = r.Text("hardware-variant", Need::kRequired, 64);
  p.firmware = r.Text("firmware", Need::kRequired, 64);
  p.enterprise_number = static_cast<uint32_t>(r.Integer("enterprise-number", Need::kRequired, 1,
                                                        0x7fffffff));  // IANA assigns upward from 1
  p.serial_pattern = r.Text("serial-pattern", Need::kOptional);
  p.serial_list = r.OptionalText("serial-list");
  if (!p.serial_pattern.empty() && !IsSerialPattern(p.serial_pattern)) {
    r.Bad("plan.serial-pattern-bad", "serial-pattern", fmt::format("is \"{}\"", p.serial_pattern),
          "letters, digits, hyphens and dots around one {} or {:04}, at most 40 in all");
  }
  if (p.serial_pattern.empty() == !p.serial_list.has_value()) {
    r.Bad("plan.serial-source", "serial-pattern", "and serial-list: exactly one is needed",
          "give serial-pattern = \"ABC-{:06}\", or serial-list = \"serials.txt\"");
  }
  p.masa_url = r.Url("masa-url", true);
  p.mud_url = r.Url("mud-url", true);
  p.hardware_type_oid = r.OptionalText("hardware-type-oid");
  if (p.hardware_type_oid && !IsOid(*p.hardware_type_oid)) {
    r.Bad("plan.oid-bad", "hardware-type-oid", "is not an object identifier", "1.3.6.1.4.1.PEN.…");
  }
  p.support = r.Duration("support");
  p.warehouse = r.Duration("warehouse");
  p.clock = r.Boolean("clock", false);
  r.Finish();
  return p;
}

Site ReadSite(const Node& n, Context& c) {
  Reader r(n, "site", c);
  Site s;
  s.line = n.line;
  s.id = r.Id("site");
  s.name = r.Text("name");
  s.country = r.Text("country");
  std::optional<Continent> continent = ContinentOf(s.country);
  if (!s.country.empty() && !continent) {
    r.Bad("plan.country-unknown", "country",
          fmt::format("\"{}\" is not a country's code", s.country),
          "two capital letters of ISO 3166-1, such as CZ");
  }
  s.continent = r.Word<Continent>("continent", Need::kOptional, continent.value_or(Continent::kEU));
  if (continent && *continent != s.continent) {
    c.findings.Warn("plan.continent-differs",
                    fmt::format("{} is in {}, which is filed under {} here", r.what(), s.country,
                                ToText(*continent)),
                    "right for a country on two continents; else correct one of them",
                    r.LineOf("continent"));
  }
  s.latitude = r.Number("latitude", -90, 90);
  s.longitude = r.Number("longitude", -180, 180);
  r.Finish();
  return s;
}

Station ReadStation(const Node& n, Context& c) {
  Reader r(n, "station", c);
  Station s;
  s.line = n.line;
  s.id = r.Id("station");
  s.site = r.Reference("site", Need::kRequired, {"site"}, "is at");
  s.automated = r.Boolean("automated", false);
  s.link = r.Text("link");
  static const std::vector<std::string> kSchemes = {"emulator", "qemu", "serial",
                                                    "openocd",  "tpm2", "none"};
  if (!s.link.empty() && std::find(kSchemes.begin(), kSchemes.end(), s.link) == kSchemes.end()) {
    r.Bad("plan.link-unknown", "link", fmt::format("\"{}\" is not a scheme", s.link),
          fmt::format("one of {}; ports and paths belong to station.toml", Join(kSchemes)));
  }
  r.Finish();
  return s;
}

// ReadStep gives nothing for a step whose name is no step: judging its order would only confuse.
std::optional<Step> ReadStep(const Node& n, Context& c) {
  Reader r(n, "step", c);
  Step s;
  s.line = n.line;
  bool known = r.ReadWord("name", s.kind);
  r.Rename(known ? fmt::format("step {}", ToText(s.kind)) : "step");
  s.station = r.Reference("station", Need::kRequired, {"station"}, "is at station");
  std::string to = r.Reference("to", Need::kOptional, {"site"}, "goes to");
  if (!to.empty()) s.to = to;
  if (r.Any("via") != nullptr) s.via = r.Word<vocab::Transfer>("via", Need::kOptional);
  s.slots = r.Words<vocab::Identity>("slots");
  s.anchors = r.Texts("anchors");
  for (const std::string& a : s.anchors)
    c.Refer({"anchor"}, a, r.what() + " writes", r.LineOf("anchors"));
  s.note = r.Text("note", Need::kOptional, kMaxNote);
  r.Finish();
  return known ? std::optional<Step>(s) : std::nullopt;
}

Processor ReadProcessor(const Node& n, Context& c) {
  Reader r(n, "processor", c);
  Processor p;
  p.line = n.line;
  p.id = r.Id("processor");
  p.name = r.Text("name");
  p.role = r.Text("role");
  std::string after = r.Reference("boots-after", Need::kOptional, {"processor"}, "boots after");
  if (!after.empty()) p.boots_after = after;
  p.reaches = r.Texts("reaches");
  for (const std::string& other : p.reaches)
    c.Refer({"processor"}, other, r.what() + " reaches", r.LineOf("reaches"));
  p.package = r.Text("package", Need::kOptional);
  r.Finish();
  return p;
}

Stage ReadStage(const Node& n, Context& c) {
  Reader r(n, "stage", c);
  Stage s;
  s.line = n.line;
  s.id = r.Id("stage");
  s.kind = r.Word<vocab::StageKind>("kind", Need::kRequired);
  s.processor = r.Reference("processor", Need::kRequired, {"processor"}, "runs on");
  s.store = r.Reference("store", Need::kRequired, {"store"}, "is in");
  std::string by = r.Reference("verified-by", Need::kOptional, {"anchor"}, "is verified by");
  if (!by.empty()) s.verified_by = by;
  s.encrypted = r.Word<Encryption>("encrypted", Need::kOptional, Encryption::kNo);
  s.lock = r.Word<Lock>("lock", Need::kOptional, Lock::kNone);
  if (std::optional<std::string> v = r.OptionalText("version")) s.version = *v;
  s.privileges = r.Texts("privileges");
  for (const std::string& p : s.privileges) {
    const std::vector<std::string>& words = PrivilegeWords();
    if (std::find(words.begin(), words.end(), p) == words.end()) {
      r.Bad("plan.word-unknown", "privileges", fmt::format("\"{}\" is not a word it takes", p),
            "one of " + Join(words));
    }
  }
  r.Finish();
  return s;
}

Store ReadStore(const Node& n, Context& c) {
  Reader r(n, "store", c);
  Store s;
  s.line = n.line;
  s.id = r.Id("store");
  s.kind = r.Word<vocab::StoreKind>("kind", Need::kRequired);
  s.processor = r.Reference("processor", Need::kRequired, {"processor"}, "belongs to");
  std::string by =
      r.Reference("protected-by", Need::kOptional, {"stage", "anchor", "store"}, "is protected by");
  if (!by.empty()) s.protected_by = by;
  s.writable_after_lock = r.Boolean("writable-after-lock", false);
  r.Finish();
  return s;
}

void ReadAspects(const Node& n, const std::string& what, Context& c, Aspects& out) {
  Reader r(n, what + " declared", c);
  auto change = [&](std::string_view key, std::optional<Change>& field) {
    std::string s = r.Text(key, Need::kOptional);
    Change parsed;
    if (s.empty()) return;
    if (!FromText(s, parsed)) {
      r.Bad("plan.value", key, fmt::format("\"{}\" is not how an anchor changes", s),
            "\"no\", \"by:ARTIFACT\", \"role:ROLE\" or \"unprotected\", then \" via CHANNEL\"");
      return;
    }
    if (parsed.by == Change::By::kArtifact) {
      c.Refer({"stage", "anchor", "store"}, parsed.who, fmt::format("{} {} is by", r.what(), key),
              r.LineOf(key));
    }
    field = parsed;
  };
  change("replace", out.replace);
  change("add", out.add);
  change("remove", out.remove);
  if (std::string keep = r.Text("keep", Need::kOptional); !keep.empty()) out.keep = keep;
  r.Finish();
}

Anchor ReadAnchor(const Node& n, Context& c) {
  Reader r(n, "anchor", c);
  Anchor a;
  a.line = n.line;
  a.id = r.Id("anchor");
  a.kinds = r.Words<vocab::AnchorKind>("kinds");
  if (const Node* kinds = r.Any("kinds"); kinds == nullptr || kinds->items.empty()) {
    r.Bad("plan.key-missing", "kinds", "is missing", "add kinds = [\"software-update\"]");
  }
  a.file = r.Text("file", Need::kOptional, 1000);
  if (a.file == "generated") {
    a.generated = true;
    a.file.clear();
  }
  std::string pki = r.Reference("pki", Need::kOptional, {"pki"}, "is the root of");
  if (!pki.empty()) a.pki = pki;
  a.form = r.Word<Form>("form", Need::kRequired);
  a.store = r.Reference("store", Need::kRequired, {"store"}, "is in");
  a.verifies = r.Text("verifies");
  const std::vector<std::string>& words = VerifiesWords();
  if (!a.verifies.empty() && std::find(words.begin(), words.end(), a.verifies) == words.end()) {
    std::string near = NearestWord(a.verifies, words);
    r.Bad("plan.word-unknown", "verifies", fmt::format("\"{}\" is not a word it takes", a.verifies),
          near.empty() ? "one of " + Join(words) : fmt::format("did you mean \"{}\"?", near));
  }
  a.levels = r.Integers("levels", 1, 16);
  a.eku = r.Texts("eku");
  a.policy_oid = r.Texts("policy-oid");
  for (std::string_view key : {"eku", "policy-oid"}) {
    for (const std::string& oid : key == "eku" ? a.eku : a.policy_oid) {
      if (!IsOid(oid))
        r.Bad("plan.oid-bad", key, fmt::format("\"{}\" is not an object identifier", oid),
              "1.3.6.1.…");
    }
  }
  a.subject = r.OptionalText("subject");
  a.name_constraints = r.Texts("name-constraints");
  for (const std::string& name : a.name_constraints) {
    const bool known = name.starts_with("dn:") || name.starts_with("dns:");
    if (!known || name.ends_with(':')) {
      r.Bad("plan.value", "name-constraints", fmt::format("\"{}\" constrains no name", name),
            "\"dn:O=Acme\" or \"dns:acme.example\"");
    }
  }
  a.subordinate = r.OptionalText("subordinate");
  a.algorithms = r.Words<vocab::Algorithm>("algorithms");
  a.keeper = r.Text("keeper", Need::kOptional, kMaxNote);
  a.third_party = r.Boolean("third-party", false);
  a.practice_statement = r.Url("practice-statement", false).value_or("");
  if (const Node* d = r.Table("declared", false)) ReadAspects(*d, r.what(), c, a.aspects);
  r.Finish();
  return a;
}

std::optional<IdentitySlot> ReadIdentity(const Node& n, Context& c) {
  Reader r(n, "identity", c);
  IdentitySlot s;
  s.line = n.line;
  bool known = r.ReadWord("slot", s.slot);
  if (known) r.Rename(fmt::format("identity {}", ToText(s.slot)));
  known &= r.ReadWord("method", s.method);
  known &= r.ReadWord("transfer", s.transfer);
  s.store = r.Reference("store", Need::kRequired, {"store"}, "is in");
  s.algorithm = r.Word<vocab::Algorithm>("algorithm", Need::kRequired);
  s.identity_lock = r.Word<Lock>("identity-lock", Need::kRequired, Lock::kFuse);
  s.restart = r.Word<RestartPolicy>("restart", Need::kOptional, RestartPolicy::kResume);
  std::string pki = r.Reference("pki", Need::kOptional, {"pki"}, "is certified by");
  if (!pki.empty()) s.pki = pki;
  s.batch = r.OptionalCount("batch");
  s.attestation = r.Word<Attestation>("attestation", Need::kOptional, Attestation::kOptional);
  s.vendor_roots = r.Texts("vendor-roots");
  if (r.Any("ca-option") != nullptr) s.ca_option = r.Word<CaOption>("ca-option", Need::kRequired);
  s.activation = r.Text("activation", Need::kOptional);
  s.disclosure = r.Text("disclosure", Need::kOptional);
  if (r.Any("seed-origin") != nullptr)
    s.seed_origin = r.Word<SeedOrigin>("seed-origin", Need::kRequired);
  s.mixes_entropy = r.Boolean("mixes-entropy", false);
  s.derived = r.Boolean("derived", false);
  s.on_label = r.Boolean("on-label", false);
  r.Finish();
  return known ? std::optional<IdentitySlot>(s) : std::nullopt;
}

Pki ReadPki(const Node& n, Context& c) {
  Reader r(n, "pki", c);
  Pki p;
  p.line = n.line;
  p.id = r.Id("pki");
  p.purpose = r.Word<Purpose>("purpose", Need::kRequired);
  for (const Node* level : r.Tables("level")) {
    Reader l(*level, r.what() + " level", c);
    Level out;
    out.line = level->line;
    out.level = static_cast<int>(l.Integer("level", Need::kRequired, 1, 8, 1));
    l.Rename(fmt::format("{} level {}", r.what(), out.level));
    out.name = l.Text("name", Need::kRequired, 64);  // RFC 5280 ub-common-name
    out.algorithm = l.Word<vocab::Algorithm>("algorithm", Need::kRequired);
    out.offline = l.Boolean("offline", false);
    out.lifetime = l.LifetimeOf("lifetime");
    out.issuing_window = l.Duration("issuing-window");
    out.max_count = l.OptionalCount("max-count");
    out.successors = static_cast<uint32_t>(l.Integer("successors", Need::kOptional, 0, 100, 0));
    if (l.Any("custody") != nullptr) out.custody = l.Word<Custody>("custody", Need::kRequired);
    out.crl_lifetime = l.Duration("crl-lifetime");
    out.crl_reserve = static_cast<uint32_t>(l.Integer("crl-reserve", Need::kOptional, 0, 1000, 0));
    out.crl_url = l.Url("crl-url", false, true);
    out.ocsp_url = l.Url("ocsp-url", false, true);
    l.Finish();
    p.levels.push_back(out);
  }
  if (const Node* ee = r.Table("end-entity", true)) {
    Reader e(*ee, r.what() + " end-entity", c);
    p.end_entity.line = ee->line;
    p.end_entity.name = e.Text("name", Need::kOptional, 64);
    if (e.Any("algorithm") != nullptr) {
      p.end_entity.algorithm = e.Word<vocab::Algorithm>("algorithm", Need::kRequired);
    }
    p.end_entity.lifetime = e.LifetimeOf("lifetime");
    if (e.Any("custody") != nullptr)
      p.end_entity.custody = e.Word<Custody>("custody", Need::kRequired);
    p.end_entity.proof = e.Word<Attestation>("proof", Need::kOptional, Attestation::kOptional);
    p.end_entity.time_zones = e.Texts("time-zones");
    for (const std::string& zone : p.end_entity.time_zones) {
      if (!IsTimeZone(zone))
        e.Bad("plan.value", "time-zones", fmt::format("\"{}\" is no time zone", zone),
              "UTC+1, UTC-8, UTC+5:30");
    }
    e.Finish();
  }
  r.Finish();
  return p;
}

Publication ReadPublication(const Node& n, Context& c) {
  Reader r(n, "[publication]", c);
  Publication p;
  p.line = n.line;
  p.exact_counts = r.Boolean("exact-counts", false);
  p.period_days = static_cast<int>(r.Integer("period-days", Need::kOptional, 1, 3660, 90));
  p.list_sites = r.Boolean("list-sites", true);
  p.contact = r.Text("contact", Need::kOptional);
  r.Finish();
  return p;
}

template <class T>
std::vector<T> ReadAll(Reader& r, std::string_view key, bool required,
                       T (*read)(const Node&, Context&), Context& c) {
  std::vector<T> out;
  for (const Node* n : r.Tables(key, required)) out.push_back(read(*n, c));
  return out;
}
template <class T>
std::vector<T> ReadSome(Reader& r, std::string_view key, bool required,
                        std::optional<T> (*read)(const Node&, Context&), Context& c) {
  std::vector<T> out;
  for (const Node* n : r.Tables(key, required)) {
    if (std::optional<T> t = read(*n, c)) out.push_back(std::move(*t));
  }
  return out;
}

}  // namespace

std::optional<Declared> ReadDeclared(const Node& n, Context& c);  // parse_declared.cc

Parsed ParsePlan(std::string_view text) {
  Context c;
  Parsed out;
  std::optional<Node> root = ReadToml(text, kMaxPlanBytes, kMaxLineBytes, c.findings);
  if (!root) {
    out.findings = c.findings;
    return out;
  }
  root->line = 1;
  Plan p;
  p.raw = text;
  p.digest = crypto::Sha256(AsBytes(text));
  Reader r(*root, "the plan", c);
  p.schema = static_cast<int>(r.Integer("schema", Need::kRequired, 1, 1, 1));
  p.example = r.Boolean("example", false);
  if (const Node* n = r.Table("product", true)) p.product = ReadProduct(*n, c);
  if (const Node* n = r.Table("device", false)) {
    Reader d(*n, "[device]", c);
    p.board = d.Word<Board>("board", Need::kRequired);
    d.Finish();
  }
  p.sites = ReadAll(r, "site", true, ReadSite, c);
  p.stations = ReadAll(r, "station", true, ReadStation, c);
  if (const Node* n = r.Table("line", true)) {
    Reader l(*n, "[line]", c);
    p.steps = ReadSome(l, "steps", true, ReadStep, c);
    l.Finish();
  }
  p.processors = ReadAll(r, "processor", true, ReadProcessor, c);
  p.stages = ReadAll(r, "stage", true, ReadStage, c);
  p.stores = ReadAll(r, "store", true, ReadStore, c);
  p.anchors = ReadAll(r, "anchor", false, ReadAnchor, c);
  p.identities = ReadSome(r, "identity", true, ReadIdentity, c);
  p.pkis = ReadAll(r, "pki", true, ReadPki, c);
  p.declared = ReadSome(r, "declared", false, ReadDeclared, c);
  if (const Node* n = r.Table("publication", false)) p.publication = ReadPublication(*n, c);
  r.Finish();
  c.Resolve();
  // What may be left out of a declaration: the device, and the identity PKI when there is one.
  for (Declared& d : p.declared) {
    const vocab::Row& row = vocab::RowOf(d.question);
    if (!d.subject.empty()) continue;
    if (row.subject == vocab::Subject::kDevice) d.subject = "device";
    if (const Pki* pki = p.IdentityPki(); pki != nullptr &&
                                          row.subject != vocab::Subject::kAnchor &&
                                          row.subject != vocab::Subject::kDevice) {
      d.subject = fmt::format("{}:{}", ToText(row.subject), pki->id);
    }
  }
  c.findings.SortByLine();
  out.plan = std::move(p);
  out.findings = std::move(c.findings);
  return out;
}

Parsed ReadPlan(std::string_view text, const fs::path& folder, AnchorInspector* inspector) {
  Parsed out = ParsePlan(text);
  if (out.plan) out.findings.Append(CheckPlan(*out.plan, folder, inspector));
  out.findings.SortByLine();
  return out;
}

Result<Parsed> LoadPlan(const fs::path& file, AnchorInspector* inspector) {
  BM_TRY(std::string text, ReadTextFile(file, kMaxPlanBytes));
  return ReadPlan(text, file.parent_path(), inspector);
}

}  // namespace birthmark::plan
