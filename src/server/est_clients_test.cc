// SPDX-License-Identifier: Apache-2.0
// EST with clients that nobody here wrote: curl, and strongSwan's pki. Server, handler and desk run
// in this process; the clients are the installed programs. A machine without them says so.
#include "enroll/est/est.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "enroll/test_desk.h"
#include "pki/pki_fixture.h"
#include "server/http_server.h"

namespace birthmark::server {
namespace {

using enroll::TestDesk;
using pki::test::HaveTool;
using testing::HasSubstr;

class EstClientsTest : public testing::Test {
 protected:
  EstClientsTest() {
    desk_.AddToken("tok-1", "secret");
    own_ = desk_.TlsServer();
    HttpOptions o;
    o.name = "est";
    o.tls = TlsOptions{.chain = {own_.certificate, desk_.issuer()},
                       .key = own_.key.get(),
                       .anchors = {desk_.root()},
                       .intermediates = {desk_.issuer()}};
    server_ = std::move(*HttpServer::Start(
        std::move(o), {{std::string(enroll::est::kPrefix), &est_}, {"/bulb", &est_}}));
    base_ = "https://localhost:" + std::to_string(server_->port());
    std::ofstream(dir_ / "root.pem") << desk_.root().ToPem();
    std::ofstream(dir_ / "sub.pem") << desk_.issuer().ToPem();
  }

  // Runs a command in the test's folder; what it prints on both channels.
  pki::test::ToolResult Run(const std::string& command) {
    return pki::test::RunTool("cd " + dir_.path().string() + " && " + command);
  }
  // A request for a unit as the openssl program makes it: NAME.key, NAME.der, NAME.pem, NAME.b64.
  void MakeRequest(const std::string& name, const std::string& serial) {
    auto made = Run("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " +
                    name + ".key -subj '/O=Acme Light/serialNumber=" + serial + "' -out " + name +
                    ".pem && openssl req -in " + name + ".pem -outform DER -out " + name +
                    ".der && openssl base64 -in " + name + ".der -out " + name + ".b64");
    ASSERT_EQ(made.exit, 0) << made.output;
  }
  // Curl gives the status; the body is in NAME.
  std::string Curl(const std::string& out, const std::string& operation, const std::string& more) {
    auto r =
        Run("curl -sS --max-time 30 --cacert root.pem -o " + out + " -D " + out +
            ".head -w '%{http_code}' " + more + " " + base_ + "/.well-known/est/bulb/" + operation);
    return r.output;
  }
  static std::string Post(const std::string& file) {
    return "-H 'Content-Type: application/pkcs10' --data-binary @" + file;
  }
  Bytes Read(const std::string& name) {
    auto file = ReadFile(dir_ / name, 1 << 20);
    return file ? Bytes(file->begin(), file->end()) : Bytes();
  }
  // The one certificate of an answer, judged by the openssl program.
  void ExpectEnrolled(const std::string& file, const std::string& serial) {
    auto r = Run("openssl base64 -d -A -in " + file +
                 " | openssl pkcs7 -inform DER -print_certs | "
                 "openssl x509 -out " +
                 file +
                 ".pem && openssl verify -x509_strict -CAfile root.pem "
                 "-untrusted sub.pem " +
                 file + ".pem && openssl x509 -in " + file + ".pem -noout -subject");
    EXPECT_EQ(r.exit, 0) << r.output;
    EXPECT_THAT(r.output, HasSubstr(file + ".pem: OK"));
    EXPECT_THAT(r.output, HasSubstr("serialNumber = " + serial));
  }

  birthmark::test::TempDir dir_;
  TestDesk desk_;
  enroll::est::Est est_{desk_, {.retry_after_s = 1}};
  TestDesk::Credential own_;
  std::unique_ptr<HttpServer> server_;
  std::string base_;
};

TEST_F(EstClientsTest, CurlGetsCaCertsAndCsrAttrs) {
  if (!HaveTool("curl") || !HaveTool("openssl")) return;
  EXPECT_EQ(Curl("ca.b64", "cacerts", ""), "200");
  auto shown = Run("openssl base64 -d -A -in ca.b64 | openssl pkcs7 -inform DER -print_certs");
  EXPECT_THAT(shown.output, HasSubstr("Acme Site CA 1"));
  EXPECT_THAT(shown.output, HasSubstr("Acme Root R1"));
  EXPECT_EQ(Curl("attrs.b64", "csrattrs", ""), "200");
  shown = Run("openssl base64 -d -A -in attrs.b64 | openssl asn1parse -inform DER");
  EXPECT_EQ(shown.exit, 0);
  EXPECT_THAT(shown.output, HasSubstr("1.2.840.113549.1.9.16.2.61"));
  EXPECT_THAT(Run("cat attrs.b64.head").output, HasSubstr("Content-Type: application/csrattrs"));
}

TEST_F(EstClientsTest, CurlEnrolsWithATokenInEveryFormOfBase64) {
  if (!HaveTool("curl") || !HaveTool("openssl")) return;
  MakeRequest("unit", "BMC-0001");
  for (const char* file : {"unit.b64", "unit.pem"}) {
    for (const char* version : {"--tls-max 1.2", "--tlsv1.3"}) {
      EXPECT_EQ(
          Curl("cert", "simpleenroll", std::string(version) + " -u tok-1:secret " + Post(file)),
          "200");
      ExpectEnrolled("cert", "BMC-0001");
    }
  }
  EXPECT_EQ(Curl("no", "simpleenroll", "-u tok-1:other " + Post("unit.b64")), "401");
  EXPECT_THAT(Run("cat no.head").output, HasSubstr("WWW-Authenticate: Basic"));
  EXPECT_EQ(Curl("no", "simpleenroll", Post("unit.b64")), "401");
}

TEST_F(EstClientsTest, CurlEnrolsAndRenewsWithCertificates) {
  if (!HaveTool("curl") || !HaveTool("openssl")) return;
  desk_.Station("st-1").Write(dir_.path(), "station");
  MakeRequest("unit", "BMC-0001");
  EXPECT_EQ(
      Curl("cert", "simpleenroll", "--cert station.pem --key station.key " + Post("unit.b64")),
      "200");
  ExpectEnrolled("cert", "BMC-0001");
  // The device itself, with its new certificate alone, for a new key.
  MakeRequest("fresh", "BMC-0001");
  EXPECT_EQ(
      Curl("renewed", "simplereenroll", "--cert cert.pem --key unit.key " + Post("fresh.b64")),
      "200");
  ExpectEnrolled("renewed", "BMC-0001");
  EXPECT_NE(Read("cert"), Read("renewed"));
  // It speaks for no other unit.
  MakeRequest("other", "BMC-0002");
  for (const char* operation : {"simplereenroll", "simpleenroll", "serverkeygen"}) {
    EXPECT_EQ(Curl("no", operation, "--cert renewed.pem --key fresh.key " + Post("other.b64")),
              "403")
        << operation;
  }
}

TEST_F(EstClientsTest, CurlWithAForeignOrExpiredCertificateGetsNoConnection) {
  if (!HaveTool("curl")) return;
  desk_.Foreign("st-1").Write(dir_.path(), "foreign");
  desk_.Expired("st-2").Write(dir_.path(), "expired");
  for (const char* name : {"foreign", "expired"}) {
    auto r = Run("curl -sS --max-time 30 --cacert root.pem --cert " + std::string(name) +
                 ".pem --key " + name + ".key " + base_ + "/.well-known/est/bulb/cacerts");
    EXPECT_NE(r.exit, 0);
    EXPECT_THAT(r.output, HasSubstr("alert")) << name;
  }
}

TEST_F(EstClientsTest, CurlIsToldToWaitAndComesAgain) {
  if (!HaveTool("curl") || !HaveTool("openssl")) return;
  MakeRequest("unit", "BMC-0001");
  desk_.wait = 1;
  const std::string ask = "-u tok-1:secret " + Post("unit.b64");
  EXPECT_EQ(Curl("cert", "simpleenroll", ask), "202");
  EXPECT_THAT(Run("cat cert.head").output, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(Curl("cert", "simpleenroll", ask), "200");
  ExpectEnrolled("cert", "BMC-0001");
}

TEST_F(EstClientsTest, CurlGetsAKeyMadeByTheServer) {
  if (!HaveTool("curl") || !HaveTool("openssl")) return;
  MakeRequest("unit", "BMC-0001");
  EXPECT_EQ(Curl("both", "serverkeygen", "-u tok-1:secret " + Post("unit.b64")), "200");
  EXPECT_THAT(Run("cat both.head").output, HasSubstr("Cache-Control: no-store"));
  // The parts, cut out by a program that knows nothing of them.
  auto r = Run(
      "tr -d '\\r' <both | awk '/^--/{n++; next} /^$/{body=1; next} /^Content/{body=0; next} "
      "body{print > (\"part\" n)}' && openssl base64 -d -A -in part1 | openssl pkey -inform DER "
      "-pubout -out made.pub && openssl base64 -d -A -in part2 | openssl pkcs7 -inform DER "
      "-print_certs | openssl x509 -noout -pubkey -out cert.pub && cmp made.pub cert.pub && "
      "openssl pkey -in unit.key -pubout | cmp -s - made.pub || echo differs-from-the-request");
  EXPECT_EQ(r.exit, 0) << r.output;
  EXPECT_EQ(r.output, "differs-from-the-request\n");
}

TEST_F(EstClientsTest, StrongSwanGetsCaCertsAndEnrols) {
  if (!HaveTool("pki") || !HaveTool("openssl")) return;
  auto r = Run("pki --estca --url " + base_ +
               "/bulb --cacert root.pem --caout ca.pem --outform pem 2>&1");
  EXPECT_EQ(r.exit, 0) << r.output;
  MakeRequest("unit", "BMC-0001");
  desk_.wait = 1;  // it polls
  r = Run("pki --est --url " + base_ +
          "/bulb --in unit.der --cacert root.pem --cacert sub.pem --userpass "
          "tok-1:secret "
          "--interval 1 --outform pem >cert.pem && openssl verify -CAfile root.pem -untrusted "
          "sub.pem cert.pem && openssl x509 -in cert.pem -noout -subject");
  EXPECT_EQ(r.exit, 0) << r.output;
  EXPECT_THAT(r.output, HasSubstr("serialNumber = BMC-0001"));
}

TEST_F(EstClientsTest, StrongSwanRenews) {
  if (!HaveTool("pki") || !HaveTool("openssl")) return;
  auto device = desk_.Device("BMC-0001");
  device.above.clear();
  device.Write(dir_.path(), "old");
  MakeRequest("fresh", "BMC-0001");
  auto r = Run("pki --est --url " + base_ +
               " --in fresh.der --cacert root.pem --cacert sub.pem --cert "
               "old.pem --key "
               "old.key --outform pem >cert.pem && openssl verify -CAfile root.pem -untrusted "
               "sub.pem cert.pem && openssl x509 -in cert.pem -noout -subject");
  EXPECT_EQ(r.exit, 0) << r.output;
  EXPECT_THAT(r.output, HasSubstr("serialNumber = BMC-0001"));
  EXPECT_TRUE(desk_.enrolments.back().renewal);
}

}  // namespace
}  // namespace birthmark::server
