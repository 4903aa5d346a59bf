// SPDX-License-Identifier: Apache-2.0
// OpenSSL's own matrix of its CMP client, row by row against our server: what should succeed does,
// what should fail does. Rows that are about OpenSSL's mock server, a newer client or the client's
// network are left out, each with its reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "enroll/cmp/client_test.h"
#include "tests/support/vectors.h"

namespace birthmark::enroll::cmp::test {
namespace {

constexpr const char* kFolder = "cmp-openssl/test/recipes/80-test_cmp_http_data";

struct Row {
  bool expected = false;
  std::string title;
  std::vector<std::string> options;
};

std::string Trimmed(std::string s) {
  s.erase(0, s.find_first_not_of(" \t\r"));
  s.erase(s.find_last_not_of(" \t\r") + 1);
  return s;
}

std::string Replaced(std::string s, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = s.find(what, at)) != std::string::npos; at += with.size())
    s.replace(at, what.size(), with);
  return s;
}

std::string Quoted(const std::string& s) { return "'" + Replaced(s, "'", "'\\''") + "'"; }

// The matrix's form: fields without text are not there, BLANK is no option, """" is an empty value.
std::vector<Row> ReadMatrix(const std::string& file) {
  std::vector<Row> rows;
  std::ifstream in(birthmark::test::VectorsDir() / kFolder / file);
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> fields;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      cell = Trimmed(cell);
      if (!cell.empty()) fields.push_back(cell == "\"\"\"\"" ? "" : cell);
    }
    if (fields.size() < 2 || (fields[0] != "0" && fields[0] != "1")) continue;
    Row r{fields[0] == "1", fields[1], {}};
    for (size_t i = 2; i < fields.size(); ++i) {
      if (fields[i] != "BLANK" && fields[i] != "-section") r.options.push_back(fields[i]);
    }
    rows.push_back(std::move(r));
  }
  return rows;
}

bool Has(const Row& r, std::string_view option) {
  return std::ranges::find(r.options, option) != r.options.end();
}

class CmpMatrix : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!birthmark::test::VectorsPresent(kFolder)) return;
    present_ = true;
    const auto write = [&](const std::string& name, const std::string& text) {
      std::ofstream(f_.dir / name) << text;
    };
    const auto shell = [&](const std::string& command) {
      Ran r = Shell("cd " + f_.dir.path().string() + " && " + command);
      ASSERT_EQ(r.exit, 0) << r.text;
    };
    const std::string root = f_.desk.root().ToPem(), issuing = f_.desk.issuer().ToPem();
    for (const char* name : {"root.crt", "trusted.crt", "big_root.crt", "oldWithOld.pem"})
      write(name, root);
    write("issuing.crt", issuing);
    write("big_issuing.crt", issuing + root);
    write("server.crt", f_.desk.EcRa("bulb")->certificate.ToPem());
    write("12345.txt", "12345\n");
    write("empty.txt", "");
    write("random.bin", std::string(4096, '\x5a'));
    write("reqexts", "");
    shell("cp station.pem signer.crt && openssl x509 -in station.pem -out signer_only.crt");
    shell(
        "openssl pkcs12 -export -inkey station.key -in station.pem -passout pass:12345 "
        "-out signer.p12");
    f_.NewKey("new.key");
    shell("openssl pkey -in new.key -pubout -out new_pub.key");
    shell("openssl pkey -in new.key -aes128 -passout pass:12345 -out new_pass_12345.key");
    shell("openssl genrsa -out new.RSA2048.key 2048");
    shell("openssl req -new -key new.key -subj '/O=Acme Light/serialNumber=CSR-1' -out csr.pem");
    shell("openssl cmp -help 2>&1 | grep -oE '^ -[a-z_]+' | tr -d ' ' | sort -u > options.txt");
    std::ifstream options(f_.dir / "options.txt");
    for (std::string o; std::getline(options, o);) known_.insert(o);
    ASSERT_TRUE(known_.contains("-implicit_confirm"));
  }

  // LeftOut is why a row does not run; null when it does.
  const char* LeftOut(const Row& r) const {
    for (const std::string& o : r.options) {
      if (o.starts_with("-") && o.size() > 3 && !known_.contains(o) && r.expected)
        return "an option of a newer client";
      for (const char* later : {"rootCaCert", "-template", "-profile", "geninfo,", "_KUR_PORT"}) {
        if (o.find(later) != std::string::npos) return "of a newer client or the mock's own ports";
      }
    }
    if (Has(r, "-proxy") || Has(r, "-tls_used")) return "the client's network";
    static const std::map<std::string, const char*> kTitles = {
        {"newkey is an RSA key", "the mock has one fixed certificate; we certify RSA keys too"},
        {"reqexts", "a section of the mock's configuration file"},
        {"popo RAVERIFIED", "our station's word is good; client_test.cc has those whose is not"},
        {"pkcs10 converted to ir with pubkey with popo RAVERIFIED", "the same"},
        {"use certout (and chainout)", "the mock lets a device enrol as another"},
        {"use cacerts", "a root in caPubs comes under a secret alone"},
        {"--- use csr for revocation ----", "a certificate is named by its number"},
        {"use csr for revocation", "a certificate is named by its number"},
        {"genm caCerts missing cacertsout option", "a check of a newer client"},
        {"geninfo str", "an option of a newer client"},
        {"geninfo empty str", "an option of a newer client"},
        {"geninfo str and int", "an option of a newer client"},
        {"reqin old tid", "a transaction played again, which we refuse"},
        {"reuse last srvcert", "needs an option of a newer client"},
        {"reuse last extracerts", "needs an option of a newer client"},
    };
    auto it = kTitles.find(r.title);
    return it == kTitles.end() ? nullptr : it->second;
  }

  void Run(const std::string& file) {
    if (!present_) return;
    int ran = 0, left = 0, wrong = 0;
    for (const Row& r : ReadMatrix(file)) {
      if (LeftOut(r) != nullptr) {
        ++left;
        continue;
      }
      ++ran;
      const bool ok = RunRow(r);
      if (ok != r.expected) {
        ++wrong;
        ADD_FAILURE() << file << ": \"" << r.title << "\" " << (ok ? "succeeds" : "fails") << "\n"
                      << command_ << "\n"
                      << text_;
      }
    }
    std::printf("%s: %d rows, %d left out\n", file.c_str(), ran, left);
    EXPECT_GT(ran, 20);
  }

  bool RunRow(const Row& r) {
    const std::string serial = "M-" + std::to_string(++units_);
    const bool revokes = std::ranges::find(r.options, "rr") != r.options.end();
    const std::string who = revokes ? "person" : "station";
    std::string command = "cd " + f_.dir.path().string() +
                          " && openssl cmp -config '' -batch -msg_timeout 20 -total_timeout 20"
                          " -server 127.0.0.1:" +
                          std::to_string(f_.port) +
                          " -path .well-known/cmp/p/bulb -newkey new.key -certout "
                          "test.cert.pem -recipient /CN=Acme -out_trusted root.crt"
                          " -untrusted issuing.crt -subject '/O=Acme Light/serialNumber=" +
                          serial + "'";
    // The signer of the matrix is our station; who revokes is a person.
    // Rows whose title says what is missing get no default for it.
    if (r.title != "no cmd") command += " -cmd ir";
    if (!Has(r, "-srvcert") && !Has(r, "-trusted") && r.title != "no -trusted and no -srvcert")
      command += " -trusted trusted.crt";
    if (!Has(r, "-cert") && r.title != "no cert") command += " -cert " + who + ".pem";
    if (!Has(r, "-key") && r.title != "no key") command += " -key " + who + ".key";
    for (const std::string& o : r.options) {
      std::string v = o;
      v = Replaced(v, "_RESULT_DIR", ".");
      v = Replaced(v, "_CA_DN", "/O=Acme Light/CN=Acme Site CA 1");
      v = Replaced(v, "_SERVER_DN", "/O=Acme Light/CN=Acme RA");
      v = Replaced(v, "_SERVER_CERT", "server.crt");
      v = Replaced(v, "_SERVER_HOST", "127.0.0.1");
      v = Replaced(v, "_SERVER_PORT", std::to_string(f_.port));
      v = Replaced(v, "_PBM_PORT", std::to_string(f_.port));
      v = Replaced(v, "_SERVER_PATH", ".well-known/cmp/p/bulb");
      v = Replaced(v, "_PBM_REF", "tok1");
      v = Replaced(v, "_PBM_SECRET", "file:secret");
      command += " " + Quoted(v);
    }
    command_ = command;
    Ran ran = Shell(command);
    text_ = ran.text;
    return ran.exit == 0;
  }

  bool present_ = false;
  Factory f_;
  std::set<std::string> known_;
  int units_ = 0;
  std::string command_, text_;
};

TEST_F(CmpMatrix, Enrolment) { Run("test_enrollment.csv"); }
TEST_F(CmpMatrix, Commands) { Run("test_commands.csv"); }
TEST_F(CmpMatrix, Credentials) { Run("test_credentials.csv"); }
TEST_F(CmpMatrix, Verification) { Run("test_verification.csv"); }

}  // namespace
}  // namespace birthmark::enroll::cmp::test
