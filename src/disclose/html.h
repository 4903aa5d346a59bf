// SPDX-License-Identifier: Apache-2.0
// Texts and numbers of strangers as HTML and SVG. Nothing reaches a page but through Esc or a
// number. Pure functions and a value; thread-compatible.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace birthmark::disclose {

// Cut keeps at most `columns` characters, the last one "…" when something was cut.
std::string Cut(std::string_view s, size_t columns);
// Esc makes a text harmless (Plain), cuts it and escapes it for HTML text and quoted attributes.
std::string Esc(std::string_view s, size_t columns = 300);

// Svg collects one drawing and what it says in words: each mark brings its own title.
class Svg {
 public:
  // Styles of a mark are classes of the page's style sheet: "m" solid, "a" dotted, "d" hatched, "n"
  // dashed, "g" grey, "o" outline.
  explicit Svg(double width) : width_(width) {}

  void Rect(double x, double y, double w, double h, std::string_view style,
            std::string_view title = {}, double round = 0);
  void Circle(double x, double y, double r, std::string_view style, std::string_view title = {});
  void Line(double x1, double y1, double x2, double y2, std::string_view style = "l");
  // Path takes path data made of our own numbers.
  void Path(std::string_view data, std::string_view style, std::string_view title = {});
  // Text cuts to `room`, in the drawing's units, and keeps the whole text as its title.
  // `anchor` is "start", "middle" or "end"; `style` "t" or "s" (small).
  void Text(double x, double y, std::string_view s, double room, std::string_view anchor = "start",
            std::string_view style = "t");
  // Person draws a glyph of 9 by 14 with its upper left corner at x, y.
  void Person(double x, double y, std::string_view style, std::string_view title = {});
  // Say adds a line to the words without a mark.
  void Say(std::string line);

  double width() const { return width_; }
  // Figure is the drawing with its height, its label for screen readers and the words below it.
  std::string Figure(double height, std::string_view label) const;

 private:
  void Close(std::string_view tag, std::string_view title);

  double width_;
  std::string body_;
  std::vector<std::string> words_;
};

}  // namespace birthmark::disclose
