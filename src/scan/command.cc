// SPDX-License-Identifier: Apache-2.0
#include "scan/command.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/progress.h"
#include "disclose/signed.h"
#include "disclose/verify.h"
#include "disclose/words.h"
#include "scan/match.h"
#include "scan/show.h"

namespace birthmark::scan {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kMaxFormer = 512 << 20;

Result<Options> OptionsFor(const ScanArgs& args, std::shared_ptr<Progress> progress) {
  Options options;
  options.at = SystemClock().Now();
  if (!args.at.empty()) {
    const auto at = ParseTime(args.at);
    if (!at)
      return Usage("scan.time", args.at + " is no time",
                   "write 2026-11-21, or 2026-11-21T10:00:00Z");
    options.at = *at;
  }
  options.depth = args.depth;
  options.search = args.search;
  options.other_file_systems = args.other_file_systems;
  options.hash_image = args.hash_image;
  if (args.progress) {
    options.progress = [progress = std::move(progress),
                        rest = uint64_t{0}](uint64_t bytes) mutable {
      rest += bytes;
      progress->Advance(rest >> 20);  // Units: MiB
      rest &= (1 << 20) - 1;
    };
  }
  return options;
}

// HeldOutside are kinds of stores that no image of a file system or flash holds.
bool HeldOutside(std::string_view kind) {
  return kind.find("fuse") != std::string_view::npos ||
         kind.find("otp") != std::string_view::npos || kind.find("rom") == 0;
}

}  // namespace

Result<Scanned> RunScan(const ScanArgs& args) {
  Scanned out;
  {
    auto progress = std::make_shared<Progress>("MiB looked at", 0, args.progress);
    BM_TRY(const Options options, OptionsFor(args, progress));
    BM_TRY(out.report, Scan(args.path, options));
    progress->Clear();
  }
  const Report& r = out.report;
  if (args.cyclonedx) {
    BM_CHECK(WriteFileAtomic(*args.cyclonedx, ReportCycloneDx(r)));
    out.said.err +=
        fmt::format("wrote {}: {} cryptographic assets\n", *args.cyclonedx, r.items.size());
  }
  if (args.rfc5914) {
    size_t count = 0;
    BM_TRY(const Bytes list, ReportRfc5914(r, count));
    BM_CHECK(WriteFileAtomic(*args.rfc5914, list));
    out.said.err += fmt::format("wrote {}: {} anchors with a key\n", *args.rfc5914, count);
  }
  if (args.against) {
    BM_TRY(const std::string former, ReadTextFile(*args.against, kMaxFormer));
    BM_TRY(const auto changes, CompareWith(r, former));
    out.said.exit = changes.empty() ? 0 : 1;
    out.said.out = args.json ? ChangesJson(changes) : ChangesText(changes);
    return out;
  }
  out.said.out = args.json      ? ReportJson(r)
                 : args.summary ? SummaryText(r)
                                : ReportText(r, args.all);
  return out;
}

Result<disclose::CommandResult> RunVerifyImage(const disclose::VerifyArgs& args,
                                               const ScanArgs& image) {
  BM_TRY(disclose::CommandResult said, disclose::RunVerify(args));
  BM_TRY(const Bytes file, ReadFile(args.file, disclose::kMaxFileBytes));
  const disclose::VerifyReport verified = disclose::Verify(file, {});
  if (!verified.intact) return said;
  const disclose::Disclosure& d = verified.opened->disclosure;
  BM_TRY(const Scanned scanned, RunScan(image));
  std::vector<Wanted> wanted;
  for (const disclose::Anchor& a : d.anchors) wanted.push_back({a.id, a.digest, std::nullopt, {}});
  const Sightings seen = LookFor(scanned.report, wanted);
  Json rows = Json::array();
  std::string text;
  for (size_t i = 0; i < seen.wanted.size(); ++i) {
    const Sighting& s = seen.wanted[i];
    std::string_view store_kind;
    for (const disclose::Store& store : d.stores) {
      if (store.id == d.anchors[i].store) store_kind = store.kind;
    }
    const bool outside = HeldOutside(store_kind);
    if (!s.found && !outside) said.exit = 1;
    const std::string words =
        s.found ? fmt::format("{}: {} ({})", s.where, s.how, ToText(s.certainty))
        : outside
            ? fmt::format("not in the image: it stands in {}, which no image holds", store_kind)
            : "not in the image";
    text += fmt::format("{:<16} {:<10} {}\n", disclose::Plain(s.id),
                        s.found ? "found" : "not found", disclose::Plain(words));
    rows.push_back({{"anchor", s.id},
                    {"found", s.found},
                    {"where", disclose::Plain(s.where)},
                    {"how", s.how},
                    {"certainty", s.found ? ToText(s.certainty) : ""},
                    {"outside_of_images", outside}});
  }
  Json others = Json::array();
  for (const Store* s : seen.other_stores) others.push_back(disclose::Plain(s->Where()));
  if (args.json) {
    Json whole = Json::parse(said.out);
    whole["image"] = {
        {"path", image.path},
        {"anchors", std::move(rows)},
        {"others", seen.others},
        {"other_stores", std::move(others)},
        {"not_looked_into", scanned.report.unread.size() + scanned.report.unread_more}};
    said.out = whole.dump(2) + "\n";
    return said;
  }
  said.out += text;
  said.out += fmt::format("{} anchors in the image are none of the disclosure's\n", seen.others);
  for (size_t i = 0; i < seen.other_stores.size() && i < 20; ++i)
    said.out += "  " + disclose::Plain(seen.other_stores[i]->Where()) + "\n";
  if (const size_t n = scanned.report.unread.size() + scanned.report.unread_more; n > 0)
    said.err +=
        fmt::format("{} parts of the image were not looked into: birthmark scan names them\n", n);
  return said;
}

}  // namespace birthmark::scan
