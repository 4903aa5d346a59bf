// SPDX-License-Identifier: Apache-2.0
#include "crypto/ecdsa_form.h"

#include <algorithm>

#include "crypto/der.h"

namespace birthmark::crypto {
namespace {

std::unexpected<Error> Bad() {
  return Refused("ecdsa.form",
                 "an ECDSA signature that is not two positive numbers of its curve's size");
}

bool IsZero(ByteView b) {
  return std::all_of(b.begin(), b.end(), [](uint8_t x) { return x == 0; });
}

}  // namespace

Result<Bytes> EcdsaDerToRaw(ByteView der, size_t half) {
  DerReader outer(der);
  auto seq = outer.Enter();
  if (!seq || !outer.End()) return Bad();
  Bytes raw;
  for (int i = 0; i < 2; ++i) {
    auto n = seq->Unsigned();
    if (!n || n->size() > half || IsZero(*n)) return Bad();
    raw.resize(raw.size() + half - n->size());
    raw.insert(raw.end(), n->begin(), n->end());
  }
  if (!seq->End()) return Bad();
  return raw;
}

Result<Bytes> EcdsaRawToDer(ByteView raw) {
  if (raw.empty() || raw.size() % 2 != 0 || raw.size() > 132) return Bad();
  ByteView r = raw.first(raw.size() / 2), s = raw.last(raw.size() / 2);
  if (IsZero(r) || IsZero(s)) return Bad();
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Unsigned(r);
    w.Unsigned(s);
  });
  return out;
}

}  // namespace birthmark::crypto
