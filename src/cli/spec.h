// SPDX-License-Identifier: Apache-2.0
// The command line as data: the parser, --help, the man page and the completions all come from the
// one table of commands (cli/commands_*.cc). A command's function gets an Invocation and says its
// exit code.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace birthmark::cli {

// Option is a flag (no value word) or an option with one.
struct Option {
  std::string name;   // "--units", or "-o,--output" where there is a short form
  std::string value;  // "N", or empty for a flag
  std::string help;
  bool required = false;
  std::vector<std::string> choices;  // for completion and checking; empty: anything
  // Long is the long form, by which an Invocation knows it.
  std::string Long() const { return name.substr(name.find("--")); }
};

// Argument is positional. A repeated one takes all the rest.
struct Argument {
  std::string name;  // "WS"
  std::string help;
  bool required = true;
  bool repeated = false;
  bool is_file = true;  // completes as a path
};

class Invocation {
 public:
  std::map<std::string, std::vector<std::string>> arguments;  // by Argument::name
  std::map<std::string, std::string> options;  // by Option::Long(), "" for a given flag

  bool Has(const std::string& option) const { return options.contains(option); }
  std::string Get(const std::string& option, std::string fallback = "") const {
    auto it = options.find(option);
    return it == options.end() ? std::move(fallback) : it->second;
  }
  // Arg is the first value of a positional, or empty.
  std::string Arg(const std::string& name) const {
    auto it = arguments.find(name);
    return it == arguments.end() || it->second.empty() ? "" : it->second.front();
  }
  std::vector<std::string> All(const std::string& name) const {
    auto it = arguments.find(name);
    return it == arguments.end() ? std::vector<std::string>{} : it->second;
  }
  bool json() const { return Has("--json"); }
  bool dry_run() const { return Has("--dry-run"); }
  // Number reads a whole number in [low, high]. Errors: cli.number (usage).
  Result<uint64_t> Number(const std::string& option, uint64_t fallback, uint64_t low,
                          uint64_t high) const;
};

using Handler = Result<int> (*)(const Invocation&);

// Traits say which of the options that many commands share a command takes.
enum Trait : unsigned {
  kPlain = 0,
  kChanges = 1,     // --dry-run
  kNeedsKey = 2,    // --passphrase-file, --passphrase-fd
  kOfflineKey = 4,  // --offline-passphrase-file, --offline-passphrase-fd
  kActs = 8,        // --as
  kReader = 16,     // also in birthmark-reader
};

struct Command {
  std::string noun;
  std::string verb;     // empty: the noun is the command
  std::string summary;  // one line
  std::string example;  // a command line that works
  unsigned traits = kPlain;
  std::vector<Argument> arguments;
  std::vector<Option> options;
  Handler run = nullptr;
};

// Commands is the whole table, in the order of the help.
const std::vector<Command>& Commands();
// OptionsOf is a command's own options and those its traits bring, --json first.
std::vector<Option> OptionsOf(const Command& c);

}  // namespace birthmark::cli
