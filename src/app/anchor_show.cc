// SPDX-License-Identifier: Apache-2.0
// The plan's anchors for people: as rows, and one of them whole.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "anchors/superior.h"
#include "anchors/x509_entry.h"
#include "app/anchor_export.h"
#include "app/anchor_material.h"

namespace birthmark::app {
namespace {

using AnchorLines = std::vector<std::pair<std::string, std::string>>;

std::string KindsOf(const plan::Anchor& a) {
  std::vector<std::string_view> words;
  for (vocab::AnchorKind k : a.kinds) words.push_back(vocab::ToText(k));
  return fmt::format("{}", fmt::join(words, ", "));
}

// EntriesOf describes what the device believes, entry by entry.
std::vector<anchors::AnchorEntry> EntriesOf(const AnchorMaterial& m) {
  if (m.facts) return m.facts->entries;
  std::vector<anchors::AnchorEntry> out;
  std::vector<anchors::FactNote> notes;
  for (const trust::TrustAnchor& a : m.anchors) {
    Result<anchors::AnchorEntry> e = !a.certificate.empty()
                                         ? anchors::CertificateEntry(a.certificate, notes)
                                         : anchors::BareKeyEntry(a.spki);
    if (!e) {
      e.emplace();
      e->form = anchors::EntryForm::kKeyDigest;
      e->fingerprint = a.digest;
    }
    if (e->label.empty()) e->label = a.title;
    out.push_back(std::move(*e));
  }
  return out;
}

std::string EntryLine(const anchors::AnchorEntry& e) {
  std::string line = e.label;
  auto add = [&](std::string s) { line += (line.empty() ? "" : "; ") + std::move(s); };
  add(std::string(anchors::ToText(e.form)));
  if (!e.algorithm.empty()) add(e.algorithm);
  if (e.key_tag) add(fmt::format("key tag {}", *e.key_tag));
  if (e.uses) add(*e.uses);
  if (e.not_after) add("until " + FormatDate(TimeFromMillis(*e.not_after * 1000)));
  add("fingerprint " + ToHex(e.fingerprint));
  return line;
}

void AddAspect(AnchorLines& lines, const char* name, const anchors::Derived& derived,
               const std::optional<plan::Change>& declared) {
  std::string text = plan::ToText(derived.ToChange());
  for (const plan::Change& c : derived.also) text += ", also " + plan::ToText(c);
  if (derived.software_lock) text += " (as long as a lock in software holds)";
  if (derived.leans_on_declared) text += " (the role is the plan's word)";
  lines.emplace_back(name, text + ", from the plan's graph");
  if (declared) lines.emplace_back(name, plan::ToText(*declared) + ", declared");
}

std::string Commas(const std::vector<std::string>& v) {
  return fmt::format("{}", fmt::join(v, ", "));
}

}  // namespace

Status CheckAnchorsKnown(const plan::Plan& plan, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (plan.FindAnchor(id) != nullptr) continue;
    std::vector<std::string> all;
    for (const plan::Anchor& a : plan.anchors) all.push_back(a.id);
    return Usage("anchor.unknown", fmt::format("the plan has no anchor \"{}\"", id),
                 "its anchors are " + Commas(all));
  }
  return {};
}

Result<std::vector<AnchorListRow>> ListAnchors(const fs::path& workspace,
                                               const std::string& product) {
  BM_TRY(AnchorSource source, AnchorSource::Open(workspace, product));
  const auto graph = anchors::SuperiorGraph::Build(source.adopted.plan);
  std::vector<AnchorListRow> rows;
  for (const plan::Anchor& a : source.adopted.plan.anchors) {
    BM_TRY(AnchorMaterial m, MaterialOf(source, a));
    const auto above = graph.NearestProtector(a.id);
    rows.push_back({.id = a.id,
                    .kinds = KindsOf(a),
                    .form = std::string(plan::ToText(a.form)),
                    .store = a.store,
                    .verifies = a.verifies,
                    .pki = a.pki.value_or(a.third_party ? "of others" : ""),
                    .protected_by = above ? "anchor " + *above
                                          : plan::ToText(graph.AspectsOf(a.id).replace.ToChange()),
                    .entries = m.facts ? m.facts->entries.size() : m.anchors.size()});
  }
  return rows;
}

Result<AnchorLines> ShowAnchor(const fs::path& workspace, const std::string& product,
                               const std::string& id) {
  BM_TRY(AnchorSource source, AnchorSource::Open(workspace, product));
  const plan::Plan& plan = source.adopted.plan;
  BM_CHECK(CheckAnchorsKnown(plan, {id}));
  const plan::Anchor& a = *plan.FindAnchor(id);
  BM_TRY(AnchorMaterial m, MaterialOf(source, a));
  const auto graph = anchors::SuperiorGraph::Build(plan);
  AnchorLines lines = {{"anchor", a.id}, {"product", plan.product.id}, {"kinds", KindsOf(a)}};
  auto add = [&](const char* name, std::string value) {
    if (!value.empty()) lines.emplace_back(name, std::move(value));
  };
  add("form", std::string(plan::ToText(a.form)));
  if (const plan::Store* store = plan.FindStore(a.store)) {
    add("store", fmt::format("{} ({})", a.store, vocab::ToText(store->kind)));
    add("store protected by", store->protected_by.value_or("nothing but itself"));
  }
  add("verifies", a.verifies);
  add("pki", a.pki.value_or(""));
  add("keeper", a.keeper);
  add("practice statement", a.practice_statement);
  add("accepted levels", fmt::format("{}", fmt::join(a.levels, ", ")));
  add("demands usage", Commas(a.eku));
  add("demands policy", Commas(a.policy_oid));
  add("demands subject", a.subject.value_or(""));
  add("path to the root", Commas(graph.PathToRoot(a.id)));
  const anchors::DerivedAspects aspects = graph.AspectsOf(a.id);
  AddAspect(lines, "replace", aspects.replace, a.aspects.replace);
  AddAspect(lines, "add", aspects.add, a.aspects.add);
  AddAspect(lines, "remove", aspects.remove, a.aspects.remove);
  add("keep", a.aspects.keep.value_or(""));
  add("from", m.where);
  add("not exported", m.missing);
  for (const anchors::AnchorEntry& e : EntriesOf(m)) add("entry", EntryLine(e));
  if (m.facts) {
    for (const anchors::FactNote& n : m.facts->notes) add("note", n.code + ": " + n.text);
  }
  return lines;
}

}  // namespace birthmark::app
