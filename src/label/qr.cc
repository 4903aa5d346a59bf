// SPDX-License-Identifier: Apache-2.0
#include "label/qr.h"

#include <fmt/format.h>
#include <qrencode.h>

#include <cerrno>
#include <memory>

namespace birthmark::label {
namespace {

struct FreeQr {
  void operator()(QRcode* c) const { QRcode_free(c); }
};

}  // namespace

Result<Qr> MakeQr(const std::string& text) {
  const std::unique_ptr<QRcode, FreeQr> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M));
  if (code == nullptr) return std::unexpected(FromErrno("label.draw", "making a QR code", errno));
  Qr qr{.width = code->width};
  for (int i = 0; i < code->width * code->width; ++i) qr.dark.push_back((code->data[i] & 1) != 0);
  return qr;
}

std::string PathOf(const Qr& qr) {
  std::string path;
  for (int y = 0; y < qr.width; ++y) {
    for (int x = 0; x < qr.width; ++x) {
      if (!qr.IsDark(x, y)) continue;
      int end = x;
      while (end < qr.width && qr.IsDark(end, y)) ++end;
      path += fmt::format("M{} {}h{}v1h-{}z", x + kQuiet, y + kQuiet, end - x, end - x);
      x = end;
    }
  }
  return path;
}

}  // namespace birthmark::label
