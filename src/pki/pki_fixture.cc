// SPDX-License-Identifier: Apache-2.0
#include "pki/pki_fixture.h"

#include <sys/wait.h>

#include <cstdio>

#include "pki/tbs.h"

namespace birthmark::pki::test {

using crypto::DerWriter;
namespace der = crypto::der;

Bytes RawCert::Build(crypto::Signer& signer) const {
  const ByteView real = internal::SignatureAlgorithm(signer.algorithm());
  const Bytes own(real.begin(), real.end());
  const ByteView key = signer.public_key().spki();
  Bytes tbs;
  DerWriter(tbs).Sequence([&](DerWriter& w) {
    if (version) w.Nest(der::Context(0, true), [&](DerWriter& v) { v.Unsigned(*version); });
    w.Element(der::kInteger, serial);
    w.Raw(inner_algorithm.empty() ? own : inner_algorithm);
    w.Raw(issuer);
    w.Sequence([&](DerWriter& v) {
      v.Text(not_before.first, not_before.second);
      v.Text(not_after.first, not_after.second);
    });
    w.Raw(subject);
    w.Raw(spki.empty() ? Bytes(key.begin(), key.end()) : spki);
    if (extensions.empty()) return;
    w.Nest(der::Context(3, true), [&](DerWriter& x) {
      x.Sequence([&](DerWriter& list) {
        for (const Ext& e : extensions) {
          list.Sequence([&](DerWriter& one) {
            one.Oid(e.oid);
            if (e.critical) one.Boolean(true);
            one.OctetString(e.value);
          });
        }
      });
    });
  });
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Raw(tbs);
    w.Raw(outer_algorithm.empty() ? (inner_algorithm.empty() ? own : inner_algorithm)
                                  : outer_algorithm);
    w.BitString(*signer.Sign(tbs));
  });
  return out;
}

ToolResult RunTool(const std::string& command) {
  ToolResult r;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return r;
  char buffer[4096];
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) r.output.append(buffer, n);
  const int status = pclose(pipe);
  r.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return r;
}

bool HaveTool(const std::string& program) {
  if (RunTool("command -v " + program).exit == 0) return true;
  std::printf("not checked: %s is not installed\n", program.c_str());
  return false;
}

}  // namespace birthmark::pki::test
