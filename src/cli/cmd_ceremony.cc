// SPDX-License-Identifier: Apache-2.0
// ceremony new, check, run, resume, show, verify.
#include <fmt/format.h>

#include "app/ceremonies.h"
#include "ceremony/transcript.h"
#include "ceremony/upkeep.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "crypto/digest.h"
#include "pki/path.h"
#include "plan/parse.h"

namespace birthmark::cli {
namespace {

constexpr size_t kMaxCertificateText = 64 * 1024;

Result<keystore::PassphraseSource> SealSource(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  return keys.online;
}

// Reviewed reads a script and refuses one with errors, or one that is not the file that was
// reviewed.
Result<ceremony::Script> Reviewed(const Invocation& in, const std::string& file) {
  BM_TRY(std::string text, ReadTextFile(file, ceremony::kMaxScriptBytes + 1));
  ceremony::ParsedScript parsed = ceremony::ParseScript(text);
  if (!parsed.script || parsed.findings.HasErrors()) {
    PrintFindings(parsed.findings, file, in.json());
    return Refused("ceremony.findings", fmt::format("{}: the script has errors", file),
                   "mend the lines named, and have it reviewed again");
  }
  const std::string now = ToHex(parsed.script->digest);
  if (in.Get("--reviewed") != now) {
    return Refused(
        "ceremony.changed",
        fmt::format("{} has the SHA-256 {}, and {} was reviewed", file, now, in.Get("--reviewed")),
        fmt::format("review it again; `birthmark ceremony check {}` prints the digest, and "
                    "--reviewed takes it",
                    file));
  }
  return *parsed.script;
}

Result<ceremony::Binding> BindingOf(const Invocation& in, const ceremony::Script& script) {
  std::string text;
  if (in.Has("--binding")) {
    BM_TRY(text, ReadTextFile(in.Get("--binding"), ceremony::kMaxBindingBytes + 1));
  }
  ceremony::ParsedBinding parsed = ceremony::ParseBinding(text, script);
  if (!parsed.binding || parsed.findings.HasErrors()) {
    PrintFindings(parsed.findings, in.Get("--binding", "binding"), in.json());
    return Refused("ceremony.binding", "the binding has errors",
                   "mend the lines named; give it with --binding F");
  }
  return *parsed.binding;
}

Result<std::unique_ptr<ceremony::Dialogue>> RoomOf(const Invocation& in, bool rehearsal) {
  if (!in.Has("--answers-fd")) return ceremony::TerminalDialogue();
  if (!rehearsal)
    return Refused("ceremony.answers-fd", "in production people answer, at the terminal",
                   "leave --answers-fd out");
  BM_TRY(uint64_t fd, in.Number("--answers-fd", 0, 0, 1 << 20));
  return ceremony::AnswersDialogue(static_cast<int>(fd));
}

Result<ceremony::RunOptions> OptionsOfRun(const Invocation& in, const std::string& dir,
                                          bool fresh) {
  ceremony::RunOptions o;
  o.dir = dir;
  o.requests = in.Get("--requests");
  o.proofs = in.Get("--proofs");
  o.made = in.Get("--made");
  BM_TRY(keystore::PassphraseSource source, SealSource(in));
  BM_TRY(o.passphrase, app::CeremonyPassphrase(source, fresh));
  return app::WithStores(std::move(o));
}

Result<int> TellRun(const Invocation& in, const ceremony::RunResult& r, const std::string& dir) {
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"ceremony": "{}", "rehearsal": {}, "record": {}, "record_sha256": {}, "transcript": {}, "alarms": {}}})",
        r.id, r.rehearsal, r.record ? JsonString(r.record->string()) : "null",
        r.record ? JsonString(ToHex(r.record_digest)) : "null", JsonString(r.transcript.string()),
        r.alarms.size()));
  } else {
    if (r.rehearsal) PrintLine(Bold("REHEARSAL: what was made can never become production"));
    if (r.record) {
      PrintLine(
          fmt::format("record      {}  SHA-256 {}", r.record->string(), ToHex(r.record_digest)));
      PrintLine(fmt::format("next: birthmark ceremony accept WS {}", r.record->string()));
    }
    PrintLine(fmt::format("transcript  {}", r.transcript.string()));
  }
  if (r.alarms.empty()) return 0;
  return Refused("ceremony.key-at-risk",
                 "fewer shares are known to be good than are needed; nothing was published",
                 fmt::format("birthmark custody status {} says whose", dir));
}

Result<app::NewCeremony> WhatToMake(const Invocation& in) {
  ceremony::Kind kind = ceremony::Kind::kMake;
  if (in.Has("--kind") && !ceremony::FromText(in.Get("--kind"), kind))
    return Usage("ceremony.kind", fmt::format("\"{}\" is no kind of ceremony", in.Get("--kind")),
                 "make, sign, health, recover, reshare or destroy");
  app::NewCeremony what{.kind = kind,
                        .title = in.Get("--title"),
                        .rehearsal = !in.Has("--production"),
                        .keys = {},
                        .requests = in.Get("--requests"),
                        .apart = in.Get("--between-machines")};
  std::string keys = in.Get("--keys");
  while (!keys.empty()) {
    size_t comma = keys.find(',');
    what.keys.push_back(keys.substr(0, comma));
    keys = comma == keys.npos ? "" : keys.substr(comma + 1);
  }
  return what;
}

}  // namespace

Result<int> CeremonyNew(const Invocation& in) {
  if (in.Has("--plan") == in.Has("--of"))
    return Usage("ceremony.new", "a ceremony is written from a plan, or of a custody folder",
                 "give --plan P, or --of DIR with --kind K");
  BM_TRY(app::NewCeremony what, WhatToMake(in));
  if (!what.apart.empty() && !in.Has("--plan"))
    return Usage("ceremony.new", "how a key is made is said when it is made",
                 "give --between-machines with --plan");
  ceremony::Script script;
  if (in.Has("--plan")) {
    BM_TRY(plan::Parsed parsed, plan::LoadPlan(in.Get("--plan"), nullptr));
    if (parsed.findings.HasErrors() || !parsed.plan) {
      PrintFindings(parsed.findings, in.Get("--plan"), in.json());
      return Refused("plan.findings", fmt::format("{}: the plan has errors", in.Get("--plan")),
                     "mend the lines named, then run it again");
    }
    if (what.kind != ceremony::Kind::kMake)
      return Usage("ceremony.kind", "a plan says which keys to make, and no more",
                   "for later ceremonies: --of DIR");
    BM_TRY(script, app::ScriptFromPlan(*parsed.plan, what));
  } else {
    BM_TRY(keystore::PassphraseSource source, SealSource(in));
    BM_TRY(SecretBytes passphrase, app::CeremonyPassphrase(source, false));
    SystemClock clock;
    SystemRng rng;
    BM_TRY(auto log, ceremony::SealedLog::Open(in.Get("--of"), passphrase, clock));
    BM_TRY(script, app::ScriptOf(*log, what, rng));
  }
  const fs::path out = in.Get("--output");
  const bool binds = ceremony::FormatBinding(script).find("[[store]]") != std::string::npos;
  const fs::path binding = out.parent_path() / "binding.toml";
  if (!in.dry_run()) {
    BM_CHECK(WriteFileAtomic(out, ceremony::FormatScript(script)));
    if (binds && !fs::exists(binding))
      BM_CHECK(WriteFileAtomic(binding, ceremony::FormatBinding(script)));
  }
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"file": {}, "sha256": "{}", "kind": "{}", "keys": {}, "requests": {}, "challenge": {}, "binding": {}}})",
        JsonString(out.string()), ToHex(script.digest), ceremony::ToText(script.kind),
        script.keys.size(), script.requests.size(),
        script.challenge.empty() ? "null" : JsonString(ToHex(script.challenge)),
        binds ? JsonString(binding.string()) : "null"));
    return 0;
  }
  PrintLine(fmt::format("{}{}: {} keys, {} requests, {} steps",
                        in.dry_run() ? "would write " : "wrote ", out.string(), script.keys.size(),
                        script.requests.size(), script.steps.size()));
  if (binds) PrintLine(fmt::format("fill in    {}  (where the modules are)", binding.string()));
  if (!script.challenge.empty())
    PrintLine(
        fmt::format("challenge  {}  (holders: birthmark share prove)", ToHex(script.challenge)));
  PrintLine(fmt::format("next: review it, then birthmark ceremony check {}", out.string()));
  return 0;
}

Result<int> CeremonyCheck(const Invocation& in) {
  const std::string file = in.Arg("F");
  BM_TRY(std::string text, ReadTextFile(file, ceremony::kMaxScriptBytes + 1));
  ceremony::ParsedScript parsed = ceremony::ParseScript(text);
  const bool bad = !parsed.script || parsed.findings.HasErrors();
  if (in.json()) {
    std::string found;
    for (const Finding& f : parsed.findings.all())
      found +=
          fmt::format(R"({}{{"code": {}, "error": {}, "line": {}, "message": {}, "fix": {}}})",
                      found.empty() ? "" : ", ", JsonString(f.code), f.severity == Severity::kError,
                      f.line, JsonString(f.message), JsonString(f.fix));
    PrintLine(fmt::format(R"({{"sha256": {}, "findings": [{}]}})",
                          bad ? "null" : JsonString(ToHex(parsed.script->digest)), found));
    return bad ? 1 : 0;
  }
  PrintFindings(parsed.findings, file, false);
  if (bad) return 1;
  const ceremony::Script& s = *parsed.script;
  PrintLine(fmt::format("{}{} ({})", s.rehearsal ? "REHEARSAL: " : "PRODUCTION: ", s.title,
                        ceremony::ToText(s.kind)));
  for (const ceremony::ScriptKey& k : s.keys)
    PrintLine(fmt::format("key   {:<16} level {}  {:<11} {:<10} {}  {}", k.id, k.level,
                          crypto::ToText(k.algorithm), plan::ToText(k.custody),
                          plan::ToText(k.lifetime), k.name));
  for (const ceremony::ScriptKey& k : s.keys) {
    if (!k.apart || (s.kind != ceremony::Kind::kMake && s.kind != ceremony::Kind::kReshare))
      continue;
    PrintLine(fmt::format(
        "      {}: its holders' machines {} before (birthmark share {}, then share join);\n"
        "      the room takes the messages (--made FOLDER) and no share; the holders {}",
        k.id, s.kind == ceremony::Kind::kMake ? "make it" : "deal its shares anew",
        s.kind == ceremony::Kind::kMake ? "begin" : "renew",
        s.kind == ceremony::Kind::kMake ? "sign where they are" : "have proven the new ones"));
  }
  for (const ceremony::ScriptRequest& q : s.requests)
    PrintLine(fmt::format("sign  {:<16} by {}", q.name, q.issuer));
  int i = 0;
  for (const ceremony::ScriptStep& t : s.steps)
    PrintLine(fmt::format("{:>4}. {:<24} {:<24} {}", ++i, t.id, ceremony::ToText(t.role), t.text));
  PrintLine(fmt::format("SHA-256 {}", ToHex(s.digest)));
  PrintLine(
      fmt::format("next: birthmark ceremony run {} --reviewed {} -o DIR", file, ToHex(s.digest)));
  return 0;
}

Result<int> CeremonyRun(const Invocation& in) {
  BM_TRY(ceremony::Script script, Reviewed(in, in.Arg("F")));
  BM_TRY(ceremony::Binding binding, BindingOf(in, script));
  const std::string dir = in.Get("--output");
  if (in.dry_run()) {
    PrintLine(fmt::format("would run {} steps in {} (dry run)", script.steps.size(), dir));
    return 0;
  }
  BM_TRY(auto room, RoomOf(in, script.rehearsal));
  BM_TRY(ceremony::RunOptions options, OptionsOfRun(in, dir, script.kind == ceremony::Kind::kMake));
  BM_TRY(ceremony::RunResult r,
         ceremony::Run(script, binding, std::move(options), *room, SystemClock()));
  return TellRun(in, r, dir);
}

Result<int> CeremonyResume(const Invocation& in) {
  const std::string dir = in.Arg("DIR");
  BM_TRY(ceremony::RunOptions options, OptionsOfRun(in, dir, false));
  // Whether it is a rehearsal stands in the script that was begun.
  BM_TRY(std::string text,
         ReadTextFile(fs::path(dir) / "ceremony.toml", ceremony::kMaxScriptBytes));
  ceremony::ParsedScript parsed = ceremony::ParseScript(text);
  BM_TRY(auto room, RoomOf(in, parsed.script && parsed.script->rehearsal));
  BM_TRY(ceremony::RunResult r, ceremony::Resume(std::move(options), *room, SystemClock()));
  return TellRun(in, r, dir);
}

Result<int> CeremonyShow(const Invocation& in) {
  BM_TRY(keystore::PassphraseSource source, SealSource(in));
  BM_TRY(SecretBytes passphrase, app::CeremonyPassphrase(source, false));
  SystemClock clock;
  BM_TRY(auto log, ceremony::SealedLog::Open(in.Arg("DIR"), passphrase, clock));
  std::string rows;
  for (const ceremony::CeremonyState& c : log->state().ceremonies) {
    ceremony::ParsedScript parsed = ceremony::ParseScript(AsText(c.script));
    if (!parsed.script) return Internal("ceremony.entry", "a script of the log does not read");
    if (in.json()) {
      rows += fmt::format(
          R"({}{{"ceremony": "{}", "kind": "{}", "title": {}, "began": "{}", "closed": {}, "exceptions": {}}})",
          rows.empty() ? "" : ", ", c.id, ceremony::ToText(parsed.script->kind),
          JsonString(parsed.script->title), FormatDate(c.began), c.closed.has_value(),
          c.exceptions.size());
    } else if (in.Has("--sealed")) {
      PrintLine(ceremony::SealedTranscript(
          *parsed.script, c, [&](const std::string& who) { return log->NameOf(who); }));
    } else {
      PrintLine(ceremony::OpenTranscript(*parsed.script, c));
    }
  }
  if (in.json()) PrintLine("[" + rows + "]");
  return 0;
}

Result<int> CeremonyVerify(const Invocation& in) {
  BM_TRY(Bytes file, ReadFile(in.Arg("RECORD"), ceremony::kMaxRecordBytes));
  BM_TRY(ceremony::CheckedRecord c, ceremony::CheckRecord(file));
  // Trust in a record is trust in a root that it names.
  bool trusted = false;
  if (in.Has("--anchor")) {
    BM_TRY(std::string pem, ReadTextFile(in.Get("--anchor"), kMaxCertificateText));
    BM_TRY(crypto::Certificate anchor, crypto::Certificate::FromPem(pem));
    for (const crypto::Certificate& cert : c.certificates)
      trusted |= cert.digest() == anchor.digest();
    if (!trusted)
      return Refused("record.anchor", "the record does not speak of that root",
                     "name the root that this ceremony was held for");
  }
  const ceremony::Record& r = c.record;
  if (in.json()) {
    std::string said;
    for (const ledger::SplitStatement& s : c.statements)
      said +=
          fmt::format(R"({}{{"set": {}, "use": "{}", "extra": {}, "continents": {}, "at": "{}"}})",
                      said.empty() ? "" : ", ", JsonString(s.set), s.use, s.extra, s.continents,
                      FormatDate(TimeFromMillis(s.at)));
    PrintLine(fmt::format(
        R"({{"ceremony": "{}", "kind": "{}", "rehearsal": {}, "manufacturer": {}, "script_sha256": "{}", "keys": {}, "signed": {}, "statements": [{}], "anchor": {}}})",
        r.id, ceremony::ToText(r.kind), r.rehearsal, JsonString(r.manufacturer), ToHex(r.script),
        r.keys.size(), r.signed_items.size(), said, trusted));
    return trusted ? 0 : 1;
  }
  if (r.rehearsal) PrintLine(Bold("REHEARSAL"));
  PrintLine(fmt::format("{}  {}  {} to {}  script SHA-256 {}", ceremony::ToText(r.kind),
                        r.manufacturer, FormatDate(TimeFromMillis(r.from)),
                        FormatDate(TimeFromMillis(r.to)), ToHex(r.script)));
  for (const ceremony::RecordKey& k : r.keys)
    PrintLine(fmt::format("key   {:<16} {:<11} {:<10} {}", k.id, k.algorithm,
                          plan::ToText(k.custody), ToHex(k.spki)));
  for (const ceremony::SignedItem& s : r.signed_items)
    PrintLine(fmt::format("{:<11} {:<16} by {}", ceremony::ToText(s.what), s.name, s.key));
  for (const ledger::SplitStatement& s : c.statements)
    PrintLine(fmt::format("attested  {:<16} {:<8} {} spare, {} continents alone ({})", s.set, s.use,
                          s.extra, s.continents, FormatDate(TimeFromMillis(s.at))));
  PrintLine(trusted ? "intact, of the root that was named"
                    : "intact, root not compared: name it with --anchor ROOT.pem");
  return trusted ? 0 : 1;
}

}  // namespace birthmark::cli
