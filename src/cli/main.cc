// SPDX-License-Identifier: Apache-2.0
// The program `birthmark`: parses the table of commands with CLI11 and runs one. No rule lives
// here.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/spec.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

struct Parsed {
  const Command* command = nullptr;
  std::map<std::string, std::string> single;  // arguments that take one value
  std::map<std::string, std::vector<std::string>> repeated;
  std::map<std::string, std::string> options;
  std::map<std::string, bool> flags;
};

void Define(CLI::App& sub, const Command& c, Parsed& p) {
  sub.footer(fmt::format("Example:\n  {}", c.example));
  for (const Argument& a : c.arguments) {
    auto* o = a.repeated ? sub.add_option(a.name, p.repeated[a.name], a.help)
                         : sub.add_option(a.name, p.single[a.name], a.help);
    o->required(a.required);
  }
  for (const Option& option : OptionsOf(c)) {
    if (option.value.empty()) {
      sub.add_flag(option.name, p.flags[option.Long()], option.help);
      continue;
    }
    auto* o = sub.add_option(option.name, p.options[option.Long()], option.help);
    o->type_name(option.value)->required(option.required);
    if (!option.choices.empty()) o->check(CLI::IsMember(option.choices));
  }
}

int Run(const Parsed& p) {
  Invocation in;
  in.arguments = p.repeated;
  for (const auto& [name, value] : p.single) {
    if (!value.empty()) in.arguments[name] = {value};
  }
  for (const auto& [name, value] : p.options) {
    if (!value.empty()) in.options[name] = value;
  }
  for (const auto& [name, given] : p.flags) {
    if (given) in.options[name] = "";
  }
  Result<int> code = p.command->run(in);
  if (code) return *code;
  const Error& e = code.error();
  if (in.json()) {
    PrintLine(fmt::format(R"({{"error": {{"code": {}, "message": {}, "fix": {}}}}})",
                          JsonString(e.code), JsonString(e.message), JsonString(e.fix)));
  } else {
    Note(e.ToString());
  }
  return ExitCode(e.kind);
}

int Main(int argc, char** argv) {
  CLI::App app{"Runs the birth of connected devices, and answers for it.", "birthmark"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "birthmark " BIRTHMARK_VERSION);
  app.footer(
      "`birthmark NOUN --help` tells the verbs, `birthmark explain CODE` more about a finding.\n"
      "Exit codes: 0 done, 1 negative result, 2 wrong use, 3 environment, 4 internal.");
  std::map<std::string, CLI::App*> nouns;
  std::vector<std::unique_ptr<Parsed>> parsed;
  for (const Command& c : Commands()) {
    parsed.push_back(std::make_unique<Parsed>());
    Parsed* p = parsed.back().get();
    p->command = &c;
    CLI::App* sub = nullptr;
    if (c.verb.empty()) {
      sub = app.add_subcommand(c.noun, c.summary);
    } else {
      CLI::App*& noun = nouns[c.noun];
      if (noun == nullptr) {
        noun = app.add_subcommand(c.noun, "");
        noun->require_subcommand(1);
      }
      sub = noun->add_subcommand(c.verb, c.summary);
      std::string verbs = noun->get_description();
      noun->description(verbs.empty() ? c.verb : verbs + ", " + c.verb);
    }
    Define(*sub, c, *p);
    sub->callback([p] { throw CLI::RuntimeError(Run(*p)); });
  }
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
