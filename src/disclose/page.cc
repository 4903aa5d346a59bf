// SPDX-License-Identifier: Apache-2.0
#include "disclose/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "disclose/page_parts.h"
#include "disclose/page_style.h"
#include "disclose/words.h"

namespace birthmark::disclose {
namespace page {

double Width(All all) {
  // A4 upright holds 720 units, A4 across 1060.
  constexpr std::array<double, kMaxCompared + 1> kWidths = {720, 720, 350, 340, 250, 198};
  return kWidths[all.size()];
}

std::string Names(All all) {
  return Row(all, [&](size_t i) {
    const Disclosure& d = all[i].disclosure;
    return fmt::format("<p class=\"name\">{}{}</p>", Esc(d.product.name, 60),
                       d.rehearsal ? " <small class=\"r\">REHEARSAL</small>" : "");
  });
}

std::string Section(All all, std::string_view title, std::string_view how,
                    const std::string& body) {
  return fmt::format("<section><h2>{}</h2><p class=\"how\">{}</p>{}{}</section>", title, how,
                     Names(all), body);
}

namespace {

constexpr int64_t kDay = 86'400'000;

std::string Date(int64_t ms) { return FormatDate(TimeFromMillis(Sane(ms))); }

std::string Sites(const Disclosure& d) {
  std::string out;
  for (size_t i = 0; i < std::min(d.sites.size(), kMaxDrawn); ++i) {
    const Site& s = d.sites[i];
    out += fmt::format("{}{} ({}, {})", out.empty() ? "" : "; ", s.id, s.country, s.continent);
  }
  if (d.sites.size() > kMaxDrawn) out += fmt::format("; and {} more", d.sites.size() - kMaxDrawn);
  return out.empty() ? "not told" : out;
}

std::string Age(All all, size_t i) {
  const Disclosure& d = all[i].disclosure;
  const int64_t behind = (Sane(d.issued) - Sane(d.period_to)) / kDay;
  std::string out =
      fmt::format("issued {}, {} days after its period ended", Date(d.issued), behind);
  int64_t newest = Sane(d.issued);
  for (const OpenedDisclosure& o : all) newest = std::max(newest, Sane(o.disclosure.issued));
  if (newest != Sane(d.issued))
    out += fmt::format("; {} days older than the newest here", (newest - Sane(d.issued)) / kDay);
  return out;
}

std::string Marks(const OpenedDisclosure& o) {
  std::string line = MarkLine(o.disclosure);
  if (line.empty()) return "";
  return fmt::format("<p class=\"banner\" role=\"note\"><b>{}</b> ({})</p>", Esc(line, 400),
                     Esc(o.disclosure.product.name, 80));
}

constexpr std::string_view kLegend =
    "<p class=\"legend\"><span><i class=\"w m\"></i>measured: anyone can recompute it</span> "
    "<span><i class=\"w a\"></i>attested: computed and signed in a sealed ceremony</span> "
    "<span><i class=\"w d\"></i>declared: a person says so</span> "
    "<span><i class=\"w n\"></i>no value, with the word why</span> "
    "<span><b>≠</b> the two differ</span> "
    "<span><i class=\"w g\"></i>grey: structure that the disclosure states</span></p>";

// Patterns are what a style sheet cannot draw inside SVG.
constexpr std::string_view kPatterns =
    "<svg class=\"defs\" aria-hidden=\"true\"><defs>"
    "<pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(45)\">"
    "<rect width=\"5\" height=\"5\" fill=\"#fff\"/><rect width=\"1.8\" height=\"5\" "
    "fill=\"#0b5fa5\"/></pattern>"
    "<pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect "
    "width=\"5\" height=\"5\" fill=\"#cfe0f0\"/>"
    "<circle cx=\"2.5\" cy=\"2.5\" r=\"1.4\" fill=\"#0b5fa5\"/></pattern>"
    "<pattern id=\"over\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\"><rect "
    "width=\"4\" height=\"4\" fill=\"#fff\"/>"
    "<path d=\"M0 0l4 4M4 0l-4 4\" stroke=\"#333\" stroke-width=\"0.7\"/></pattern>"
    "<marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" "
    "markerHeight=\"6\" orient=\"auto\">"
    "<path d=\"M0 0l8 4l-8 4z\" fill=\"#333\"/></marker></defs></svg>";

std::string Title(All all) {
  std::string out;
  for (const OpenedDisclosure& o : all)
    out += (out.empty() ? "" : ", ") + Esc(o.disclosure.product.name, 40);
  return out;
}

}  // namespace

std::string Passport(All all) {
  std::string out;
  auto row = [&](std::string_view label, auto value) {
    out += Row(all, [&](size_t i) {
      return fmt::format("<div class=\"q\">{}</div><p>{}</p>", label, Esc(value(all[i]), 600));
    });
  };
  row("product", [](const auto& o) {
    return o.disclosure.product.name + ", " + o.disclosure.product.manufacturer;
  });
  row("hardware, firmware", [](const auto& o) {
    return o.disclosure.product.hardware + ", " + o.disclosure.product.firmware;
  });
  row("firmware digest (SHA-256)", [](const auto& o) -> std::string {
    const auto& digest = o.disclosure.product.firmware_digest;
    return digest ? ToHex(*digest) : "not told";
  });
  row("sites", [](const auto& o) { return Sites(o.disclosure); });
  row("period", [](const auto& o) {
    return Dates(Sane(o.disclosure.period_from), Sane(o.disclosure.period_to));
  });
  row("signature", [](const auto& o) -> std::string {
    return o.signer_named ? "intact; the signer is the one the reader named"
                          : "intact; the signer was not named by the reader and not checked";
  });
  row("signer", [](const auto& o) { return o.signer_name; });
  out += Row(all, [&](size_t i) {
    return fmt::format("<div class=\"q\">age</div><p>{}</p>", Esc(Age(all, i)));
  });
  row("disclosure, taxonomy revision, program", [](const auto& o) {
    const Disclosure& d = o.disclosure;
    return fmt::format("version {}, revision {}, {}", d.version, d.revision, d.program);
  });
  row("evidence", [](const auto& o) -> std::string {
    return o.disclosure.checkpoint.empty() ? "no log: declared only"
                                           : "a signed log; each measured answer names its part";
  });
  row("file", [](const auto& o) { return o.file_name; });
  return Section(all, "Passport", "Which product, which firmware, which period, who signed.", out);
}

}  // namespace page

std::string RenderPage(std::span<const OpenedDisclosure> products) {
  const page::All all = products.first(std::min(products.size(), kMaxCompared));
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; "
      "base-uri 'none'; form-action 'none'\"><meta name=\"referrer\" content=\"no-referrer\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{}</title><style>{}{}</style></head><body>\n",
      page::Title(all), page::kStyle, all.size() > 2 ? page::kAcross : page::kUpright);
  for (const OpenedDisclosure& o : all) out += page::Marks(o);
  out += fmt::format("<h1>{}</h1>", page::Title(all));
  if (all.empty()) out += "<p>No disclosure was given.</p>";
  if (products.size() > all.size()) {
    out += fmt::format("<p>{} more were given; {} stand side by side.</p>",
                       products.size() - all.size(), all.size());
  }
  if (!all.empty()) {
    out += page::kLegend;
    out += page::kPatterns;
    out += page::Passport(all);
    out += page::BirthOfKeys(all);
    out += page::PkiTrees(all);
    out += page::BootChain(all);
    out += page::Matrix(all);
    out += page::Hands(all);
    out += page::Shares(all);
    out += page::Lifelines(all);
    out += page::AnswerTable(all);
  }
  return out + "</body></html>\n";
}

}  // namespace birthmark::disclose
