// SPDX-License-Identifier: Apache-2.0
// A disclosure as a signed file: deterministic CBOR in COSE_Sign1 with the headers of a SCITT
// signed statement (RFC 9943). Signing, and strict opening. Whether the signer is the one a reader
// trusts is verify.h's. Written down in docs/formats/disclosure.md. Pure functions.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "disclose/disclosure.h"

namespace birthmark::disclose {

inline constexpr size_t kMaxFileBytes = size_t{16} << 20;
inline constexpr size_t kMaxChain = 8;
inline constexpr std::string_view kDisclosureType = "application/vnd.birthmark.disclosure+cose";

// SignDisclosure gives the file's bytes. `chain` is the signer's certificate, its issuers and the
// anchor, in that order: the anchor goes along so that a reader who pins its fingerprint needs no
// other file. d.issued becomes the time of signing. Errors: disclosure.chain (empty, too long, or
// not of this key), disclosure.too-large, those of the signer.
Result<Bytes> SignDisclosure(const Disclosure& d, std::span<const crypto::Certificate> chain,
                             crypto::Signer& signer);

// SignedDisclosure is an opened file: every octet of it is accounted for and the signature is that
// of chain[0]'s key. Nothing says yet who that is.
struct SignedDisclosure {
  Disclosure disclosure;
  std::vector<crypto::Certificate> chain;
  Time signed_at{};
  Digest digest{};     // SHA-256 of the payload, as the ledger's disclosure.signed has it
  bool newer = false;  // written in a later format: it holds fields that are not shown
};

// OpenDisclosure reads a file strictly. A later format's unknown fields are tolerated and told; in
// our own format they are refused. Errors, all negative: those of cbor::ParseCose, cbor::Decode,
// cbor::FromValue and Certificate::FromDer; disclosure.type, disclosure.header (claims that are
// missing or say other than the payload), disclosure.chain, disclosure.format,
// disclosure.unknown-field, cose.signature.
Result<SignedDisclosure> OpenDisclosure(ByteView file);

}  // namespace birthmark::disclose
