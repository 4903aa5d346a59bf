// SPDX-License-Identifier: Apache-2.0
#include "label/label.h"

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>

namespace birthmark::label {
namespace {

const Label kUnit{"ridgeback-s1", "BMC-0001"};

TEST(LabelText, IsTheFormOfTheField) {
  EXPECT_EQ(ToText(kUnit),
            "[)>\x1e"
            "06\x1d"
            "1Pridgeback-s1\x1d"
            "SBMC-0001\x1e\x04");
  auto back = ParseText(ToText(kUnit));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, kUnit);
}

TEST(LabelText, RefusesWhatSerialNumbersMustNotHave) {
  for (const char* bad : {"", "a/b", "a\\b", "a:b", "a b", "a\x1d", "a\n", "\xc3\xa4", "a\x7f"}) {
    auto label = Make("p", bad);
    ASSERT_FALSE(label) << bad;
    EXPECT_EQ(label.error().code, "label.field");
    EXPECT_FALSE(Make(bad, "s")) << bad;
    EXPECT_FALSE(ToSvg({"p", bad})) << bad;
    EXPECT_FALSE(ToPng({bad, "s"})) << bad;
  }
  EXPECT_TRUE(Make("p", std::string(64, 'x')));
  EXPECT_FALSE(Make("p", std::string(65, 'x')));
}

TEST(LabelText, RefusesEveryOtherForm) {
  const std::string good = ToText(kUnit);
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(ParseText(good.substr(0, i))) << i;
    EXPECT_FALSE(ParseText(good.substr(i + 1))) << i;
  }
  EXPECT_FALSE(ParseText(good + "x"));
  EXPECT_FALSE(ParseText("https://example.com/BMC-0001"));
  // Another field, another order, a field twice.
  EXPECT_FALSE(
      ParseText("[)>\x1e"
                "06\x1dSBMC-0001\x1d"
                "1Pridgeback-s1\x1e\x04"));
  EXPECT_FALSE(
      ParseText("[)>\x1e"
                "06\x1d"
                "1Pp\x1dSs\x1dSt\x1e\x04"));
  EXPECT_FALSE(
      ParseText("[)>\x1e"
                "05\x1d"
                "1Pp\x1dSs\x1e\x04"));
}

TEST(LabelText, APasswordIsAFieldOfItsOwnAndOnlyThere) {
  Label l = *WithPassword(kUnit, "ABCD-EFGH-JKLM-NPQR");
  const std::string text = ToText(l);
  EXPECT_NE(text.find("\x1dZABCD-EFGH-JKLM-NPQR\x1e\x04"), std::string::npos);
  EXPECT_EQ(*ParseText(text), l);
  EXPECT_EQ(ToText(kUnit).find("\x1dZ"), std::string::npos);
  EXPECT_EQ(WithPassword(kUnit, "short").error().code, "label.field");
  EXPECT_EQ(WithPassword(kUnit, "with a space").error().code, "label.field");
  const std::string start =
      "[)>\x1e"
      "06\x1d"
      "1Pp\x1dSs";
  EXPECT_TRUE(ParseText(start + "\x1dZ12345678\x1e\x04"));
  for (const char* bad : {"\x1dZ", "\x1dZ1234567", "\x1d",
                          "\x1d"
                          "Q12345678",
                          "\x1dZ12345678\x1dZ12345678"})
    EXPECT_FALSE(ParseText(start + bad + "\x1e\x04")) << bad;
  auto png = ToPng(l);
  ASSERT_TRUE(png) << png.error().ToString();
  EXPECT_EQ(*ReadPng(*png), l);
  auto svg = ToSvg(l);
  ASSERT_TRUE(svg);
  EXPECT_NE(svg->find(">ABCD-EFGH-JKLM-NPQR<"), std::string::npos);
}

TEST(LabelPng, ComesBackThroughTheScanner) {
  for (const Label& l :
       {kUnit, Label{"p", "1", ""}, Label{std::string(64, 'W'), std::string(64, '~'), ""},
        Label{"a&b", "<\">", ""}}) {
    auto png = ToPng(l);
    ASSERT_TRUE(png) << png.error().ToString();
    auto back = ReadPng(*png);
    ASSERT_TRUE(back) << l.serial << " " << back.error().ToString();
    EXPECT_EQ(*back, l);
  }
}

Bytes Png(unsigned width, unsigned height, const Bytes& grey) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes out(size);
  EXPECT_NE(png_image_write_to_memory(&image, out.data(), &size, 0, grey.data(), 0, nullptr), 0);
  out.resize(size);
  return out;
}

struct Grey {
  unsigned side = 0;
  Bytes pixels;
};

Grey Unpack(const Bytes& png) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, png.data(), png.size()), 0);
  image.format = PNG_FORMAT_GRAY;
  Grey g{image.width, Bytes(PNG_IMAGE_SIZE(image))};
  EXPECT_NE(png_image_finish_read(&image, nullptr, g.pixels.data(), 0, nullptr), 0);
  return g;
}

TEST(LabelPng, AGreyScratchedPictureIsRead) {
  Grey g = Unpack(*ToPng(kUnit));
  for (uint8_t& p : g.pixels) p = p == 0 ? 60 : 200;
  // A scratch of two modules across the data part.
  for (unsigned y = g.side * 6 / 10; y < g.side * 6 / 10 + 16; ++y) {
    for (unsigned x = g.side / 2; x < g.side * 3 / 4; ++x) g.pixels[y * g.side + x] = 200;
  }
  auto back = ReadPng(Png(g.side, g.side, g.pixels));
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(*back, kUnit);
}

TEST(LabelPng, TwoUnitsInOnePictureAreRefused) {
  const Grey a = Unpack(*ToPng(kUnit)), b = Unpack(*ToPng({"ridgeback-s1", "BMC-0002"}));
  ASSERT_EQ(a.side, b.side);
  const auto beside = [&](const Grey& left, const Grey& right) {
    Bytes both;
    for (unsigned y = 0; y < left.side; ++y) {
      for (const Grey* g : {&left, &right}) {
        auto row = g->pixels.begin() + y * g->side;
        both.insert(both.end(), row, row + g->side);
      }
    }
    return ReadPng(Png(2 * left.side, left.side, both));
  };
  auto two = beside(a, b);
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, "label.several");
  // The same label twice is one unit.
  EXPECT_EQ(*beside(a, a), kUnit);
}

TEST(LabelPng, BadPicturesAreRefused) {
  auto none = ReadPng(Png(100, 100, Bytes(10000, 0xff)));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "label.none");
  auto empty = ReadPng({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, "label.picture");
  const Bytes png = *ToPng(kUnit);
  // The last twelve octets only say that it ends.
  for (size_t i = 0; i < png.size() - 12; i += 7)
    EXPECT_FALSE(ReadPng(ByteView(png).first(i))) << i;
}

// A few octets that unpack to more pixels than are allowed are refused by their head alone.
TEST(LabelPng, ABombIsRefusedByItsHead) {
  Bytes png = *ToPng(kUnit);
  for (size_t at : {16, 20}) {
    png[at] = 0x00;
    png[at + 1] = 0x00;
    png[at + 2] = 0x7f;
    png[at + 3] = 0xff;
  }
  const uint32_t crc = [&] {
    uint32_t c = 0xffffffff;
    for (size_t i = 12; i < 29; ++i) {
      c ^= png[i];
      for (int k = 0; k < 8; ++k) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    }
    return ~c;
  }();
  for (int i = 0; i < 4; ++i) png[29 + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
  auto bomb = ReadPng(png);
  ASSERT_FALSE(bomb);
  EXPECT_EQ(bomb.error().code, "label.picture");
  EXPECT_NE(bomb.error().message.find("32767 x 32767"), std::string::npos) << bomb.error().message;
}

TEST(LabelSvg, ShowsWhatPeopleRead) {
  auto svg = ToSvg({"a&b", "BMC-0001"});
  ASSERT_TRUE(svg);
  EXPECT_NE(svg->find(">BMC-0001</text>"), std::string::npos);
  EXPECT_NE(svg->find(">a&amp;b</text>"), std::string::npos);
  EXPECT_EQ(svg->find("a&b"), std::string::npos);
  // The same code as in the PNG: as many dark modules.
  const Grey g = Unpack(*ToPng({"a&b", "BMC-0001"}));
  const long dark = std::ranges::count(g.pixels, 0) / 64;
  long drawn = 0;
  for (size_t at = svg->find("d=\"M"); (at = svg->find("h", at)) != std::string::npos; ++at) {
    if (isdigit((*svg)[at + 1]) != 0) drawn += std::stol(svg->substr(at + 1));
  }
  EXPECT_EQ(drawn, dark);
}

}  // namespace
}  // namespace birthmark::label
