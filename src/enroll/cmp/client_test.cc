// SPDX-License-Identifier: Apache-2.0
// openssl's CMP client against our server over a socket: every operation, and what is refused.
#include "enroll/cmp/client_test.h"

#include <gmock/gmock.h>

namespace birthmark::enroll::cmp::test {
namespace {

using ::testing::HasSubstr;

// Ask is what all requests for a new certificate have in common.
std::string New(const Factory& f, const std::string& serial, const std::string& out = "out.pem") {
  return " -newkey " + f.File("new.key") + " -subject '/O=Acme Light/serialNumber=" + serial +
         "' -certout " + f.File(out);
}

TEST(CmpClient, InitialisationUnderASecret) {
  Factory f;
  f.NewKey("new.key");
  Ran r = f.Client("-cmd ir" + f.Mac() + New(f, "U-1") + " -cacertsout " + f.File("ca.pem") +
                   " -out_trusted " + f.File("root.pem") + " -chainout " + f.File("chain.pem"));
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_THAT(r.text, HasSubstr("received PKICONF"));
  EXPECT_EQ(f.Cert("out.pem").der().size(), f.desk.Live("U-1")->der().size());
  EXPECT_EQ(f.Cert("out.pem").digest(), f.desk.Live("U-1")->digest());
  EXPECT_EQ(f.Cert("ca.pem").digest(), f.desk.root().digest());
  EXPECT_EQ(f.Cert("chain.pem").digest(), f.desk.issuer().digest());
  ASSERT_EQ(f.desk.confirmed.size(), 1u);
  EXPECT_EQ(f.desk.enrolments.back().caller.kind, Caller::Kind::kToken);
  EXPECT_EQ(f.desk.enrolments.back().caller.id, "tok1");
  EXPECT_EQ(f.desk.enrolments.back().proof, "crmf-signature");
  EXPECT_EQ(f.handler->open(), 0u);
}

TEST(CmpClient, ConfirmationMayBeImplicit) {
  Factory f;
  f.NewKey("new.key");
  Ran r = f.Client("-cmd ir -implicit_confirm" + f.Mac() + New(f, "U-1"));
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_THAT(r.text, ::testing::Not(HasSubstr("PKICONF")));
  EXPECT_TRUE(f.desk.Live("U-1"));
  EXPECT_EQ(f.handler->open(), 0u);
}

TEST(CmpClient, StationsSign) {
  Factory f;
  f.NewKey("new.key");
  for (const std::string cmd : {"ir", "cr"}) {
    Ran r = f.Client("-cmd " + cmd + f.Signed() + New(f, "U-" + cmd) + " -out_trusted " +
                     f.File("root.pem"));
    ASSERT_EQ(r.exit, 0) << r.text;
    EXPECT_EQ(f.desk.enrolments.back().caller.kind, Caller::Kind::kStation);
    EXPECT_TRUE(f.desk.Live("U-" + cmd));
  }
  EXPECT_EQ(f.desk.confirmed.size(), 2u);
}

TEST(CmpClient, Pkcs10) {
  Factory f;
  f.NewKey("new.key");
  ASSERT_EQ(Shell("openssl req -new -key " + f.File("new.key") +
                  " -subj '/O=Acme Light/serialNumber=U-7' -out " + f.File("csr.pem"))
                .exit,
            0);
  for (const std::string& how : {f.Mac(), f.Signed()}) {
    Ran r = f.Client("-cmd p10cr" + how + " -csr " + f.File("csr.pem") + " -certout " +
                     f.File("out.pem"));
    ASSERT_EQ(r.exit, 0) << r.text;
    EXPECT_EQ(f.Cert("out.pem").digest(), f.desk.Live("U-7")->digest());
  }
  EXPECT_EQ(f.desk.enrolments.back().proof, "csr-signature");
}

TEST(CmpClient, KeyUpdateIsOfOnesOwn) {
  Factory f;
  f.NewKey("new.key");
  f.desk.Device("U-1").Write(f.dir.path(), "unit");
  f.desk.Device("U-2").Write(f.dir.path(), "other");
  const Digest before = f.desk.Live("U-1")->digest();
  const std::string update =
      "-cmd kur -newkey " + f.File("new.key") + " -certout " + f.File("out.pem");
  Ran r = f.Client(update + f.Signed("unit"));
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_NE(f.desk.Live("U-1")->digest(), before);
  EXPECT_EQ(f.Cert("out.pem").digest(), f.desk.Live("U-1")->digest());
  EXPECT_TRUE(f.desk.enrolments.back().renewal);

  r = f.Client(update + f.Signed("unit") + " -oldcert " + f.File("other.pem"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("notAuthorized"));
  r = f.Client(update + f.Mac() + " -oldcert " + f.File("other.pem"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("notAuthorized"));
}

TEST(CmpClient, RevocationIsOfOnesOwn) {
  Factory f;
  f.desk.Device("U-1").Write(f.dir.path(), "unit");
  f.desk.Device("U-2").Write(f.dir.path(), "other");
  Ran r = f.Client("-cmd rr -revreason 1" + f.Signed("unit") + " -oldcert " + f.File("other.pem"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("notAuthorized"));
  r = f.Client("-cmd rr -revreason 1" + f.Mac() + " -oldcert " + f.File("other.pem"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("notAuthorized"));
  EXPECT_TRUE(f.desk.revocations.empty());

  r = f.Client("-cmd rr -revreason 1" + f.Signed("unit") + " -oldcert " + f.File("unit.pem"));
  ASSERT_EQ(r.exit, 0) << r.text;
  ASSERT_EQ(f.desk.revocations.size(), 1u);
  EXPECT_EQ(f.desk.revocations[0].reason, 1);
  EXPECT_EQ(f.desk.revocations[0].serial, f.Cert("unit.pem").serial());
  EXPECT_EQ(f.desk.revocations[0].issuer, f.Cert("unit.pem").issuer());
  // It is nobody's now.
  r = f.Client("-cmd genm -infotype caCerts" + f.Signed("unit"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("signerNotTrusted"));

  // A person's role is the desk's to know.
  r = f.Client("-cmd rr -revreason 6" + f.Signed("person") + " -oldcert " + f.File("other.pem"));
  ASSERT_EQ(r.exit, 0) << r.text;
  EXPECT_EQ(f.desk.revocations[1].reason, 6);
}

TEST(CmpClient, GeneralMessages) {
  Factory f;
  for (const std::string info : {"caCerts", "signKeyPairTypes"}) {
    for (const std::string& how : {f.Mac(), f.Signed()}) {
      Ran r = f.Client("-cmd genm -infotype " + info + how);
      EXPECT_EQ(r.exit, 0) << r.text;
      EXPECT_THAT(r.text, HasSubstr("received GENP")) << r.text;
    }
  }
}

TEST(CmpClient, WaitingOutlivesTheServer) {
  Factory f;
  f.NewKey("new.key");
  f.options.check_after = std::chrono::seconds(1);
  f.Restart();
  for (const auto& [how, serial] : {std::pair{f.Mac(), "U-1"}, std::pair{f.Signed(), "U-2"}}) {
    f.desk.wait = 2;
    // The server goes away and comes back while the client waits for its second poll. No kept
    // connection: a request that crosses its end is lost with any server.
    bool restarted = false;
    f.desk.later = [&](std::function<void()> run) { run(); };
    std::thread restart([&] {
      while (f.desk.wait > 0) std::this_thread::yield();
      f.Restart();
      restarted = true;
    });
    Ran r = f.Client("-cmd ir -keep_alive 0" + how + New(f, serial));
    restart.join();
    ASSERT_EQ(r.exit, 0) << r.text;
    EXPECT_TRUE(restarted);
    EXPECT_THAT(r.text, HasSubstr("received POLLREP"));
    EXPECT_EQ(f.Cert("out.pem").digest(), f.desk.Live(serial)->digest());
  }
}

TEST(CmpClient, IsRefusedWhatItMayNotHave) {
  Factory f;
  f.NewKey("new.key");
  Ran r = f.Client("-cmd ir -unprotected_errors" + f.Mac("wrong") + New(f, "U-1"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("badMessageCheck"));

  f.desk.Foreign("stranger").Write(f.dir.path(), "foreign");
  f.desk.Expired("late").Write(f.dir.path(), "expired");
  for (const std::string who : {"foreign", "expired"}) {
    r = f.Client("-cmd ir" + f.Signed(who) + New(f, "U-1"));
    EXPECT_NE(r.exit, 0);
    EXPECT_THAT(r.text, HasSubstr("signerNotTrusted"));
  }
  r = f.Client("-cmd ir -unprotected_requests -unprotected_errors" + f.Signed() + New(f, "U-1"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("badMessageCheck"));

  for (const std::string popo : {"-1", "0", "2"}) {
    r = f.Client("-cmd ir -popo " + popo + f.Mac() + New(f, "U-1"));
    EXPECT_NE(r.exit, 0) << popo;
    EXPECT_THAT(r.text, ::testing::AnyOf(HasSubstr("badPOP"), HasSubstr("unsupported")));
  }
  EXPECT_FALSE(f.desk.Live("U-1"));
  EXPECT_EQ(f.Client("-cmd ir -popo 0" + f.Signed() + New(f, "U-1")).exit, 0);
  EXPECT_EQ(f.desk.enrolments.back().proof, "ra-verified");

  // The slot is taken by another key.
  f.NewKey("new.key");
  r = f.Client("-cmd ir" + f.Mac() + New(f, "U-1"));
  EXPECT_NE(r.exit, 0);
  EXPECT_THAT(r.text, HasSubstr("duplicateCertReq"));
  EXPECT_EQ(f.handler->open(), 0u);
}

TEST(CmpClient, DeclinesACertificateThatLeadsNowhere) {
  Factory f;
  f.NewKey("new.key");
  std::ofstream(f.dir / "stranger.pem") << f.desk.Foreign("stranger").above[0].ToPem();
  Ran r = f.Client("-cmd ir" + f.Mac() + New(f, "U-1") + " -out_trusted " + f.File("stranger.pem"));
  EXPECT_NE(r.exit, 0);
  EXPECT_EQ(f.desk.declined.size(), 1u) << r.text;
  EXPECT_FALSE(f.desk.Live("U-1"));
}

}  // namespace
}  // namespace birthmark::enroll::cmp::test
