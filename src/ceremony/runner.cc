// SPDX-License-Identifier: Apache-2.0
#include "ceremony/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"

namespace birthmark::ceremony {
namespace {

constexpr int kReadAloudTries = 3;
constexpr int kTries = 20;  // of one question: whoever answers so often does not answer it
constexpr size_t kMinPassphrase = custody::kMinSharePassphrase;
constexpr std::string_view kScriptFile = "ceremony.toml";
constexpr std::string_view kBindingFile = "binding.toml";

std::unexpected<Error> Stopped() {
  return Refused("ceremony.stopped", "the ceremony was stopped; what was confirmed stands",
                 "go on with: birthmark ceremony resume DIR");
}

std::unexpected<Error> NoSense() {
  return Refused("ceremony.no-answer", "the question was not answered; what was confirmed stands",
                 "go on with: birthmark ceremony resume DIR");
}

std::string_view PrefixOf(Role r) {
  switch (r) {
    case Role::kAdministrator:
      return "ca";
    case Role::kWitness:
      return "iw";
    case Role::kExecutives:
      break;
  }
  return "ke";
}

// KeepEarlier puts the papers of the ceremony before into past/, so that the folder's top shows the
// last one alone.
Status KeepEarlier(const fs::path& dir, const CustodyState& state) {
  if (state.ceremonies.empty()) return {};
  fs::path past = dir / "past" / state.ceremonies.back().id;
  std::error_code ec;
  BM_CHECK(MakeDirs(past, 0700));
  for (const char* name : {"ceremony.toml", "binding.toml", "transcript.txt", "transcript.html",
                           "record.birthmark-record", "responses"}) {
    if (!fs::exists(dir / name)) continue;
    fs::rename(dir / name, past / name, ec);
    if (ec) return std::unexpected(FromErrno("file.write", (past / name).string(), ec.value()));
  }
  return SyncDir(dir);
}

// CheckKnownKeys compares the keys that a later ceremony names with those of the folder.
Status CheckKnownKeys(const Script& script, const CustodyState& state) {
  for (const ScriptKey& k : script.keys) {
    auto kept = state.keys.find(k.id);
    if (kept == state.keys.end() || kept->second.key.spki != k.spki ||
        kept->second.key.custody != k.custody) {
      return Refused("ceremony.other-key",
                     fmt::format("key {} of the script is not the one of this folder", k.id),
                     "write the script with: birthmark ceremony new --of DIR");
    }
    if (state.ended.contains(k.id))
      return Refused("ceremony.key-ended", fmt::format("key {} was ended", k.id),
                     "leave it out of the script");
  }
  return {};
}

}  // namespace

Time Midnight(Time t) { return std::chrono::floor<std::chrono::days>(t); }

Result<RunResult> Run(const Script& script, const Binding& binding, RunOptions options,
                      Dialogue& room, const Clock& clock) {
  const bool makes = script.kind == Kind::kMake;
  std::unique_ptr<SealedLog> log;
  if (makes && SealedLog::Exists(options.dir)) {
    // A folder whose ceremony was never begun is as good as a new one.
    BM_TRY(log, SealedLog::Open(options.dir, options.passphrase, clock));
    if (!log->state().ceremonies.empty() || log->rehearsal() != script.rehearsal) {
      return Refused(
          "ceremony.exists", fmt::format("{} holds a ceremony already", options.dir.string()),
          "go on with: birthmark ceremony resume DIR, or make the keys in another folder");
    }
  } else if (makes) {
    BM_TRY(log, SealedLog::Create(options.dir,
                                  {.manufacturer = script.manufacturer,
                                   .rehearsal = script.rehearsal,
                                   .program = options.program},
                                  options.passphrase, clock));
  } else {
    BM_TRY(log, SealedLog::Open(options.dir, options.passphrase, clock));
    if (log->state().Open() != nullptr)
      return Refused("ceremony.exists", "the ceremony before this one is not closed",
                     "go on with: birthmark ceremony resume DIR");
    if (log->identity().origin != script.log)
      return Refused("ceremony.other-log",
                     fmt::format("the script is for the log {}, the folder's is {}", script.log,
                                 log->identity().origin),
                     "name the folder that the script was written for");
    if (log->rehearsal() != script.rehearsal)
      return Refused("ceremony.rehearsal", "rehearsal and production are never mixed in a folder",
                     "write the script with: birthmark ceremony new --of DIR");
    BM_CHECK(CheckKnownKeys(script, log->state()));
    BM_CHECK(KeepEarlier(options.dir, log->state()));
  }
  BM_CHECK(WriteFileAtomic(options.dir / kScriptFile, script.raw, 0600));
  BM_CHECK(WriteFileAtomic(options.dir / kBindingFile, binding.raw, 0600));
  SystemRng rng;
  BM_CHECK(log->Append({MakeEntry(Begun{.id = FormatUuid(NewUuid(clock.Now(), rng)),
                                        .script = ToBytes(script.raw),
                                        .program = options.program})}));
  return Runner(script, binding, std::move(options), room, clock, std::move(log)).Go();
}

Result<RunResult> Resume(RunOptions options, Dialogue& room, const Clock& clock) {
  BM_TRY(auto log, SealedLog::Open(options.dir, options.passphrase, clock));
  const CeremonyState* open = log->state().Open();
  if (open == nullptr)
    return Refused("ceremony.nothing-open", "every ceremony of this folder is closed",
                   "begin a new one with: birthmark ceremony new --of DIR");
  // The log's own copy is what was reviewed; the file beside it is for people.
  ParsedScript parsed = ParseScript(AsText(open->script));
  BM_TRY(std::string beside, ReadTextFile(options.dir / kScriptFile, kMaxScriptBytes));
  if (AsBytes(beside).size() != open->script.size() ||
      !std::ranges::equal(AsBytes(beside), open->script) || !parsed.script) {
    return Refused("ceremony.changed",
                   "the script in the folder is not the one that was reviewed and begun",
                   "put the reviewed file back as ceremony.toml");
  }
  BM_TRY(std::string bound, ReadTextFile(options.dir / kBindingFile, kMaxBindingBytes));
  ParsedBinding binding = ParseBinding(bound, *parsed.script);
  if (!binding.binding || binding.findings.HasErrors())
    return Refused("ceremony.binding", "binding.toml has errors:\n" + binding.findings.ToString());
  return Runner(*parsed.script, *binding.binding, std::move(options), room, clock, std::move(log))
      .Go();
}

Result<RunResult> Runner::Go() {
  room_.Say(fmt::format("{}{}\nscript SHA-256 {}", script_.rehearsal ? "REHEARSAL: " : "",
                        script_.title, ToHex(script_.digest)));
  for (size_t i = 0; i < script_.steps.size(); ++i) {
    const ScriptStep& step = script_.steps[i];
    if (ceremony().done.contains(step.id)) continue;
    BM_CHECK(Step(step, i + 1));
    if (step.action == Action::kClose) break;
  }
  return Finish();
}

Status Runner::Step(const ScriptStep& step, size_t number) {
  room_.Say(fmt::format("\n[{} of {}] {}: {}", number, script_.steps.size(), step.id, step.text));
  std::vector<Entry> before{MakeEntry(StepBegun{step.id})};
  again_ = ceremony().begun.contains(step.id);
  if (again_) {
    Exception e{
        .salt = Bytes(32), .step = step.id, .text = "interrupted; begun again", .digest = {}};
    rng_.Fill(e.salt);
    e.digest = crypto::Sha256(e.salt, AsBytes(e.text));
    before.push_back(MakeEntry(e));
    room_.Say("this step was interrupted; what it had not finished is thrown away and begun again");
  }
  BM_CHECK(log_->Append(before));
  BM_TRY(Entries entries, Perform(step));
  return Confirm(step, std::move(entries));
}

Result<Runner::Entries> Runner::Perform(const ScriptStep& step) {
  const ScriptKey* key = script_.FindKey(step.key);
  switch (step.action) {
    case Action::kRoles:
      return Roles();
    case Action::kReadScript:
      BM_CHECK(ReadAloud(script_.digest, "the script's SHA-256"));
      return Entries{};
    case Action::kHardware:
      return Hardware();
    case Action::kExecutives:
      return Executives();
    case Action::kMakeKey:
      return MakeKey(*key);
    case Action::kOpenKeys:
      return OpenKeys();
    case Action::kSign:
      return SignRequests();
    case Action::kProofs:
      return CheckProofs();
    case Action::kReshare:
      return Reshare(*key);
    case Action::kDestroy:
      return DestroyKey(*key);
    case Action::kAttest:
      return Attest();
    case Action::kConfirm:
      return Entries{};
    case Action::kClose:
      return Close();
  }
  return Internal("ceremony.step", "a step of an unknown kind");
}

Status Runner::Confirm(const ScriptStep& step, Entries entries) {
  const std::string prompt =
      fmt::format("{} ({}): done, exception or stop? ", ToText(step.role), WhoIs(step.role));
  for (;;) {
    BM_TRY(std::string answer, AskOneOf(prompt, {"done", "exception", "stop"}));
    if (answer == "stop") return Stopped();
    if (answer == "done") break;
    BM_TRY(std::string text, room_.Ask("what went otherwise, in words (kept sealed): "));
    Exception e{.salt = Bytes(32), .step = step.id, .text = std::move(text), .digest = {}};
    rng_.Fill(e.salt);
    e.digest = crypto::Sha256(e.salt, AsBytes(e.text));
    entries.push_back(MakeEntry(e));
    room_.Say("exception noted; in the open transcript it stands as " + ToHex(e.digest));
  }
  entries.push_back(MakeEntry(StepDone{.by = std::string(ToText(step.role)), .step = step.id}));
  // Nothing of a ceremony stands behind its end.
  std::ranges::stable_partition(entries, [](const Entry& e) { return e.type != Closed::kType; });
  // From here on the step has happened: keys it made exist, old shares are dead.
  BM_CHECK(log_->Append(entries));
  fresh_.clear();
  return {};
}

Result<Runner::Entries> Runner::Roles() {
  Entries out;
  for (Role r : script_.roles) {
    if (r == Role::kExecutives) continue;
    BM_TRY(std::string who,
           AskName(fmt::format("name of the {} (kept sealed): ", ToText(r)), PrefixOf(r)));
    out.push_back(MakeEntry(Present{.who = who, .role = std::string(ToText(r))}));
    Tell(out, false, fmt::format("{} is here as {}", who, ToText(r)));
  }
  return out;
}

Status Runner::ReadAloud(const Digest& digest, std::string_view what) {
  const std::string hex = ToHex(digest);
  std::string shown;
  for (size_t i = 0; i < 16; ++i)
    shown += fmt::format("{:>4}. {}{}", i + 1, hex.substr(4 * i, 4), i % 4 == 3 ? "\n" : "   ");
  room_.Say(fmt::format("{}, read aloud from this screen:\n{}", what, shown));
  // The witness types from the copy in the hand, so that it was really looked at.
  for (int i = 0; i < 2; ++i) {
    std::array<uint8_t, 1> r{};
    rng_.Fill(r);
    const size_t group = r[0] % 16;
    for (int left = kReadAloudTries;; --left) {
      if (left == 0)
        return Refused("ceremony.read-aloud", fmt::format("{} and the witness's copy differ", what),
                       "find out which file was changed; nothing was done yet in this step");
      BM_TRY(std::string typed,
             room_.Ask(fmt::format("internal-witness: group {} of your own copy of {}: ", group + 1,
                                   what)));
      if (typed == hex.substr(4 * group, 4)) break;
      room_.Say("that is not what the screen shows");
    }
  }
  return {};
}

Result<Runner::Entries> Runner::Hardware() {
  Entries out;
  for (const BoundStore& s : binding_.stores) {
    const ScriptKey* key = script_.FindKey(s.key);
    if (key == nullptr) continue;
    BM_TRY(keystore::KeyStore * store, StoreOf(s.key, key->custody));
    BM_TRY(std::vector<std::string> keys, store->List());
    Tell(
        out, false,
        fmt::format("key {} is kept in {}, which holds {} keys", s.key, store->uri(), keys.size()));
    if (script_.kind == Kind::kMake && std::ranges::find(keys, s.key) != keys.end()) {
      // A module that is not empty may hold a key of this very name from elsewhere.
      return Refused("keystore.exists",
                     fmt::format("{} holds a key {} already", store->uri(), s.key),
                     "use a module made ready for this ceremony");
    }
  }
  return out;
}

std::string Runner::WhoIs(Role role) const {
  for (const Present& p : ceremony().present) {
    if (p.role == ToText(role)) return p.who;
  }
  return "present";
}

void Runner::Tell(Entries& entries, bool open, std::string text) {
  room_.Say(text);
  entries.push_back(MakeEntry(Line{.open = open, .text = std::move(text)}));
}

Result<std::string> Runner::AskOneOf(const std::string& prompt,
                                     const std::vector<std::string>& words) {
  for (int i = 0; i < kTries; ++i) {
    BM_TRY(std::string answer, room_.Ask(prompt));
    if (std::ranges::find(words, answer) != words.end()) return answer;
    room_.Say(fmt::format("type one of: {}", fmt::join(words, ", ")));
  }
  return NoSense();
}

Result<std::string> Runner::AskName(const std::string& prompt, std::string_view prefix) {
  for (int i = 0; i < kTries; ++i) {
    BM_TRY(std::string name, room_.Ask(prompt));
    if (name.empty() || name.size() > 200) {
      room_.Say("a name has 1 to 200 octets");
      continue;
    }
    Bytes random(4);
    rng_.Fill(random);
    std::string pseudonym = fmt::format("{}-{}", prefix, ToHex(random));
    BM_CHECK(log_->SetName(pseudonym, name));
    return pseudonym;
  }
  return NoSense();
}

Result<SecretBytes> Runner::AskPassphrase(const std::string& who) {
  for (int i = 0; i < kTries; ++i) {
    BM_TRY(SecretBytes first, room_.AskSecret(fmt::format("{}: passphrase for your share: ", who)));
    if (first.size() < kMinPassphrase) {
      room_.Say(fmt::format("at least {} octets; better a sentence", kMinPassphrase));
      continue;
    }
    BM_TRY(SecretBytes second, room_.AskSecret(fmt::format("{}: again: ", who)));
    if (first == second) return first;
    room_.Say("the two differ; from the beginning");
  }
  return NoSense();
}

}  // namespace birthmark::ceremony
