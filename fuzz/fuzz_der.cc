// SPDX-License-Identifier: Apache-2.0
// What the strict reader takes, the writer gives back octet for octet.
#include <algorithm>

#include "crypto/der.h"
#include "crypto/key.h"
#include "fuzz/fuzz.h"

namespace {

using namespace birthmark;

void Rewrite(ByteView in, crypto::DerWriter& out) {
  crypto::DerReader r(in);
  while (!r.AtEnd()) {
    crypto::DerReader probe = r;
    if (auto oid = probe.Oid()) {
      out.Oid(*oid);
      r = probe;
      continue;
    }
    probe = r;
    if (auto n = probe.Unsigned()) {
      out.Unsigned(*n);
      r = probe;
      continue;
    }
    crypto::DerElement e = r.Next().value();
    if ((e.tag & 0x20) != 0) {
      out.Nest(e.tag, [&](crypto::DerWriter& inner) { Rewrite(e.content, inner); });
    } else {
      out.Element(e.tag, e.content);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteView in(data, size);
  if (auto key = crypto::PublicKey::FromSpki(in)) {
    FUZZ_CHECK(std::equal(in.begin(), in.end(), key->spki().begin(), key->spki().end()));
    key->KeyIdentifier();
  }
  if (!crypto::CheckDer(in)) return 0;
  Bytes again;
  crypto::DerWriter out(again);
  Rewrite(in, out);
  FUZZ_CHECK(std::equal(in.begin(), in.end(), again.begin(), again.end()));
  return 0;
}
