// SPDX-License-Identifier: Apache-2.0
// `key show`: a key's facts as its module told them, and the words for them. Nothing is ranked.
#include <fmt/format.h>

#include <algorithm>

#include "app/unit_keys.h"
#include "app/units.h"
#include "attest/command.h"
#include "cli/handlers.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "ledger/events.h"

namespace birthmark::cli {
namespace {

void AddLabels(const std::vector<attest::Fact>& facts, Fields& f) {
  const attest::Labels labels = attest::LabelsOf(facts);
  f.Add("source", std::string(ToText(labels.source)));
  f.Add("protection", std::string(ToText(labels.protection)));
}

// The manufacturer's own keys, in the words of the module they are in.
std::vector<attest::Fact> Told(const ledger::KeyFacts& k) {
  std::vector<attest::Fact> out;
  auto add = [&](const char* name, const std::optional<bool>& v) {
    if (v) out.push_back({name, *v});
  };
  if (k.fixed_tpm) {
    add("fixedTPM", k.fixed_tpm);
    add("sensitiveDataOrigin", k.local);
    add("primaryKey", k.derived);
    return out;
  }
  add("CKA_LOCAL", k.local);
  add("CKA_SENSITIVE", k.sensitive);
  add("CKA_ALWAYS_SENSITIVE", k.always_sensitive);
  add("CKA_EXTRACTABLE", k.extractable);
  add("CKA_NEVER_EXTRACTABLE", k.never_extractable);
  return out;
}

Result<int> ShowOwnKey(app::View& view, const std::string& id, bool json) {
  BM_TRY(std::vector<ledger::KeyRow> keys, view.registry().Keys());
  auto key = std::ranges::find(keys, id, &ledger::KeyRow::id);
  if (key == keys.end())
    return Refused("key.unknown", "no such key: " + id, "`birthmark key list WS` lists them");
  BM_TRY(ledger::Event event, view.EventAt(key->seq));
  BM_TRY(ledger::KeyCreated body, ledger::BodyOf<ledger::KeyCreated>(event));
  Fields f;
  f.Add("key", key->id);
  f.Add("purpose", key->purpose);
  f.Add("algorithm", key->algorithm);
  f.Add("store", key->store);
  f.Add("side", key->offline ? "offline" : "online");
  f.Add("SPKI SHA-256", ToHex(key->spki));
  f.Add("made", FormatTime(TimeFromMillis(key->created_at)));
  if (key->destroyed_at) f.Add("destroyed", FormatTime(TimeFromMillis(*key->destroyed_at)));
  auto fact = [&](const char* name, const std::optional<bool>& value) {
    f.Add(name, value ? (*value ? "true" : "false") : "not told by the store");
  };
  fact("local", body.facts.local);
  fact("sensitive", body.facts.sensitive);
  fact("always sensitive", body.facts.always_sensitive);
  fact("extractable", body.facts.extractable);
  fact("never extractable", body.facts.never_extractable);
  AddLabels(Told(body.facts), f);
  Print(f.Text(json));
  return 0;
}

Result<int> ShowUnitKeys(app::View& view, const std::string& name, vocab::Revision revision,
                         bool json) {
  BM_TRY(std::string unit, app::ResolveUnit(view.registry(), name));
  BM_TRY(std::vector<app::UnitKey> keys, app::KeysOfUnit(view, unit, revision));
  if (keys.empty())
    return Refused("unit.no-keys", "no key of " + unit + " is in the log",
                   "`birthmark unit list WS` lists the units");
  Fields f;
  f.Add("unit", unit);
  f.Add("revision", std::string(vocab::ToText(revision)));
  for (const app::UnitKey& k : keys) {
    f.Add("slot", k.slot);
    f.Add("state", k.state);
    f.Add("method", k.method.empty() ? "adopted: declared only" : k.method);
    f.Add("SPKI SHA-256", ToHex(k.spki));
    f.Add("told by", k.kind.empty() ? "nobody: no module was asked" : k.kind);
    f.Add("facts", attest::FormatFacts(k.facts));
    AddLabels(k.facts, f);
    f.Add("vendor root", k.root ? ToHex(*k.root) : "none");
  }
  Print(f.Text(json));
  return 0;
}

}  // namespace

Result<int> KeyShow(const Invocation& in) {
  if (in.Arg("KEY").empty() == !in.Has("--unit"))
    return Usage("cli.key-or-unit", "name one key, or a unit with --unit U",
                 "birthmark key show acme identity-1.1");
  vocab::Revision revision = vocab::kDefaultRevision;
  if (in.Has("--revision") && !vocab::FromText(in.Get("--revision"), revision))
    return Usage("cli.revision", "no revision is called " + in.Get("--revision"), "02 or 15");
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  if (in.Has("--unit")) return ShowUnitKeys(*view, in.Get("--unit"), revision, in.json());
  return ShowOwnKey(*view, in.Arg("KEY"), in.json());
}

}  // namespace birthmark::cli
