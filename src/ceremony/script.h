// SPDX-License-Identifier: Apache-2.0
// The script: the one reviewed file of a ceremony, as values; what it may say and how it is read
// and written. It holds no number of people, no share and no path of a machine. Leaves out judging
// (script_check.h) and doing (run.h). Values; thread-compatible. Source: docs/formats/ceremony.md.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/findings.h"
#include "ceremony/record.h"
#include "crypto/key.h"
#include "plan/plan.h"

namespace birthmark::ceremony {

inline constexpr size_t kMaxScriptBytes = 256 * 1024;
inline constexpr size_t kMaxScriptKeys = 64;
inline constexpr size_t kMaxScriptSteps = 256;

// Role is who does or sees a step. How many Key Executives there are is never written down.
enum class Role { kAdministrator, kWitness, kExecutives };
std::string_view ToText(Role r);
bool FromText(std::string_view s, Role& r);
std::vector<std::string_view> PlanWords(Role);

// Action is what a step does.
enum class Action {
  kRoles,       // who is here, by pseudonym
  kReadScript,  // the script's digest is read aloud and compared
  kHardware,    // the modules and TPMs of the binding are looked at
  kExecutives,  // k, n, holders, continents and passphrases are asked for
  kMakeKey,     // one key is made, certified, endorses the log; its shares are read back
  kOpenKeys,    // Key Executives bring shares until the keys can sign
  kSign,        // carried requests are signed
  kProofs,      // proofs of a health round are checked
  kReshare,     // the shares are dealt anew
  kDestroy,     // a key is ended
  kAttest,      // what may be said of the splits is computed and judged
  kConfirm,     // something done by hand: a bag sealed, a camera started
  kClose,       // record and transcript are written, digests read aloud
};
std::string_view ToText(Action a);
bool FromText(std::string_view s, Action& a);
std::vector<std::string_view> PlanWords(Action);
std::vector<std::string_view> PlanWords(Kind);

// ScriptKey is a key to make, or one to work with.
struct ScriptKey {
  std::string id;
  std::string pki;
  int level = 1;
  std::string name;          // CN
  std::string organization;  // O
  crypto::Algorithm algorithm = crypto::Algorithm::kEd25519;
  int path_length = 0;
  plan::Lifetime lifetime;
  Custody custody = Custody::kThreshold;
  bool apart = false;  // threshold: made by the holders' machines together, used apart
  std::string parent;  // id of the key that certifies it; empty: it certifies itself
  // Where it tells what became of what it signed: goes into those certificates. Empty: nowhere.
  std::string crl_url, ocsp_url;
  std::optional<Digest> spki;  // of a key that exists already
  int line = 0;
};

// ScriptRequest is a request to sign, bound by the SHA-256 of its file.
struct ScriptRequest {
  std::string name;  // "identity-2.1": carried as NAME.request, answered as NAME.response
  bool crl = false;  // asks for revocation lists: NAME.crl-request and NAME.crl-response
  Digest digest{};
  std::string issuer;  // key id
  int line = 0;
};

struct ScriptStep {
  std::string id;
  Action action = Action::kConfirm;
  Role role = Role::kAdministrator;  // who confirms it
  std::string text;
  std::string key;  // make-key, reshare, destroy
  int line = 0;
};

struct Script {
  int schema = 1;
  std::string title;
  Kind kind = Kind::kMake;
  bool rehearsal = true;
  std::string manufacturer;
  std::string product;
  std::optional<Digest> plan;
  std::string log;  // the custody log's origin, where it exists already
  Bytes challenge;  // of a health round: 32 random octets
  std::vector<Role> roles;
  std::vector<ScriptKey> keys;
  std::vector<ScriptRequest> requests;
  std::vector<ScriptStep> steps;

  std::string raw;
  Digest digest{};  // SHA-256 of raw: what is reviewed and read aloud

  const ScriptKey* FindKey(std::string_view id) const;
  // HasShared is true when people hold shares of any of its keys.
  bool HasShared() const;
};

// ParsedScript is a script with what reading it found; absent when it does not read at all.
struct ParsedScript {
  std::optional<Script> script;
  Findings findings;
};
// ParseScript reads the file strictly and judges it (CheckScript). Codes: ceremony.*.
ParsedScript ParseScript(std::string_view text);
// CheckScript judges a script: keys, order of steps, roles. Used by ParseScript.
void CheckScript(const Script& script, Findings& findings);
// FormatScript writes a script as a file with comments for its reviewers. ParseScript of it gives
// the same values.
std::string FormatScript(const Script& script);

// UsualSteps fills in the ordered steps that a kind of ceremony needs for the script's keys.
std::vector<ScriptStep> UsualSteps(const Script& script);

}  // namespace birthmark::ceremony
