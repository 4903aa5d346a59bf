// SPDX-License-Identifier: Apache-2.0
// crl, ca rotate, and what `request import` brings for them.
#include <fmt/format.h>

#include "app/crls.h"
#include "app/responder.h"
#include "app/rotate.h"
#include "base/mapped_file.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "crypto/pem.h"
#include "pki/crl_request.h"
#include "pki/request.h"

namespace birthmark::cli {
namespace {

constexpr uint64_t kMostShown = 1000;
constexpr size_t kMaxPemCrl = size_t{64} << 20;

std::string MomentOf(int64_t ms) { return FormatTime(TimeFromMillis(ms)).substr(0, 19) + "Z"; }

void PrintBuilt(const Invocation& in, const std::vector<app::BuiltCrl>& lists) {
  Table table({"ca", "what", "number", "entries", "from", "until", "file"});
  for (const app::BuiltCrl& b : lists) {
    table.Add({b.ca, b.what, b.number != 0 ? std::to_string(b.number) : "", std::to_string(b.count),
               b.this_update != 0 ? MomentOf(b.this_update) : "",
               b.next_update != 0 ? MomentOf(b.next_update) : "", b.file.string()});
  }
  Print(table.Text(in.json()));
  if (in.json()) return;
  if (in.dry_run()) PrintLine("nothing was signed (dry run)");
  for (const app::BuiltCrl& b : lists) {
    if (b.what == "requested" && !in.dry_run()) {
      PrintLine(
          fmt::format("carry {} to the offline keys, and its answer back: birthmark request "
                      "import {} F",
                      b.file.string(), in.Arg("WS")));
    }
  }
}

void PrintRotated(const Invocation& in, const std::vector<app::RotatedRow>& rows) {
  Table table({"ca", "name", "state", "request"});
  for (const app::RotatedRow& r : rows)
    table.Add({r.id, r.name, r.state, r.state == "requested" ? r.file.string() : ""});
  Print(table.Text(in.json()));
  if (in.json()) return;
  if (in.dry_run()) PrintLine("nothing was made (dry run)");
  if (rows.empty()) PrintLine("enough authorities wait for their turn");
  for (const app::RotatedRow& r : rows) {
    if (r.state == "compromised")
      PrintLine(fmt::format("next: the level above tells the world: birthmark crl build {}",
                            in.Arg("WS")));
  }
}

// FileOf maps a list in DER; one in PEM is decoded.
struct ListFile {
  std::shared_ptr<const MappedFile> mapped;
  Bytes decoded;
  ByteView der() const { return decoded.empty() ? mapped->view() : ByteView(decoded); }
};
Result<ListFile> FileOf(const fs::path& path) {
  ListFile out;
  BM_TRY(out.mapped, MappedFile::Open(path, pki::kMaxCrlBytes));
  const ByteView view = out.mapped->view();
  if (view.empty() || view[0] == 0x30) return out;
  if (view.size() > kMaxPemCrl) {
    return Refused("file.too-large", path.string() + ": a list in PEM of more than 64 MiB",
                   "show it in DER");
  }
  BM_TRY(out.decoded, crypto::ReadOnePem(AsText(view), "X509 CRL"));
  return out;
}

Result<int> ShowFile(const Invocation& in, const fs::path& path) {
  BM_TRY(ListFile file, FileOf(path));
  std::vector<std::string> entries;
  BM_TRY(pki::Crl list, pki::ReadCrl(file.der(), [&](const pki::CrlEntry& e) -> Status {
           if (entries.size() < kMostShown) {
             entries.push_back(fmt::format("{}  {}  {}", ToHex(e.serial), MomentOf(Millis(e.at)),
                                           pki::ToText(e.reason)));
           }
           return {};
         }));
  Fields f;
  f.Add("issuer", list.issuer.ToText());
  f.Add("signer key id", ToHex(list.key_id));
  f.Add("number", list.number ? std::to_string(*list.number) : "");
  f.Add("from", MomentOf(Millis(list.this_update)));
  if (list.next_update) f.Add("until", MomentOf(Millis(*list.next_update)));
  if (!list.distribution_point.empty()) f.Add("distribution point", list.distribution_point);
  f.Add("entries", std::to_string(list.count));
  for (std::string& e : entries) f.Add("revoked", std::move(e));
  Print(f.Text(in.json()));
  if (list.count > entries.size() && !in.json())
    Note(fmt::format("only the first {} entries are shown", kMostShown));
  return 0;
}

}  // namespace

Result<int> CrlBuild(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(std::vector<app::BuiltCrl> built, app::BuildCrls({.workspace = in.Arg("WS"),
                                                           .as = in.Get("--as"),
                                                           .ca = in.Get("--ca"),
                                                           .output = in.Get("--output"),
                                                           .statics = in.Get("--static"),
                                                           .dry_run = in.dry_run()},
                                                          keys, SystemClock()));
  PrintBuilt(in, built);
  return 0;
}

Result<int> CrlShow(const Invocation& in) {
  const fs::path what = in.Arg("WS|F");
  if (fs::is_regular_file(what)) return ShowFile(in, what);
  BM_TRY(auto reader, app::OpenReader(what));
  const Time now = SystemClock().Now();
  BM_TRY(std::vector<app::CrlView> views, app::CrlViews(*reader, now));
  Table table({"ca", "number", "entries", "from", "until", "reserve", "list"});
  Findings findings;
  const app::Layout layout(what);
  for (const app::CrlView& v : views) {
    const fs::path file = app::CrlPath(layout, v.ca);
    table.Add({v.ca, std::to_string(v.row.number), std::to_string(v.row.count),
               MomentOf(v.row.this_update), MomentOf(v.row.next_update),
               v.reserve_void ? "void" : std::to_string(v.reserve),
               fs::exists(file) ? file.string() : ""});
    BM_TRY(std::optional<ledger::CaRow> ca, reader->registry().Ca(v.ca));
    if (ca && fs::exists(file)) BM_CHECK(app::CheckPublished(*reader, *ca, file, findings));
  }
  Print(table.Text(in.json()));
  if (!findings.empty()) Note(findings.ToString());
  return findings.HasErrors() ? 1 : 0;
}

Result<int> CaRotate(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  app::RotateOptions o{.workspace = in.Arg("WS"),
                       .product = in.Get("--product"),
                       .as = in.Get("--as"),
                       .ca = in.Get("--ca"),
                       .ahead = std::nullopt,
                       .how = in.Has("--compromised") ? app::RotateAs::kCompromised
                              : in.Has("--retire")    ? app::RotateAs::kRetire
                                                      : app::RotateAs::kSuccessors,
                       .dry_run = in.dry_run()};
  if (in.Has("--ahead")) {
    BM_TRY(uint64_t ahead, in.Number("--ahead", 1, 1, 100));
    o.ahead = static_cast<uint32_t>(ahead);
  }
  BM_TRY(std::vector<app::RotatedRow> rows, app::Rotate(o, keys, SystemClock()));
  PrintRotated(in, rows);
  return 0;
}

Result<std::optional<int>> ImportUpkeep(const Invocation& in) {
  BM_TRY(std::string text, ReadTextFile(in.Arg("F"), pki::kMaxCrlRequestBytes * 4));
  const bool lists = pki::IsCrlResponse(text);
  if (!lists && text.size() > pki::kMaxRequestBytes) return std::nullopt;
  BM_TRY(app::KeySource keys, KeysFor(in));
  const SystemClock clock;  // the factory keeps a reference to it
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  if (lists) {
    BM_TRY(std::vector<app::BuiltCrl> built, app::ImportCrls(*f, text, clock, in.dry_run()));
    PrintBuilt(in, built);
    return 0;
  }
  BM_TRY(std::vector<app::RotatedRow> rows, app::AcceptSuccessors(*f, text, clock, in.dry_run()));
  if (!rows.empty()) {
    PrintRotated(in, rows);
    return 0;
  }
  BM_TRY(std::optional<app::ResponderRow> responder,
         app::AcceptResponder(*f, text, clock, in.dry_run()));
  if (!responder) return std::nullopt;
  if (in.json()) {
    PrintLine(
        fmt::format(R"({{"id": {}, "state": "{}"}})", JsonString(responder->id), responder->state));
  } else {
    PrintLine(fmt::format("{}  {}; birthmark serve answers with it", responder->id,
                          in.dry_run() ? "would be certified" : responder->state));
  }
  return 0;
}

}  // namespace birthmark::cli
