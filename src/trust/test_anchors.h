// SPDX-License-Identifier: Apache-2.0
// What the tests of this room share: a root of each kind of key, as anchors. Tests only.
#pragma once

#include "pki/pki_fixture.h"
#include "trust/store.h"

namespace birthmark::trust::test {

using pki::test::NewKey;

// TestAnchor is the certificate of a new root with a key of this kind.
inline TrustAnchor TestAnchor(crypto::Algorithm kind = crypto::Algorithm::kEcdsaP256) {
  const pki::test::TestPki made(pki::RehearsalMarks(), kind);
  return AnchorOfCertificate(made.root.der()).value();
}
// TestKey is a bare key of this kind.
inline TrustAnchor TestKey(crypto::Algorithm kind, std::string title = "dev") {
  TrustAnchor a = AnchorOfKey(NewKey(kind).public_key().spki()).value();
  a.title = std::move(title);
  return a;
}
using Strings = std::vector<std::string>;

// CodeOf is a result's error code; empty when there is none.
std::string CodeOf(const auto& result) { return result ? "" : result.error().code; }
// Codes is the codes of a store's findings, sorted.
inline Strings Codes(const Store& store) {
  Strings out;
  for (const Finding& f : store.findings.all()) out.push_back(f.code);
  std::ranges::sort(out);
  return out;
}
// KeysOf is the keys of anchors in their order.
inline std::vector<Bytes> KeysOf(const std::vector<TrustAnchor>& anchors) {
  std::vector<Bytes> out;
  for (const TrustAnchor& a : anchors) out.push_back(a.spki);
  return out;
}

}  // namespace birthmark::trust::test
