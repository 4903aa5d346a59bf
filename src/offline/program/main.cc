// SPDX-License-Identifier: Apache-2.0
// birthmark-offline: the offline side's commands as one static program that needs no workspace, no
// network and no other file. Its keys are sealed files: a static program loads no module and no
// TPM's library; where they are, the ordinary program does the same. Thin: what the commands do is
// offline/side.h.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "cli/command_groups.h"
#include "cli/handlers_share_rounds.h"
#include "cli/run.h"
#include "crypto/pem.h"
#include "keystore/passphrase.h"
#include "keystore/software/software_store.h"
#include "offline/side.h"
#include "pki/crl_request.h"

namespace {

using birthmark::Error;
using birthmark::Result;
namespace offline = birthmark::offline;
namespace keystore = birthmark::keystore;
namespace fs = std::filesystem;

constexpr const char* kFooter = R"(Examples:
  birthmark-offline request show identity-2.2.request
  birthmark-offline request sign identity-2.2.request --offline acme.offline
  birthmark-offline request list --offline acme.offline
  birthmark-offline share join mine --in carried -o carry

Exit codes: 0 done, 1 a negative result (refused, does not verify), 2 wrong use, 3 environment (a
missing file, no permission), 4 internal.)";

struct SignArgs {
  std::string file, side, ca, output, passphrase_file;
  int passphrase_fd = -1;
  bool dry_run = false;
};

// ShowOrNewer names a request that a newer program wrote as that, and not as a broken file.
Result<offline::Shown> ShowOrNewer(const std::string& file, const std::string& text) {
  constexpr size_t kMaxBlocks = 64;
  constexpr std::string_view kKnown[] = {"BIRTHMARK REQUEST", "BIRTHMARK CRL REQUEST",
                                         "BIRTHMARK ARTIFACT REQUEST",
                                         "BIRTHMARK REQUEST SIGNATURE"};
  auto shown = offline::Show(text);
  if (shown) return shown;
  const auto blocks = birthmark::crypto::ReadPem(text, kMaxBlocks);
  if (!blocks) return shown;
  for (const auto& b : *blocks) {
    const bool known = std::ranges::find(kKnown, b.label) != std::end(kKnown);
    if (known || !b.label.starts_with("BIRTHMARK ") || b.label.ends_with("RESPONSE")) continue;
    return birthmark::Refused(
        "offline.newer",
        file +
            " holds a block that birthmark-offline " BIRTHMARK_VERSION " does not know: " + b.label,
        "a newer birthmark asked for it: bring the birthmark-offline of its version to this side");
  }
  return shown;
}

Result<std::string> RunShow(const std::string& file, bool json) {
  BM_TRY(std::string text, birthmark::ReadTextFile(file, birthmark::pki::kMaxCrlRequestBytes));
  BM_TRY(offline::Shown shown, ShowOrNewer(file, text));
  return json ? shown.json + "\n" : shown.text;
}

Result<std::string> RunSign(const SignArgs& a) {
  BM_TRY(std::string text, birthmark::ReadTextFile(a.file, birthmark::pki::kMaxCrlRequestBytes));
  BM_TRY(offline::Shown shown, ShowOrNewer(a.file, text));
  keystore::PassphraseSource source;
  if (!a.passphrase_file.empty()) source.file = a.passphrase_file;
  if (a.passphrase_fd >= 0) source.fd = a.passphrase_fd;
  source.variable = "BIRTHMARK_OFFLINE_PASSPHRASE_FILE";
  source.prompt = "Passphrase of the offline keys: ";
  std::unique_ptr<keystore::SoftwareKeyStore> keys;
  birthmark::SystemClock clock;
  BM_TRY(offline::Answered r,
         offline::Answer(
             {.side = a.side,
              .ca = a.ca,
              .name = fs::path(a.file).stem().string(),
              .dry_run = a.dry_run},
             text,
             [&](const std::string& id) -> Result<std::unique_ptr<birthmark::crypto::Signer>> {
               BM_TRY(birthmark::SecretBytes passphrase, keystore::ReadPassphrase(source));
               BM_TRY(keys,
                      keystore::SoftwareKeyStore::Unlock(fs::path(a.side) / "keys", passphrase));
               auto key = keys->Open(id);
               if (!key && key.error().code == "keystore.missing") {
                 return birthmark::Refused(
                     "offline.not-software", "the key of " + id + " is in no file of this side",
                     "a key in a module or a TPM signs with the ordinary program: birthmark "
                     "request sign FILE --offline DIR");
               }
               return key;
             },
             clock));
  if (a.dry_run) return shown.text + r.authority + " would sign it\n";
  if (!a.output.empty()) BM_CHECK(birthmark::WriteFileAtomic(a.output, r.response));
  return shown.text + "signed by   " + r.authority +
         (r.before ? " before: the same response again\n" : "\n") + "response    " +
         (a.output.empty() ? r.file.string() : a.output) + "\n";
}

Result<std::string> RunList(const std::string& side) {
  if (!fs::is_directory(side)) {
    return birthmark::Environment("offline.none", side + ": is no folder",
                                  "name the folder WS.offline");
  }
  BM_TRY(offline::Journal journal, offline::Journal::Open(side));
  std::string out;
  for (const offline::JournalEntry& e : journal.entries()) {
    out += birthmark::FormatTime(e.at) + "  " + e.authority + "  " + e.kind +
           (e.number > 0 ? " to number " + std::to_string(e.number) : "") + "  " +
           birthmark::ToHex(e.request) + "\n";
  }
  return out;
}

int Print(const Result<std::string>& result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
    return birthmark::ExitCode(result.error().kind);
  }
  std::fwrite(result->data(), 1, result->size(), stdout);
  if (std::fflush(stdout) != 0) {
    std::fprintf(stderr, "error[offline.output]: standard output cannot be written\n");
    return birthmark::ExitCode(birthmark::ErrorKind::kEnvironment);
  }
  return 0;
}

// Shares are the commands of a holder that need neither a workspace nor a module.
std::vector<birthmark::cli::Command> Shares() {
  std::vector<birthmark::cli::Command> all = birthmark::cli::ShareCommands();
  for (auto& c : all) {
    // The examples name the program that this is.
    c.example.replace(0, c.example.find(' '), "birthmark-offline");
  }
  return all;
}

}  // namespace

// Cards are behind modules, and a static program loads none: share.card says so.
birthmark::app::ReadCard birthmark::cli::CardsFor(const Invocation&) { return {}; }

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // a reader of our output may leave at any time
  CLI::App app{
      "The offline side of a manufacturer's PKI: look at what was carried here and sign it; and "
      "what "
      "a holder of a share does."};
  app.footer(kFooter);
  app.require_subcommand(1);
  std::function<Result<std::string>()> run;

  CLI::App* request = app.add_subcommand("request", "What is carried to this side");
  request->require_subcommand(1);

  std::string file;
  bool json = false;
  CLI::App* c = request->add_subcommand("show", "Say what a request asks for, checked by itself");
  c->add_option("FILE", file, "a request for a certificate or for revocation lists")->required();
  c->add_flag("--json", json, "as JSON");
  c->footer("Example: birthmark-offline request show identity-2.2.request");
  c->callback([&] { run = [&] { return RunShow(file, json); }; });

  SignArgs sign;
  c = request->add_subcommand("sign", "Sign a request with the folder of this side alone");
  c->add_option("FILE", sign.file, "the request")->required();
  c->add_option("--offline", sign.side, "the folder WS.offline")->required();
  c->add_option("--ca", sign.ca, "which authority signs, where several could");
  c->add_option("-o,--output", sign.output, "where the response goes (default: DIR/out)");
  c->add_option("--offline-passphrase-file", sign.passphrase_file,
                "file with the passphrase of the offline keys");
  c->add_option("--offline-passphrase-fd", sign.passphrase_fd,
                "descriptor to read that passphrase from");
  c->add_flag("--dry-run", sign.dry_run, "say what would be done, change nothing");
  c->footer("Example: birthmark-offline request sign identity-2.2.request --offline acme.offline");
  c->callback([&] { run = [&] { return RunSign(sign); }; });

  std::string side;
  c = request->add_subcommand("list", "List what this side has signed, from its own journal");
  c->add_option("--offline", side, "the folder WS.offline")->required();
  c->footer("Example: birthmark-offline request list --offline acme.offline");
  c->callback([&] { run = [&] { return RunList(side); }; });

  const std::vector<birthmark::cli::Command> shares = Shares();
  birthmark::cli::Parser parser;
  parser.Add(app, shares);

  c = app.add_subcommand("version", "Print the version");
  c->callback([&] {
    run = []() -> Result<std::string> { return "birthmark-offline " BIRTHMARK_VERSION "\n"; };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : birthmark::ExitCode(birthmark::ErrorKind::kUsage);
  }
  return Print(run());
}
