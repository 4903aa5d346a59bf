// SPDX-License-Identifier: Apache-2.0
#include "ceremony/transcript.h"

#include <fmt/format.h>

#include "base/markup.h"
#include "crypto/digest.h"

namespace birthmark::ceremony {
namespace {

std::string Head(const Script& s, const CeremonyState& c) {
  return fmt::format(
      "{}TRANSCRIPT OF A CEREMONY\n{}\n\nmanufacturer  {}\nkind          {}\nceremony      {}\n"
      "script        SHA-256 {}\nbegan         {}\n\n",
      s.rehearsal ? "REHEARSAL  REHEARSAL  REHEARSAL\n\n" : "", s.title, s.manufacturer,
      ToText(s.kind), c.id, ToHex(s.digest), FormatDate(c.began));
}

// Steps lists what the script said and whether it was done.
std::string Steps(const Script& s, const CeremonyState& c) {
  std::string out = "STEPS\n";
  int i = 0;
  for (const ScriptStep& t : s.steps) {
    // The last step is being done while this is written.
    const bool done = c.done.contains(t.id) || t.action == Action::kClose;
    out += fmt::format("{:>3}. [{}] {} ({})\n     {}\n", ++i, done ? "x" : " ", t.id,
                       ToText(t.role), t.text);
  }
  return out + "\n";
}

constexpr std::string_view kSignatures =
    "\nSIGNATURES\n\nceremony administrator  ______________________________\n\n"
    "internal witness        ______________________________\n";

}  // namespace

std::string OpenTranscript(const Script& s, const CeremonyState& c) {
  std::string out = Head(s, c) + Steps(s, c) + "WHAT HAPPENED\n";
  for (const auto& line : c.lines) {
    if (line.value.open) out += fmt::format("- {}\n", line.value.text);
  }
  out += "\nEXCEPTIONS\n";
  if (c.exceptions.empty()) out += "none\n";
  for (const auto& e : c.exceptions)
    out += fmt::format("- in {}: sealed, digest {}\n", e.value.step, ToHex(e.value.digest));
  return out + std::string(kSignatures);
}

std::string SealedTranscript(const Script& s, const CeremonyState& c,
                             const std::function<std::string(const std::string&)>& name_of) {
  std::string out = "SEALED COPY: not to be shown outside the room\n\n" + Head(s, c) + Steps(s, c);
  auto person = [&](const std::string& who) {
    std::string name = name_of(who);
    return name.empty() ? who : fmt::format("{} ({})", who, name);
  };
  out += "PEOPLE\n";
  for (const Present& p : c.present) out += fmt::format("- {}: {}\n", p.role, person(p.who));
  if (c.chosen) {
    for (const Seat& seat : c.chosen->seats)
      out +=
          fmt::format("- key executive {}: {}, {}\n", seat.index, person(seat.who), seat.continent);
    out += fmt::format("n = {}, k = {}\n", c.chosen->seats.size(), c.chosen->threshold);
  }
  out += "\nWHAT HAPPENED\n";
  for (const auto& line : c.lines)
    out += fmt::format("{} {}\n", FormatTime(line.at), line.value.text);
  out += "\nEXCEPTIONS\n";
  if (c.exceptions.empty()) out += "none\n";
  for (const auto& e : c.exceptions)
    out += fmt::format("{} in {}: {}\n", FormatTime(e.at), e.value.step, e.value.text);
  return out + std::string(kSignatures);
}

std::string TranscriptPage(const Script& s, const std::string& transcript) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n"
      "<style>body{{margin:2cm;font:11pt/1.4 monospace;color:#111;background:#fff}}"
      "pre{{white-space:pre-wrap}}@page{{margin:2cm}}</style></head>\n"
      "<body><pre>{}</pre></body></html>\n",
      EscapeMarkup(s.title), EscapeMarkup(transcript));
}

}  // namespace birthmark::ceremony
