// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <png.h>

#include <algorithm>

#include "base/markup.h"
#include "label/label.h"
#include "label/qr.h"

namespace birthmark::label {
namespace {

constexpr int kPixels = 8;
// Half a millimetre a module prints at 203 dots an inch and scans at arm's length.
constexpr double kModule = 0.5;
constexpr double kTextSize = 2.5, kLineHeight = 3.2;

// Encode checks the fields too, for a Label can be made by hand.
Result<Qr> Encode(const Label& label) {
  BM_TRY(Label checked, Make(label.product, label.serial));
  if (!label.password.empty()) {
    BM_TRY(checked, WithPassword(std::move(checked), label.password));
  }
  return MakeQr(ToText(checked));
}

// Line is one line of letters, drawn together where it is longer than the label is wide.
std::string Line(std::string_view text, double side, double y) {
  constexpr double kLetter = 0.6 * kTextSize;  // of a monospaced face
  const bool long_line = static_cast<double>(text.size()) * kLetter > side;
  return fmt::format(
      "<text x=\"{:g}\" y=\"{:g}\" font-family=\"monospace\" font-size=\"{:g}\" "
      "text-anchor=\"middle\"{}>{}</text>\n",
      side / 2, y, kTextSize,
      long_line ? fmt::format(" textLength=\"{:g}\" lengthAdjust=\"spacingAndGlyphs\"", side - 2)
                : "",
      EscapeMarkup(text));
}

}  // namespace

Result<std::string> ToSvg(const Label& label) {
  BM_TRY(const Qr code, Encode(label));
  const double side = (code.width + 2 * kQuiet) * kModule,
               height = side + (label.password.empty() ? 2 : 3) * kLineHeight;
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}mm\" height=\"{1:g}mm\" "
             "viewBox=\"0 0 {0:g} {1:g}\">\n"
             "<title>{2} {3}</title>\n"
             "<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"#fff\"/>\n"
             "<path transform=\"scale({4:g})\" shape-rendering=\"crispEdges\" d=\"{5}\"/>\n",
             side, height, EscapeMarkup(label.product), EscapeMarkup(label.serial), kModule,
             PathOf(code)) +
         Line(label.product, side, side + kTextSize / 2) +
         Line(label.serial, side, side + kTextSize / 2 + kLineHeight) +
         (label.password.empty()
              ? ""
              : Line(label.password, side, side + kTextSize / 2 + 2 * kLineHeight)) +
         "</svg>\n";
}

Result<Bytes> ToPng(const Label& label) {
  BM_TRY(const Qr code, Encode(label));
  const int side = (code.width + 2 * kQuiet) * kPixels;
  Bytes grey(static_cast<size_t>(side) * side, 0xff);
  for (int y = 0; y < code.width * kPixels; ++y) {
    for (int x = 0; x < code.width * kPixels; ++x) {
      if (code.IsDark(x / kPixels, y / kPixels))
        grey[static_cast<size_t>(y + kQuiet * kPixels) * side + x + kQuiet * kPixels] = 0;
    }
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = static_cast<png_uint_32>(side);
  image.format = PNG_FORMAT_GRAY;
  Bytes out;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  out.resize(size);
  if (png_image_write_to_memory(&image, out.data(), &size, 0, grey.data(), 0, nullptr) == 0)
    return Internal("label.draw", fmt::format("writing a label's PNG: {}", image.message));
  out.resize(size);
  return out;
}

}  // namespace birthmark::label
