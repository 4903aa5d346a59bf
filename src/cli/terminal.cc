// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace birthmark::cli {

bool StdoutIsTerminal() { return isatty(STDOUT_FILENO) != 0; }
bool StderrIsTerminal() { return isatty(STDERR_FILENO) != 0; }

bool ColourWanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return StdoutIsTerminal() && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void PrintLine(std::string_view line) { Print(fmt::format("{}\n", line)); }

void Note(std::string_view line) { fmt::print(stderr, "{}\n", line); }

std::string Bold(std::string_view text) {
  return ColourWanted() ? fmt::format("\033[1m{}\033[0m", text) : std::string(text);
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

void PrintFindings(const Findings& findings, std::string_view file, bool json) {
  if (!json) {
    fmt::print(stderr, "{}", findings.ToString(file));
    return;
  }
  static constexpr const char* kWord[] = {"error", "warning", "note"};
  std::string out = "{\"findings\": [";
  bool first = true;
  for (const Finding& f : findings.all()) {
    out += fmt::format(
        "{}\n  {{\"severity\": \"{}\", \"code\": {}, \"line\": {}, \"message\": {}, \"fix\": {}}}",
        first ? "" : ",", kWord[static_cast<int>(f.severity)], JsonString(f.code), f.line,
        JsonString(f.message), JsonString(f.fix));
    first = false;
  }
  PrintLine(out + "\n]}");
}

}  // namespace birthmark::cli
