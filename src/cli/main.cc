// SPDX-License-Identifier: Apache-2.0
// The program `birthmark`: parses the table of commands with CLI11 and runs one. No rule lives
// here.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/run.h"

namespace birthmark::cli {
namespace {

int Main(int argc, char** argv) {
  CLI::App app{"Runs the birth of connected devices, and answers for it.", "birthmark"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "birthmark " BIRTHMARK_VERSION);
  app.footer(
      "`birthmark NOUN --help` tells the verbs, `birthmark explain CODE` more about a finding.\n"
      "Exit codes: 0 done, 1 negative result, 2 wrong use, 3 environment, 4 internal.");
  Parser parser;
  parser.Add(app, Commands());
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    // Help and version are done with 0; anything else is wrong use.
    return app.exit(e) == 0 ? 0 : 2;
  }
  return 2;
}

}  // namespace
}  // namespace birthmark::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  try {
    return birthmark::cli::Main(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr,
               "error[internal]: {}\n  fix: this is a fault of birthmark; please report it\n",
               e.what());
    return 4;
  }
}
