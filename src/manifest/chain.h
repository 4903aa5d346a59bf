// SPDX-License-Identifier: Apache-2.0
// Who certified a chip: its certificate followed to a root that somebody pinned. The issuers are
// validated once (pki/path.h) and remembered; each chip's own certificate is a strict DER walk and
// one signature, since a manifest has a million of them. Leaves out who wrote the list.
// Not thread-safe.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/openssl.h"

namespace birthmark::manifest {

// ChipCertificate is what a chip's certificate says, as views into its DER.
struct ChipCertificate {
  ByteView tbs, issuer, spki, signature, signature_oid;
  std::string not_before, not_after;  // YYYYMMDDHHMMSS
};
// ReadChip reads a certificate of an end entity. Errors: manifest.chain.
Result<ChipCertificate> ReadChip(ByteView der);

class ChainChecker {
 public:
  // `pinned` are trusted as they stand: roots, or a maker's signer without its root.
  ChainChecker(std::vector<crypto::Certificate> pinned, Time now);
  bool empty() const { return pinned_.empty(); }

  // Check follows `chip` by the certificates that came `above` it (DER, its issuer first) to a
  // pinned one and gives its SubjectPublicKeyInfo. Errors: manifest.chain.
  Result<ByteView> Check(ByteView chip, std::span<const Bytes> above);

 private:
  struct Issuer {
    crypto::Certificate certificate;
    crypto::EcKeyPtr fast;  // when it is a P-256 key
  };
  Result<const Issuer*> IssuerOf(std::span<const Bytes> above);
  static bool Signed(const Issuer& issuer, const ChipCertificate& chip, ByteView bytes);
  Result<const Issuer*> Keep(const crypto::Certificate& c,
                             std::span<const crypto::Certificate> others);

  std::vector<crypto::Certificate> pinned_;
  Time now_;
  std::string today_;
  std::map<Digest, Issuer> issuers_;  // by their certificates' digests; all lead to a pinned one
};

}  // namespace birthmark::manifest
