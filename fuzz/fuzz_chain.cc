// SPDX-License-Identifier: Apache-2.0
// Whatever certificates, revocation lists and OCSP responses a relying party is handed: a verdict
// comes, what verifies has a path to the anchor, and each finding names its rule. The input is DER
// items one behind the other; the first certificate is the end, the last the anchor.
#include <algorithm>

#include "crypto/der.h"
#include "fuzz/fuzz.h"
#include "pki/validate.h"
#include "pki/validity.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  crypto::DerReader items(ByteView(data, size));
  std::vector<crypto::Certificate> certificates;
  std::vector<Bytes> others;
  while (!items.AtEnd() && certificates.size() + others.size() < 16) {
    auto item = items.Next();
    if (!item) break;
    auto c = crypto::Certificate::FromDer(item->whole);
    auto dates = pki::ReadValidity(item->whole);
    if (c) {
      FUZZ_CHECK(!dates ||
                 (dates->from == Millis(c->not_before()) && dates->to == Millis(c->not_after())));
      certificates.push_back(std::move(*c));
    } else {
      others.emplace_back(item->whole.begin(), item->whole.end());
    }
  }
  if (certificates.empty()) return 0;
  const crypto::Certificate anchors[] = {certificates.back()};
  for (bool ocsp : {false, true}) {
    pki::Validation ask{.anchors = anchors,
                        .untrusted = certificates,
                        .crls = {},
                        .ocsp = {},
                        .at = *ParseTime("2026-11-22"),
                        .policies = {},
                        .host = "",
                        .max_between = {}};
    (ocsp ? ask.ocsp : ask.crls) = others;
    auto r = pki::Validate(certificates.front(), ask);
    if (!r) {
      FUZZ_CHECK(r.error().code.starts_with("chain."));
      continue;
    }
    FUZZ_CHECK(!r->path.empty());
    FUZZ_CHECK(!r->holds || r->path.back().digest() == anchors[0].digest());
    for (const pki::RuleFinding& f : r->findings) {
      FUZZ_CHECK(f.code.starts_with("chain.") && !f.rule.empty() && !f.section.empty());
      FUZZ_CHECK(!f.place || *f.place < r->path.size());
    }
  }
  return 0;
}
