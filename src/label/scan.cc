// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <png.h>
#include <zbar.h>

#include <memory>
#include <optional>

#include "label/label.h"

namespace birthmark::label {
namespace {

struct Picture {
  unsigned width = 0, height = 0;
  Bytes grey;
};

Result<Picture> Decode(ByteView png) {
  const auto bad = [](std::string why) {
    return Refused("label.picture", "this picture cannot be looked at: " + std::move(why),
                   "give a PNG of at most 16 MiB and 16 million pixels");
  };
  if (png.size() > kMaxPngBytes) return bad(fmt::format("{} octets", png.size()));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, png.data(), png.size()) == 0)
    return bad(image.message);
  struct Free {
    void operator()(png_image* i) const { png_image_free(i); }
  };
  std::unique_ptr<png_image, Free> owner(&image);
  if (image.width == 0 || image.height == 0 ||
      uint64_t{image.width} * image.height > kMaxPngPixels) {
    return bad(fmt::format("{} x {} pixels", image.width, image.height));
  }
  image.format = PNG_FORMAT_GRAY;
  Picture p{image.width, image.height, Bytes(PNG_IMAGE_SIZE(image))};
  // What is transparent is paper.
  const png_color white{0xff, 0xff, 0xff};
  if (png_image_finish_read(&image, &white, p.grey.data(), 0, nullptr) == 0)
    return bad(image.message);
  return p;
}

struct FreeScanner {
  void operator()(zbar::zbar_image_scanner_t* s) const { zbar::zbar_image_scanner_destroy(s); }
};
struct FreeImage {
  void operator()(zbar::zbar_image_t* i) const { zbar::zbar_image_destroy(i); }
};

Error NoCode() {
  return Error{ErrorKind::kNegative, "label.none", "there is no QR code in this picture",
               "take it again, sharp and with the white rim around the code"};
}

}  // namespace

Result<Label> ReadPng(ByteView png) {
  BM_TRY(Picture picture, Decode(png));
  std::unique_ptr<zbar::zbar_image_scanner_t, FreeScanner> scanner(
      zbar::zbar_image_scanner_create());
  std::unique_ptr<zbar::zbar_image_t, FreeImage> image(zbar::zbar_image_create());
  if (scanner == nullptr || image == nullptr)
    return Internal("label.picture", "the scanner cannot be started");
  zbar::zbar_image_scanner_set_config(scanner.get(), zbar::ZBAR_NONE, zbar::ZBAR_CFG_ENABLE, 0);
  zbar::zbar_image_scanner_set_config(scanner.get(), zbar::ZBAR_QRCODE, zbar::ZBAR_CFG_ENABLE, 1);
  zbar::zbar_image_set_format(image.get(), zbar_fourcc('Y', '8', '0', '0'));
  zbar::zbar_image_set_size(image.get(), picture.width, picture.height);
  zbar::zbar_image_set_data(image.get(), picture.grey.data(), picture.grey.size(), nullptr);
  if (zbar::zbar_scan_image(scanner.get(), image.get()) < 0)
    return Refused("label.picture", "the scanner gives this picture up");
  std::optional<Label> found;
  Error last = NoCode();
  for (const auto* s = zbar::zbar_image_first_symbol(image.get()); s != nullptr;
       s = zbar::zbar_symbol_next(s)) {
    auto label = ParseText({zbar::zbar_symbol_get_data(s), zbar::zbar_symbol_get_data_length(s)});
    if (!label) {
      last = std::move(label).error();
      continue;
    }
    if (found && *found != *label) {
      return Refused(
          "label.several",
          fmt::format("the picture shows the labels of {} and {}", found->serial, label->serial),
          "take a picture of one unit");
    }
    found = std::move(*label);
  }
  if (!found) return std::unexpected(std::move(last));
  return std::move(*found);
}

}  // namespace birthmark::label
