// SPDX-License-Identifier: Apache-2.0
// Images in the forms of others, read back by readers of others: binutils' objcopy, cbor-x.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "cbor/codec.h"
#include "link/image_export.h"
#include "link/intel_hex.h"
#include "tests/support/temp_dir.h"

namespace birthmark::link {
namespace {

Bytes Open(const SecretBytes& s) {
  ByteView v = s.Read(SecretAccess());
  return Bytes(v.begin(), v.end());
}

Bytes Pattern(size_t n) {
  Bytes out(n);
  for (size_t i = 0; i < n; i++) out[i] = static_cast<uint8_t>(i * 31 + i / 256);
  return out;
}

// ByObjcopy is what binutils makes of an Intel HEX file: the bytes from its first address on.
Bytes ByObjcopy(const SecretBytes& hex) {
  test::TempDir folder;
  EXPECT_TRUE(WriteFileAtomic(folder / "a.hex", hex.Read(SecretAccess()), 0600));
  std::string command = "objcopy -I ihex -O binary --gap-fill 0xff " + (folder / "a.hex").string() +
                        " " + (folder / "a.bin").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  return ReadFile(folder / "a.bin", 4 << 20).value_or(Bytes());
}

struct Export_ : testing::Test {
  Export_() {
    first = Pattern(5000);
    application = Pattern(70'000);
    std::fill(application.begin() + 20'000, application.begin() + 40'000, uint8_t{0xff});
    std::vector<FactoryIdentity> ids;
    ids.push_back({"idevid", SecretBytes::Take(Bytes(32, 0x5a)), {Bytes(300, 1), Bytes(400, 2)}});
    record = EncodeFactoryRecord("LUMO-1", ids, {{"region", "eu"}, {"tz", "7"}, {"channel", "11"}});
    content.board = *FindBoard("bulb");
    content.parts = {{"first-stage", first},
                     {"application", application},
                     {"factory-data", record.Read(SecretAccess())}};
  }
  Bytes first, application;
  SecretBytes record;
  ImageContent content;
};

TEST_F(Export_, RawIsTheFlashFromZero) {
  auto raw = Export(ImageFormat::kRaw, content);
  ASSERT_TRUE(raw) << raw.error().ToString();
  Bytes flash = Open(*raw);
  ASSERT_EQ(flash.size(), 0xC0000 + record.size());
  EXPECT_TRUE(std::equal(first.begin(), first.end(), flash.begin()));
  EXPECT_TRUE(std::equal(application.begin(), application.end(), flash.begin() + 0x10000));
  EXPECT_EQ(flash[0x9000], 0xff);
}

TEST_F(Export_, IntelHexIsReadTheSameByObjcopyAndByUs) {
  Bytes flash = Open(*Export(ImageFormat::kRaw, content));
  auto hex = Export(ImageFormat::kIntelHex, content);
  ASSERT_TRUE(hex) << hex.error().ToString();
  EXPECT_EQ(ByObjcopy(*hex), flash);
  EXPECT_LT(hex->size(), 3u * (5000 + 70'000 + 8192));  // blank blocks are left out
  auto segments = ReadIntelHex(hex->Read(SecretAccess()));
  ASSERT_TRUE(segments) << segments.error().ToString();
  Bytes ours(flash.size(), 0xff);
  for (const HexSegment& s : *segments) {
    ByteView bytes = s.bytes.Read(SecretAccess());
    std::ranges::copy(bytes, ours.begin() + s.address);
  }
  EXPECT_EQ(ours, flash);
  EXPECT_GT(segments->size(), 2u);
}

TEST_F(Export_, ConfigurationStandsInTheRecord) {
  auto body = cbor::Decode(record.Read(SecretAccess()).subspan(40));
  ASSERT_TRUE(body) << body.error().ToString();
  EXPECT_EQ(*body->Find("config")->Find("tz")->AsText(), "7");
  EXPECT_EQ(*body->Find("config")->Find("channel")->AsText(), "11");
  EXPECT_EQ(*body->Find("serial")->AsText(), "LUMO-1");
}

TEST(IntelHex, WritesWhatTheSpecificationShows) {
  Bytes data = {0x02, 0x33, 0x7a};
  auto hex = WriteIntelHex({{0x0030, data}});
  EXPECT_EQ(Open(*hex), ToBytes(":0300300002337A1E\n:00000001FF\n"));
  auto high = WriteIntelHex({{0x0001FFFE, data}});
  EXPECT_EQ(Open(*high), ToBytes(":020000040001F9\n:02FFFE000233CC\n:020000040002F8\n"
                                 ":010000007A85\n:00000001FF\n"));
  auto back = ReadIntelHex(Open(*high));
  ASSERT_TRUE(back) << back.error().ToString();
  ASSERT_EQ(back->size(), 1u);  // neighbours are joined
  EXPECT_EQ((*back)[0].address, 0x1FFFEu);
  EXPECT_EQ(Open((*back)[0].bytes), data);
  EXPECT_EQ(WriteIntelHex({{8, data}, {9, data}}).error().code, "hex.range");
  EXPECT_EQ(WriteIntelHex({{0xFFFFFFFE, data}}).error().code, "hex.range");
  EXPECT_TRUE(WriteIntelHex({{0xFFFFFFFD, data}}));
}

TEST(IntelHex, TheReaderIsStrict) {
  EXPECT_TRUE(ReadIntelHex(ToBytes(":0300300002337A1E\r\n:00000001FF\r\n")));
  EXPECT_TRUE(ReadIntelHex(ToBytes(":0300300002337a1e\n:00000001ff")));
  for (const char* bad : {
           "",
           ":0300300002337A1E\n",                                  // no end
           ":00000001FF\n:0300300002337A1E\n",                     // after the end
           ":0300300002337A1F\n:00000001FF\n",                     // checksum
           ":0400300002337A1D\n:00000001FF\n",                     // length
           "0300300002337A1E\n:00000001FF\n",                      // no colon
           ":0300300002337A1\n:00000001FF\n",                      // half a byte
           ":03003000023 7A1E\n:00000001FF\n",                     // no digit
           ":0400000300003800C1\n:00000001FF\n",                   // start address
           ":020000021200EA\n:00000001FF\n",                       // segment address
           ":02FFFF000233CB\n:00000001FF\n",                       // crosses 64 KiB
           ":0300300002337A1E\n:0300300002337A1E\n:00000001FF\n",  // overlaps
           ":0300300002337A1E\n:0100000002FD\n:00000001FF\n",      // goes back
           ":0300300002337A1E\n\n:00000001FF\n",                   // empty line
           ":01000001FFFF\n",                                      // end with data
       }) {
    auto read = ReadIntelHex(ToBytes(bad));
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, "hex.format") << bad;
  }
}

NrfFactoryData Lamp() {
  NrfFactoryData f;
  f.address = 0xF7000;
  f.sn = "LUMO-000001";
  f.date = "2026-11-22";
  f.vendor_id = 0xFFF1;
  f.product_id = 0x8005;
  f.vendor_name = "Acme";
  f.product_name = "Lumo A19";
  f.hw_ver = 2;
  f.hw_ver_str = "rev-b";
  f.rd_uid = Bytes(16, 7);
  f.dac_cert = Bytes(480, 8);
  f.dac_key = SecretBytes::Take(Bytes(32, 9));
  f.pai_cert = Bytes(470, 10);
  f.spake2_salt = Bytes(16, 11);
  f.spake2_verifier = SecretBytes::Take(Bytes(97, 12));
  f.discriminator = 3840;
  return f;
}

TEST(NrfFactoryData, IsReadByObjcopyAndCborX) {
  NrfFactoryData f = Lamp();
  auto hex = Export(ImageFormat::kNrfFactoryData, {.board = {}, .parts = {}, .nrf = &f});
  ASSERT_TRUE(hex) << hex.error().ToString();
  EXPECT_EQ((*ReadIntelHex(hex->Read(SecretAccess())))[0].address, 0xF7000u);
  Bytes map = ByObjcopy(*hex);
  // Texts are byte strings there: the device's reader takes nothing else.
  auto value = cbor::Decode(map);
  ASSERT_TRUE(value) << value.error().ToString();
  EXPECT_EQ(*value->Find("sn")->AsBytes(), ToBytes("LUMO-000001"));
  EXPECT_EQ(*value->Find("dac_key")->AsBytes(), Bytes(32, 9));
  EXPECT_EQ(*value->Find("discriminator")->AsUint(), 3840u);
  if (std::system("node -e \"import('" BIRTHMARK_INTEROP "/node_modules/cbor-x/index.js')\" "
                  ">/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "node or cbor-x is not installed: their reading did not run";
  }
  test::TempDir folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "map.cbor", map, 0600));
  ASSERT_TRUE(WriteFileAtomic(
      folder / "read.mjs",
      "import {decode} from '" BIRTHMARK_INTEROP
      "/node_modules/cbor-x/index.js';\n"
      "import {readFileSync} from 'fs';\n"
      "const m = decode(readFileSync(process.argv[2]));\n"
      "const t = k => Buffer.from(m[k]).toString();\n"
      "console.log(Object.keys(m).length, t('sn'), t('date'), m.vendor_id, m.product_id,\n"
      "  m.version, t('product_name'), m.dac_key.length, m.dac_cert.length,\n"
      "  m.spake2_verifier.length, m.spake2_it, m.discriminator);\n"));
  std::string command = "node " + (folder / "read.mjs").string() + " " +
                        (folder / "map.cbor").string() + " > " + (folder / "out").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(*ReadTextFile(folder / "out", 1000),
            "17 LUMO-000001 2026-11-22 65521 32773 1 Lumo A19 32 480 97 1000 3840\n");
}

TEST(NrfFactoryData, WhatTheDeviceWouldRefuseIsRefusedHere) {
  auto code = [](auto&& change) {
    NrfFactoryData f = Lamp();
    change(f);
    auto out = Export(ImageFormat::kNrfFactoryData, {.board = {}, .parts = {}, .nrf = &f});
    return out ? std::string("taken") : out.error().code;
  };
  EXPECT_EQ(code([](auto&) {}), "taken");
  EXPECT_EQ(code([](auto& f) { f.sn = std::string(33, 'x'); }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.date = "22.11.2026"; }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.date = "2026-1-122"; }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.rd_uid.resize(15); }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.dac_cert.resize(603); }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.dac_key = SecretBytes(31); }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.spake2_it = 999; }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.spake2_verifier = SecretBytes(96); }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.discriminator = 4096; }), "image.content");
  EXPECT_EQ(code([](auto& f) { f.size = 1000; }), "image.too-large");
  EXPECT_EQ(Export(ImageFormat::kNrfFactoryData, {}).error().code, "image.content");
}

TEST(ImageFormat, Words) {
  for (ImageFormat f : {ImageFormat::kRaw, ImageFormat::kIntelHex, ImageFormat::kNrfFactoryData}) {
    EXPECT_EQ(ImageFormatOf(ToText(f)), f);
  }
  EXPECT_FALSE(ImageFormatOf("srec"));
}

}  // namespace
}  // namespace birthmark::link
