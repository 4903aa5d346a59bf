// SPDX-License-Identifier: Apache-2.0
#include "ceremony/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/digest.h"
#include "keystore/keystore.h"
#include "plan/reader.h"

namespace birthmark::ceremony {
namespace {

using plan::Need;

constexpr std::array<std::string_view, 3> kRoles = {"ceremony-administrator", "internal-witness",
                                                    "key-executives"};
constexpr std::array<std::string_view, 13> kActions = {
    "roles",     "read-script",   "hardware",     "executives", "make-key",
    "open-keys", "sign-requests", "check-proofs", "reshare",    "destroy",
    "attest",    "confirm",       "close"};
constexpr size_t kMaxStepText = 1000;
constexpr std::string_view kBetweenMachines = "between-machines";
constexpr std::string_view kOneMachine = "one-machine";

template <class E, size_t N>
bool FindWord(const std::array<std::string_view, N>& words, std::string_view s, E& out) {
  auto it = std::ranges::find(words, s);
  if (it == words.end()) return false;
  out = static_cast<E>(it - words.begin());
  return true;
}

std::optional<Digest> DigestFrom(std::string_view hex) {
  auto b = FromHex(hex);
  if (!b || b->size() != Digest{}.size()) return std::nullopt;
  Digest d;
  std::ranges::copy(*b, d.begin());
  return d;
}

std::optional<Digest> ReadDigest(plan::Reader& r, std::string_view key, Need need) {
  std::string hex = r.Text(key, need);
  if (hex.empty()) return std::nullopt;
  auto d = DigestFrom(hex);
  if (!d) r.Bad("plan.digest", key, "is no SHA-256 digest", "64 hexadecimal digits");
  return d;
}

// NoNumbers says it in its own words when somebody writes into the file what must not stand there.
void NoNumbers(const plan::Node& node, Findings& findings) {
  constexpr std::array<std::string_view, 9> kForbidden = {
      "k", "n", "threshold", "shares", "holders", "quorum", "executives", "names", "continents"};
  for (const auto& [key, value] : node.members) {
    if (std::ranges::find(kForbidden, key) != kForbidden.end()) {
      findings.Error(
          "plan.numbers",
          fmt::format("\"{}\" would tell how a key is split to all who review the file", key),
          "leave it out: k, n and the Key Executives are asked for in the ceremony", value.line);
    }
    NoNumbers(value, findings);
  }
  for (const plan::Node& e : node.items) NoNumbers(e, findings);
}

ScriptKey ReadKey(const plan::Node& node, plan::Context& context) {
  plan::Reader r(node, "key", context);
  ScriptKey k;
  k.line = node.line;
  k.id = r.Text("id");
  if (!k.id.empty()) r.Rename(fmt::format("key \"{}\"", k.id));
  if (!k.id.empty() && (!keystore::IsKeyId(k.id) || k.id.size() > 48))
    r.Bad("plan.id-bad", "id", "is no id of a key", "1 to 48 of a-z 0-9 . _ -");
  k.pki = r.Text("pki");
  k.level = static_cast<int>(r.Integer("level", Need::kRequired, 1, 16, 1));
  k.name = r.Text("name", Need::kRequired, 64);
  k.organization = r.Text("organization", Need::kRequired, 64);
  std::string algorithm = r.Text("algorithm");
  if (!algorithm.empty() && !crypto::FromText(algorithm, k.algorithm)) {
    r.Bad("plan.word-unknown", "algorithm",
          fmt::format("\"{}\" is no algorithm made here", algorithm),
          "ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519");
  }
  k.path_length = static_cast<int>(r.Integer("path-length", Need::kRequired, 0, 16, 0));
  k.lifetime = r.LifetimeOf("lifetime");
  k.custody = r.Word<Custody>("custody", Need::kRequired);
  if (std::string dkg = r.Text("dkg", Need::kOptional); !dkg.empty()) {
    k.apart = dkg == kBetweenMachines;
    if (!k.apart && dkg != kOneMachine)
      r.Bad("plan.word-unknown", "dkg", fmt::format("\"{}\" is no way to make a key", dkg),
            "between-machines or one-machine");
  }
  k.parent = r.Text("parent", Need::kOptional);
  k.crl_url = r.Url("crl-url", false).value_or("");
  k.ocsp_url = r.Url("ocsp-url", false).value_or("");
  k.spki = ReadDigest(r, "spki", Need::kOptional);
  r.Finish();
  return k;
}

ScriptRequest ReadRequest(const plan::Node& node, plan::Context& context) {
  plan::Reader r(node, "request", context);
  ScriptRequest q;
  q.line = node.line;
  q.name = r.Text("name");
  if (!q.name.empty() && !keystore::IsKeyId(q.name))
    r.Bad("plan.id-bad", "name", "is no name of a carried file", "1 to 64 of a-z 0-9 . _ -");
  q.digest = ReadDigest(r, "sha256", Need::kRequired).value_or(Digest{});
  q.issuer = r.Text("issuer");
  q.crl = r.Boolean("crl", false);
  r.Finish();
  return q;
}

ScriptStep ReadStep(const plan::Node& node, plan::Context& context) {
  plan::Reader r(node, "step", context);
  ScriptStep s;
  s.line = node.line;
  s.id = r.Id("step");
  s.action = r.Word<Action>("do", Need::kRequired, Action::kConfirm);
  s.role = r.Word<Role>("role", Need::kRequired, Role::kAdministrator);
  s.text = r.Text("text", Need::kRequired, kMaxStepText);
  s.key = r.Text("key", Need::kOptional);
  r.Finish();
  return s;
}

Script ReadScript(const plan::Node& root, plan::Context& context) {
  plan::Reader r(root, "the ceremony", context);
  Script s;
  s.schema = static_cast<int>(r.Integer("schema", Need::kRequired, 1, 1, 1));
  s.title = r.Text("title", Need::kRequired, 120);
  s.kind = r.Word<Kind>("kind", Need::kRequired, Kind::kMake);
  s.rehearsal = r.Boolean("rehearsal", true);
  s.manufacturer = r.Text("manufacturer", Need::kRequired, 64);
  s.product = r.Text("product", Need::kOptional);
  s.plan = ReadDigest(r, "plan", Need::kOptional);
  s.log = r.Text("log", Need::kOptional);
  if (std::string hex = r.Text("challenge", Need::kOptional); !hex.empty()) {
    s.challenge = FromHex(hex).value_or(Bytes());
    if (s.challenge.size() != 32)
      r.Bad("plan.challenge", "challenge", "is not 32 octets", "64 hexadecimal digits");
  }
  s.roles = r.Words<Role>("roles");
  for (const plan::Node* n : r.Tables("key", true)) s.keys.push_back(ReadKey(*n, context));
  for (const plan::Node* n : r.Tables("request")) s.requests.push_back(ReadRequest(*n, context));
  for (const plan::Node* n : r.Tables("step", true)) s.steps.push_back(ReadStep(*n, context));
  r.Finish();
  return s;
}

// OursAre gives the findings of the plan's reader under our own names.
Findings OursAre(const Findings& in) {
  Findings out;
  for (Finding f : in.all()) {
    if (f.code.starts_with("plan.")) f.code = "ceremony." + f.code.substr(5);
    out.Add(std::move(f));
  }
  return out;
}

}  // namespace

std::string_view ToText(Role r) { return kRoles[static_cast<size_t>(r)]; }
bool FromText(std::string_view s, Role& r) { return FindWord(kRoles, s, r); }
std::vector<std::string_view> PlanWords(Role) { return {kRoles.begin(), kRoles.end()}; }
std::string_view ToText(Action a) { return kActions[static_cast<size_t>(a)]; }
bool FromText(std::string_view s, Action& a) { return FindWord(kActions, s, a); }
std::vector<std::string_view> PlanWords(Action) { return {kActions.begin(), kActions.end()}; }
std::vector<std::string_view> PlanWords(Kind) {
  std::vector<std::string_view> out;
  for (Kind k :
       {Kind::kMake, Kind::kSign, Kind::kHealth, Kind::kRecover, Kind::kReshare, Kind::kDestroy})
    out.push_back(ToText(k));
  return out;
}

const ScriptKey* Script::FindKey(std::string_view id) const {
  auto it = std::ranges::find(keys, id, &ScriptKey::id);
  return it == keys.end() ? nullptr : &*it;
}

bool Script::HasShared() const {
  return std::ranges::any_of(keys, [](const ScriptKey& k) { return IsShared(k.custody); });
}

ParsedScript ParseScript(std::string_view text) {
  ParsedScript out;
  if (text.size() > kMaxScriptBytes) {
    out.findings.Error(
        "ceremony.too-large", fmt::format("the file has {} octets", text.size()),
        fmt::format("at most {}; what nobody reads is not reviewed", kMaxScriptBytes));
    return out;
  }
  plan::Context context;
  std::optional<plan::Node> root = plan::ReadToml(text, kMaxScriptBytes, 4096, context.findings);
  if (root) {
    NoNumbers(*root, context.findings);
    Script s = ReadScript(*root, context);
    context.Resolve();
    s.raw = std::string(text);
    s.digest = crypto::Sha256(AsBytes(text));
    out.script = std::move(s);
  }
  out.findings = OursAre(context.findings);
  if (out.script && !out.findings.HasErrors()) CheckScript(*out.script, out.findings);
  out.findings.SortByLine();
  return out;
}

std::string FormatScript(const Script& s) {
  std::string out = fmt::format(
      R"(# A ceremony's script (docs/formats/ceremony.md). Review it, change what is yours to change, check it with
#   birthmark ceremony check FILE
# and have everybody note the SHA-256 that prints. From then on a changed file is refused.
# How many Key Executives there are, how many are needed, who and where they are: never in this file.
schema = {}
title = {}
kind = "{}"
rehearsal = {}  # a rehearsal marks everything it makes, for ever
manufacturer = {}
)",
      s.schema, plan::TomlText(s.title), ToText(s.kind), s.rehearsal,
      plan::TomlText(s.manufacturer));
  if (!s.product.empty()) out += fmt::format("product = {}\n", plan::TomlText(s.product));
  if (s.plan) out += fmt::format("plan = \"{}\"  # SHA-256 of the plan\n", ToHex(*s.plan));
  if (!s.log.empty())
    out += fmt::format("log = {}  # of the sealed log that goes on\n", plan::TomlText(s.log));
  if (!s.challenge.empty()) {
    out += fmt::format(
        "# Each holder answers this wherever the share is: birthmark share prove SHARE --challenge "
        "…\n"
        "challenge = \"{}\"\n",
        ToHex(s.challenge));
  }
  std::string roles;
  for (Role r : s.roles) roles += fmt::format("{}\"{}\"", roles.empty() ? "" : ", ", ToText(r));
  out += fmt::format("roles = [{}]\n", roles);
  for (const ScriptKey& k : s.keys) {
    out += fmt::format(
        "\n[[key]]\nid = {}\npki = {}\nlevel = {}\nname = {}\norganization = {}\nalgorithm = "
        "\"{}\"\n"
        "path-length = {}\nlifetime = \"{}\"\ncustody = \"{}\"\n",
        plan::TomlText(k.id), plan::TomlText(k.pki), k.level, plan::TomlText(k.name),
        plan::TomlText(k.organization), crypto::ToText(k.algorithm), k.path_length,
        plan::ToText(k.lifetime), plan::ToText(k.custody));
    if (k.apart) out += fmt::format("dkg = \"{}\"\n", kBetweenMachines);
    if (!k.parent.empty()) out += fmt::format("parent = {}\n", plan::TomlText(k.parent));
    if (!k.crl_url.empty()) out += fmt::format("crl-url = {}\n", plan::TomlText(k.crl_url));
    if (!k.ocsp_url.empty()) out += fmt::format("ocsp-url = {}\n", plan::TomlText(k.ocsp_url));
    if (k.spki) out += fmt::format("spki = \"{}\"\n", ToHex(*k.spki));
  }
  for (const ScriptRequest& q : s.requests) {
    out += fmt::format("\n[[request]]\nname = {}\nsha256 = \"{}\"\nissuer = {}\n",
                       plan::TomlText(q.name), ToHex(q.digest), plan::TomlText(q.issuer));
    if (q.crl) out += "crl = true\n";
  }
  for (const ScriptStep& t : s.steps) {
    out +=
        fmt::format("\n[[step]]\nid = {}\ndo = \"{}\"\nrole = \"{}\"\ntext = {}\n",
                    plan::TomlText(t.id), ToText(t.action), ToText(t.role), plan::TomlText(t.text));
    if (!t.key.empty()) out += fmt::format("key = {}\n", plan::TomlText(t.key));
  }
  return out;
}

}  // namespace birthmark::ceremony
