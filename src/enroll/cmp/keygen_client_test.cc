// SPDX-License-Identifier: Apache-2.0
// The client of OpenSSL 3.5 against our server: central key generation, which Debian 12's own
// client has not, and the general messages that came after it. Says that it did not run where
// Debian 13's packages cannot be had.
#include <gmock/gmock.h>

#include <cstdlib>

#include "enroll/cmp/client_test.h"
#include "pki/profile.h"

namespace birthmark::enroll::cmp::test {
namespace {

using ::testing::HasSubstr;

// The program's path; empty where there is none.
const std::string& Openssl35() {
  static const std::string path = [] {
    Ran r = Shell(std::string(BIRTHMARK_TRIXIE_OPENSSL) + " " + BIRTHMARK_TRIXIE_FOLDER);
    while (!r.text.empty() && r.text.back() == '\n') r.text.pop_back();
    if (r.exit == 0) return r.text;
    std::printf("did not run: %s\n", r.text.c_str());
    return std::string();
  }();
  return path;
}

TEST(CmpKeygen, ForWhoKnowsTheSecret) {
  if (Openssl35().empty()) GTEST_SKIP();
  Factory f;
  for (const std::string cmd : {"ir", "cr"}) {
    Ran r =
        f.Client("-cmd " + cmd + " -centralkeygen -profile idevid-bare-key -newkeyout " +
                     f.File("made.key") + f.Mac() + " -subject '/O=Acme Light/serialNumber=B-" +
                     cmd + "' -certout " + f.File("out.pem") + " -trusted " + f.File("root.pem"),
                 Openssl35());
    ASSERT_EQ(r.exit, 0) << r.text;
    Ran pub = Shell("openssl pkey -in " + f.File("made.key") + " -pubout -outform DER | sha256sum");
    EXPECT_THAT(pub.text, HasSubstr(ToHex(f.Cert("out.pem").public_key()->spki_digest())));
    EXPECT_EQ(f.Cert("out.pem").digest(), f.desk.Live("B-" + cmd)->digest());
  }
  EXPECT_EQ(f.desk.confirmed.size(), 2u);
}

TEST(CmpKeygen, ForWhoSigns) {
  if (Openssl35().empty()) GTEST_SKIP();
  Factory f;
  f.desk.Agreeing("station-9").Write(f.dir.path(), "agree");
  const std::string ask = " -centralkeygen -profile idevid-bare-key -newkeyout " +
                          f.File("made.key") + " -subject '/O=Acme Light/serialNumber=B-9'" +
                          " -certout " + f.File("out.pem");
  Ran r = f.Client("-cmd ir" + ask + f.Signed("agree"), Openssl35());
  ASSERT_EQ(r.exit, 0) << r.text;
  Ran pub = Shell("openssl pkey -in " + f.File("made.key") + " -pubout -outform DER | sha256sum");
  EXPECT_THAT(pub.text, HasSubstr(ToHex(f.Cert("out.pem").public_key()->spki_digest())));

  // A certificate that is for signatures alone receives no key.
  r = f.Client("-cmd ir" + ask + f.Signed("station"), Openssl35());
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("badRequest"));
}

// RFC 9483 has AsymmetricKeyPackage, which this client does not read: it declines, and the desk
// hears of it.
TEST(CmpKeygen, TheStandardPackageIsNotReadByThisClient) {
  if (Openssl35().empty()) GTEST_SKIP();
  Factory f;
  Ran r = f.Client("-cmd ir -centralkeygen -newkeyout " + f.File("made.key") + f.Mac() +
                       " -subject '/O=Acme Light/serialNumber=B-1' -certout " + f.File("out.pem") +
                       " -trusted " + f.File("root.pem"),
                   Openssl35());
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("error decoding encryptedkey"));
}

TEST(CmpKeygen, NewerQuestions) {
  if (Openssl35().empty()) GTEST_SKIP();
  Factory f;
  Ran r = f.Client("-cmd genm -infotype caCerts -cacertsout " + f.File("cas.pem") + f.Signed(),
                   Openssl35());
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_EQ(f.Cert("cas.pem").digest(), f.desk.issuer().digest());
  r = f.Client("-cmd genm -infotype rootCaCert -oldwithold " + f.File("root.pem") +
                   " -newwithnew " + f.File("new.pem") + f.Signed(),
               Openssl35());
  EXPECT_EQ(r.exit, 0) << r.text;
  r = f.Client("-cmd genm -infotype certReqTemplate -template " + f.File("template.der") +
                   " -keyspec " + f.File("keyspec.der") + f.Mac(),
               Openssl35());
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_THAT(Shell("openssl asn1parse -inform DER -in " + f.File("keyspec.der")).text,
              HasSubstr("prime256v1"));
  r = f.Client("-cmd cr -profile other" + f.Mac() + " -newkey " + f.File("station.key") +
                   " -subject '/serialNumber=U-1' -certout " + f.File("out.pem"),
               Openssl35());
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("unacceptedPolicy"));
}

}  // namespace
}  // namespace birthmark::enroll::cmp::test
