// SPDX-License-Identifier: Apache-2.0
// birthmark-reader: the reader's commands as one static program that needs no workspace, no network
// and no other file. Thin: what the commands do is disclose/reader_commands.h.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "attest/command.h"
#include "disclose/reader_commands.h"
#include "pki/chain_command.h"
#include "scan/command.h"
#include "seed/derive_command.h"
#include "voucher/verify.h"

namespace {

using birthmark::Error;
using birthmark::Result;
using birthmark::disclose::CommandResult;

constexpr const char* kFooter = R"(Examples:
  birthmark-reader verify bmc.birthmark --anchor disclosure-root.pem
  birthmark-reader show bmc.birthmark
  birthmark-reader compare bmc.birthmark bulb.birthmark --html pair.html
  birthmark-reader recompute acme.evidence bmc.birthmark
  birthmark-reader scan rootfs.squashfs --json
  birthmark-reader seed derive --seed-file seed.hex --algorithm p256

Exit codes: 0 done, 1 a negative result (refused, does not verify, a finding), 2 wrong use,
3 environment (a missing file, no permission), 4 internal. Nothing is coloured, nothing is scored.)";

int Print(const Result<CommandResult>& result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
    return birthmark::ExitCode(result.error().kind);
  }
  std::fwrite(result->out.data(), 1, result->out.size(), stdout);
  if (std::fflush(stdout) != 0) {
    std::fprintf(stderr, "error[reader.output]: standard output cannot be written\n");
    return birthmark::ExitCode(birthmark::ErrorKind::kEnvironment);
  }
  std::fwrite(result->err.data(), 1, result->err.size(), stderr);
  return result->exit;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // a reader of our output may leave at any time
  CLI::App app{"Read, verify and compare disclosures of how devices get their keys and anchors."};
  app.footer(kFooter);
  app.require_subcommand(1);
  std::function<Result<CommandResult>()> run;

  birthmark::disclose::ShowArgs show;
  CLI::App* c = app.add_subcommand("show", "Show a disclosure");
  c->add_option("F", show.file, "the disclosure")->required();
  c->add_flag("--json", show.json, "as JSON");
  c->footer("Example: birthmark-reader show bmc.birthmark");
  c->callback([&] { run = [&] { return birthmark::disclose::RunShow(show); }; });

  birthmark::disclose::VerifyArgs verify;
  c = app.add_subcommand("verify", "Check that a disclosure is intact and whose it is");
  c->add_option("F", verify.file, "the disclosure")->required();
  c->add_option("--anchor", verify.anchor,
                "file with the certificate of the disclosure root you trust");
  c->add_option("--fingerprint", verify.fingerprint,
                "SHA-256 of that certificate, 64 hexadecimal digits");
  std::string image;
  c->add_option("--image", image, "look for the disclosure's anchors in this folder or image");
  c->add_flag("--json", verify.json, "as JSON");
  c->footer("Example: birthmark-reader verify bmc.birthmark --anchor disclosure-root.pem");
  c->callback([&] {
    run = [&] {
      return image.empty() ? birthmark::disclose::RunVerify(verify)
                           : birthmark::scan::RunVerifyImage(verify, {.path = image});
    };
  });

  birthmark::scan::ScanArgs scan;
  bool rules_only = false;
  c = app.add_subcommand("scan", "Find the anchors that are really in a folder, image or archive");
  c->add_option("PATH", scan.path, "a folder, an image, an archive, a kernel, a store")->required();
  c->add_flag("--all", scan.all, "list every item, and certificates that nothing believes");
  c->add_flag("--summary", scan.summary, "only a few lines");
  c->add_option("--against", scan.against,
                "what differs from a former scan's JSON; exit 1 when something does");
  c->add_option("--cyclonedx", scan.cyclonedx, "write a CycloneDX 1.7 bill");
  c->add_option("--rfc5914", scan.rfc5914, "write the anchors as an RFC 5914 list");
  c->add_option("--depth", scan.depth, "open containers inside of each other so deep")
      ->check(CLI::Range(0, 16));
  c->add_flag("--other-file-systems", scan.other_file_systems, "look into what is mounted below");
  c->add_flag("--rules-only", rules_only, "look only where a rule or a form tells");
  c->add_option("--time", scan.at, "compare dates with this time instead of now");
  c->add_flag("--json", scan.json, "as JSON");
  c->footer("Example: birthmark-reader scan rootfs.squashfs");
  c->callback([&] {
    run = [&]() -> Result<CommandResult> {
      scan.search = !rules_only;
      auto scanned = birthmark::scan::RunScan(scan);
      if (!scanned) return std::unexpected(std::move(scanned).error());
      return std::move(scanned->said);
    };
  });

  birthmark::disclose::CompareArgs compare;
  c = app.add_subcommand("compare", "Put up to four disclosures side by side; nothing is scored");
  c->add_option("F", compare.files, "the disclosures, in the order of the columns")->required();
  c->add_option("--html", compare.html, "write a page of pictures that needs no network");
  c->add_flag("--json", compare.json, "as JSON");
  c->footer("Example: birthmark-reader compare bmc.birthmark bulb.birthmark --html pair.html");
  c->callback([&] { run = [&] { return birthmark::disclose::RunCompare(compare); }; });

  birthmark::disclose::RecomputeArgs recompute;
  c = app.add_subcommand("recompute", "Work out every measured answer again from the evidence");
  c->add_option("B", recompute.bundle, "the evidence bundle")->required();
  c->add_option("F", recompute.file, "the disclosure")->required();
  c->add_flag("--json", recompute.json, "as JSON");
  c->footer("Example: birthmark-reader recompute acme.evidence bmc.birthmark");
  c->callback([&] { run = [&] { return birthmark::disclose::RunRecompute(recompute); }; });

  birthmark::attest::VerifyArgs attest;
  CLI::App* attests = app.add_subcommand("attest", "Proof of where a key was made");
  attests->require_subcommand(1);
  c = attests->add_subcommand("verify", "Verify where a key was made, without a TPM");
  c->add_option("FILE", attest.file,
                "an AttestationBundle, a request that carries one, a TCG_CSR_IDEVID, or a folder")
      ->required();
  c->add_option("--anchor", attest.anchors, "files with the makers' root certificates: F,F");
  c->add_option("--nonce", attest.nonce, "the nonce that the evidence must hold, hexadecimal");
  c->add_option("--key", attest.key,
                "the key it must be about: a file of a public key, certificate or request");
  c->add_option("--at", attest.at, "verify as of this time instead of now");
  c->add_flag("--facts-only", attest.facts_only,
              "show what holds, though the key may leave or the attestation key is not bound");
  c->add_flag("--json", attest.json, "as JSON");
  c->footer("Example: birthmark-reader attest verify unit7.csr --anchor maker-root.pem");
  c->callback([&] {
    run = [&]() -> Result<CommandResult> {
      auto text = birthmark::attest::RunVerify(attest);
      if (!text) return std::unexpected(std::move(text).error());
      return CommandResult{0, std::move(*text), ""};
    };
  });

  birthmark::pki::ChainArgs chain;
  CLI::App* chains = app.add_subcommand("chain", "Paths of certificates");
  chains->require_subcommand(1);
  c = chains->add_subcommand("verify", "Judge a certificate as a relying party would; no network");
  c->add_option("CERT", chain.certificate, "the certificate, PEM or DER")->required();
  c->add_option("--anchor", chain.anchors, "who is trusted: files, F,F")->required();
  c->add_option("--untrusted", chain.untrusted, "certificates that may stand between: F,F");
  c->add_option("--crl", chain.crls,
                "CRLs: with any, every certificate's status must be known: F,F");
  c->add_option("--ocsp", chain.ocsp,
                "OCSP responses (DER): with any, the end must have an answer: F,F");
  c->add_option("--time", chain.at, "judge as of this time instead of now");
  c->add_option("--purpose", chain.purpose,
                "any, device, client, server, code-signing, update-signing, disclosure, authority");
  c->add_option("--policy", chain.policies, "policies that are accepted: OID,OID");
  c->add_option("--host", chain.host, "DNS name or address that it must speak for");
  c->add_option("--depth", chain.depth, "certificates between the end and the anchor, at most");
  c->add_flag("--partial", chain.partial, "an anchor may itself be issued by somebody");
  c->add_flag("--json", chain.json, "as JSON");
  c->footer("Example: birthmark-reader chain verify unit.pem --anchor root.pem --crl site.crl");
  c->callback([&] {
    run = [&]() -> Result<CommandResult> {
      auto verdict = birthmark::pki::RunChainVerify(chain);
      if (!verdict) return std::unexpected(std::move(verdict).error());
      return CommandResult{verdict->holds ? 0 : 1, std::move(verdict->text), ""};
    };
  });

  birthmark::voucher::VerifyArgs voucher;
  CLI::App* vouchers = app.add_subcommand("voucher", "Vouchers: whose device it is");
  vouchers->require_subcommand(1);
  c = vouchers->add_subcommand("verify", "Check a voucher under a MASA's anchor; no network");
  c->add_option("FILE", voucher.file, "DER, PEM, base64 or CBOR")->required();
  c->add_option("--anchor", voucher.anchors, "who is trusted: files, F,F")->required();
  c->add_option("--time", voucher.at, "judge as of this time instead of now");
  c->add_option("--serial", voucher.serial, "the serial number it has to be for");
  c->add_option("--nonce", voucher.nonce, "the nonce of the request");
  c->add_flag("--json", voucher.json, "as JSON");
  c->footer("Example: birthmark-reader voucher verify voucher.vcj --anchor masa-root.pem");
  c->callback([&] {
    run = [&]() -> Result<CommandResult> {
      auto verdict = birthmark::voucher::RunVerify(voucher);
      if (!verdict) return std::unexpected(std::move(verdict).error());
      return CommandResult{verdict->holds ? 0 : 1, std::move(verdict->text), ""};
    };
  });

  birthmark::seed::DeriveArgs derive;
  CLI::App* seed = app.add_subcommand("seed", "Seeds of silicon makers");
  seed->require_subcommand(1);
  c = seed->add_subcommand(
      "derive", "Derive the key pair of one seed or CDI and print its public key and id");
  c->add_option("--seed-file", derive.seed_file, "32 to 64 octets, as they are or in hexadecimal")
      ->required();
  c->add_option("--algorithm", derive.algorithm, "ed25519, p256 or p384")->required();
  c->add_flag("--json", derive.json, "as JSON");
  c->footer("Example: birthmark-reader seed derive --seed-file seed.hex --algorithm p256");
  c->callback([&] {
    run = [&]() -> Result<CommandResult> {
      auto text = birthmark::seed::RunDerive(derive);
      if (!text) return std::unexpected(std::move(text).error());
      return CommandResult{0, std::move(*text), ""};
    };
  });

  c = app.add_subcommand("version", "Print the version");
  c->callback([&] {
    run = [] { return CommandResult{0, "birthmark-reader " BIRTHMARK_VERSION "\n", ""}; };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : birthmark::ExitCode(birthmark::ErrorKind::kUsage);
  }
  return Print(run());
}
