// SPDX-License-Identifier: Apache-2.0
#include "link/image_export.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "link/intel_hex.h"

namespace birthmark::link {
namespace {

constexpr std::pair<ImageFormat, std::string_view> kFormats[] = {
    {ImageFormat::kRaw, "raw"},
    {ImageFormat::kIntelHex, "intel-hex"},
    {ImageFormat::kNrfFactoryData, "nrf-factory-data"},
};

// SparseHex leaves out the blocks that an erased flash holds anyway.
Result<SecretBytes> SparseHex(ByteView flash) {
  std::vector<HexPart> parts;
  for (size_t at = 0; at < flash.size(); at += kEraseBlock) {
    ByteView block = flash.subspan(at, std::min<size_t>(kEraseBlock, flash.size() - at));
    if (std::ranges::all_of(block, [](uint8_t b) { return b == 0xff; })) continue;
    parts.push_back({static_cast<uint32_t>(at), block});
  }
  return WriteIntelHex(parts);
}

Status Need(bool good, std::string_view what) {
  if (good) return {};
  return Refused("image.content", fmt::format("nRF factory data: {}", what),
                 "complete the product's fields; the device's reader refuses the whole partition");
}

bool IsDate(std::string_view d) {
  return d.size() == 10 && d[4] == '-' && d[7] == '-' &&
         std::ranges::all_of(d, [](char c) { return c == '-' || (c >= '0' && c <= '9'); }) &&
         std::ranges::count(d, '-') == 2;
}

bool Within(size_t n, size_t least, size_t most) { return n >= least && n <= most; }

Status CheckNrf(const NrfFactoryData& f) {
  BM_CHECK(Need(Within(f.sn.size(), 1, 32), "sn has 1 to 32 bytes"));
  BM_CHECK(Need(IsDate(f.date), "date is YYYY-MM-DD"));
  BM_CHECK(Need(Within(f.vendor_name.size(), 1, 32), "vendor_name has 1 to 32 bytes"));
  BM_CHECK(Need(Within(f.product_name.size(), 1, 32), "product_name has 1 to 32 bytes"));
  BM_CHECK(Need(Within(f.hw_ver_str.size(), 1, 64), "hw_ver_str has 1 to 64 bytes"));
  BM_CHECK(Need(Within(f.rd_uid.size(), 16, 32), "rd_uid has 16 to 32 bytes"));
  BM_CHECK(Need(Within(f.dac_cert.size(), 1, 602), "dac_cert has at most 602 bytes"));
  BM_CHECK(Need(Within(f.pai_cert.size(), 1, 602), "pai_cert has at most 602 bytes"));
  BM_CHECK(Need(f.dac_key.size() == 32, "dac_key has 32 bytes"));
  BM_CHECK(Need(Within(f.spake2_it, 1000, 100'000), "spake2_it is from 1000 to 100000"));
  BM_CHECK(Need(Within(f.spake2_salt.size(), 16, 32), "spake2_salt has 16 to 32 bytes"));
  BM_CHECK(Need(f.spake2_verifier.size() == 97, "spake2_verifier has 97 bytes"));
  return Need(f.discriminator < 4096, "discriminator has 12 bits");
}

Result<SecretBytes> NrfHex(const NrfFactoryData& f) {
  BM_CHECK(CheckNrf(f));
  SecretAccess access;
  Bytes map;
  map.reserve(4096);  // more than the lengths above add up to
  cbor::Writer w(map);
  auto text = [&](std::string_view key, std::string_view value) {
    w.Text(key);
    w.ByteString(AsBytes(value));
  };
  auto number = [&](std::string_view key, uint64_t value) {
    w.Text(key);
    w.Uint(value);
  };
  auto bytes = [&](std::string_view key, ByteView value) {
    w.Text(key);
    w.ByteString(value);
  };
  // Shorter keys first, then bytewise (RFC 8949 section 4.2.1); the device's reader takes any
  // order.
  w.MapHead(17);
  text("sn", f.sn);
  text("date", f.date);
  number("hw_ver", f.hw_ver);
  bytes("rd_uid", f.rd_uid);
  bytes("dac_key", f.dac_key.Read(access));
  number("version", 1);
  bytes("dac_cert", f.dac_cert);
  bytes("pai_cert", f.pai_cert);
  number("spake2_it", f.spake2_it);
  number("vendor_id", f.vendor_id);
  text("hw_ver_str", f.hw_ver_str);
  number("product_id", f.product_id);
  bytes("spake2_salt", f.spake2_salt);
  text("vendor_name", f.vendor_name);
  text("product_name", f.product_name);
  number("discriminator", f.discriminator);
  bytes("spake2_verifier", f.spake2_verifier.Read(access));
  SecretBytes whole = SecretBytes::Take(std::move(map));
  if (whole.size() > f.size) {
    return Refused("image.too-large", fmt::format("the factory data has {} bytes, its partition {}",
                                                  whole.size(), f.size));
  }
  return WriteIntelHex({{f.address, whole.Read(access)}});
}

}  // namespace

std::optional<ImageFormat> ImageFormatOf(std::string_view word) {
  for (const auto& [format, name] : kFormats) {
    if (name == word) return format;
  }
  return std::nullopt;
}

std::string_view ToText(ImageFormat format) {
  for (const auto& [one, name] : kFormats) {
    if (one == format) return name;
  }
  return "";
}

Result<SecretBytes> Export(ImageFormat format, const ImageContent& content) {
  if (format == ImageFormat::kNrfFactoryData) {
    if (content.nrf == nullptr) {
      return Refused("image.content", "the product has no nRF factory data",
                     "use raw or intel-hex");
    }
    return NrfHex(*content.nrf);
  }
  BM_TRY(SecretBytes flash, ComposeFlash(content.board, content.parts));
  if (format == ImageFormat::kRaw) return flash;
  return SparseHex(flash.Read(SecretAccess()));
}

}  // namespace birthmark::link
