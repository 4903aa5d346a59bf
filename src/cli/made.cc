// SPDX-License-Identifier: Apache-2.0
#include "cli/made.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "cli/spec.h"

namespace birthmark::cli {
namespace {

std::string SynopsisOf(const Command& c) {
  std::string out = c.verb.empty() ? c.noun : c.noun + " " + c.verb;
  for (const Argument& a : c.arguments) {
    std::string word = a.repeated ? a.name + "…" : a.name;
    out += a.required ? " " + word : " [" + word + "]";
  }
  return out;
}

std::string Roff(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out = "\\&" + out;
  return out;
}

std::string Join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// Tree is noun -> verbs; a command without a verb has none.
std::map<std::string, std::vector<const Command*>> Tree() {
  std::map<std::string, std::vector<const Command*>> out;
  for (const Command& c : Commands()) out[c.noun].push_back(&c);
  return out;
}

std::string ShellQuote(std::string_view text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string ManPage() {
  std::string out =
      ".\\\" Made by `birthmark completion man` from the program's own table of commands.\n"
      ".TH BIRTHMARK 1 \"\" \"birthmark " BIRTHMARK_VERSION
      "\" \"User Commands\"\n"
      ".SH NAME\nbirthmark \\- runs the birth of connected devices, and answers for it\n"
      ".SH SYNOPSIS\n.B birthmark\n.I NOUN\n[\\fIVERB\\fR] \\fIWS\\fR [\\fIOBJECT\\fR…]\n.SH "
      "COMMANDS\n";
  for (const Command& c : Commands()) {
    out += fmt::format(".SS {}\n{}.\n", Roff(SynopsisOf(c)), Roff(c.summary));
    for (const Argument& a : c.arguments)
      out += fmt::format(".TP\n.I {}\n{}\n", Roff(a.name), Roff(a.help));
    for (const Option& o : OptionsOf(c)) {
      out += fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", Roff(o.name),
                         o.value.empty() ? "" : " \\fI" + o.value + "\\fR", Roff(o.help));
    }
    out += fmt::format(".PP\nExample:\n.RS\n.nf\n{}\n.fi\n.RE\n", Roff(c.example));
  }
  out +=
      ".SH EXIT STATUS\n0 done; 1 a negative result (refused, does not verify, finding); 2 wrong "
      "use; "
      "3 environment (missing, full, locked, no permission); 4 internal.\n"
      ".SH ENVIRONMENT\n.TP\n.B BIRTHMARK_PASSPHRASE_FILE\nPath of the file with the passphrase of "
      "the online keys, "
      "used where no option names one.\n.TP\n.B BIRTHMARK_OFFLINE_PASSPHRASE_FILE\nThe same for "
      "the offline keys.\n"
      ".TP\n.B NO_COLOR\nNo colour.\n";
  return out;
}

std::string BashCompletion() {
  std::string out =
      "# bash completion for birthmark; made from the program's own table of commands\n"
      "_birthmark() {\n  local cur=${COMP_WORDS[COMP_CWORD]} noun=${COMP_WORDS[1]} "
      "verb=${COMP_WORDS[2]}\n"
      "  COMPREPLY=()\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  std::vector<std::string> nouns;
  for (const auto& [noun, _] : Tree()) nouns.push_back(noun);
  out += fmt::format(
      "    COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n    return\n  fi\n  case \"$noun\" in\n",
      Join(nouns));
  for (const auto& [noun, commands] : Tree()) {
    out += fmt::format("    {})\n", noun);
    if (!commands.front()->verb.empty()) {
      std::vector<std::string> verbs;
      for (const Command* c : commands) verbs.push_back(c->verb);
      out += fmt::format(
          "      if [ \"$COMP_CWORD\" -eq 2 ]; then COMPREPLY=($(compgen -W '{}' -- \"$cur\")); "
          "return; fi\n"
          "      case \"$verb\" in\n",
          Join(verbs));
    }
    for (const Command* c : commands) {
      std::vector<std::string> words;
      for (const Option& o : OptionsOf(*c)) words.push_back(o.Long());
      std::string reply = fmt::format(
          "case \"$cur\" in -*) COMPREPLY=($(compgen -W '{}' -- \"$cur\"));; *) "
          "COMPREPLY=($(compgen -f -- \"$cur\"));; esac",
          Join(words));
      out += c->verb.empty() ? fmt::format("      {}\n", reply)
                             : fmt::format("        {}) {};;\n", c->verb, reply);
    }
    if (!commands.front()->verb.empty()) out += "      esac\n";
    out += "      ;;\n";
  }
  return out + "  esac\n}\ncomplete -o filenames -F _birthmark birthmark\n";
}

std::string ZshCompletion() {
  std::string out =
      "#compdef birthmark\n# made from the program's own table of commands\n_birthmark() {\n"
      "  if (( CURRENT == 2 )); then\n    local -a nouns=(\n";
  for (const auto& [noun, commands] : Tree()) {
    std::string what =
        commands.front()->verb.empty() ? commands.front()->summary : noun + " commands";
    out += fmt::format("      {}\n", ShellQuote(noun + ":" + what));
  }
  out += "    )\n    _describe noun nouns\n    return\n  fi\n  case $words[2] in\n";
  for (const auto& [noun, commands] : Tree()) {
    out += fmt::format("    {})\n", noun);
    if (!commands.front()->verb.empty()) {
      out += "      if (( CURRENT == 3 )); then\n        local -a verbs=(\n";
      for (const Command* c : commands)
        out += fmt::format("          {}\n", ShellQuote(c->verb + ":" + c->summary));
      out +=
          "        )\n        _describe verb verbs\n        return\n      fi\n      case $words[3] "
          "in\n";
    }
    for (const Command* c : commands) {
      std::string args;
      for (const Option& o : OptionsOf(*c)) {
        std::string help;
        for (char ch : o.help) {
          if (ch == '[' || ch == ']' || ch == ':') help += '\\';
          help += ch;
        }
        args += " " + ShellQuote(fmt::format("{}[{}]{}", o.Long(), help,
                                             o.value.empty() ? "" : ":" + o.value + ":_files"));
      }
      std::string line = fmt::format("_arguments{} '*:file:_files'", args);
      out += c->verb.empty() ? fmt::format("      {}\n", line)
                             : fmt::format("        {}) {} ;;\n", c->verb, line);
    }
    if (!commands.front()->verb.empty()) out += "      esac\n";
    out += "      ;;\n";
  }
  return out + "  esac\n}\ncompdef _birthmark birthmark\n";
}

std::string FishCompletion() {
  std::string out =
      "# fish completion for birthmark; made from the program's own table of commands\n";
  for (const auto& [noun, commands] : Tree()) {
    std::string what =
        commands.front()->verb.empty() ? commands.front()->summary : noun + " commands";
    out += fmt::format("complete -c birthmark -n __fish_use_subcommand -a {} -d {}\n", noun,
                       ShellQuote(what));
    std::vector<std::string> verbs;
    for (const Command* c : commands) {
      if (!c->verb.empty()) verbs.push_back(c->verb);
    }
    for (const Command* c : commands) {
      std::string when = fmt::format("__fish_seen_subcommand_from {}", noun);
      if (!c->verb.empty()) {
        out += fmt::format(
            "complete -c birthmark -n '{}; and not __fish_seen_subcommand_from {}' -a {} -d {}\n",
            when, Join(verbs), c->verb, ShellQuote(c->summary));
        when += fmt::format("; and __fish_seen_subcommand_from {}", c->verb);
      }
      for (const Option& o : OptionsOf(*c)) {
        out += fmt::format("complete -c birthmark -n '{}' -l {} -d {}{}\n", when,
                           o.Long().substr(2), ShellQuote(o.help), o.value.empty() ? "" : " -r");
      }
    }
  }
  return out;
}

}  // namespace birthmark::cli
