// SPDX-License-Identifier: Apache-2.0
#include "custody/sheet.h"

#include <fmt/format.h>

#include <algorithm>

#include "custody/share_file.h"
#include "label/qr.h"

namespace birthmark::custody {
namespace {

// 0.6 mm a module: the code prints at 300 dots an inch and scans from a hand's distance.
constexpr double kSheetModule = 0.6;

constexpr std::string_view kHead =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Share</title>\n<style>\n"
    "@page { size: A4; margin: 20mm }\n"
    "body { font: 11pt/1.4 sans-serif; color: #000; background: #fff; max-width: 170mm }\n"
    "h1 { font-size: 16pt; margin: 0 0 4mm }\n"
    "h2 { font-size: 12pt; margin: 6mm 0 2mm }\n"
    "pre { font: 8.5pt/1.3 monospace; margin: 2mm 0 }\n"
    "ol.words { font: 12pt/1.7 monospace; margin: 0; padding-left: 8mm }\n"
    "p.warning { border: 1pt solid #000; padding: 2mm 3mm }\n"
    "svg { display: block; margin: 2mm 0 }\n"
    "section { break-inside: avoid }\n"
    "</style>\n</head>\n<body>\n<h1>Share of a secret</h1>\n";

constexpr std::string_view kSealedText =
    "<section>\n<h2>Sealed with your passphrase</h2>\n"
    "<p>The code and the text below are one and the same share file. To have it back, save what "
    "the code says, or the typed text, in a file F and run <code>birthmark share check F</code>. "
    "It is of no use without the passphrase, which must not be written on this page.</p>\n";

constexpr std::string_view kWordsText =
    "<section>\n<h2>Plain words</h2>\n"
    "<p class=\"warning\"><strong>These words are the share itself.</strong> No passphrase "
    "protects them: whoever reads or photographs this page has the share. Keep the page in a "
    "sealed envelope under your own lock.</p>\n"
    "<p>To have the share back, run <code>birthmark share restore -o F</code> and type the seven "
    "lines. The last word of each line checks it.</p>\n<ol class=\"words\">\n";

// A template's text needs no escapes: base64, dashes and lower-case letters, which are checked.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= ' ' && c <= '~' && c != '<' && c != '>' && c != '&') || c == '\n';
  });
}

}  // namespace

Result<SecretBytes> MakeSheet(const Sheet& sheet) {
  BM_CHECK(CheckShareFile(sheet.sealed));
  if (!IsPlain(sheet.sealed) || !IsPlain(sheet.words))
    return Refused("share.sheet", "the share file or the words hold characters that are not theirs",
                   "use the file as it was written");
  BM_TRY(const label::Qr qr, label::MakeQr(std::string(sheet.sealed)));
  const int side = qr.width + 2 * label::kQuiet;
  const std::string code = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}mm\" height=\"{0:g}mm\" "
      "viewBox=\"0 0 {1} {1}\" role=\"img\" aria-label=\"QR code of the share file\">\n"
      "<rect width=\"{1}\" height=\"{1}\" fill=\"#fff\"/>\n"
      "<path shape-rendering=\"crispEdges\" d=\"{2}\"/>\n</svg>\n",
      side * kSheetModule, side, label::PathOf(qr));
  Bytes page;
  // Growing would leave unwiped copies of the words behind.
  page.reserve(kHead.size() + kSealedText.size() + kWordsText.size() + code.size() +
               sheet.sealed.size() + 2 * sheet.words.size() + 256);
  const auto add = [&](std::string_view text) {
    page.insert(page.end(), text.begin(), text.end());
  };
  add(kHead);
  add(kSealedText);
  add(code);
  add("<pre>");
  add(sheet.sealed);
  add("</pre>\n</section>\n");
  if (!sheet.words.empty()) {
    add(kWordsText);
    for (std::string_view rest = sheet.words; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      add("<li>");
      add(rest.substr(0, end));
      add("</li>\n");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    add("</ol>\n</section>\n");
  }
  add("</body>\n</html>\n");
  return SecretBytes::Take(std::move(page));
}

}  // namespace birthmark::custody
