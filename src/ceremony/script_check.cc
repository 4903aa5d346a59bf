// SPDX-License-Identifier: Apache-2.0
// What is wrong with a script that reads well: keys, roles, and the order of steps.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ceremony/script.h"

namespace birthmark::ceremony {
namespace {

void CheckKeys(const Script& s, Findings& f) {
  if (s.keys.empty() || s.keys.size() > kMaxScriptKeys) {
    f.Error("ceremony.keys", fmt::format("the ceremony has {} keys", s.keys.size()),
            fmt::format("1 to {} [[key]] tables", kMaxScriptKeys));
  }
  const auto shared =
      std::ranges::count_if(s.keys, [](const ScriptKey& k) { return IsShared(k.custody); });
  std::map<std::string_view, const ScriptKey*> before;
  for (const ScriptKey& k : s.keys) {
    if (!before.emplace(k.id, &k).second)
      f.Error("ceremony.key-twice", fmt::format("key \"{}\" stands twice", k.id),
              "give each key an id of its own", k.line);
    if (k.custody == Custody::kThreshold && k.algorithm != crypto::Algorithm::kEd25519) {
      f.Error("ceremony.threshold-algorithm",
              fmt::format("key \"{}\" is a threshold key with {}", k.id, ToText(k.algorithm)),
              "threshold signing makes Ed25519 signatures (RFC 9591): algorithm = \"ed25519\", or "
              "custody = \"split\"",
              k.line);
    }
    if (k.apart && k.custody != Custody::kThreshold)
      f.Error(
          "ceremony.dkg",
          fmt::format("key \"{}\" is to be made between machines and is no threshold key", k.id),
          "custody = \"threshold\", or leave dkg out", k.line);
    if (k.apart && (s.kind == Kind::kMake || s.kind == Kind::kReshare) && shared > 1)
      f.Error(
          "ceremony.dkg-alone",
          fmt::format("key \"{}\" is made between machines, and other keys have shares, too", k.id),
          "make the other shared keys in a ceremony of their own: their holders are others",
          k.line);
    if (k.custody == Custody::kSoftware) {
      f.Warn("ceremony.software-custody",
             fmt::format("key \"{}\" stays in a file of one machine", k.id),
             "custody = \"threshold\", \"split\", \"pkcs11\" or \"tpm2\" protects it better",
             k.line);
    }
    if (s.kind != Kind::kMake && !k.spki)
      f.Error("ceremony.key-spki", fmt::format("key \"{}\" is not named by its digest", k.id),
              "write it with: birthmark ceremony new --of DIR", k.line);
    if (s.kind == Kind::kMake && k.spki)
      f.Error("ceremony.key-spki", fmt::format("key \"{}\" is to be made and has a digest", k.id),
              "leave spki out", k.line);
    if (k.parent.empty() || s.kind != Kind::kMake) {
      if (k.level != 1 && s.kind == Kind::kMake)
        f.Error("ceremony.parent",
                fmt::format("key \"{}\" of level {} has no parent", k.id, k.level),
                "parent = \"ID\" of the key that certifies it", k.line);
      continue;
    }
    auto p = before.find(k.parent);
    if (p == before.end() || p->second == &k) {
      f.Error("ceremony.parent",
              fmt::format("key \"{}\" is certified by \"{}\", which no key above it has as its id",
                          k.id, k.parent),
              "put the parent's [[key]] before it", k.line);
      continue;
    }
    const ScriptKey& parent = *p->second;
    if (parent.level + 1 != k.level || parent.pki != k.pki)
      f.Error("ceremony.parent",
              fmt::format("key \"{}\" is not one level below \"{}\" in one PKI", k.id, k.parent),
              "mend level, pki or parent", k.line);
    if (k.path_length >= parent.path_length)
      f.Error("ceremony.path-length",
              fmt::format("key \"{}\" may have {} authorities below it, its parent only {}", k.id,
                          k.path_length, parent.path_length),
              "each level below has a path length one less (RFC 5280 section 4.2.1.9)", k.line);
    bool outlives = !parent.lifetime.never &&
                    (k.lifetime.never || k.lifetime.duration > parent.lifetime.duration);
    if (outlives)
      f.Warn("ceremony.outlives", fmt::format("key \"{}\" outlives its parent", k.id),
             "a certificate is worth nothing when its issuer's has ended", k.line);
  }
}

void CheckRequests(const Script& s, Findings& f) {
  std::set<std::string_view> names;
  for (const ScriptRequest& q : s.requests) {
    if (!names.insert(q.name).second)
      f.Error("ceremony.request-twice", fmt::format("request \"{}\" stands twice", q.name),
              "leave one out", q.line);
    if (s.FindKey(q.issuer) == nullptr)
      f.Error(
          "ceremony.request-issuer",
          fmt::format("request \"{}\" is to be signed by \"{}\", which is no key of this ceremony",
                      q.name, q.issuer),
          "name one of the [[key]] ids", q.line);
  }
}

// Order walks the steps once and remembers what has been done so far.
struct StepOrder {
  const Script& s;
  Findings& f;
  std::set<std::string_view> made;
  std::map<Action, int> count;

  void Fail(const ScriptStep& t, std::string what, std::string fix) const {
    f.Error("ceremony.step-order", fmt::format("step \"{}\": {}", t.id, what), std::move(fix),
            t.line);
  }
  bool Seen(Action a) const { return count.contains(a); }

  void Step(const ScriptStep& t) {
    const bool takes_key = t.action == Action::kMakeKey || t.action == Action::kReshare ||
                           t.action == Action::kDestroy;
    const ScriptKey* key = s.FindKey(t.key);
    if (takes_key != !t.key.empty() || (takes_key && key == nullptr)) {
      f.Error("ceremony.step-key",
              takes_key ? fmt::format("step \"{}\" names no key of this ceremony", t.id)
                        : fmt::format("step \"{}\" has nothing to do with one key", t.id),
              takes_key ? "key = \"ID\" of a [[key]]" : "leave key out", t.line);
      return;
    }
    if (std::ranges::find(s.roles, t.role) == s.roles.end())
      f.Error("ceremony.role",
              fmt::format("step \"{}\" is for {}, who is not in roles", t.id, ToText(t.role)),
              "add the role to roles", t.line);
    switch (t.action) {
      case Action::kMakeKey:
        if (IsShared(key->custody) && !Seen(Action::kExecutives))
          Fail(t, "shares would have no holders yet", "put the step \"executives\" before it");
        if (!key->parent.empty() && !made.contains(key->parent))
          Fail(t, "its parent is not made yet", "make the parent's key first");
        if (!made.insert(t.key).second) Fail(t, "makes a key a second time", "leave one out");
        if (s.kind != Kind::kMake) Fail(t, "this kind makes no keys", "kind = \"make\"");
        break;
      case Action::kReshare:
        if (!IsShared(key->custody) || s.kind != Kind::kReshare)
          Fail(t, "deals shares of a key that has none here", "kind = \"reshare\", a split key");
        if (!Seen(Action::kExecutives))
          Fail(t, "new shares would have no holders yet", "put the step \"executives\" before it");
        break;
      case Action::kDestroy:
        if (s.kind != Kind::kDestroy) Fail(t, "this kind ends no key", "kind = \"destroy\"");
        break;
      case Action::kProofs:
        if (s.kind != Kind::kHealth) Fail(t, "this kind has no proofs", "kind = \"health\"");
        break;
      case Action::kOpenKeys:
        if (s.kind == Kind::kMake)
          Fail(t, "the keys do not exist before they are made", "leave it out");
        break;
      case Action::kClose:
        if (&t != &s.steps.back()) Fail(t, "is not the last", "put it last");
        break;
      default:
        break;
    }
    if (++count[t.action] > 1 && !takes_key && t.action != Action::kConfirm)
      Fail(t, fmt::format("\"{}\" is there twice", ToText(t.action)), "leave one out");
  }
};

void CheckSteps(const Script& s, Findings& f) {
  StepOrder order{s, f, {}, {}};
  for (const ScriptStep& t : s.steps) order.Step(t);
  auto need = [&](bool there, std::string_view what) {
    if (!there)
      f.Error("ceremony.step-missing", fmt::format("there is no step that {}", what),
              "birthmark ceremony new writes the usual steps");
  };
  need(s.steps.size() > 1 && s.steps[0].action == Action::kRoles &&
           s.steps[1].action == Action::kReadScript,
       "asks for the roles first and reads the script's digest aloud second");
  need(order.Seen(Action::kClose), "closes the ceremony");
  for (const ScriptKey& k : s.keys) {
    if (s.kind == Kind::kMake)
      need(order.made.contains(k.id), fmt::format("makes key \"{}\"", k.id));
  }
  need(s.requests.empty() || order.Seen(Action::kSign), "signs the requests");
  need(s.kind != Kind::kHealth || order.Seen(Action::kProofs), "checks the proofs");
  need(s.kind != Kind::kReshare || order.Seen(Action::kReshare), "deals the shares anew");
  need(s.kind != Kind::kDestroy || order.Seen(Action::kDestroy), "ends a key");
  need((s.kind != Kind::kRecover && s.kind != Kind::kSign) || order.Seen(Action::kOpenKeys),
       "opens the keys");
  const bool hardware = std::ranges::any_of(s.keys, [](const ScriptKey& k) {
    return k.custody == Custody::kPkcs11 || k.custody == Custody::kTpm;
  });
  need(!hardware || s.kind == Kind::kHealth || order.Seen(Action::kHardware),
       "looks at the hardware");
  const bool splits = s.kind == Kind::kMake || s.kind == Kind::kReshare || s.kind == Kind::kHealth;
  need(!splits || !s.HasShared() || order.Seen(Action::kAttest), "says what may be attested");
}

}  // namespace

void CheckScript(const Script& s, Findings& f) {
  CheckKeys(s, f);
  CheckRequests(s, f);
  CheckSteps(s, f);
  for (Role role : {Role::kAdministrator, Role::kWitness}) {
    if (std::ranges::find(s.roles, role) == s.roles.end())
      f.Error("ceremony.role", fmt::format("nobody is {}", ToText(role)),
              fmt::format("add \"{}\" to roles", ToText(role)));
  }
  if (s.kind != Kind::kMake && s.log.empty())
    f.Error("ceremony.log", "the file does not say which custody log goes on",
            "write it with: birthmark ceremony new --of DIR");
  if (s.kind == Kind::kMake && !s.log.empty())
    f.Error("ceremony.log", "a ceremony that makes keys begins a custody log of its own",
            "leave log out");
  if ((s.kind == Kind::kHealth) == s.challenge.empty())
    f.Error("ceremony.challenge",
            s.challenge.empty() ? "a health round has no challenge"
                                : "only a health round has a challenge",
            "birthmark ceremony new --kind health --of DIR writes a fresh one");
}

std::vector<ScriptStep> UsualSteps(const Script& s) {
  std::vector<ScriptStep> out;
  auto add = [&](std::string id, Action action, Role role, std::string text, std::string key = "") {
    out.push_back({.id = std::move(id),
                   .action = action,
                   .role = role,
                   .text = std::move(text),
                   .key = std::move(key)});
  };
  // Ids of steps have no dots.
  auto slug = [](std::string id) {
    std::ranges::replace(id, '.', '-');
    std::ranges::replace(id, '_', '-');
    return id;
  };
  const bool shared = s.HasShared();
  const bool hardware = std::ranges::any_of(s.keys, [](const ScriptKey& k) {
    return k.custody == Custody::kPkcs11 || k.custody == Custody::kTpm;
  });
  add("people", Action::kRoles, Role::kAdministrator,
      "Everybody in the room signs in; those without a role leave.");
  add("script", Action::kReadScript, Role::kWitness,
      "The administrator reads this script's SHA-256 aloud; the witness compares it with the "
      "printed copy.");
  add("room", Action::kConfirm, Role::kWitness,
      "The machine has no network; the camera runs; the door is closed.");
  if (hardware && s.kind != Kind::kHealth)
    add("hardware", Action::kHardware, Role::kWitness,
        "The modules are shown; their serial numbers are compared with the seals' log.");
  if (shared && (s.kind == Kind::kMake || s.kind == Kind::kReshare))
    add("executives", Action::kExecutives, Role::kAdministrator,
        "Key Executives come to the keyboard one after another; nobody else sees the screen.");
  for (const ScriptKey& k : s.keys) {
    if (s.kind == Kind::kMake)
      add("make-" + slug(k.id), Action::kMakeKey, Role::kWitness,
          fmt::format("The key of {} is made. {}", k.name,
                      k.apart ? "The messages of its making are checked; its holders sign apart."
                      : IsShared(k.custody) ? "Each Key Executive reads the new share back."
                                            : "It stays where the binding says."),
          k.id);
    if (s.kind == Kind::kReshare && IsShared(k.custody))
      add("reshare-" + slug(k.id), Action::kReshare, Role::kWitness,
          k.apart ? fmt::format("The messages are checked with which its holders' machines dealt "
                                "the shares of {} anew; the old ones end.",
                                k.name)
                  : fmt::format("The shares of {} are dealt anew; the old ones end.", k.name),
          k.id);
  }
  if (s.kind == Kind::kSign || s.kind == Kind::kRecover)
    add("open", Action::kOpenKeys, Role::kAdministrator,
        "Key Executives bring their shares until the keys can sign.");
  if (!s.requests.empty())
    add("sign", Action::kSign, Role::kWitness,
        "Each request is shown with its digest, compared with the list, and signed.");
  if (s.kind == Kind::kHealth)
    add("proofs", Action::kProofs, Role::kWitness, "The holders' proofs are checked.");
  for (const ScriptKey& k : s.keys) {
    if (s.kind == Kind::kDestroy)
      add("destroy-" + slug(k.id), Action::kDestroy, Role::kWitness,
          fmt::format("The key of {} ends.", k.name), k.id);
  }
  if (shared && (s.kind == Kind::kMake || s.kind == Kind::kReshare || s.kind == Kind::kHealth))
    add("attest", Action::kAttest, Role::kAdministrator,
        "What may be published of the splits is worked out and judged.");
  add("close", Action::kClose, Role::kWitness,
      "Record and transcript are written; their digests are read aloud; machine and papers go into "
      "the bag.");
  return out;
}

}  // namespace birthmark::ceremony
