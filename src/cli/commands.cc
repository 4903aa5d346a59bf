// SPDX-License-Identifier: Apache-2.0
// The table of commands.
#include "cli/handlers.h"
#include "cli/spec.h"

namespace birthmark::cli {
namespace {

const Argument kWorkspace{"WS", "the workspace's folder"};
const Argument kWorkspaceOrBundle{"WS|B", "a workspace's folder, or an evidence bundle"};
const Option kProduct{"--product", "ID", "which product, where the workspace has several"};
const Option kRevision{"--revision", "R", "names of this revision of the taxonomy", false, {"02", "15"}};

std::vector<Command> MakeCommands() {
  return {
      {"init", "", "Make a workspace: keys, authorities, a log, from a plan",
       "birthmark init acme --plan bmc.toml", kChanges | kNeedsKey | kOfflineKey, {{"WS", "folder to make"}},
       {{"--plan", "P", "the reviewed plan", true},
        {"--production", "", "a production workspace (the default is a rehearsal, for ever)"},
        {"--root-cert", "F", "start from a root you already have: it signs a request for level 2"}},
       Init},
      {"status", "", "Say what needs attention; exit 1 on any alarm (for cron)", "birthmark status acme", kPlain,
       {kWorkspace}, {}, StatusOf},
      {"plan", "new", "Write a plan to start from", "birthmark plan new --like bmc -o bmc.toml", kPlain, {},
       {{"--like", "EXAMPLE", "which example (bmc, bulb)", false, {"bmc", "bulb"}},
        {"-o,--output", "F", "file to write", true}},
       PlanNew},
      {"plan", "check", "Find everything wrong with a plan", "birthmark plan check bmc.toml", kPlain,
       {{"F", "the plan"}}, {}, PlanCheck},
      {"plan", "show", "Show a plan as it is understood", "birthmark plan show bmc.toml", kPlain, {{"F", "the plan"}},
       {}, PlanShow},
      {"plan", "diff", "Show what differs between two plans", "birthmark plan diff old.toml new.toml", kPlain,
       {{"F", "the older plan"}, {"G", "the newer plan"}}, {}, PlanDiff},
      {"plan", "adopt", "Make a changed plan the one in force", "birthmark plan adopt acme bmc.toml",
       kChanges | kNeedsKey | kActs, {kWorkspace, {"F", "the changed plan"}}, {}, PlanAdopt},
      {"product", "list", "List the products", "birthmark product list acme", kPlain, {kWorkspaceOrBundle}, {},
       ProductList},
      {"product", "show", "Show a product and its plan's versions", "birthmark product show acme ridgeback-s1", kPlain,
       {kWorkspaceOrBundle, {"PRODUCT", "its id", false, false, false}}, {}, ProductShow},
      {"ca", "list", "List the certification authorities by level", "birthmark ca list acme", kPlain,
       {kWorkspaceOrBundle}, {}, CaList},
      {"ca", "show", "Show an authority: certificate, limits, use", "birthmark ca show acme identity-2.1", kPlain,
       {kWorkspaceOrBundle, {"CA", "its id", true, false, false}}, {}, CaShow},
      {"request", "import", "Accept an external root's response and go on making the PKI",
       "birthmark request import acme response.pem", kChanges | kNeedsKey | kOfflineKey | kActs,
       {kWorkspace, {"F", "the response: ours, or certificates in PEM"}}, {}, RequestImport},
      {"cert", "list", "List certificates issued", "birthmark cert list acme --unit BMC-0001", kPlain,
       {kWorkspaceOrBundle},
       {kProduct,
        {"--unit", "UNIT", "of this unit"},
        {"--ca", "CA", "of this authority"},
        {"--limit", "N", "at most so many (default 100)"}},
       CertList},
      {"cert", "show", "Show a certificate, with the profile linter's findings", "birthmark cert show acme BMC-0001",
       kPlain, {kWorkspaceOrBundle, {"CERT", "serial number, unit or file", true, false, true}},
       {{"--pem", "", "print the certificate in PEM"}}, CertShow},
      {"credential", "issue", "Give a person or a station a credential of their own",
       "birthmark credential issue acme --role operator", kChanges | kNeedsKey | kActs, {kWorkspace},
       {{"--role", "ROLE", "what they do", true, {"operator", "maintainer", "release", "administrator"}}},
       CredentialIssue},
      {"credential", "list", "List credentials by pseudonym", "birthmark credential list acme", kPlain,
       {kWorkspaceOrBundle}, {}, CredentialList},
      {"line", "run", "Provision units through the plan's steps", "birthmark line run acme --units 20",
       kNeedsKey | kActs, {kWorkspace},
       {kProduct, {"--units", "N", "how many units (unfinished ones first)", true}}, LineRun},
      {"unit", "list", "List units and their state", "birthmark unit list acme", kPlain, {kWorkspaceOrBundle},
       {kProduct,
        {"--state", "STATE", "only in this state"},
        {"--limit", "N", "at most so many (default 100)"}},
       UnitList},
      {"unit", "show", "Show everything known of a unit", "birthmark unit show acme BMC-0001", kPlain,
       {kWorkspaceOrBundle, {"UNIT", "serial number", true, false, false}}, {}, UnitShow},
      {"key", "list", "List the keys the manufacturer keeps", "birthmark key list acme", kPlain, {kWorkspaceOrBundle},
       {}, KeyList},
      {"key", "show", "Show a key's facts", "birthmark key show acme identity-1.1", kPlain,
       {kWorkspaceOrBundle, {"KEY", "its id", true, false, false}}, {}, KeyShow},
      {"ledger", "verify", "Recompute the whole log; find anything changed, dropped or reordered",
       "birthmark ledger verify acme --since kept.checkpoint", kPlain, {kWorkspaceOrBundle},
       {{"--since", "CHECKPOINT", "file of a checkpoint kept elsewhere: finds rollback and forks"}}, LedgerVerify},
      {"ledger", "prove", "Prove that an event is in the log", "birthmark ledger prove acme --seq 12", kPlain,
       {kWorkspaceOrBundle}, {{"--seq", "N", "which event, counted from 0", true}}, LedgerProve},
      {"ledger", "bundle", "Write the evidence as one file for auditors", "birthmark ledger bundle acme -o acme.evidence",
       kNeedsKey, {kWorkspace}, {{"-o,--output", "F", "file to write", true}}, LedgerBundle},
      {"ledger", "rebuild", "Drop the registry and derive it again from the log", "birthmark ledger rebuild acme",
       kChanges, {kWorkspace}, {}, LedgerRebuild},
      {"ledger", "checkpoint", "Sign where the log stands; keep the result elsewhere",
       "birthmark ledger checkpoint acme -o kept.checkpoint", kNeedsKey, {kWorkspace},
       {{"-o,--output", "F", "file to write (default: standard output)"}}, LedgerCheckpoint},
      {"answer", "", "Answer the draft's questions from the ledger", "birthmark answer acme", kPlain,
       {kWorkspaceOrBundle, {"QUESTION", "one question; without it all", false, false, false}}, {kProduct, kRevision},
       AnswerAll},
      {"disclose", "", "Run the leak guard, sign the answers, write the disclosure",
       "birthmark disclose acme -o bmc.birthmark", kChanges | kNeedsKey | kActs, {kWorkspace},
       {kProduct, {"-o,--output", "F", "file to write", true}}, Disclose},
      {"show", "", "Show a disclosure", "birthmark show bmc.birthmark", kReader, {{"F", "the disclosure"}}, {}, Show},
      {"verify", "", "Check that a disclosure is intact and whose it is",
       "birthmark verify bmc.birthmark --fingerprint 51c07be2…", kReader, {{"F", "the disclosure"}},
       {{"--anchor", "C", "certificate of the disclosure root you trust (PEM)"},
        {"--fingerprint", "H", "SHA-256 of that certificate, 64 hexadecimal digits"}},
       Verify},
      {"compare", "", "Put disclosures side by side; nothing is scored",
       "birthmark compare bmc.birthmark bulb.birthmark --html pair.html", kReader,
       {{"F", "the disclosures, in the order of the columns", true, true}},
       {{"--html", "O", "write a page of pictures that needs no network"}}, Compare},
      {"recompute", "", "Work out every measured answer again from the evidence",
       "birthmark recompute acme.evidence bmc.birthmark", kReader,
       {{"B", "the evidence bundle"}, {"F", "the disclosure"}}, {}, Recompute},
      {"vocab", "", "Print the vocabulary", "birthmark vocab --revision 15", kPlain, {}, {kRevision,
       {"--markdown", "", "as docs/vocabulary.md"}, {"--schema", "", "the JSON schema of `answer --json`"}}, Vocab},
      {"explain", "", "Tell more about a question, a word or a finding's code", "birthmark explain first-stage-exposure",
       kPlain, {{"WORD", "question, term or code", true, false, false}}, {}, Explain},
      {"completion", "", "Print a shell's completions, or the man page", "birthmark completion bash", kPlain,
       {{"SHELL", "bash, zsh, fish or man", true, false, false}}, {}, Completion},
      {"version", "", "Print the version", "birthmark version", kPlain, {}, {}, Version},
  };
}

}  // namespace

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = MakeCommands();
  return commands;
}

}  // namespace birthmark::cli
