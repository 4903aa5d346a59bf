// SPDX-License-Identifier: Apache-2.0
// Puts commands of the table into a CLI11 parser and runs the one that was typed. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/spec.h"

namespace CLI {
class App;
}

namespace birthmark::cli {

// Parser holds what a CLI::App writes to; it outlives the parsing.
class Parser {
 public:
  Parser();
  ~Parser();
  // Add makes a subcommand of each; the one typed is run and throws CLI::RuntimeError with its exit
  // code out of CLI::App::parse.
  void Add(CLI::App& app, const std::vector<Command>& commands);

 private:
  struct Parsed;
  std::vector<std::unique_ptr<Parsed>> parsed_;
};

}  // namespace birthmark::cli
