// SPDX-License-Identifier: Apache-2.0
#include "audit/state.h"

#include <gtest/gtest.h>

#include "audit/test_keys.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "tests/support/temp_dir.h"

namespace birthmark::audit {
namespace {

State Sample() {
  State s;
  s.product = test::Prime(1, 256) * test::Prime(2, 256);
  s.keys.push_back({"BMC-1", "a.pem", crypto::Sha256(AsBytes("1")), ToOctets(s.product)});
  s.keys.push_back({"", "list.txt:3", crypto::Sha256(AsBytes("2")), {}});
  s.signatures.push_back({"BMC-1", {crypto::Sha256(AsBytes("r")), {}, {}}});
  return s;
}

TEST(AuditState, ComesBackAsItWas) {
  const Bytes data = EncodeState(Sample());
  auto back = DecodeState(data);
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(EncodeState(*back), data);
  EXPECT_EQ(back->product, Sample().product);
  ASSERT_EQ(back->keys.size(), 2u);
  EXPECT_EQ(back->keys[1].place, "list.txt:3");
  ASSERT_EQ(back->signatures.size(), 1u);
  EXPECT_EQ(back->signatures[0].name, "BMC-1");
}

TEST(AuditState, EveryCutAndChangedOctetIsRefused) {
  const Bytes data = EncodeState(Sample());
  for (size_t i = 0; i < data.size(); ++i) {
    EXPECT_FALSE(DecodeState(ByteView(data).first(i))) << i;
    Bytes changed = data;
    changed[i] ^= 1;
    EXPECT_FALSE(DecodeState(changed)) << i;
  }
}

TEST(AuditState, AProductOfOtherModuliIsRefused) {
  State s = Sample();
  s.product *= 3;
  auto back = DecodeState(EncodeState(s));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, "audit.state");
  s = Sample();
  s.keys[0].modulus.clear();
  EXPECT_FALSE(DecodeState(EncodeState(s)));
}

TEST(AuditState, IsEmptyBeforeTheFirstBatch) {
  birthmark::test::TempDir dir;
  auto s = LoadState(dir / "state");
  ASSERT_TRUE(s);
  EXPECT_TRUE(s->keys.empty());
  EXPECT_EQ(s->product, 1);
  ASSERT_TRUE(SaveState(Sample(), dir / "state"));
  EXPECT_EQ(LoadState(dir / "state")->keys.size(), 2u);
  ASSERT_TRUE(WriteFileAtomic(dir / "state", "something else"));
  auto bad = LoadState(dir / "state");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find((dir / "state").string()), std::string::npos);
}

}  // namespace
}  // namespace birthmark::audit
