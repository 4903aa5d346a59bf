// SPDX-License-Identifier: Apache-2.0
// custody status and note: upkeep of shares between ceremonies, on the offline machine.
#include <fmt/format.h>

#include "app/ceremonies.h"
#include "ceremony/upkeep.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

Result<std::unique_ptr<ceremony::SealedLog>> OpenCustody(const Invocation& in, const Clock& clock) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(SecretBytes passphrase, app::CeremonyPassphrase(keys.online, false));
  return ceremony::SealedLog::Open(in.Arg("DIR"), passphrase, clock);
}

}  // namespace

Result<int> CustodyStatus(const Invocation& in) {
  BM_TRY(uint64_t days, in.Number("--days", 100, 1, 36'500));
  SystemClock clock;
  BM_TRY(auto log, OpenCustody(in, clock));
  const Time now = clock.Now();
  ceremony::CustodyReport r =
      ceremony::ReportCustody(*log, now, std::chrono::days(static_cast<int64_t>(days)));
  Table table({"key", "holder", "continent", "proven", "age days", "how", "last note"});
  for (const ceremony::HolderStatus& h : r.holders) {
    const auto age = h.proven ? std::chrono::floor<std::chrono::days>(now - *h.proven).count() : 0;
    std::string who = h.who;
    if (in.Has("--names")) {
      if (std::string name = log->NameOf(h.who); !name.empty()) who += " " + name;
    }
    table.Add({h.key, who, h.continent, h.proven ? FormatDate(*h.proven) : "never",
               h.proven ? std::to_string(age) : "-", h.how, h.last_note});
  }
  Print(table.Text(in.json()));
  if (!in.json() || r.findings.HasErrors()) {
    for (const Finding& f : r.findings.all())
      Note(fmt::format("{}[{}]: {}\n  fix: {}",
                       f.severity == Severity::kError ? "ALARM" : "warning", f.code, f.message,
                       f.fix));
  }
  return r.findings.HasErrors() ? 1 : 0;
}

Result<int> CustodyNote(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto log, OpenCustody(in, clock));
  if (in.dry_run()) {
    PrintLine("would note it (dry run)");
    return 0;
  }
  std::string seal = in.Get("--seal");
  BM_TRY(ceremony::NotedSeal noted,
         ceremony::NoteHolder(*log, in.Get("--holder"), in.Get("--event"), seal, in.Get("--text")));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"event": {}, "broken": {}}})", JsonString(in.Get("--event")),
                          noted.broken));
  } else {
    PrintLine(noted.broken ? "noted: the seal is NOT the one that was put on" : "noted");
  }
  return noted.broken ? 1 : 0;
}

Result<int> CustodyForget(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto log, OpenCustody(in, clock));
  const std::string who = in.Get("--holder");
  if (log->NameOf(who).empty())
    return Refused("custody.holder", fmt::format("no name is kept for {}", who),
                   "birthmark custody status DIR --names lists them");
  if (!in.dry_run()) BM_CHECK(log->EraseName(who));
  PrintLine(in.json() ? fmt::format(R"({{"forgot": "{}"}})", who)
                      : fmt::format("forgot the name of {}", who));
  return 0;
}

}  // namespace birthmark::cli
