// SPDX-License-Identifier: Apache-2.0
// SCEP with clients that nobody here wrote: strongSwan's pki, micromdm's scepclient, certmonger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/files.h"
#include "enroll/scep/scep.h"
#include "enroll/test_desk.h"
#include "server/http_server.h"
#include "tests/support/temp_dir.h"

namespace birthmark::enroll::scep {
namespace {

using testing::HasSubstr;

class ScepClients : public testing::Test {
 protected:
  void SetUp() override {
    desk_.AddToken("tok", "open-sesame");
    desk_.AddToken("bound", "open-sesame", "SN-5");
    const std::vector<server::Route> routes{{"/scep", &scep_}};
    plain_ = *server::HttpServer::Start({.name = "plain"}, routes);
    url_ = plain_->url() + "/scep/bulb";
    Write("root.pem", desk_.root().ToPem());
    Write("issuer.pem", desk_.issuer().ToPem());
    Write("ra.pem", desk_.RsaRa("bulb")->certificate.ToPem());
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  // Runs a shell line in the test's folder; what it says is in out_. A hanging client is ended.
  int Run(const std::string& line) {
    const std::string whole = "cd '" + dir_.path().string() + "' && { " + line + "; } >out 2>&1";
    const int status = std::system(whole.c_str());
    std::ifstream in(dir_ / "out");
    out_.assign(std::istreambuf_iterator<char>(in), {});
    return status;
  }
  int Pki(const std::string& key, const std::string& serial, const std::string& rest) {
    return Run("timeout 60 pki --scep --url " + url_ + " --in " + key +
               " --dn 'O=Acme Light, serialNumber=" + serial +
               "' --cacert-enc ra.pem --cacert-sig issuer.pem --cacert root.pem --outform pem " +
               rest);
  }
  std::string SerialIn(const std::string& file) {
    auto text = ReadTextFile(dir_ / file, 64 * 1024);
    auto c = text ? crypto::Certificate::FromPem(*text) : std::unexpected(text.error());
    return c ? c->subject_serial_number().value_or("none") : c.error().message;
  }

  test::TempDir dir_;
  TestDesk desk_;
  SystemClock clock_;
  Scep scep_{desk_, clock_, {.pending = dir_ / "waiting"}};
  std::unique_ptr<server::HttpServer> plain_;
  std::string url_, out_;
};

TEST_F(ScepClients, StrongSwan) {
  ASSERT_EQ(Run("timeout 60 pki --scepca --url " + url_ +
                " --caout ca.pem --raout fetched.pem --outform pem && cmp ra.pem fetched.pem && "
                "cmp root.pem ca.pem && cmp issuer.pem ca-1.pem"),
            0)
      << out_;
  ASSERT_EQ(Run("pki --gen --type rsa --size 2048 --outform pem > a.key && "
                "pki --gen --type rsa --size 2048 --outform pem > b.key"),
            0)
      << out_;
  ASSERT_EQ(Pki("a.key", "SN-1", "--password tok:open-sesame > a.pem"), 0) << out_;
  EXPECT_EQ(SerialIn("a.pem"), "SN-1");
  ASSERT_EQ(Pki("b.key", "SN-1", "--cert a.pem --key a.key > b.pem"), 0) << out_;
  EXPECT_EQ(SerialIn("b.pem"), "SN-1");
  EXPECT_TRUE(desk_.enrolments.back().renewal);
  // Waiting: it polls.
  desk_.wait = 2;
  ASSERT_EQ(Pki("a.key", "SN-2", "--password tok:open-sesame --interval 1 > c.pem"), 0) << out_;
  EXPECT_EQ(SerialIn("c.pem"), "SN-2");
  EXPECT_EQ(desk_.wait, 0);

  EXPECT_NE(Pki("b.key", "SN-3", "--password tok:wrong"), 0);
  EXPECT_THAT(out_, HasSubstr("badRequest"));
  EXPECT_NE(Pki("b.key", "SN-3", "--password bound:open-sesame"), 0);
  EXPECT_THAT(out_, HasSubstr("badRequest"));
  EXPECT_NE(Pki("b.key", "SN-3", "--password tok:open-sesame --cipher des3"), 0);
  EXPECT_THAT(out_, HasSubstr("badAlg"));
}

// It encrypts with DES and signs over SHA-1, so it is served inside TLS alone.
TEST_F(ScepClients, MicromdmScepclient) {
  auto credential = desk_.TlsServer();
  auto tls = server::HttpServer::Start(
      {.name = "tls",
       .tls = server::TlsOptions{.chain = {credential.certificate, desk_.issuer()},
                                 .key = credential.key.get()}},
      {{"/scep", &scep_}});
  ASSERT_TRUE(tls) << tls.error().ToString();
  const std::string client =
      "timeout 60 env SSL_CERT_FILE=root.pem scepclient -challenge "
      "bound:open-sesame -private-key c.key -certificate c.pem "
      "-ca-fingerprint $(openssl x509 -in ra.pem -outform der | sha256sum | "
      "cut -d' ' -f1) -server-url ";
  EXPECT_NE(Run(client + url_), 0);
  EXPECT_THAT(out_, HasSubstr("badAlg"));
  ASSERT_EQ(Run(client + "https://localhost:" + std::to_string((*tls)->port()) + "/scep/bulb"), 0)
      << out_;
  EXPECT_EQ(SerialIn("c.pem"), "SN-5");
}

// The daemon on a socket of its own, without D-Bus; it sends its messages in the URL.
TEST_F(ScepClients, Certmonger) {
  const std::string here = dir_.path().string();
  Write("steps.sh",
        "set -e\n"
        "getcert add-scep-ca -c ours -u " +
            url_ + " -N " + here + "/root.pem -I " + here + "/issuer.pem -r " + here +
            "/ra.pem\n"
            "getcert request -c ours -I one -k " +
            here + "/m.key -f " + here +
            "/m.pem -N 'serialNumber=SN-9,O=Acme Light' -L tok:open-sesame -w -v\n"
            "cp " +
            here + "/m.pem " + here +
            "/first.pem\n"
            "getcert rekey -i one -w -v\n");
  const std::string set = "CERTMONGER_CONFIG_DIR=" + here + "/cm CERTMONGER_REQUESTS_DIR=" + here +
                          "/cm/requests CERTMONGER_CAS_DIR=" + here +
                          "/cm/cas CERTMONGER_TMPDIR=" + here + "/cm ";
  ASSERT_EQ(Run("mkdir -p cm/requests cm/cas && " + set + "timeout 100 certmonger -L -P " + here +
                "/cm/socket -n -c 'sh " + here + "/steps.sh'"),
            0)
      << out_;
  EXPECT_EQ(SerialIn("first.pem"), "SN-9");
  EXPECT_EQ(SerialIn("m.pem"), "SN-9");
  EXPECT_NE(Run("cmp first.pem m.pem"), 0);
  EXPECT_TRUE(desk_.enrolments.back().renewal);
}

}  // namespace
}  // namespace birthmark::enroll::scep
