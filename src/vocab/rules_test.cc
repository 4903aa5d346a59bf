// SPDX-License-Identifier: Apache-2.0
#include "vocab/rules.h"

#include <gtest/gtest.h>

namespace birthmark::vocab {
namespace {

TEST(Rules, OnlyKeysMadeOutsideAreMechanicallyInstalled) {
  for (Method m : All<Method>()) {
    EXPECT_EQ(MethodAllows(m, Transfer::kMechanicallyInstalled),
              m == Method::kBamboo || m == Method::kCarrot);
    EXPECT_TRUE(MethodAllows(m, Transfer::kMechanicallyTransferred));
    EXPECT_TRUE(MethodAllows(m, Transfer::kNetworkTransferred));
  }
}

TEST(Rules, BirthFollowsTheMethod) {
  EXPECT_EQ(BirthOf(Method::kAvocado), Birth::kDeviceGenerated);
  EXPECT_EQ(BirthOf(Method::kBamboo), Birth::kInfrastructureGenerated);
  EXPECT_EQ(BirthOf(Method::kCarrot), Birth::kCoGenerated);
  EXPECT_EQ(BirthOf(Method::kSalak), Birth::kDeviceGenerated);
}

TEST(Rules, ADiscreteTpmIsSalakIn02AndAvocadoIn15) {
  BirthFacts discrete{.maker = Maker::kDiscreteTpm};
  EXPECT_EQ(MethodFor(discrete, Revision::k02), Method::kSalak);
  EXPECT_EQ(MethodFor(discrete, Revision::k15), Method::kAvocado);
  BirthFacts firmware{.maker = Maker::kFirmwareTpm};
  EXPECT_EQ(MethodFor(firmware, Revision::k02), Method::kAvocado);
}

TEST(Rules, ARecordedMethodIsNamedAgainFromItsStore) {
  auto named = [](Method m, StoreKind s, Revision r) { return MethodFor(BirthFactsOf(m, s), r); };
  EXPECT_EQ(named(Method::kSalak, StoreKind::kDiscreteTpm, Revision::k02), Method::kSalak);
  EXPECT_EQ(named(Method::kSalak, StoreKind::kDiscreteTpm, Revision::k15), Method::kAvocado);
  EXPECT_EQ(named(Method::kAvocado, StoreKind::kFirmwareTpm, Revision::k02), Method::kAvocado);
  // Everything else keeps its name under both.
  for (Revision r : {Revision::k02, Revision::k15}) {
    EXPECT_EQ(named(Method::kSalak, StoreKind::kSecureElement, r), Method::kSalak);
    EXPECT_EQ(named(Method::kSapodilla, StoreKind::kSecureElement, r), Method::kSapodilla);
    EXPECT_EQ(named(Method::kSapodilla, StoreKind::kDiscreteTpm, r), Method::kSapodilla);
    EXPECT_EQ(named(Method::kBamboo, StoreKind::kSpiNor, r), Method::kBamboo);
    EXPECT_EQ(named(Method::kCarrot, StoreKind::kOtpFuse, r), Method::kCarrot);
    EXPECT_EQ(named(Method::kAvocado, StoreKind::kPrivateMemory, r), Method::kAvocado);
  }
}

TEST(Rules, FactsNameTheOtherMethods) {
  EXPECT_EQ(MethodFor({.maker = Maker::kCpu}), Method::kAvocado);
  EXPECT_EQ(MethodFor({.maker = Maker::kFactorySystem}), Method::kBamboo);
  EXPECT_EQ(MethodFor({.maker = Maker::kCpu, .from_shared_seed = true}), Method::kCarrot);
  EXPECT_EQ(MethodFor({.maker = Maker::kSecureElement}), Method::kSalak);
  EXPECT_EQ(MethodFor({.maker = Maker::kSecureElement, .in_silicon_oem_factory = true}),
            Method::kSapodilla);
  Maker m{};
  EXPECT_TRUE(FromText("secure-element", m));
  EXPECT_EQ(ToText(m), "secure-element");
  EXPECT_FALSE(FromText("elsewhere", m));
}

TEST(Rules, LocationsSayInsideOrOutside) {
  EXPECT_EQ(LocationText(StoreKind::kOtpFuse), "internal(otp-fuse)");
  EXPECT_EQ(LocationText(StoreKind::kSpiNor), "external(spi-nor)");
  EXPECT_TRUE(IsLocation("internal(rom)"));
  EXPECT_FALSE(IsLocation("external(rom)"));
  EXPECT_FALSE(IsLocation("internal"));
  EXPECT_TRUE(IsKeyLocation("none"));
  EXPECT_TRUE(IsKeyLocation("mac-key in on-die-flash"));
  EXPECT_FALSE(IsKeyLocation("mac-key in a drawer"));
  EXPECT_FALSE(IsKeyLocation("secret in otp-fuse"));
  EXPECT_TRUE(IsEncryption("yes-shared-key"));
  EXPECT_FALSE(IsEncryption("yes"));
  EXPECT_TRUE(IsLockPolicy("eku"));
  EXPECT_FALSE(IsLockPolicy("maybe"));
}

// What is published has no place for k, n or people (draft 5.3.1).
TEST(Rules, NoValueHasAMemberForPeople) {
  for (ValueType t : {ValueType::kGap, ValueType::kStorage, ValueType::kLifespan}) {
    EXPECT_FALSE(FieldsOf(t).empty());
    for (const Field& f : FieldsOf(t)) {
      EXPECT_EQ(f.name.find("people"), f.name.npos) << f.name;
      EXPECT_NE(f.name, "k");
      EXPECT_NE(f.name, "n");
    }
  }
  EXPECT_TRUE(FieldsOf(ValueType::kCount).empty());
}

}  // namespace
}  // namespace birthmark::vocab
