// SPDX-License-Identifier: Apache-2.0
// The linter looks at any octets as every kind of certificate, alone and as their own issuer, and
// each finding has a code of this room.
#include "fuzz/fuzz.h"
#include "pki/lint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  using pki::LintKind;
  ByteView in(data, size);
  auto cert = crypto::Certificate::FromDer(in);
  for (LintKind kind : {LintKind::kIDevId, LintKind::kAuthority, LintKind::kEndEntity}) {
    const Findings f = pki::LintCertificate(in, kind, cert ? &*cert : nullptr);
    for (const Finding& x : f.all()) FUZZ_CHECK(x.code.starts_with("pki."));
    if (!cert) FUZZ_CHECK(f.HasErrors());
  }
  return 0;
}
