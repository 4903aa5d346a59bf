// SPDX-License-Identifier: Apache-2.0
// A factory on a loopback port for the tests that start openssl's CMP client. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "crypto/cert.h"
#include "enroll/cmp/cmp.h"
#include "enroll/test_desk.h"
#include "server/http_server.h"
#include "tests/support/temp_dir.h"

namespace birthmark::enroll::cmp::test {

struct Ran {
  int exit = -1;
  std::string text;
};

inline Ran Shell(const std::string& command) {
  Ran r;
  FILE* pipe = popen(("( " + command + " ) 2>&1").c_str(), "r");
  if (pipe == nullptr) return r;
  char buf[4096];
  for (size_t n; (n = fread(buf, 1, sizeof buf, pipe)) > 0;) r.text.append(buf, n);
  const int status = pclose(pipe);
  r.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return r;
}

// Factory serves a test desk; files of clients are in its folder.
class Factory {
 public:
  Factory() {
    desk.AddToken("tok1", "correct horse battery");
    std::ofstream(dir / "root.pem") << desk.root().ToPem();
    std::ofstream(dir / "secret") << "correct horse battery";
    std::ofstream(dir / "wrong") << "incorrect horse";
    desk.Station("station-1").Write(dir.path(), "station");
    desk.Person("person-1").Write(dir.path(), "person");
    Start();
  }
  ~Factory() { Stop(); }

  void Start() {
    options.folder = dir / "open";
    handler = std::move(*Cmp::Make(desk, options));
    server::HttpOptions http;
    http.port = port;
    auto s = server::HttpServer::Start(http, {{"/.well-known/cmp", handler.get()}});
    ASSERT_TRUE(s) << s.error().ToString();
    server = std::move(*s);
    port = server->port();
  }
  void Stop() {
    server.reset();
    handler.reset();
  }
  // Restart is a new process as far as the protocol can tell.
  void Restart() {
    Stop();
    Start();
  }

  std::string File(const std::string& name) const { return (dir / name).string(); }
  void NewKey(const std::string& name, const std::string& kind =
                                           "EC -pkeyopt "
                                           "ec_paramgen_curve:P-256") {
    ASSERT_EQ(Shell("openssl genpkey -algorithm " + kind + " -out " + File(name)).exit, 0);
  }
  std::string Mac(const std::string& secret = "secret") const {
    return " -ref tok1 -secret file:" + File(secret);
  }
  std::string Signed(const std::string& who = "station") const {
    return " -cert " + File(who + ".pem") + " -key " + File(who + ".key") + " -extracerts " +
           File(who + ".pem") + " -trusted " + File("root.pem");
  }
  // Client runs `openssl cmp`. `rest` is split by a shell.
  Ran Client(const std::string& rest, const std::string& openssl = "openssl") const {
    return Shell(openssl + " cmp -config '' -server 127.0.0.1:" + std::to_string(port) +
                 " -path .well-known/cmp/p/bulb -recipient '/CN=Acme' -msg_timeout 20 -batch " +
                 rest);
  }
  crypto::Certificate Cert(const std::string& name) const {
    std::ifstream in(dir / name);
    auto all = crypto::Certificate::ManyFromPem(std::string(std::istreambuf_iterator(in), {}));
    return all && !all->empty() ? all->front() : crypto::Certificate();
  }

  birthmark::test::TempDir dir;
  TestDesk desk;
  Options options;
  std::unique_ptr<Cmp> handler;
  std::unique_ptr<server::HttpServer> server;
  uint16_t port = 0;
};

}  // namespace birthmark::enroll::cmp::test
