// SPDX-License-Identifier: Apache-2.0
#include "app/key_places.h"

#include <gtest/gtest.h>

#include "app/station_file.h"
#include "tests/support/temp_dir.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kPlacesFile = R"(
[keys.pkcs11]
uri = "pkcs11:token=site;object=acme?module-path=/usr/lib/m.so"
pin-file = "/etc/birthmark/\"site\".pin"
[keys.tpm2]
uri = "tpm2:tcti=device:/dev/tpmrm0"
pin-credential = "tpm-pin"
[offline-keys.pkcs11]
uri = "pkcs11:token=root?module-path=/usr/lib/m.so&pin-source=file:/etc/root.pin"
)";

std::string PlacesCode(const std::string& text) {
  auto r = ParseKeyPlaces(text, "keys");
  return r ? "accepted" : r.error().code;
}

TEST(KeyPlaces, EachSideHasItsOwn) {
  KeyPlaces here = ParseKeyPlaces(kPlacesFile, "keys").value();
  ASSERT_EQ(here.size(), 2u);
  EXPECT_EQ(here["pkcs11"].pin_file, "/etc/birthmark/\"site\".pin");
  EXPECT_EQ(here["tpm2"].pin_credential, "tpm-pin");
  KeyPlaces there = ParseKeyPlaces(kPlacesFile, "offline-keys").value();
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there["pkcs11"].pin_file, "/etc/root.pin") << "what the URI's pin-source says";
}

TEST(KeyPlaces, InstallSplitsThemAndReadsThemBack) {
  test::TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "keys.toml", kPlacesFile));
  ASSERT_TRUE(MakeDirs(dir / "ws"));
  ASSERT_TRUE(MakeDirs(dir / "side"));
  ASSERT_TRUE(InstallKeyPlaces(dir / "keys.toml", dir / "ws", dir / "side"));
  KeyPlaces here = ReadKeyPlaces(dir / "ws").value(), there = ReadKeyPlaces(dir / "side").value();
  EXPECT_EQ(here.size(), 2u);
  EXPECT_EQ(here["pkcs11"].uri, "pkcs11:token=site;object=acme?module-path=/usr/lib/m.so");
  EXPECT_EQ(here["pkcs11"].pin_file, "/etc/birthmark/\"site\".pin");
  EXPECT_EQ(there.size(), 1u);
  EXPECT_TRUE(ReadKeyPlaces(dir / "nowhere")->empty());
  // A factory that only says where its keys are is no station.
  EXPECT_FALSE(IsStation(dir / "ws"));
  ASSERT_TRUE(
      WriteFileAtomic(dir / "ws" / "station.toml", FormatStationFile({.station = "bench"})));
  EXPECT_TRUE(IsStation(dir / "ws"));
}

TEST(KeyPlaces, AStationMayHaveThemToo) {
  std::string text = FormatStationFile({.station = "bench", .server = "https://a.example"});
  text += "\n[keys.tpm2]\nuri = \"tpm2:tcti=device:/dev/tpmrm0\"\n";
  EXPECT_TRUE(ParseStationFile(text));
  EXPECT_EQ(ParseKeyPlaces(text, "keys")->size(), 1u);
}

TEST(KeyPlaces, AreReadStrictly) {
  const std::string uri = "uri = \"pkcs11:token=a?module-path=/m.so\"\n";
  EXPECT_EQ(PlacesCode("[keys.pkcs11]\n" + uri), "accepted");
  for (const std::string& bad :
       {std::string("keys = 1"), std::string("[keys]\npkcs11 = 1"), "[keys.vault]\n" + uri,
        "[keys.tpm2]\n" + uri, std::string("[keys.pkcs11]\n"),
        "[keys.pkcs11]\n" + uri + "pin = \"1234\"\n", "[keys.pkcs11]\n" + uri + "pin-file = 1\n",
        "[keys.pkcs11]\n" + uri + "pin-credential = \"../x\"\n",
        "[keys.pkcs11]\n" + uri + "pin-file = \"/a\"\npin-credential = \"b\"\n",
        std::string("[keys.pkcs11]\nuri = \"pkcs11:token=a\"\n"),
        std::string("[keys.pkcs11]\nuri = \"pkcs11:token=a?module-path=/m&pin-value=1\"\n"),
        std::string("[keys.pkcs11\n")})
    EXPECT_EQ(PlacesCode(bad), "station.file") << bad;
}

TEST(KeyPlaces, ACustodyMeansAStore) {
  EXPECT_EQ(SchemeOf(plan::Custody::kSoftware).value(), "file");
  EXPECT_EQ(SchemeOf(plan::Custody::kPkcs11).value(), "pkcs11");
  EXPECT_EQ(SchemeOf(plan::Custody::kTpm).value(), "tpm2");
  EXPECT_EQ(SchemeOf(plan::Custody::kThreshold).error().code, "keystore.unsupported");
}

}  // namespace
}  // namespace birthmark::app
