// SPDX-License-Identifier: Apache-2.0
#include "disclose/html.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/markup.h"
#include "disclose/words.h"

namespace birthmark::disclose {
namespace {

// Widths of a sans-serif face, a little more than the average letter.
constexpr double kTextWidth = 5.7, kSmallWidth = 4.9;
constexpr size_t kMaxWords = 200;  // lines below a drawing

}  // namespace

std::string Cut(std::string_view s, size_t columns) {
  if (Columns(s) <= columns) return std::string(s);
  size_t at = 0;
  for (size_t n = 0; at < s.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(s[at]) & 0xc0) != 0x80;
    if (starts && n++ == std::max<size_t>(columns, 1) - 1) break;
  }
  return std::string(s.substr(0, at)) + "…";
}

std::string Esc(std::string_view s, size_t columns) { return EscapeMarkup(Cut(Plain(s), columns)); }

void Svg::Close(std::string_view tag, std::string_view title) {
  if (title.empty()) {
    body_ += "/>";
    return;
  }
  body_ += fmt::format("><title>{}</title></{}>", Esc(title), tag);
  Say(std::string(title));
}

void Svg::Rect(double x, double y, double w, double h, std::string_view style,
               std::string_view title, double round) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"{:.0f}\" "
      "class=\"{}\"",
      x, y, std::max(w, 0.0), std::max(h, 0.0), round, style);
  Close("rect", title);
}

void Svg::Circle(double x, double y, double r, std::string_view style, std::string_view title) {
  body_ +=
      fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" class=\"{}\"", x, y, r, style);
  Close("circle", title);
}

void Svg::Line(double x1, double y1, double x2, double y2, std::string_view style) {
  body_ +=
      fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                  x1, y1, x2, y2, style);
}

void Svg::Path(std::string_view data, std::string_view style, std::string_view title) {
  body_ += fmt::format("<path d=\"{}\" class=\"{}\"", data, style);
  Close("path", title);
}

void Svg::Text(double x, double y, std::string_view s, double room, std::string_view anchor,
               std::string_view style) {
  const double letter = style == "s" ? kSmallWidth : kTextWidth;
  const std::string whole = Plain(s);
  // Scripts beyond U+1100 take about two letters' room; three octets a character tell them apart.
  const double wide =
      static_cast<double>(whole.size()) / std::max<double>(static_cast<double>(Columns(whole)), 1);
  const auto fits = static_cast<size_t>(std::max(room / (letter * (wide > 2 ? 2 : 1)), 1.0));
  const std::string shown = Cut(whole, fits);
  body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">", x, y,
                       anchor, style);
  if (shown != whole) body_ += fmt::format("<title>{}</title>", Esc(whole));
  body_ += Esc(shown) + "</text>";
}

void Svg::Person(double x, double y, std::string_view style, std::string_view title) {
  Path(fmt::format("M{:.1f} {:.1f}a2.5 2.5 0 1 1 0.1 0zM{:.1f} {:.1f}v-3.5a4 4 0 0 1 8 0v3.5z",
                   x + 4.5, y + 5.2, x + 0.5, y + 13.5),
       style, title);
}

void Svg::Say(std::string line) {
  if (words_.size() < kMaxWords) words_.push_back(std::move(line));
}

std::string Svg::Figure(double height, std::string_view label) const {
  std::string out = fmt::format(
      "<figure><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"{}\"><title>{}</title>{}</svg>",
      width_, height, Esc(label), Esc(label), body_);
  if (!words_.empty()) {
    out += "<details><summary>in words</summary><ul>";
    for (const std::string& w : words_) out += fmt::format("<li>{}</li>", Esc(w));
    out += "</ul></details>";
  }
  return out + "</figure>";
}

}  // namespace birthmark::disclose
