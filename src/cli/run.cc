// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "cli/terminal.h"

namespace birthmark::cli {

struct Parser::Parsed {
  const Command* command = nullptr;
  std::map<std::string, std::string> single;  // arguments that take one value
  std::map<std::string, std::vector<std::string>> repeated;
  std::map<std::string, std::string> options;
  std::map<std::string, bool> flags;
};

namespace {

template <class P>
void Define(CLI::App& sub, const Command& c, P& p) {
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

template <class P>
int RunTyped(const P& p) {
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

}  // namespace

Parser::Parser() = default;
Parser::~Parser() = default;

void Parser::Add(CLI::App& app, const std::vector<Command>& commands) {
  std::map<std::string, CLI::App*> nouns;
  for (const Command& c : commands) {
    parsed_.push_back(std::make_unique<Parsed>());
    Parsed* p = parsed_.back().get();
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
    sub->callback([p] { throw CLI::RuntimeError(RunTyped(*p)); });
  }
}

}  // namespace birthmark::cli
