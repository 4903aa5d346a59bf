// SPDX-License-Identifier: Apache-2.0
// What the tools of others say about our certificates: openssl and certtool read, verify and sign
// them.
#include "base/files.h"
#include "crypto/pem.h"
#include "pki/pki_fixture.h"
#include "pki/request.h"
#include "pki/template.h"

namespace birthmark::pki {
namespace {

using crypto::Algorithm;
using crypto::Certificate;
using test::ContentsFor;
using test::DeviceContents;
using test::HaveTool;
using test::kNow;
using test::NewKey;
using test::RunTool;
using test::TestName;
using test::TestPki;
using test::TestStamp;

// Files is a folder with a PKI's certificates in it.
struct Files {
  birthmark::test::TempDir dir;
  std::string Put(const std::string& name, std::string_view text) {
    const auto path = dir / name;
    EXPECT_TRUE(WriteFileAtomic(path, text));
    return path.string();
  }
};

std::string PurposeOption(const Profile& p) {
  if (p.id == "tls-server") return " -purpose sslserver";
  if (p.id == "person" || p.id == "station") return " -purpose sslclient";
  return "";
}

TEST(Tools, OpensslVerifiesEveryProfileStrictly) {
  if (!HaveTool("openssl")) return;
  for (auto a :
       {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}) {
    for (const Marks& marks : {RehearsalMarks(), ProductionMarks()}) {
      if (marks.policies.empty() && a != Algorithm::kEcdsaP256) continue;  // the marks are the same
      TestPki pki(marks, a);
      Files f;
      const auto root = f.Put("root.pem", pki.root.ToPem()),
                 sub = f.Put("sub.pem", pki.sub.ToPem());
      const std::string verify = "openssl verify -x509_strict -check_ss_sig -attime " +
                                 std::to_string(Millis(kNow) / 1000 + 60) + " -CAfile " + root;
      EXPECT_EQ(RunTool(verify + " " + root).exit, 0);
      EXPECT_EQ(RunTool(verify + " " + sub).exit, 0);
      for (const Profile* p : AllProfiles()) {
        if (p->ca) continue;
        const auto leaf = f.Put("leaf.pem", pki.Leaf(*p, ContentsFor(*p))->ToPem());
        const auto r = RunTool(verify + PurposeOption(*p) + " -untrusted " + sub + " " + leaf);
        EXPECT_EQ(r.exit, 0) << p->id << " " << crypto::ToText(a) << "\n" << r.output;
        if (p->hardware_module == Need::kMust) {
          EXPECT_NE(RunTool(verify + " " + leaf).exit, 0);  // without the subordinate
        }
      }
    }
  }
}

TEST(Tools, OpensslVerifiesTheTemplatesCertificate) {
  if (!HaveTool("openssl")) return;
  TestPki pki;
  const auto t = *IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks,
                                       {.subject = TestName("BMC 3000"),
                                        .hardware_type = "1.3.6.1.4.1.32473.2.7",
                                        .masa_url = "masa.acme.example"});
  const Bytes hw = ToBytes("BMC-0001");
  const auto der = *t.Issue(TestStamp(), {"BMC-0001", hw, NewKey().public_key(), {}}, pki.sub_key);
  Files f;
  const auto r =
      RunTool("openssl verify -x509_strict -attime " + std::to_string(Millis(kNow) / 1000 + 60) +
              " -CAfile " + f.Put("root.pem", pki.root.ToPem()) + " -untrusted " +
              f.Put("sub.pem", pki.sub.ToPem()) + " " +
              f.Put("leaf.pem", crypto::WritePem("CERTIFICATE", der)));
  EXPECT_EQ(r.exit, 0) << r.output;
}

TEST(Tools, OpensslParsesTheDeviceIdentity) {
  if (!HaveTool("openssl")) return;
  TestPki pki;
  Files f;
  const auto leaf = f.Put("leaf.pem", pki.Leaf(IDevIdProfile(), DeviceContents())->ToPem());
  const std::string asn1 = RunTool("openssl asn1parse -in " + leaf).output;
  for (const char* want : {"GENERALIZEDTIME   :99991231235959Z", "UTCTIME           :261121100000Z",
                           "PRINTABLESTRING   :BMC-0001", "UTF8STRING        :REHEARSAL"}) {
    EXPECT_NE(asn1.find(want), std::string::npos) << want << "\n" << asn1;
  }
  const std::string text = RunTool("openssl x509 -in " + leaf + " -noout -text").output;
  for (const char* want :
       {"masa.acme.example", "https://acme.example/mud/bmc.json", "1.3.6.1.4.1.32473.1.1",
        "Dec 31 23:59:59 9999 GMT", "X509v3 Key Usage: critical", "REHEARSAL"}) {
    EXPECT_NE(text.find(want), std::string::npos) << want << "\n" << text;
  }
  // hwType and hwSerialNum stand inside the subjectAltName's OCTET STRING.
  const size_t san = asn1.find("X509v3 Subject Alternative Name");
  ASSERT_NE(san, std::string::npos);
  const std::string offset = std::to_string(std::stoi(asn1.substr(asn1.find('\n', san) + 1)));
  const std::string inner =
      RunTool("openssl asn1parse -in " + leaf + " -strparse " + offset).output;
  EXPECT_NE(inner.find(":1.3.6.1.5.5.7.8.4"), std::string::npos) << inner;
  EXPECT_NE(inner.find("OBJECT            :1.3.6.1.4.1.32473.2.7"), std::string::npos) << inner;
  EXPECT_NE(inner.find("OCTET STRING      :BMC-0001"), std::string::npos) << inner;
}

TEST(Tools, CerttoolShowsEveryProfile) {
  if (!HaveTool("certtool")) return;
  TestPki pki;
  Files f;
  auto show = [&](const Certificate& c) {
    const auto r = RunTool("certtool -i --infile " + f.Put("c.pem", c.ToPem()));
    EXPECT_EQ(r.exit, 0) << r.output;
    return r.output;
  };
  auto expect = [](const std::string& text, std::initializer_list<const char*> wants) {
    for (const char* w : wants) EXPECT_NE(text.find(w), std::string::npos) << w << "\n" << text;
  };
  expect(show(pki.root), {"Certificate Authority (CA): TRUE", "Path Length Constraint: 1",
                          "OU=REHEARSAL", "Certificate signing.", "CRL signing.",
                          "Key Usage (critical)", "1.3.6.1.4.1.32473.1.1", "9999"});
  expect(show(pki.sub), {"Path Length Constraint: 0", "Authority Key Identifier",
                         "http://crl.acme.example/root.crl"});
  const std::string device = show(*pki.Leaf(IDevIdProfile(), DeviceContents()));
  expect(device, {"serialNumber=BMC-0001", "Digital signature.", "1.3.6.1.5.5.7.8.4",
                  "Authority Key Identifier", "Unknown extension 1.3.6.1.5.5.7.1.32"});
  EXPECT_EQ(device.find("Subject Key Identifier"), std::string::npos);
  EXPECT_EQ(device.find("Basic Constraints"), std::string::npos);
  for (const Profile* p : AllProfiles()) {
    if (!p->ca) expect(show(*pki.Leaf(*p, ContentsFor(*p))), {"X.509 Certificate Information"});
  }
  expect(show(*pki.Leaf(TlsServerProfile(), ContentsFor(TlsServerProfile()))),
         {"DNSname: est.factory.example", "TLS WWW Server"});
  expect(show(*pki.Leaf(CodeSigningProfile(), ContentsFor(CodeSigningProfile()))),
         {"Code signing"});
}

// The root a company already has signs a request for level 2, with openssl x509 and with openssl
// ca.
TEST(Tools, AnExternalRootSignsTheRequest) {
  if (!HaveTool("openssl")) return;
  Files f;
  auto& key = NewKey();
  const std::string text =
      *MakeRequest({.workspace = "w", .name = "Site", .level = 2, .path_len = 0, .created = kNow},
                   TestName("Acme Site CA 1"), key);
  const Request request = *CheckRequest(text);
  const std::string dir = f.dir.path().string();
  const auto csr = f.Put("request.pem", text);  // the whole file: openssl takes the block it knows
  const auto config =
      f.Put("ca.cnf",
            "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=root\n"
            "[dn]\nCN=Corporate Root\n"
            "[root]\nbasicConstraints=critical,CA:TRUE\n"
            "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
            "[ca]\ndefault_ca=c\n[c]\ndatabase=" +
                dir + "/index\nnew_certs_dir=" + dir +
                "\nrand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n"
                "email_in_dn=no\npreserve=yes\nx509_extensions=sub\ndefault_days=3650\n[p]\n"
                "commonName=supplied\norganizationName=optional\n"
                "[sub]\nauthorityKeyIdentifier=keyid\n");
  f.Put("index", "");
  auto run = [&](const std::string& command) {
    const auto r = RunTool("cd " + dir + " && " + command);
    EXPECT_EQ(r.exit, 0) << command << "\n" << r.output;
  };
  run("openssl req -verify -noout -in " + csr);
  run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key"
      " -out root.pem -days 3650 -config " +
      config);
  run("openssl x509 -req -in " + csr +
      " -CA root.pem -CAkey root.key -days 3000"
      " -copy_extensions copy -extfile " +
      config + " -extensions sub -out by-x509.pem");
  run("openssl ca -batch -config " + config + " -in " + csr +
      " -cert root.pem -keyfile root.key -out by-ca.pem");
  const auto root = *Certificate::FromPem(*ReadTextFile(f.dir / "root.pem", 65536));
  const Certificate anchors[] = {root};
  for (const char* file : {"by-x509.pem", "by-ca.pem"}) {
    const std::string answer = *ReadTextFile(f.dir / file, 65536);
    // openssl signs at the machine's own time.
    const auto r = CheckResponse(answer, request, anchors, SystemClock().Now());
    ASSERT_TRUE(r) << file << ": " << r.error().ToString();
    EXPECT_EQ(r->certificate.path_len(), 0);
    EXPECT_TRUE(Issuer::Make(r->certificate, key));
  }
}

TEST(Tools, AnExternalRootThatForgetsTheExtensionsIsFoundOut) {
  if (!HaveTool("openssl")) return;
  Files f;
  auto& key = NewKey();
  const std::string text =
      *MakeRequest({.workspace = "w", .name = "Site", .level = 2, .path_len = 0, .created = kNow},
                   TestName("Acme Site CA 1"), key);
  const auto csr = f.Put("request.pem", text);
  const auto r = RunTool("cd " + f.dir.path().string() +
                         " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                         " -keyout k -out root.pem -subj /CN=R && openssl x509 -req -in " +
                         csr + " -CA root.pem -CAkey k -days 30 -out out.pem");
  ASSERT_EQ(r.exit, 0) << r.output;
  const Certificate anchors[] = {*Certificate::FromPem(*ReadTextFile(f.dir / "root.pem", 65536))};
  const auto checked = CheckResponse(*ReadTextFile(f.dir / "out.pem", 65536), *CheckRequest(text),
                                     anchors, SystemClock().Now());
  EXPECT_EQ(checked.error().code, "response.not-authority");
}

}  // namespace
}  // namespace birthmark::pki
