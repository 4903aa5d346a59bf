// SPDX-License-Identifier: Apache-2.0
// A signed voucher or request: CMS around JSON (RFC 8366 section 5.4) or COSE_Sign1 around CBOR
// (draft-ietf-anima-constrained-voucher section 9). Which of them it is shows in its first octets.
// Leaves out whom to trust (verify.h). Pure functions; thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "crypto/cert.h"
#include "voucher/voucher.h"

namespace birthmark::voucher {

enum class Form { kCms, kCose };
std::string_view ToText(Form f);
bool FromText(std::string_view s, Form& f);

// The media types of RFC 8366 section 8.3 and of draft-ietf-anima-constrained-voucher.
inline constexpr std::string_view kCmsType = "application/voucher-cms+json";
inline constexpr std::string_view kCoseType = "application/voucher+cose";
std::string_view MediaType(Form f);

struct Message {
  Form form = Form::kCms;
  Statement statement;
  std::string content_type;                       // CMS: eContentType in dots
  std::vector<crypto::Certificate> certificates;  // that came along
  Bytes bytes;                                    // DER or CBOR
};

// Open reads DER, PEM, base64 of either, or CBOR. It checks no signature. Errors:
// voucher.too-large, voucher.form (none of them), voucher.content-type, those of ReadCms, ParseCose
// and of the statement.
Result<Message> Open(ByteView bytes);

// SignerOf checks the signature and gives the certificate whose key made it, out of those that came
// along and `more`. Errors: voucher.signature, voucher.no-signer.
Result<crypto::Certificate> SignerOf(const Message& m,
                                     std::span<const crypto::Certificate> more = {});

// Sign makes one. CMS carries the chain; COSE puts it into the protected header (RFC 9360), where a
// device's verifier looks. Errors: those of SignCms and SignCose.
Result<Bytes> Sign(const Statement& s, Form form, const std::vector<crypto::Certificate>& chain,
                   Time at, crypto::Signer& signer);

}  // namespace birthmark::voucher
