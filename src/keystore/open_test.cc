// SPDX-License-Identifier: Apache-2.0
#include "keystore/open.h"

#include <gtest/gtest.h>

#include "keystore/software/software_store.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

Pin Says(std::string pin) {
  return {.read = [pin]() -> Result<SecretBytes> { return SecretBytes::Take(ToBytes(pin)); }};
}
std::string CodeOf(const std::string& uri) {
  auto store = OpenStore({.uri = uri, .folder = "/nonexistent", .pin = Says("x")});
  return store ? "accepted" : store.error().code;
}

TEST(OpenStore, TheSchemeDecides) {
  test::TempDir dir;
  ASSERT_TRUE(SoftwareKeyStore::Init(dir / "keys", SecretBytes::Take(ToBytes("x"))));
  EXPECT_EQ(CodeOf("file:" + (dir / "keys").string()), "accepted");
  EXPECT_EQ(CodeOf("file:" + (dir / "nowhere").string()), "keystore.no-store");
  EXPECT_EQ(CodeOf("pkcs11:token=a"), "pkcs11.uri-module");
  EXPECT_EQ(CodeOf("pkcs11:token=a;id=%01?module-path=/nonexistent.so"), "pkcs11.uri");
  EXPECT_EQ(CodeOf("pkcs11:token=a?module-path=/nonexistent.so"), "element.missing");
  EXPECT_EQ(CodeOf("tpm2:swtpm:path=/nonexistent"), "keystore.uri");
  EXPECT_EQ(CodeOf("tpm2:tcti="), "keystore.uri");
  EXPECT_EQ(CodeOf("tpm2:tcti=swtpm:path=/nonexistent"), "element.missing");
  EXPECT_EQ(CodeOf("frost:identity"), "keystore.unsupported");
  for (const char* bad : {"", "pkcs11", "vault:a", "FILE:/a"})
    EXPECT_EQ(CodeOf(bad), "keystore.uri") << bad;
}

}  // namespace
}  // namespace birthmark::keystore
